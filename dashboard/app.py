"""What `streamlit run` is given: Streamlit's pages, our routes beside them, and the gate in front of both."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.server import agent, alive, observe, oidc, pictures, reading_record, record, sign_in_page
from dashboard.server.gate import Gate
from dashboard.server.housekeeping import housekeeping

PARTS = (sign_in_page, oidc, alive, pictures, record, reading_record, agent, observe)

app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[route for part in PARTS for route in part.ROUTES],
    middleware=[Middleware(Gate)],
    lifespan=housekeeping,
)
