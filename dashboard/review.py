"""The AI arm on the technologist's desk: turn the pictures, correct by clicking in the MIP, confirm and finish with one click."""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import jobs, state, work
from dashboard.components.frames import frame_viewer
from dashboard.components.picking import picked
from dashboard.server.pictures import address_of
from dashboard.state import text
from study import correcting, workplace
from study.correcting import Look, Pick
from study.gallery import Record, frames_of, read_record
from study.recording.tasks import OpenTask

SHOWN_FINDINGS = 4  # the gravest come first; more would push the buttons off the screen
ICONS = {"accept": ":material/check_circle:", "review": ":material/visibility:", "reject": ":material/block:"}


def review(task: OpenTask, material: workplace.Material) -> None:
    """Pictures on the left; on the right what the check found, corrections, and the one button that is needed."""
    assert material.reconstruction is not None
    folder = material.reconstruction
    record = read_record(folder)
    version = f"{task.task_id}-{(folder / 'case.json').stat().st_mtime_ns}"
    views = {view.removesuffix(" rotate"): list(frames.values()) for view, frames in frames_of(record).items() if "raw" not in view}
    left, right = st.columns([3, 2])
    with left:
        _pictures(views, key=version)
    with right:
        busy = jobs.find(task.task_id)
        _check(record, shown=0 if busy is not None and busy.what == "look" else SHOWN_FINDINGS)
        _correct(task, folder, views, version, enabled=not task.read_only and (busy is None or not busy.running))
        _confirm(task, folder, material, enabled=not task.read_only and (busy is None or not busy.running))


def _pictures(views: dict[str, list[Path]], *, key: str) -> None:
    """Addresses are made once per state of the pictures, not on every run."""
    known = f"review-{key}" in st.session_state.get("frame_addresses", {})
    session = state.actor().session_id
    addresses = {view: [] if known else [address_of(path, session_id=session) for path in paths] for view, paths in views.items()}
    frame_viewer(addresses, key=f"review-{key}")


def _check(record: Record, *, shown: int) -> None:
    """What the machine found; the gravest findings at once, unless a correction needs the room."""
    st.markdown(
        f"{ICONS.get(record.verdict, '')} **{text('task.check')}: {text(f'task.check.{record.verdict}')}**", help=text("task.check.help")
    )
    first, rest = record.findings[:shown], record.findings[shown:]
    if first:
        st.markdown("\n".join(f"- {finding}" for finding in first))
    if rest:
        with st.expander(text("task.check.more" if first else "task.check.all").format(number=len(rest))):
            st.markdown("\n".join(f"- {finding}" for finding in rest))


def _correct(task: OpenTask, folder: Path, views: dict[str, list[Path]], version: str, *, enabled: bool) -> None:
    """Clicks, what they would change, and what was changed so far."""
    st.caption(text("pick.help"))
    place = picked(key=version, enabled=enabled)
    if place is not None:
        _look(task, folder, _pick(place, views[str(place["view"])]))
    job = jobs.find(task.task_id)
    if job is not None and job.running:
        work.working(task.task_id)
    elif job is not None and job.fault is not None:
        st.warning(text("pick.failed").format(reason=job.fault))
    elif job is not None and job.what == "look":
        _preview(task, folder, job.result)
    done = correcting.corrections_in_force(folder)
    if done:
        before, after = done[0]["before"]["vessel_ml"], done[-1]["after"]["vessel_ml"]
        changed = text("pick.before_after").format(before=f"{before:.1f}", after=f"{after:.1f}")
        st.caption(f"{text('pick.applied').format(number=len(done))} · {changed}")
        if st.button(text("pick.undo"), key="undo-correction", icon=":material/undo:", disabled=not enabled):
            _change(task, "undo", folder)


def _pick(place: dict[str, Any], paths: Sequence[Path]) -> Pick:
    """The pixel of the picture's file under a place in the viewer."""
    from PIL import Image

    path = paths[int(place["frame"])]
    with Image.open(path) as picture:
        width, height = picture.size
    x, y = (float(place["u"]) + 0.5) * width - 0.5, (float(place["v"]) + 0.5) * height - 0.5
    return Pick(path.stem, round(x, 2), round(y, 2), "add" if place["action"] == "add" else "remove")


