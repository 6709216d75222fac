"""Password: choose a new one."""

import streamlit as st

from dashboard import password, state
from dashboard.state import text

st.title(text("page.password"))
st.caption(text("password.lead"))
password.form(state.actor().account_id or "")
