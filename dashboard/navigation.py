"""Which pages a role opens. A page is run in the name of the role that opens it."""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.state import text
from study.sign_in import Person

FOLDER = Path(__file__).parent / "app_pages"
RESULTS = ("investigator", "manager", "monitor")
# file, section, icon, roles that open it
PAGES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("worklist", "nav.work", ":material/list:", ("technologist",)),
    ("task", "nav.work", ":material/timer:", ("technologist",)),
    ("queue", "nav.work", ":material/list:", ("reader",)),
    ("reading", "nav.work", ":material/visibility:", ("reader",)),
    ("observe", "nav.work", ":material/touch_app:", ("observer",)),
    ("headline", "nav.results", ":material/compare_arrows:", RESULTS),
    ("minutes", "nav.results", ":material/schedule:", RESULTS),
    ("clicks", "nav.results", ":material/ads_click:", RESULTS),
    ("quality", "nav.results", ":material/fact_check:", RESULTS),
    ("efficiency", "nav.operations", ":material/trending_down:", RESULTS),
    ("staffing", "nav.operations", ":material/groups:", RESULTS),
    ("observers", "nav.operations", ":material/join_inner:", ("investigator", "monitor")),
    ("pictures", "nav.results", ":material/view_in_ar:", (*RESULTS, "scientist")),
    ("methods", "nav.help", ":material/menu_book:", ("*",)),
)


def pages_for(person: Person) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Sections of pages for `st.navigation`, and the role under which each page runs."""
    sections: dict[str, list[Any]] = {}
    roles: dict[str, str] = {}
    for name, section, icon, openers in PAGES:
        role = next((role for role in person.roles if role in openers or "*" in openers), None)
        if role is None:
            continue
        first = not roles
        page = st.Page(FOLDER / f"{name}.py", title=text(f"page.{name}"), icon=icon, url_path=name, default=first)
        sections.setdefault(text(section), []).append(page)
        st.session_state.setdefault("pages", {})[name] = page
        roles["" if first else name] = role
    return sections, roles
