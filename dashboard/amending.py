"""The part of a reader's own record where a signed answer is changed."""

import streamlit as st

from dashboard import state
from dashboard.reading_form import in_words, label_of, regions_of
from dashboard.state import text
from study import amending, workplace
from study.errors import StudyError
from study.protocol import Protocol
from study.reading.answers import OVERALL, Answer


def show() -> None:
    """Pick a signed reading and a region, give the new answer, say why, sign."""
    if state.actor().role != "reader":
        return
    signed = {item.reading_id: item for item in amending.signed_readings(state.engine(), actor=state.actor(), study_id=state.study_id())}
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    if not signed or protocol.form is None:
        return
    st.subheader(text("amend.title"))
    st.caption(text("amend.lead"))
    named = text("amend.reading")
    left, right = st.columns(2)
    key = left.selectbox(named, list(signed), format_func=lambda key: f"{named} {signed[key].number}", key="amend-reading")
    labels = {name: label for name, label in regions_of(protocol) if name in signed[key].answers.regions}
    region = right.selectbox(text("calibration.region"), list(labels), format_func=lambda name: labels[name], key="amend-region")
    st.markdown(f"{text('amend.now')}: {in_words(signed[key].answers.regions[region], protocol)}")
    _form(key, region, protocol)


def _form(reading_id: str, region: str, protocol: Protocol) -> None:
    assert protocol.form is not None
    reasons = {reason.name: label_of(reason) for reason in protocol.form.reasons}
    verdicts = {True: text("reading.pass"), False: text("reading.fail")}
    with st.form("amend", border=True):
        quality = st.selectbox(text("amend.quality"), [level.value for level in protocol.form.quality], index=None, key="amend-quality")
        passed = st.radio(
            text("amend.verdict"), [True, False], index=None, format_func=lambda key: verdicts[key], horizontal=True, key="amend-passed"
        )
        why_failed = () if region == OVERALL else st.multiselect(
            text("amend.reasons"), list(reasons), format_func=lambda key: reasons[key], key="amend-reasons"
        )  # fmt: skip
        why = st.text_input(text("amend.why"), max_chars=500, key="amend-why")
        password = st.text_input(text("reading.password"), type="password", key="amend-password")
        if not st.form_submit_button(text("amend.sign"), key="amend-sign"):
            return
    try:
        answer = Answer(quality, passed, tuple(why_failed) if passed is False else ())
        amending.amend(
            state.engine(), actor=state.actor(), reading_id=reading_id, region=region, answer=answer, why=why, password=password
        )  # fmt: skip
    except StudyError as error:
        st.error(str(error))
    else:
        st.toast(text("amend.done"), icon=":material/check:")
        del st.session_state["amend-password"]
        st.rerun()
