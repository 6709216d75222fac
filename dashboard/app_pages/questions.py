"""Questions: what somebody wants clarified about a record, and the answer of the person who made it."""

import streamlit as st

from dashboard import questions
from dashboard.state import text

st.title(text("page.questions"))
st.caption(text("questions.lead"))
found = questions.mine()
if not found:
    st.info(text("questions.none"), icon=":material/check:")
for question in found:
    questions.show(question)