def _preview(task: OpenTask, folder: Path, seen: Look) -> None:
    st.markdown(f"**{seen.what}**")
    apply, behind, leave = st.columns(3)
    if apply.button(text("pick.apply"), key="apply", type="primary", disabled=task.read_only, width="stretch"):
        _change(task, "correct", folder, seen.pick)
    if seen.choices > 1 and behind.button(text("pick.next"), key="behind", width="stretch"):
        following = Pick(seen.pick.view, seen.pick.x, seen.pick.y, seen.pick.action, (seen.pick.choice + 1) % seen.choices)
        _look(task, folder, following)
        st.rerun()
    if leave.button(text("pick.leave"), key="leave", width="stretch"):
        jobs.drop(task.task_id)
        st.rerun()
    st.image(seen.picture, width="stretch")


def _confirm(task: OpenTask, folder: Path, material: workplace.Material, *, enabled: bool) -> None:
    """The one click. Pictures are stored in the background; then the recorder finishes by itself."""
    job = jobs.find(task.task_id)
    stored = material.image_set
    if job is not None and not job.running and job.what == "confirm" and job.fault is None:
        jobs.drop(task.task_id)
        if stored is not None and stored.problem is None:
            st.session_state["finish"] = (task.task_id, secrets.token_hex(4))
            st.rerun()
    if stored is not None:
        work.stored(stored.frames, stored.problem)
    help_text = text("task.confirm.help")
    if st.button(text("task.confirm"), type="primary", key="confirm", disabled=not enabled, width="stretch", help=help_text):
        _change(task, "confirm", folder)
    refuse(task, "task.refuse", enabled=enabled)


def refuse(task: OpenTask, title: str, *, enabled: bool) -> None:
    """The way out when the AI's pictures cannot be used, or none will come: the task stays in its arm and is done by hand."""
    with st.expander(text(title), icon=":material/block:"):
        st.caption(text("task.refuse.help"))
        reason = st.text_input(text("task.refuse.why"), key=f"why-{task.task_id}", max_chars=300)
        if st.button(text("task.refuse.do"), key="refuse", disabled=not (enabled and reason.strip())):
            event = {"event": "refused", "reason": reason.strip()}
            correcting.note_correction(state.engine(), actor=state.actor(), task_id=task.task_id, event=event)
            st.rerun()


def _look(task: OpenTask, folder: Path, pick: Pick) -> None:
    scan = Path(task.scan_path) if task.scan_path else None
    work.begin(task, "look", lambda: jobs.in_worker(correcting.look, folder, scan, pick))


def _change(task: OpenTask, what: str, folder: Path, *values: Any) -> None:
    """Correct, undo or confirm in the background; each is kept as an event of the task by the same thread that did it."""
    engine, actor, images = state.engine(), state.actor(), state.images()
    wanted = workplace.pictures_wanted(engine, study_id=state.study_id())
    scan = Path(task.scan_path) if task.scan_path else None
    acts: dict[str, Callable[..., Any]] = {"correct": correcting.correct, "undo": correcting.take_back, "confirm": correcting.settle}

    def change() -> None:
        if what == "confirm" and not correcting.corrections_in_force(folder):
            event: dict[str, Any] = {"event": "confirmed", "corrections": 0}
        else:
            event = jobs.in_worker(acts[what], folder, scan, *values)
        correcting.note_correction(engine, actor=actor, task_id=task.task_id, event=event)
        if what == "confirm":
            drawn = jobs.in_worker(workplace.draw_reconstruction, folder, *wanted)
            workplace.accept_reconstruction(
                engine, actor=actor, task_id=task.task_id, reconstruction=folder, images=images, drawn=drawn
            )  # fmt: skip

    work.begin(task, what, change)
    st.rerun()
