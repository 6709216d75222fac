"""Every run of every page: who is it, which pages are theirs, the strip of an open task, then the page itself."""

import streamlit as st

from dashboard import navigation, password, questions, state, work
from dashboard.components.idle import idle_warning
from study.errors import Forbidden

# Streamlit fades captions, quotations and the words of charts to 60 % of the text's colour, and writes white on a bright button:
# less than WCAG AA asks for.
READABLE = """<style>[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * { color: var(--st-text-color); opacity: 1; }
[data-testid="stCaptionContainer"] { opacity: .85; } blockquote, blockquote * { color: inherit !important; opacity: 1 !important; }
.js-plotly-plot :is(.xtick, .ytick, .cbaxis) text, .js-plotly-plot :is(.xtitle, .ytitle, .cbtitle, .gtitle-subtitle)
{ fill: currentColor !important; fill-opacity: .85 !important; }
[data-testid^="stBaseButton-primary"]:not(:disabled) { color: light-dark(#ffffff, #10161d) !important; }
[data-testid^="stBaseButton-primary"] kbd { color: inherit !important; opacity: 1 !important; }</style>"""


def run() -> None:
    """Show the page that was asked for, to whoever may see it."""
    st.set_page_config(page_title="Gilbreth", page_icon="⏱️", layout="wide")
    person = state.sign_in_or_stop()
    password.change_first(person)
    pages, roles = navigation.pages_for(person)
    state.top_bar(person)
    st.html(READABLE)
    with st.sidebar:
        idle_warning()
    page = st.navigation(pages, expanded=True)  # nothing is hidden behind "view more"
    state.act_as(person, roles.get(page.url_path) or next(iter(roles.values())))
    questions.reminder(person, roles)
    if "technologist" in person.roles and st.session_state.get("study_id"):
        work.strip()
    try:
        page.run()
    except Forbidden as refusal:  # a desk of a study that does not run, or a role that was taken away meanwhile
        state.closed(refusal, key="closed.work")
