"""The technologist's desk: the arm's own work, the desktop agent, and pictures to hand in."""

from urllib.parse import urlsplit

import streamlit as st

from dashboard import jobs, state, work
from dashboard.components.laps import lap_buttons
from dashboard.review import refuse, review
from dashboard.state import text
from study import correcting, workplace
from study.recording.tasks import OpenTask


def machine(task: OpenTask) -> None:
    """AI arm: wait for the reconstruction, review it; or, once it was refused, hand in what was made by hand."""
    material = _material(task)
    job = jobs.find(task.task_id)
    refused = correcting.refusal_of(state.engine(), task_id=task.task_id)
    if not task.read_only:
        waits = (refused is None and material.reconstruction is None) or (job is not None and job.running)
        correcting.note_wait(state.engine(), actor=state.actor(), task_id=task.task_id, waits=waits)
    if refused is not None:
        st.warning(text("task.refused").format(reason=refused), icon=":material/block:")
        hand_in(task)
    elif material.reconstruction is None:
        _wait(task)
        refuse(task, "task.no_pictures", enabled=not task.read_only)
    else:
        review(task, material)


@st.fragment(run_every=2)
def _wait(task: OpenTask) -> None:
    """The page looks for the reconstruction by itself; the time until then is AI wait and not the person's."""
    st.info(text("task.not_ready"), icon=":material/hourglass_top:")
    if _material(task).reconstruction is not None:
        st.rerun()


def _material(task: OpenTask) -> workplace.Material:
    return workplace.material_of(state.engine(), task_id=task.task_id, reconstructions=state.reconstructions())


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
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(text("task.steps"))
        st.caption(text("task.manual"))
        steps = [(item.name, work.label_of(item)) for item in protocol.taxonomy.activities if "manual" in item.arms]
        lap_buttons(steps, task=task.task_id)
    with right:
        hand_in(task)


def hand_in(task: OpenTask) -> None:
    """Upload the finished pictures; they are brought into the common look in the background."""
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    st.subheader(text("task.hand_in"))
    frames: dict[str, list[bytes]] = {}
    for view in protocol.images.views:
        files = st.file_uploader(
            text("task.upload").format(view=view.kind.upper(), number=view.angles), type=["png", "jpg", "jpeg", "dcm"],
            accept_multiple_files=True, key=f"upload-{task.task_id}-{view.kind}",
        )  # fmt: skip
        frames[view.kind] = [file.getvalue() for file in sorted(files, key=lambda file: file.name)]
    job = jobs.find(task.task_id)
    busy = job is not None and job.running
    if any(frames.values()) and st.button(text("task.store"), key="store", type="primary", disabled=task.read_only or busy):
        _store(task, frames, size=protocol.images.size)
        st.rerun()
    if job is not None and job.running:
        work.working(task.task_id)
    elif job is not None and job.fault is not None:
        st.error(str(job.fault))
    stored = _material(task).image_set
    if stored is not None:
        work.stored(stored.frames, stored.problem)


def _store(task: OpenTask, frames: dict[str, list[bytes]], *, size: int) -> None:
    engine, actor, images = state.engine(), state.actor(), state.images()

    def store() -> None:
        drawn = jobs.in_worker(workplace.draw_upload, frames, size)
        workplace.store_upload(engine, actor=actor, task_id=task.task_id, frames=drawn, images=images)

    work.begin(task, "store", store)
