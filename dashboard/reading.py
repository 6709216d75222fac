"""The reader's desk: queue, frames by sealed address, the protocol's form with a draft saved at every change, signing."""

from dataclasses import replace
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

# Pictures and form side by side need the width.
WIDE = "<style>.stMainBlockContainer { padding: 3.5rem 1.5rem 1rem; max-width: none; }</style>"


def queue() -> Queue:
    """The queue of whoever is signed in."""
    return workplace.my_queue(state.engine(), actor=state.actor(), study_id=state.study_id(), now=utc_now())


def open_entry(reading_id: str) -> None:
    """Put a reading on the desk."""
    st.session_state["reading"] = workplace.open_my_reading(state.engine(), actor=state.actor(), reading_id=reading_id)


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
    _take_up(view)
    st.caption(" · ".join(f"{level.value} {_label(level)}" for level in protocol.form.quality))
    if st.button(text("reading.pass_all"), key=f"all-{view.reading_id}"):
        _pass_all(view, protocol)
    with st.container(gap="xxsmall"):
        regions = {name: _region(view, name, label, protocol) for name, label in _regions(protocol)}
    left, right = st.columns([4, 5], vertical_alignment="bottom")
    with left:
        confidence = _choice(view, "confidence", [1, 2, 3, 4, 5]) if protocol.form.ask_confidence else None
    with right:
        guess = _choice(view, "guess", ["manual", "unsure", "ai"]) if protocol.form.ask_arm else None
    remark = st.text_area(text("reading.remark"), key=f"remark-{view.reading_id}", max_chars=2000, height=80)
    answers = Answers(regions, confidence, guess, remark)
    _save(view, answers)
    missing = answers.missing(protocol)
    if missing:
        st.caption(text("reading.missing").format(what=_places(missing, protocol)))
    _sign(view, answers, disabled=bool(missing))


def _places(missing: list[str], protocol: Protocol) -> str:
    """Where something is still open, in the words of the form."""
    labels = dict(_regions(protocol)) | {"confidence": text("reading.confidence"), "which arm": text("reading.guess")}
    places = list(dict.fromkeys(labels[item.split(": ")[0]] for item in missing))
    return ", ".join(places[:4]) + (" …" if len(places) > 4 else "")


def _take_up(view: ReadingView) -> None:
    """Put the saved draft into the widgets that are not on the screen yet: after a reload, or coming back from another page."""
    kept = Answers.from_dict(view.draft or {})
    values: dict[str, Any] = {"confidence": kept.confidence, "guess": kept.guess, "remark": kept.remark}
    for name, answer in kept.regions.items():
        values |= {f"q-{name}": answer.quality, f"p-{name}": answer.passed, f"r-{name}": list(answer.reasons)}
    for name, value in values.items():
        key = f"{name}-{view.reading_id}"
        if value is not None and key not in st.session_state:
            st.session_state[key] = value


def _label(item: Any) -> str:
    return str(item.label_zh if st.session_state.get("language") == "zh" and item.label_zh else item.label)


def _regions(protocol: Protocol) -> list[tuple[str, str]]:
    named = [(region.name, _label(region)) for region in protocol.regions]
    return [*named, (OVERALL, text("reading.overall"))] if protocol.form and protocol.form.overall == "asked" else named


def _region(view: ReadingView, name: str, label: str, protocol: Protocol) -> Answer:
    assert protocol.form is not None
    place, left, right = st.columns([7, 11, 7], vertical_alignment="center", gap="xsmall")
    place.markdown(f"**{label}**" if name == OVERALL else label)
    with left:
        quality = st.segmented_control(
            label, [level.value for level in protocol.form.quality], key=f"q-{name}-{view.reading_id}", label_visibility="collapsed"
        )
    choices = {True: text("reading.pass"), False: text("reading.fail")}
    with right:
        passed = st.segmented_control(
            f"{label}: {choices[True]}?", [True, False], format_func=lambda value: choices[value], key=f"p-{name}-{view.reading_id}",
            label_visibility="collapsed",
        )  # fmt: skip
    reasons: list[str] = []
    if passed is False:
        labels = {reason.name: _label(reason) for reason in protocol.form.reasons}
        reasons = st.pills(
            f"{label}: {text('reading.why')}", list(labels), format_func=lambda key: labels[key], selection_mode="multi",
            key=f"r-{name}-{view.reading_id}", label_visibility="collapsed",
        )  # fmt: skip
    return Answer(quality, passed, tuple(reasons or ()))


def _choice(view: ReadingView, name: str, options: list[Any]) -> Any:
    words = {option: text(f"reading.{name}.{option}") if name == "guess" else str(option) for option in options}
    return st.segmented_control(text(f"reading.{name}"), options, format_func=lambda option: words[option], key=f"{name}-{view.reading_id}")


def _pass_all(view: ReadingView, protocol: Protocol) -> None:
    """Pass what has no answer yet; exceptions made before stay, and others can be made after."""
    for name, _ in _regions(protocol):
        for key, value in ((f"q-{name}-{view.reading_id}", 5), (f"p-{name}-{view.reading_id}", True)):
            if st.session_state.get(key) is None:
                st.session_state[key] = value


def _save(view: ReadingView, answers: Answers) -> None:
    """Save when something changed since the last save."""
    content = answers.to_dict()
    if view.draft == content:
        return
    try:
        revision = workplace.keep_draft(
            state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, revision=view.revision
        )
    except StudyError as error:
        st.error(str(error))
    else:
        st.session_state["reading"] = replace(view, draft=content, revision=revision)


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
