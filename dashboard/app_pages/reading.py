"""Reading: frames on the left, the form of the protocol on the right; every change is saved, submitting signs."""

import streamlit as st

from dashboard import reading, state
from dashboard.state import text

sheet = reading.current()
if sheet is None:
    st.title(text("page.reading"))
    st.info(text("reading.none"))
    st.page_link(state.page("queue"), label=text("page.queue"), icon=":material/list:")
    st.stop()
st.html(reading.WIDE)
left, right = st.columns([10, 9], gap="small")
with left:
    reading.clock(sheet)
    reading.viewer(sheet.view)
    reading.source(sheet.view)
    reading.problem(sheet.view)
with right:
    reading.fill(sheet.view)
