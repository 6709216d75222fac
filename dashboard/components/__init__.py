"""Parts of pages that live in the browser: the recorder's strip and the frame viewer. Their files are in `assets/`."""

from importlib.resources import files


def asset(name: str) -> str:
    """The text of a file in `assets/`; given to Streamlit as it is, so that it works from any kind of installation."""
    return files("dashboard.components").joinpath("assets", name).read_text(encoding="utf-8")
