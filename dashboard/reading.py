"""The reader's desk: queue, frames by sealed address, the protocol's form with a draft saved at every change, signing."""

from typing import Any

import streamlit as st

from dashboard import state
from dashboard.components.frames import frame_viewer
from dashboard.server.pictures import address_of
from dashboard.state import text
from db.base import utc_now
from study import workplace
from study.errors import StudyError
from study.protocol import Protocol
from study.reading.answers import OVERALL, Answer, Answers
from study.reading.queue import Queue
from study.reading.sittings import ReadingView


def queue() -> Queue:
    """The queue of whoever is signed in."""
    return workplace.my_queue(state.engine(), actor=state.actor(), study_id=state.study_id(), now=utc_now())


def open_entry(reading_id: str) -> None:
    """Put a reading on the desk."""
    view = workplace.open_my_reading(state.engine(), actor=state.actor(), reading_id=reading_id)
    st.session_state["reading"], st.session_state["revision"] = view, view.revision


def current() -> ReadingView | None:
    """The reading on the desk; after a reload the begun one is taken up again."""
    if st.session_state.get("reading") is None:
        begun = [entry for entry in queue().entries if entry.state == "open"]
        if begun:
            open_entry(begun[0].reading_id)
    found: ReadingView | None = st.session_state.get("reading")
    return found


def viewer(view: ReadingView) -> None:
    """The frames of the image set."""
    session = state.actor().session_id
    paths = workplace.frame_paths(view, images=state.images())
    frame_viewer({kind: [address_of(path, session_id=session) for path in files] for kind, files in paths.items()}, key=view.reading_id)


def problem(view: ReadingView) -> None:
    """A button that tells a display problem."""
    with st.expander(text("reading.problem")):
        words = st.text_input(text("reading.problem.what"), key=f"problem-{view.reading_id}", max_chars=500)
        if words and st.button(text("reading.problem.send"), key=f"send-problem-{view.reading_id}"):
            workplace.tell_problem(state.engine(), actor=state.actor(), reading_id=view.reading_id, problem=words)
            st.success(text("reading.problem.sent"))


def form(view: ReadingView) -> None:
    """Ten regions × quality and pass/fail with reasons, verdict, confidence, guess, remark; sign to submit."""
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    if protocol.form is None:
        st.error(text("reading.no_form"))
        return
    kept = Answers.from_dict(view.draft or {})
    if st.button(text("reading.pass_all"), key=f"all-{view.reading_id}"):
        _pass_all(view, protocol)
    answers = Answers(
        regions={name: _region(view, name, label, kept.regions.get(name), protocol) for name, label in _regions(protocol)},
        confidence=_pills(view, "confidence", [1, 2, 3, 4, 5], kept.confidence) if protocol.form.ask_confidence else None,
        guess=_pills(view, "guess", ["manual", "unsure", "ai"], kept.guess) if protocol.form.ask_arm else None,
        remark=st.text_area(text("reading.remark"), value=kept.remark, key=f"remark-{view.reading_id}", max_chars=2000, height=80),
    )
    _save(view, answers)
    missing = answers.missing(protocol)
    if missing:
        st.caption(text("reading.missing").format(what=", ".join(missing[:6]) + ("…" if len(missing) > 6 else "")))
    _sign(view, answers, disabled=bool(missing))


def _regions(protocol: Protocol) -> list[tuple[str, str]]:
    chinese = st.session_state.get("language") == "zh"
    named = [(region.name, region.label_zh if chinese and region.label_zh else region.label) for region in protocol.regions]
    return [*named, (OVERALL, text("reading.overall"))] if protocol.form and protocol.form.overall == "asked" else named


def _region(view: ReadingView, name: str, label: str, kept: Answer | None, protocol: Protocol) -> Answer:
    assert protocol.form is not None
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    levels = [level.value for level in protocol.form.quality]
    with left:
        quality = st.segmented_control(label, levels, default=kept.quality if kept else None, key=f"q-{view.reading_id}-{name}")
    choices = {True: text("reading.pass"), False: text("reading.fail")}
    with right:
        passed = st.segmented_control(
            label, [True, False], format_func=lambda value: choices[value], default=kept.passed if kept else None,
            key=f"p-{view.reading_id}-{name}", label_visibility="collapsed",
        )  # fmt: skip
    reasons: list[str] = []
    if passed is False:
        labels = {reason.name: reason.label for reason in protocol.form.reasons}
        reasons = st.pills(
            text("reading.why"), list(labels), format_func=lambda key: labels[key], selection_mode="multi",
            default=list(kept.reasons) if kept else [], key=f"r-{view.reading_id}-{name}", label_visibility="collapsed",
        )  # fmt: skip
    return Answer(quality, passed, tuple(reasons or ()))


def _pills(view: ReadingView, name: str, options: list[Any], kept: Any) -> Any:
    words = {option: text(f"reading.{name}.{option}") if name == "guess" else str(option) for option in options}
    return st.segmented_control(
        text(f"reading.{name}"), options, format_func=lambda option: words[option], default=kept, key=f"{name}-{view.reading_id}"
    )


def _pass_all(view: ReadingView, protocol: Protocol) -> None:
    for name, _ in _regions(protocol):
        st.session_state.setdefault(f"q-{view.reading_id}-{name}", 5)
        if st.session_state.get(f"q-{view.reading_id}-{name}") is None:
            st.session_state[f"q-{view.reading_id}-{name}"] = 5
        if st.session_state.get(f"p-{view.reading_id}-{name}") is None:
            st.session_state[f"p-{view.reading_id}-{name}"] = True


def _save(view: ReadingView, answers: Answers) -> None:
    """Save when something changed since the last save."""
    content = answers.to_dict()
    if st.session_state.get("saved") == (view.reading_id, content):
        return
    try:
        st.session_state["revision"] = workplace.keep_draft(
            state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, revision=int(st.session_state["revision"])
        )
        st.session_state["saved"] = (view.reading_id, content)
    except StudyError as error:
        st.error(str(error))


def _sign(view: ReadingView, answers: Answers, *, disabled: bool) -> None:
    with st.form(f"sign-{view.reading_id}", border=True):
        password = st.text_input(text("reading.password"), type="password", key=f"password-{view.reading_id}")
        if st.form_submit_button(text("reading.sign"), type="primary", disabled=disabled):
            try:
                workplace.sign_reading(state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, password=password)
            except StudyError as error:
                st.error(str(error))
            else:
                st.session_state["reading"] = None
                st.switch_page(state.page("queue"))
