"""Data queries on pages: the reminder in the side bar, and one question with what the person may do about it."""

from collections.abc import Callable

import streamlit as st

from dashboard import state
from dashboard.state import text
from dashboard.times import moment
from study import asked
from study.asked import Question
from study.errors import StudyError
from study.sign_in import Person

PAGE = "questions"


def reminder(person: Person, roles: dict[str, str]) -> None:
    """How many questions wait for whoever is signed in, on every page; nothing when there are none."""
    study_id = st.session_state.get("study_id")
    if study_id is None or PAGE not in roles:
        return
    waiting = asked.unanswered(state.engine(), actor=person.acting(roles[PAGE], study_id=study_id), study_id=study_id)
    if waiting:
        with st.sidebar:
            st.page_link(state.page(PAGE), label=text("questions.waiting").format(number=waiting), icon=":material/help:")


def mine() -> list[Question]:
    """The open questions of whoever is signed in."""
    return asked.questions(state.engine(), actor=state.actor(), study_id=state.study_id())


def show(question: Question) -> None:
    """One question: about what, by whom, the answer or a place for it."""
    with st.container(border=True):
        st.markdown(f"**{text(f'questions.about.{question.about}').format(label=question.label)}**")
        told = text("questions.asked").format(who=question.raised_by, day=moment(question.raised_at))
        st.caption(told, unsafe_allow_html=True)
        st.text(question.words)
        if question.answer:
            st.caption(text("questions.answered"))
            st.text(question.answer)
        if question.can_answer:
            _answer(question)
        if question.can_close and st.button(text("questions.close"), key=f"close-{question.query_id}"):
            _act(lambda: asked.close_question(state.engine(), actor=state.actor(), query_id=question.query_id))


def _answer(question: Question) -> None:
    with st.form(f"form-{question.query_id}", border=False):
        words = st.text_area(text("questions.answer"), key=f"answer-{question.query_id}", max_chars=2000, height=80)
        if st.form_submit_button(text("questions.send"), key=f"send-{question.query_id}", type="primary"):
            _act(lambda: asked.answer_question(state.engine(), actor=state.actor(), query_id=question.query_id, words=words))


def _act(act: Callable[[], None]) -> None:
    """Do it and show the list anew, or say why not."""
    try:
        act()
    except StudyError as error:
        st.error(str(error))
    else:
        st.rerun()
