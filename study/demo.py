"""The demo: a phantom case, a simulated paired study and five months of simulated operations, in the unblinded state.

Everything is written as the real thing is: tasks with events from which durations are computed, readings with ratings. What is
simulated is marked: the studies carry `simulated`, and every event has the source `simulation`.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

from db.audit import Actor, record
from db.base import new_id
from db.batches import insert_batch
from db.engine import transaction
from db.tables import Account, Case, Event, ImageSet, ImportBatch, Rating, Reading, Site, Study, Task
from study.accounts import create_account, grant_role, random_password
from study.home import Home
from study.protocol import Protocol, load_protocol, parse_protocol
from study.simulation import COMPARISON_SITE, RollOut, simulate_comparison_site, simulate_operations, simulate_paired_study
from study.studies import create_study

ACCOUNTS = {
    "investigator": ("investigator",),
    "manager": ("manager",),
    "monitor": ("monitor",),
    "administrator": ("administrator",),
    "scientist": ("scientist",),
}
VERSION = "simulation"


@dataclass(frozen=True)
class DemoAccounts:
    """Names and passwords of the demo accounts, shown once and stored only as hashes."""

    passwords: dict[str, str]


def demo_is_there(engine: Engine) -> bool:
    """Whether this home already holds the demo study."""
    with transaction(engine) as db_session:
        return db_session.exec(select(Study).where(Study.simulated)).first() is not None


def fill_demo(home: Home, *, seed: int, now: datetime) -> DemoAccounts:
    """Write both simulated studies and their accounts.

    Parameters
    ----------
    home : Home
        An opened home without a demo study.
    seed : int
        Same seed, same figures (passwords and ids are always new).
    now : datetime
        The server's clock, with zone.

    Returns
    -------
    DemoAccounts
    """
    with transaction(home.engine, actor=Actor(account="demo"), reason="demo: simulated data") as db_session:
        passwords = _accounts(db_session, now)
    paired = simulate_paired_study(seed=seed, readers=2)
    with transaction(home.engine, actor=Actor(account="demo"), reason="demo: simulated data") as db_session:
        _study(db_session, load_protocol("head_neck_cta"), paired.tasks, paired.readings, now)
    roll_out, operations = _roll_out(seed)
    with transaction(home.engine, actor=Actor(account="demo"), reason="demo: simulated data") as db_session:
        _study(db_session, roll_out, operations, None, now)
    return DemoAccounts(passwords)


def _accounts(db_session: Session, now: datetime) -> dict[str, str]:
    passwords = {}
    for name, roles in ACCOUNTS.items():
        passwords[name] = random_password()
        account = create_account(db_session, name=name, password=passwords[name], display_name=name.capitalize(), now=now)
        for role in roles:
            grant_role(db_session, account=account, role=role, actor=Actor(account="demo"), now=now)
    return passwords


def _roll_out(seed: int) -> tuple[Protocol, pd.DataFrame]:
    """The roll-out protocol that comes along, moved to the weeks and sites that are simulated, and those weeks."""
    plan, go_live = RollOut(), datetime(2026, 7, 6, tzinfo=UTC)
    text = load_protocol("before_after").text
    for key, value in (("go_live", go_live.date()), ("weeks_before", plan.weeks_before), ("weeks_after", plan.weeks_after)):
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    text = re.sub(r"(?m)^comparison_sites = .*$", f'comparison_sites = ["{COMPARISON_SITE}"]', text)
    rows = [simulate(seed=seed, go_live=go_live, roll_out=plan) for simulate in (simulate_operations, simulate_comparison_site)]
    return parse_protocol(text), pd.concat(rows, ignore_index=True)


def _study(db_session: Session, protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame | None, now: datetime) -> None:
    investigator = db_session.exec(select(Account).where(Account.name == "investigator")).one()
    actor = Actor("investigator", "investigator", investigator.id)
    study = create_study(db_session, protocol=protocol, actor=actor, now=now, simulated=True)
    _write(db_session, study, protocol, tasks, readings, now)
    # A simulated study never ran: it is entered as unblinded, with the stamps that a study in that state has.
    study.state, study.activated_at, study.locked_at, study.unblinded_at = "unblinded", now, now, now
    db_session.add(study)


def _write(
    db_session: Session, study: Study, protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame | None, now: datetime
) -> None:
    """Everything of a study as bulk rows, vouched for by one audit entry with the hash of the tables they come from."""
    digest = hashlib.sha256(tasks.to_csv(index=False).encode() + (readings.to_csv(index=False).encode() if readings is not None else b""))
    batch = ImportBatch.model_validate(
        {
            "study_id": study.id, "kind": "simulation", "file_name": f"{protocol.name} (simulated)", "file_sha256": digest.hexdigest(),
            "row_count": len(tasks) + (0 if readings is None else len(readings)), "imported_at": now, "imported_by": "demo",
        }
    )  # fmt: skip
    db_session.add(batch)
    sites = {str(code): _site(db_session, str(code)) for code in tasks["site"].unique()}
    site_of = dict(zip(tasks["case"].astype(str), tasks["site"].astype(str), strict=True))
    db_session.flush()
    cases = {str(name): new_id() for name in tasks["case"].unique()}
    people = {str(name): _person(db_session, str(name), now) for name in tasks["technologist"].unique()}
    _bulk(db_session, batch, Case, [_case(name, row, study, sites[site_of[name]], now) for name, row in cases.items()])
    ids = [new_id() for _ in range(len(tasks))]
    rows = list(tasks.itertuples(index=False))
    _bulk(db_session, batch, Task, [_task(key, row, study, cases, people, batch) for key, row in zip(ids, rows, strict=True)])
    _bulk(db_session, batch, Event, [event for key, row in zip(ids, rows, strict=True) for event in _events(key, row)])
    if readings is not None:
        task_of = {(str(row.case), str(row.arm)): key for key, row in zip(ids, rows, strict=True)}
        _readings(db_session, study, readings, task_of, batch, now)
    record(db_session, operation="simulate", entity="import_batch", entity_id=batch.id, new={"file_sha256": batch.file_sha256})


def _site(db_session: Session, code: str) -> Site:
    found = db_session.exec(select(Site).where(Site.code == code)).first()
    site = found or Site.model_validate({"code": code, "name": f"Department ({code})"})
    db_session.add(site)
    return site


def _person(db_session: Session, name: str, now: datetime) -> str:
    found = db_session.exec(select(Account).where(Account.name == f"simulated-{name}")).first()
    account = found or create_account(db_session, name=f"simulated-{name}", code=name, display_name=f"Simulated {name}", now=now)
    return account.id


def _bulk(db_session: Session, batch: ImportBatch, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    insert_batch(db_session, batch=batch, rows={table: rows}, check=False)  # checked by `_plain`


def _plain(table: type[SQLModel], values: dict[str, Any]) -> dict[str, Any]:
    """Values checked by the table's own rules, defaults filled in."""
    return table.model_validate(values).model_dump()


