"""The technologist's desk: reviewing the AI's pictures, or the steps of manual work and the pictures to hand in."""

from urllib.parse import urlsplit

import streamlit as st

from dashboard import state, work
from dashboard.components.frames import frame_viewer
from dashboard.components.laps import lap_buttons
from dashboard.server.pictures import address_of
from dashboard.state import text
from study import workplace
from study.errors import StudyError
from study.gallery import find_records, frames_of
from study.recording.tasks import OpenTask


def review(task: OpenTask) -> None:
    """AI arm: turn the pictures, read the automatic check, accept."""
    material = workplace.material_of(state.engine(), task_id=task.task_id, reconstructions=state.reconstructions())
    if not task.read_only:
        workplace.machine_state(state.engine(), actor=state.actor(), task_id=task.task_id, ready=material.reconstruction is not None)
    if material.reconstruction is None:
        _wait(task)
        return
    record = find_records(material.reconstruction.parent)[material.reconstruction.name]
    left, right = st.columns([3, 2])
    with left:
        views = {view.removesuffix(" rotate"): list(frames.values()) for view, frames in frames_of(record).items()}
        session = state.actor().session_id
        frame_viewer(
            {view: [address_of(path, session_id=session) for path in paths] for view, paths in views.items()}, key=f"review-{task.task_id}"
        )
    with right:
        st.subheader(f"{text('pictures.verdict')}: {record.verdict}")
        for finding in record.findings:
            st.markdown(f"- {finding}")
        if material.image_set is None:
            if st.button(text("task.accept"), type="primary", key="accept", disabled=task.read_only):
                _try(lambda: workplace.accept_reconstruction(
                    state.engine(), actor=state.actor(), task_id=task.task_id, reconstruction=material.reconstruction, images=state.images()
                ))  # fmt: skip
        else:
            _stored(material.image_set.frames, material.image_set.problem)


@st.fragment(run_every=5)
def _wait(task: OpenTask) -> None:
    """The page looks for the reconstruction by itself; the time until then is AI wait and not the person's."""
    st.info(text("task.not_ready"), icon=":material/hourglass_top:")
    if workplace.material_of(state.engine(), task_id=task.task_id, reconstructions=state.reconstructions()).reconstruction is not None:
        st.rerun()


def agent(task: OpenTask) -> None:
    """The desktop agent's command with a token for this task."""
    with st.expander(text("agent.title"), icon=":material/mouse:"):
        st.caption(text("agent.help"))
        if st.button(text("agent.issue"), key="issue-token", disabled=task.read_only):
            token = workplace.agent_token(state.engine(), actor=state.actor(), task_id=task.task_id)
            st.session_state["agent_token"] = (task.task_id, token)
        known, token = st.session_state.get("agent_token", (None, ""))
        if known == task.task_id:
            address = urlsplit(str(st.context.url))
            st.code(f"gilbreth agent --task {token} --server {address.scheme}://{address.netloc}", language=None)


def manual(task: OpenTask) -> None:
    """Manual arm: mark the steps as they are done in the workstation, then hand the pictures in."""
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    st.caption(text("task.manual"))
    lap_buttons([(item.name, work.label_of(item)) for item in protocol.taxonomy.activities if not item.arms or "manual" in item.arms])
    st.subheader(text("task.hand_in"))
    frames: dict[str, list[bytes]] = {}
    for view in protocol.images.views:
        files = st.file_uploader(
            text("task.upload").format(view=view.kind.upper(), number=view.angles), type=["png", "jpg", "jpeg", "dcm"],
            accept_multiple_files=True, key=f"upload-{task.task_id}-{view.kind}",
        )  # fmt: skip
        frames[view.kind] = [file.getvalue() for file in sorted(files, key=lambda file: file.name)]
    if any(frames.values()) and st.button(text("task.store"), key="store", disabled=task.read_only):
        _try(
            lambda: workplace.store_upload(state.engine(), actor=state.actor(), task_id=task.task_id, frames=frames, images=state.images())
        )
    stored = workplace.material_of(state.engine(), task_id=task.task_id, reconstructions=state.reconstructions()).image_set
    if stored is not None:
        _stored(stored.frames, stored.problem)


def _try(act: object) -> None:
    try:
        act()  # type: ignore[operator]
    except StudyError as error:
        st.error(str(error))
    else:
        st.rerun()


def _stored(frames: int, problem: str | None) -> None:
    st.success(text("task.stored").format(number=frames))
    if problem:
        st.warning(f"{text('task.flagged')} {problem}")
