"""What the pages of technologists and readers ask for: one call each, one transaction each."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Case, Event, ImageSet, Run, Study, Task
from study.accounts import confirm_identity
from study.clock import read_clock
from study.consent import consent_of, give_consent
from study.errors import Forbidden
from study.image_sets import Drawn, draw, frames_of_reconstruction, set_of, store_image_set
from study.protocol import Protocol
from study.protocol.parts import Timing
from study.reading.answers import Answers
from study.reading.queue import Queue, reading_queue
from study.reading.ratings import submit_reading
from study.reading.sittings import ReadingView, append_reading_events, open_reading, report_problem, save_draft
from study.recording.events import NewEvent
from study.recording.tasks import OpenTask, WorklistEntry, open_task, worklist
from study.recording.tokens import issue_token
from study.studies import find_study, protocol_of
from study.task_ends import Colleague, colleagues, images_needed


@dataclass(frozen=True)
class Material:
    """What lies on the technologist's desk for one task.

    Parameters
    ----------
    reconstruction : Path or None
        Folder that the AI arm's machine wrote, once it is ready.
    image_set : ImageSet or None
        The pictures stored for readers so far.
    """

    reconstruction: Path | None
    image_set: ImageSet | None


@dataclass(frozen=True)
class Around:
    """What the strip of a running task needs beside the task: reasons, who may take over, whether pictures are missing."""

    timing: Timing
    colleagues: tuple[Colleague, ...]
    needs_images: bool


def needs_consent(engine: Engine, *, actor: Actor, study_id: str) -> Protocol | None:
    """The protocol whose consent text this person has yet to agree to; None when they have."""
    with snapshot(engine) as db_session:
        protocol = protocol_of(db_session, study_id=study_id)
        consent = consent_of(db_session, account_id=actor.account_id or "", study_id=study_id)
    return protocol if consent is None or consent.text_version != protocol.consent.version else None


def agree(engine: Engine, *, actor: Actor, study_id: str) -> None:
    """Record the person's consent."""
    with transaction(engine, actor=actor) as db_session:
        give_consent(db_session, study=find_study(db_session, study=study_id), actor=actor, now=read_clock().at)


def study_protocol(engine: Engine, *, study_id: str) -> Protocol:
    """The protocol in force."""
    with snapshot(engine) as db_session:
        return protocol_of(db_session, study_id=study_id)


def around(engine: Engine, *, actor: Actor, task_id: str) -> Around:
    """What the strip of a running task needs, in one look."""
    with snapshot(engine) as db_session:
        study_id = db_session.get_one(Task, task_id).study_id
        timing = protocol_of(db_session, study_id=study_id).timing
        return Around(timing, tuple(colleagues(db_session, actor=actor, study_id=study_id)), images_needed(db_session, task_id=task_id))


def my_worklist(engine: Engine, *, actor: Actor, study_id: str, now: datetime) -> list[WorklistEntry]:
    """The tasks of the technologist who asks."""
    with snapshot(engine) as db_session:
        return worklist(db_session, actor=actor, study_id=study_id, now=now)


def begun(engine: Engine, *, task_ids: Sequence[str]) -> dict[str, datetime]:
    """When tasks were opened first; those that never were are left out."""
    with snapshot(engine) as db_session:
        rows = db_session.execute(select(Event.task_id, Event.at).where(Event.kind == "start", col(Event.task_id).in_(task_ids))).all()
    return {str(task_id): at for task_id, at in rows}


def open_my_task(engine: Engine, *, actor: Actor, task_id: str, holder: str) -> OpenTask:
    """Open a task in this tab; the first opening starts its clock."""
    with transaction(engine, actor=actor, quick=True) as db_session:
        return open_task(db_session, task_id=task_id, actor=actor, holder=holder, now=read_clock(), key=f"start-{task_id}")


def material_of(engine: Engine, *, task_id: str, reconstructions: Path) -> Material:
    """The reconstruction of the task's case, if the machine has finished it, and the stored image set."""
    with snapshot(engine) as db_session:
        task = db_session.get_one(Task, task_id)
        case = db_session.get_one(Case, task.case_id)
        stored = set_of(db_session, task_id=task_id)
    folder = reconstructions / case.number
    return Material(folder if (folder / "case.json").exists() else None, stored)


def pictures_wanted(engine: Engine, *, study_id: str) -> tuple[tuple[str, ...], int]:
    """Views that both arms hand in, and the edge of a picture. [pixel]"""
    images = study_protocol(engine, study_id=study_id).images
    return tuple(view.kind for view in images.views), images.size


def draw_reconstruction(folder: Path, views: tuple[str, ...], size: int) -> Drawn:
    """A reconstruction's pictures in the common look; for the worker process."""
    return draw(frames_of_reconstruction(folder, views=views), size=size)


def draw_upload(frames: Mapping[str, Sequence[bytes]], size: int) -> Drawn:
    """Pictures that were handed in, in the common look; for the worker process."""
    return draw(frames, size=size)


