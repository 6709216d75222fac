"""Navigation: the pages of the roles that the signed-in person holds, and the study they are about."""

import streamlit as st

from dashboard import navigation, state, work

st.set_page_config(page_title="Gilbreth", page_icon="⏱️", layout="wide")
person = state.sign_in_or_stop()
pages, roles = navigation.pages_for(person)
state.top_bar(person)
page = st.navigation(pages)
state.act_as(person, roles.get(page.url_path) or next(iter(roles.values())))
if "technologist" in person.roles and st.session_state.get("study_id"):
    work.strip()
page.run()
