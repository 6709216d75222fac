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
    ("calibration", "nav.work", ":material/school:", ("reader",)),
    ("adjudication", "nav.work", ":material/balance:", ("adjudicator",)),
    ("observe", "nav.work", ":material/touch_app:", ("observer",)),
    ("own_record", "nav.work", ":material/person:", ("technologist", "reader", "observer")),
    ("headline", "nav.results", ":material/compare_arrows:", RESULTS),
    ("minutes", "nav.results", ":material/schedule:", RESULTS),
    ("clicks", "nav.results", ":material/ads_click:", RESULTS),
    ("quality", "nav.results", ":material/fact_check:", RESULTS),
    ("overview", "nav.operations", ":material/dashboard:", RESULTS),
    ("efficiency", "nav.operations", ":material/trending_down:", RESULTS),
    ("staffing", "nav.operations", ":material/groups:", RESULTS),
    ("consensus", "nav.operations", ":material/handshake:", ("investigator", "monitor")),
    ("dose", "nav.operations", ":material/radiology:", RESULTS),
    ("accrual", "nav.operations", ":material/trending_up:", RESULTS),
    ("observers", "nav.operations", ":material/join_inner:", ("investigator", "monitor")),
    ("pictures", "nav.results", ":material/view_in_ar:", (*RESULTS, "scientist")),
    ("questions", "nav.work", ":material/help:", ("technologist", "reader", "investigator", "monitor")),
    ("methods", "nav.help", ":material/menu_book:", ("*",)),
    ("password", "nav.help", ":material/key:", ("*",)),
)


def first_page(roles: tuple[str, ...]) -> str:
    """The page that Streamlit serves at /, and only there: under its own name it says "Page not found".

    Examples
    --------
    >>> first_page(("technologist",)), first_page(("manager",)), first_page(())
    ('worklist', 'headline', 'methods')
    """
    return next(name for name, _, _, openers in PAGES if "*" in openers or set(roles) & set(openers))


def pages_for(person: Person) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Sections of pages for `st.navigation`, and the role under which each page runs."""
    sections: dict[str, list[Any]] = {}
    roles: dict[str, str] = {}
    for name, section, icon, openers in PAGES:
        role = next((role for role in person.roles if role in openers or "*" in openers), None)
        if role is None:
            continue
        first = not roles  # Streamlit serves it at / and keeps its own name for it; a second page under that name is refused
        page = st.Page(FOLDER / f"{name}.py", title=text(f"page.{name}"), icon=icon, url_path=name, default=first)
        sections.setdefault(text(section), []).append(page)
        st.session_state.setdefault("pages", {})[name] = page
        roles["" if first else name] = role
    return sections, roles