def accept_reconstruction(
    engine: Engine, *, actor: Actor, task_id: str, reconstruction: Path, images: Path, drawn: Drawn | None = None
) -> ImageSet:
    """Store the AI arm's pictures as the task's image set, with the run that made them."""
    with transaction(engine, actor=actor) as db_session:
        run = _run_of(db_session, task_id, reconstruction)
        return store_image_set(
            db_session, task_id=task_id, frames=drawn or frames_of_reconstruction(reconstruction), folder=images, actor=actor,
            now=read_clock(), run_id=run.id,
        )  # fmt: skip


def store_upload(engine: Engine, *, actor: Actor, task_id: str, frames: Mapping[str, Sequence[bytes]] | Drawn, images: Path) -> ImageSet:
    """Store the manual arm's exported pictures as the task's image set."""
    with transaction(engine, actor=actor) as db_session:
        return store_image_set(db_session, task_id=task_id, frames=frames, folder=images, actor=actor, now=read_clock())


def _run_of(db_session: Session, task_id: str, reconstruction: Path) -> Run:
    import hashlib
    import json

    task = db_session.get_one(Task, task_id)
    from inference.stages import wall_seconds

    text = (reconstruction / "case.json").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    found = db_session.exec(select(Run).where(Run.case_id == task.case_id, Run.output_sha256 == digest)).first()
    if found is not None:
        return found
    content: dict[str, Any] = json.loads(text)
    model, stages = content.get("model") or {}, content.get("stages") or []
    run = Run.model_validate(
        {
            "case_id": task.case_id, "state": "done", "method": str(content.get("method", "network"))[:40],
            "model_name": str(model.get("name", ""))[:120], "model_version": str(model.get("version", ""))[:60],
            "model_sha256": str(model.get("sha256", ""))[:64], "device": str(content.get("device", ""))[:60],
            "engine": str(content.get("engine", ""))[:60], "software_version": str(content.get("gilbreth", ""))[:40],
            "started_at": read_clock().at, "seconds": wall_seconds(stages), "stages": stages,
            "verdict": content["qc"]["verdict"], "findings": content["qc"]["findings"], "output_path": str(reconstruction)[:500],
            "output_sha256": digest,
        }
    )  # fmt: skip
    db_session.add(run)
    db_session.flush()
    return run


def my_queue(engine: Engine, *, actor: Actor, study_id: str, now: datetime) -> Queue:
    """The reading queue of the reader who asks."""
    with snapshot(engine) as db_session:
        return reading_queue(db_session, actor=actor, study=find_study(db_session, study=study_id), now=now)


def open_my_reading(engine: Engine, *, actor: Actor, reading_id: str) -> ReadingView:
    """Open or resume a reading."""
    with transaction(engine, actor=actor, quick=True) as db_session:
        return open_reading(db_session, reading_id=reading_id, actor=actor, now=read_clock())


def frame_paths(view: ReadingView, *, images: Path) -> dict[str, list[Path]]:
    """Files of a reading's frames by view, in order; names and folders say nothing but the number."""
    folder = images / view.image_set_id
    return {kind: [folder / kind / f"{number:03d}.png" for number in range(count)] for kind, count in sorted(view.views.items())}


def keep_draft(engine: Engine, *, actor: Actor, reading_id: str, answers: Answers, revision: int) -> int:
    """Save what the reader has so far; the new revision."""
    with transaction(engine, actor=actor, quick=True) as db_session:
        return save_draft(db_session, reading_id=reading_id, draft=answers.to_dict(), revision=revision, actor=actor)


def sign_reading(
    engine: Engine, *, actor: Actor, reading_id: str, answers: Answers, password: str, operation: str = "reading.rate"
) -> None:
    """Submit and sign; a wrong password counts and is told.

    Raises
    ------
    Forbidden
        When the password is wrong.
    """
    now = read_clock()
    with transaction(engine, actor=actor) as db_session:
        confirmation = confirm_identity(
            db_session, account_id=actor.account_id or "", password=password, now=now.at, session_id=actor.session_id
        )
    if confirmation is None:
        raise Forbidden("the password is wrong; nothing is signed yet")
    with transaction(engine, actor=actor) as db_session:
        submit_reading(
            db_session, reading_id=reading_id, answers=answers, confirmation=confirmation, actor=actor, now=now, operation=operation
        )


def reading_events(engine: Engine, *, actor: Actor, reading_id: str, events: Sequence[NewEvent]) -> None:
    """Append what happened in a reading."""
    with transaction(engine, actor=actor, quick=True) as db_session:
        append_reading_events(db_session, reading_id=reading_id, events=list(events), actor=actor, now=read_clock())


def tell_problem(engine: Engine, *, actor: Actor, reading_id: str, problem: str) -> None:
    """Report that the pictures of a reading cannot be shown."""
    with transaction(engine, actor=actor) as db_session:
        report_problem(db_session, reading_id=reading_id, problem=problem, actor=actor)


def agent_token(engine: Engine, *, actor: Actor, task_id: str) -> str:
    """A token with which the desktop agent counts for one task."""
    with transaction(engine, actor=actor) as db_session:
        return issue_token(db_session, task_id=task_id, actor=actor, now=read_clock())


def new_holder() -> str:
    """A random name for a browser tab."""
    return secrets.token_hex(16)


def open_studies(engine: Engine) -> list[Study]:
    """Studies that are running."""
    with snapshot(engine) as db_session:
        return list(db_session.exec(select(Study).where(Study.state == "active")).all())
