"""The protocol's form: regions × quality and pass or fail with reasons, verdict, confidence, guess, remark; every change is saved."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.state import text
from study import workplace
from study.errors import StudyError
from study.protocol import Protocol
from study.reading.answers import OVERALL, Answer, Answers
from study.reading.sittings import ReadingView, StaleDraft

Keep = Callable[[Answers, int], int]  # answers, revision -> new revision
Sign = Callable[[Answers, str], None]  # answers, password


def form(view: ReadingView, *, slot: str, keep: Keep, sign: Sign, then: str, first: Sequence[str] = ()) -> None:
    """Show the form, save what changed, and sign.

    Parameters
    ----------
    slot : str
        Name under which the reading lies in the session.
    keep, sign : callable
        Save a draft, and submit.
    then : str
        Page to go to once it is signed.
    first : sequence of str
        Regions that come first.
    """
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    if protocol.form is None:
        st.error(text("reading.no_form"))
        return
    _take_up(view)
    head, button = st.columns([3, 2], vertical_alignment="center")
    head.caption(" · ".join(f"{level.value}\u00a0{label_of(level)}" for level in protocol.form.quality))
    if button.button(text("reading.pass_all"), key=f"all-{view.reading_id}", width="stretch"):
        _pass_all(view, protocol)
    with st.container(gap="xxsmall", key="form"):
        named = sorted(regions_of(protocol), key=lambda item: item[0] not in first)
        regions = {name: _region(view, name, label, protocol) for name, label in named}
        left, right = st.columns([4, 5], vertical_alignment="bottom")
        with left:
            confidence = _choice(view, "confidence", [1, 2, 3, 4, 5]) if protocol.form.ask_confidence else None
        with right:
            guess = _choice(view, "guess", ["manual", "unsure", "ai"]) if protocol.form.ask_arm else None
    remark = st.text_area(text("reading.remark"), key=f"remark-{view.reading_id}", max_chars=2000, height=68)
    answers = Answers(regions, confidence, guess, remark)
    _save(view, answers, slot=slot, keep=keep)
    missing = answers.missing(protocol)
    st.caption(text("reading.missing").format(what=_places(missing, protocol)) if missing else text("reading.saved"))
    _sign(view, answers, disabled=bool(missing), slot=slot, sign=sign, then=then)


def label_of(item: Any) -> str:
    """The label of a part of the protocol in the account's language."""
    return str(item.label_zh if st.session_state.get("language") == "zh" and item.label_zh else item.label)


def regions_of(protocol: Protocol) -> list[tuple[str, str]]:
    """Name and label of every region, and of the overall verdict where the protocol asks for it."""
    named = [(region.name, label_of(region)) for region in protocol.regions]
    return [*named, (OVERALL, text("reading.overall"))] if protocol.form and protocol.form.overall == "asked" else named


def in_words(answer: Answer | None, protocol: Protocol) -> str:
    """An answer as one short line."""
    if answer is None:
        return "–"
    labels = {reason.name: label_of(reason) for reason in (protocol.form.reasons if protocol.form else ())}
    verdict = {True: text("reading.pass"), False: text("reading.fail"), None: "–"}[answer.passed]
    reasons = ", ".join(labels.get(reason, reason) for reason in answer.reasons)
    return f"{answer.quality or '–'} · {verdict}" + (f" ({reasons})" if reasons else "")


def _places(missing: list[str], protocol: Protocol) -> str:
    """Where something is still open, in the words of the form."""
    labels = dict(regions_of(protocol)) | {"confidence": text("reading.confidence"), "which arm": text("reading.guess")}
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
        labels = {reason.name: label_of(reason) for reason in protocol.form.reasons}
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
    best = max(level.value for level in protocol.form.quality) if protocol.form else 5
    for name, _ in regions_of(protocol):
        failed = st.session_state.get(f"p-{name}-{view.reading_id}") is False
        for key, value in ((f"q-{name}-{view.reading_id}", best), (f"p-{name}-{view.reading_id}", True)):
            if st.session_state.get(key) is None and not failed:
                st.session_state[key] = value


def _save(view: ReadingView, answers: Answers, *, slot: str, keep: Keep) -> None:
    """Save when something changed since the last save.

    A rerun that a newer click cut off may have saved without this page knowing; what it sent is remembered, so that its
    revision is taken for what it is and not for another tab's.
    """
    content = answers.to_dict()
    if view.draft == content:
        return
    sent = st.session_state.setdefault(f"{slot}-sent", [])
    sent[:] = [*sent[-3:], content]
    revision = view.revision
    for _ in range(len(sent) + 1):
        try:
            done = keep(answers, revision)
        except StaleDraft:
            revision += 1
            if revision > view.revision + len(sent):
                st.error(text("reading.stale"))
                return
        except StudyError as error:
            st.error(str(error))
            return
        else:
            sent.clear()
            st.session_state[slot] = replace(view, draft=content, revision=done)
            return


def _sign(view: ReadingView, answers: Answers, *, disabled: bool, slot: str, sign: Sign, then: str) -> None:
    with st.form(f"sign-{view.reading_id}", border=True):
        password = st.text_input(text("reading.password"), type="password", key=f"password-{view.reading_id}")
        if st.form_submit_button(text("reading.sign"), type="primary", disabled=disabled):
            try:
                sign(answers, password)
            except StudyError as error:
                st.error(str(error))
            else:
                st.session_state[slot] = None
                st.switch_page(state.page(then))