def _case(name: str, key: str, study: Study, site: Site, now: datetime) -> dict[str, Any]:
    pseudonym = hashlib.sha256(f"{study.id}{name}".encode()).hexdigest()
    values = {
        "id": key,
        "study_id": study.id,
        "site_id": site.id,
        "number": name,
        "pseudonym": pseudonym,
        "state": "allocated",
        "enrolled_at": now,
    }
    return _plain(Case, values)


def _task(key: str, row: Any, study: Study, cases: dict[str, str], people: dict[str, str], batch: ImportBatch) -> dict[str, Any]:
    values = {
        "id": key, "study_id": study.id, "case_id": cases[row.case], "technologist_id": people[row.technologist], "arm": row.arm,
        "period": int(row.period), "sequence": str(row.sequence).lower() or None, "state": "finished", "instrument": "simulation",
        "created_at": row.started_at, "batch_id": batch.id,
    }  # fmt: skip
    return _plain(Task, values)


def _events(task: str, row: Any) -> list[dict[str, Any]]:
    """Start, AI wait, one pause if there was any, the clicks, and the finish, placed so that durations come out as drawn."""
    start = pd.Timestamp(row.started_at).to_pydatetime()
    wait, elapsed = float(row.ai_wait_seconds), float(row.elapsed_seconds)
    paused = max(0.0, elapsed - wait - float(row.hands_on_seconds))
    moments: list[tuple[float, str, dict[str, Any]]] = [(0.0, "start", {})]
    if wait > 0:
        moments += [(0.0, "ai_wait", {}), (wait, "ai_ready", {})]
    if paused > 0.05:
        middle = wait + float(row.hands_on_seconds) / 2
        moments += [(middle, "pause", {"reason": "other"}), (middle + paused, "resume", {})]
    worked = max(0.0, elapsed - wait - paused)
    span = min(worked, worked / 2 if paused > 0.05 else worked)
    moments.append((elapsed, "input", {"input": "click", "area": "workstation", "count": int(row.clicks), "span_seconds": span}))
    moments.append((elapsed, "finish", {}))
    return [_event(task, start, offset, kind, number, extra) for number, (offset, kind, extra) in enumerate(moments)]


def _event(task: str, start: datetime, offset: float, kind: str, number: int, extra: dict[str, Any]) -> dict[str, Any]:
    at = start + timedelta(seconds=offset)
    values = {
        "task_id": task, "kind": kind, "at": at, "boot": VERSION, "monotonic_seconds": at.timestamp(), "source": "simulation",
        "software_version": VERSION, "key": f"{task}-{number}", **extra,
    }  # fmt: skip
    row = _plain(Event, values)
    row.pop("id")
    return row


def _readings(
    db_session: Session, study: Study, readings: pd.DataFrame, task_of: dict[tuple[str, str], str], batch: ImportBatch, now: datetime
) -> None:
    sets = {key: new_id() for key in task_of}
    _bulk(db_session, batch, ImageSet, [_image_set(sets[key], study, task, now) for key, task in task_of.items()])
    people = {str(name): _person(db_session, str(name), now) for name in readings["reader"].unique()}
    made, ratings = [], []
    for keys, group in readings.groupby(["case", "reader", "arm", "round"], sort=False):
        case, reader, arm, number = (str(part) for part in keys)
        key = new_id()
        values = {
            "id": key, "study_id": study.id, "image_set_id": sets[case, arm], "reader_id": people[reader], "round": int(number),
            "state": "submitted", "assigned_at": now, "submitted_at": now, "batch_id": batch.id,
        }  # fmt: skip
        made.append(_plain(Reading, values))
        ratings += [_rating(key, row, now) for row in group.itertuples(index=False)]
    _bulk(db_session, batch, Reading, made)
    _bulk(db_session, batch, Rating, ratings)


def _image_set(key: str, study: Study, task: str, now: datetime) -> dict[str, Any]:
    nothing = hashlib.sha256(b"").hexdigest()
    return _plain(
        ImageSet, {"id": key, "study_id": study.id, "task_id": task, "path": key, "sha256": nothing, "frames": 0, "created_at": now}
    )


def _rating(reading: str, row: Any, now: datetime) -> dict[str, Any]:
    values = {
        "reading_id": reading, "region": row.region, "quality": int(row.quality), "passed": bool(row.passed), "reason": row.reason or None,
        "rated_at": now,
    }  # fmt: skip
    return _plain(Rating, values)
