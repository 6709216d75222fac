"""A department as managers see it: every task with its figures, computed once from the events and kept up to date by what is new.

The figures are derived, never a record: they live in memory and in `cache/` of the home, may be thrown away at any time, and are thrown
away when the logs they were made from are not the ones in the database. They are shared by everyone who may see them: permission is
asked first (`permit_operations`), never here.
"""

from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import select

from db.audit import Actor, record
from db.department import heads
from db.engine import snapshot, transaction
from db.tables import Study
from study.department_store import SMALL, Department, Store
from study.permissions import KNOWN, require
from study.protocol import Protocol
from study.studies import find_study, protocol_of

__all__ = ["SMALL", "Department", "department", "permit_operations", "read_ahead"]


def permit_operations(engine: Engine, *, actor: Actor, study_id: str) -> tuple[Study, Protocol]:
    """Let the actor see operational figures, and write that down.

    Raises
    ------
    study.errors.Forbidden
        Unless the study is unblinded, or its protocol declares a roll-out's operations open.
    """
    with transaction(engine, actor=actor) as db_session:
        study = find_study(db_session, study=study_id)
        protocol = protocol_of(db_session, study_id=study.id)
        operation = "outcomes.interim" if actor.role == "monitor" and not protocol.study.open_operations else "operations.view"
        if study.state in KNOWN:
            operation = "operations.view"
        require(db_session, actor=actor, operation=operation, study=study, open_operations=protocol.study.open_operations)
        record(db_session, operation=operation, entity="study", entity_id=study.id)
        return study, protocol


def department(engine: Engine, *, study_id: str, folder: Path | None = None, wait: bool = True) -> Department:
    """The tasks of a study with their figures.

    Parameters
    ----------
    folder : Path, optional
        Where figures of large studies outlive the process.
    wait : bool
        Wait until the last event is counted. False is for pages of large studies: what there is, and the rest is read meanwhile.

    Raises
    ------
    study.errors.NotYetRead
        Without `wait`, while the first figures of a large study are being read.
    """
    store = _store(engine, study_id, folder)
    return store.refresh() if wait else store.look()


def _store(engine: Engine, study_id: str, folder: Path | None) -> Store:
    stores: dict[str, Store] = engine.__dict__.setdefault("gilbreth_departments", {})
    return stores.setdefault(study_id, Store(engine, study_id, folder))


def read_ahead(engine: Engine, *, folder: Path) -> int:
    """Bring the figures of large studies up to date that managers may see now, so that nobody waits for them; how many studies.

    Parameters
    ----------
    folder : Path
        As in `department`.
    """
    with snapshot(engine) as db_session:
        if heads(db_session).event <= SMALL:
            return 0
        studies = db_session.exec(select(Study)).all()
        open_now = [
            study.id for study in studies if study.state in KNOWN or protocol_of(db_session, study_id=study.id).study.open_operations
        ]
    for study_id in open_now:
        _store(engine, study_id, folder).refresh(save=True)
    return len(open_now)
