"""What `streamlit run` is given: Streamlit's pages, our routes beside them, and the gate in front of both."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.server import agent, observe, pictures, record, sign_in_page
from dashboard.server.gate import Gate
from dashboard.server.housekeeping import housekeeping

app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[*sign_in_page.ROUTES, *pictures.ROUTES, *record.ROUTES, *agent.ROUTES, *observe.ROUTES],
    middleware=[Middleware(Gate)],
    lifespan=housekeeping,
)
