"""Methods: what each measure means and how it is compared."""

from importlib.resources import files

import streamlit as st

from dashboard import parts
from dashboard.state import text

st.title(text("page.methods"))
st.markdown(files("dashboard").joinpath("methods.md").read_text(encoding="utf-8"))
parts.claims()
