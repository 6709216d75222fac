"""A year of a five-site department in a home of its own: 200,000 tasks, 2 million events, and how long the managers' pages take on it.

    python benchmarks/department.py fill HOME [--tasks 200000] [--weeks 52] [--sites 5] [--seed 1]
    python benchmarks/department.py measure HOME [--out FILE.json]

`fill` writes real rows (an audit entry vouches for every chunk, so that `gilbreth study verify` walks them too) of a simulated
before–after roll-out with open operations: four sites switch in the middle week, the fifth stays manual. The database is the home's
own SQLite file, or GILBRETH_DATABASE_URL. Accounts `investigator` and `manager` get the password given with --password.
`measure` times the functions behind every managers' page, first opening and filter.
"""

import argparse
import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlmodel import Session, select

from db.audit import Actor
from db.base import new_id, utc_now
from db.batches import insert_batch
from db.engine import transaction
from db.tables import Account, Case, Event, ImageSet, ImportBatch, Rating, Reading, Run, Study, Task
from study.accounts import create_account, grant_role
from study.department import department, read_ahead
from study.enrolment import get_site
from study.home import Home, open_home
from study.protocol import load_protocol, parse_protocol
from study.studies import create_study

CHUNK = 10_000
SCANNERS = ("Scanner A 64", "Scanner B 256", "Scanner C 320")
FEATURES = ("artefact", "anomaly", "occlusion", "aneurysm", "postoperative")
VERSIONS = ("1.0", "1.1", "2.0")
ACTOR = Actor(account="benchmark")
TECHNOLOGISTS = 12


def fill(home: Home, *, tasks: int, weeks: int, sites: int, seed: int, password: str, open_operations: bool = True) -> str:
    """Write the department; returns the id of its study."""
    start = datetime(2025, 6, 30, tzinfo=UTC)
    live = start + timedelta(weeks=weeks // 2)
    rng = np.random.default_rng(seed)
    with transaction(home.engine, actor=ACTOR, reason="benchmark: simulated data") as db_session:
        facts = {
            "go_live": live.date(), "weeks_before": weeks // 2, "weeks_after": weeks - weeks // 2, "cases": tasks,
            "comparison_sites": f'["S{sites}"]', "open_operations": str(open_operations).lower(),
            "outcomes": '"open"' if open_operations else '"until_unblinding"',
        }  # fmt: skip
        study, places, people = _frame(db_session, facts, sites=sites, password=password)
    when = np.sort(_moments(rng, tasks, weeks))
    for first in range(0, tasks, CHUNK):
        began = time.perf_counter()
        part = when[first : first + CHUNK]
        with transaction(home.engine, actor=ACTOR, reason="benchmark: simulated data") as db_session:
            _chunk(db_session, study, places, people, rng, start, live, first, part)
        print(f"{first + len(part)} of {tasks} tasks, {time.perf_counter() - began:.1f} s", flush=True)
    read_ahead(home.engine, folder=home.path / "cache")
    return study.id


def _frame(db_session: Session, facts: dict[str, Any], *, sites: int, password: str) -> Any:
    now = utc_now()
    for name in ("investigator", "manager"):
        if db_session.exec(select(Account).where(Account.name == name)).first() is None:
            account = create_account(db_session, name=name, password=password, display_name=name.capitalize(), now=now)
            grant_role(db_session, account=account, role=name, actor=ACTOR, now=now)
    text = load_protocol("before_after").text
    stamp = f"{now:%H%M%S}"
    for key, value in {"name": f'"department_{stamp}"', **facts}.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
    investigator = db_session.exec(select(Account).where(Account.name == "investigator")).one()
    actor = Actor("investigator", "investigator", investigator.id)
    study = create_study(db_session, protocol=parse_protocol(text), actor=actor, now=now, simulated=True)
    study.state, study.activated_at = "active", now
    db_session.add(study)
    places = [get_site(db_session, code=f"S{number + 1}", name=f"Site {number + 1}").id for number in range(sites)]
    people = [
        [create_account(db_session, name=f"t{stamp}-{site}-{n}", code=f"T{stamp}{site}{n:02d}", now=now).id for n in range(TECHNOLOGISTS)]
        for site in range(sites)
    ]
    readers = [create_account(db_session, name=f"r{stamp}-{n}", code=f"R{stamp}{n}", now=now).id for n in range(2)]
    db_session.flush()
    return study, places, (people, readers)


def _moments(rng: np.random.Generator, tasks: int, weeks: int) -> np.ndarray:
    """Minutes from the start: busier by day and on weekdays, growing by a third over the year."""
    hour = np.array([1, 1, 1, 1, 1, 1, 2, 5, 9, 10, 10, 9, 7, 8, 9, 9, 8, 6, 5, 4, 4, 3, 2, 2], float)
    day = np.array([1.1, 1.05, 1, 1, 1, 0.5, 0.4])
    week = np.linspace(0.85, 1.15, weeks)
    weights = (week[:, None, None] * day[None, :, None] * hour[None, None, :]).ravel()
    slots = rng.choice(weights.size, tasks, p=weights / weights.sum())
    return slots * 60.0 + rng.random(tasks) * 60.0


def _chunk(
    db_session: Session, study: Study, places: list[str], people: Any, rng: np.random.Generator, start: datetime, live: datetime,
    first: int, minutes: np.ndarray,
) -> None:  # fmt: skip
    n = len(minutes)
    batch = ImportBatch.model_validate(
        {"study_id": study.id, "kind": "simulation", "file_name": "benchmark", "file_sha256": f"{first:064d}", "row_count": n,
         "imported_at": utc_now(), "imported_by": "benchmark"}
    )  # fmt: skip
    db_session.add(batch)
    drawn = _draw(rng, minutes, start, live, sites=len(places))
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in (Case, Task, Event, ImageSet, Reading, Rating)}
    runs: list[dict[str, Any]] = []
    for index in range(n):
        _rows(rows, runs, {key: value[index] for key, value in drawn.items()}, study, places, people, first + index, start)
    insert_batch(db_session, batch=batch, rows=rows, check=False)
    db_session.connection().execute(Run.__table__.insert(), runs) if runs else None  # type: ignore[attr-defined]


def _draw(rng: np.random.Generator, minutes: np.ndarray, start: datetime, live: datetime, *, sites: int) -> dict[str, list[Any]]:
    """Everything chance decides about each task of a chunk."""
    n = len(minutes)
    week = minutes / 10080 - (live - start).days / 7
    site = rng.integers(0, sites, n)
    usage = np.clip(0.7 + 0.01 * week, 0, 0.92)
    ai = (week >= 0) & (site < sites - 1) & (rng.random(n) < usage)
    manual = 14.22 * np.exp(0.25 * rng.standard_normal(n) - 0.03)
    review = 4.94 * np.exp(0.2 * rng.standard_normal(n) - 0.02)
    version = np.select([week < 10, week < 18], [0, 1], 2)
    corrected = ai & (rng.random(n) < np.array([0.16, 0.1, 0.05])[version])
    return {
        "minute": minutes.tolist(), "site": site.tolist(), "ai": ai.tolist(), "version": version.tolist(),
        "corrected": corrected.tolist(), "after": (week >= 0).tolist(),
        "work": (60 * np.where(ai, review + 2.5 * corrected, manual)).tolist(), "wait": (60 * rng.gamma(25, 0.06, n)).tolist(),
        "delay": (60 * rng.exponential(25, n)).tolist(), "pause": np.where(rng.random(n) < 0.25, 60 * rng.gamma(2, 1.5, n), 0).tolist(),
        "clicks": np.where(ai, 4, rng.negative_binomial(20, 20 / 136, n)).tolist(), "who": rng.integers(0, TECHNOLOGISTS, n).tolist(),
        "scanner": rng.integers(0, 3, n).tolist(), "feature": np.where(rng.random(n) < 0.15, rng.integers(0, 5, n), -1).tolist(),
        "ctdi": rng.normal(18, 3, n).clip(5).tolist(), "dlp": rng.normal(620, 90, n).clip(150).tolist(),
        "read": (rng.random(n) < 0.05).tolist(), "passes": (rng.random((n, 2)) < 0.93).tolist(),
        "lost": (rng.random(n) < 0.01).tolist(),
    }  # fmt: skip


def _rows(
    rows: dict[Any, list[dict[str, Any]]], runs: list[dict[str, Any]], one: dict[str, Any], study: Study, places: list[str], people: Any,
    number: int, start: datetime,
) -> None:  # fmt: skip
    scanned = start + timedelta(minutes=one["minute"])
    opened = scanned + timedelta(seconds=60 + one["delay"])
    case, task = new_id(), new_id()
    two = 1 if one["ai"] or one["after"] else 2
    values = {
        "id": case, "study_id": study.id, "site_id": places[one["site"]], "number": f"D{number:07d}",
        "pseudonym": f"{study.id}{number:07d}",
        "state": "allocated", "scanner": SCANNERS[one["scanner"]], "scanned_at": scanned, "enrolled_at": scanned, "scans": two,
        "features": [FEATURES[one["feature"]]] if one["feature"] >= 0 else [], "ctdi_vol_mgy": round(one["ctdi"], 2),
        "dlp_mgy_cm": round(one["dlp"] * (1.0 if two == 1 else 1.7), 1),
    }  # fmt: skip
    rows[Case].append(Case.model_construct(**values).model_dump())
    arm = "ai" if one["ai"] else "manual"
    values = {
        "id": task, "study_id": study.id, "case_id": case, "technologist_id": people[0][one["site"]][one["who"]], "arm": arm,
        "state": "aborted" if one["lost"] else "finished", "instrument": "simulation", "created_at": opened,
        "missing_reason": "scan unusable" if one["lost"] else None,
    }  # fmt: skip
    rows[Task].append(Task.model_construct(**values).model_dump())
    rows[Event].extend(_events(task, opened, one))
    if one["ai"]:
        run = {"case_id": case, "state": "done", "model_name": "gilbreth", "model_version": VERSIONS[one["version"]], "started_at": scanned,
               "seconds": one["wait"], "verdict": "review" if one["corrected"] else "accept"}  # fmt: skip
        runs.append(Run.model_construct(**run).model_dump())
    if one["read"] and not one["lost"]:
        _read(rows, one, study, task, opened, people[1])


def _read(rows: dict[Any, list[dict[str, Any]]], one: dict[str, Any], study: Study, task: str, when: datetime, readers: list[str]) -> None:
    made = new_id()
    values = {"id": made, "study_id": study.id, "task_id": task, "path": made, "sha256": "0" * 64, "frames": 0, "created_at": when}
    rows[ImageSet].append(ImageSet.model_construct(**values).model_dump())
    for reader, passed in zip(readers, one["passes"], strict=True):
        reading = new_id()
        values = {"id": reading, "study_id": study.id, "image_set_id": made, "reader_id": reader, "state": "submitted", "assigned_at": when,
                  "submitted_at": when}  # fmt: skip
        rows[Reading].append(Reading.model_construct(**values).model_dump())
        rated = {"reading_id": reading, "region": "overall", "quality": 4 if passed else 2, "passed": passed, "rated_at": when}
        rows[Rating].append(Rating.model_construct(**rated).model_dump())


def _events(task: str, opened: datetime, one: dict[str, Any]) -> list[dict[str, Any]]:
    """About ten events a task, as a day at the workplace leaves them."""
    work, wait, clicks = one["work"], one["wait"] if one["ai"] else 0.0, one["clicks"]
    moments: list[tuple[float, str, dict[str, Any]]] = [(0.0, "start", {})]
    if wait:
        moments += [(1.0, "ai_wait", {}), (1.0 + wait, "ai_ready", {})]
    at = 1.0 + wait
    if one["corrected"]:
        moments.append((at + 0.5 * work, "correction", {}))
    for share, area in ((0.2, "open"), (0.4, "edit"), (0.7, "check"), (0.9, "send")):
        moments.append((at + share * work, "lap", {"area": area}))
    if one["pause"]:
        moments += [(at + 0.6 * work, "pause", {"reason": "other"}), (at + 0.6 * work + one["pause"], "resume", {})]
    end = at + work + one["pause"]
    half = clicks // 2
    for count, share in ((half, 0.5), (clicks - half, 1.0)):
        moments.append((at + share * work if share < 1 else end, "input", {"input": "click", "area": "tool", "count": count,
                                                                         "span_seconds": 0.3 * work}))  # fmt: skip
    moments.append((end, "abort" if one["lost"] else "finish", {}))
    moments.sort(key=lambda moment: moment[0])
    return [_event(task, opened, offset, kind, place, extra) for place, (offset, kind, extra) in enumerate(moments)]


_EMPTY = Event.model_construct(task_id="", kind="start", at=utc_now(), boot="", monotonic_seconds=0.0, source="simulation",
                               software_version="benchmark", key="").model_dump()  # fmt: skip
_EMPTY.pop("id", None)


def _event(task: str, opened: datetime, offset: float, kind: str, place: int, extra: dict[str, Any]) -> dict[str, Any]:
    at = opened + timedelta(seconds=offset)
    return {**_EMPTY, "task_id": task, "kind": kind, "at": at, "boot": "simulation", "monotonic_seconds": at.timestamp(),
            "key": f"{task}-{place}", **extra}  # fmt: skip


def measure(home: Home) -> list[dict[str, Any]]:
    """Seconds of what is behind each managers' page: the first reading, the next start of the server, opening, filtering."""
    from study import indicators
    from study.accrual import read_accrual
    from study.analysis.data import PlanData
    from study.analysis.roll_out import roll_out
    from study.dose import cases_with_dose, dose_saved
    from study.overview import overview
    from study.staffing_answer import staffing_rows
    from study.studies import protocol_of

    with transaction(home.engine) as db_session:
        study = db_session.exec(select(Study)).first()
        assert study is not None
        protocol = protocol_of(db_session, study_id=study.id)
    folder, rows = home.path / "cache", []

    def timed(name: str, act: Any) -> Any:
        began, used = time.perf_counter(), time.process_time()
        found = act()
        rows.append({"what": name, "seconds": round(time.perf_counter() - began, 3), "cpu_seconds": round(time.process_time() - used, 3)})
        print(json.dumps(rows[-1]), flush=True)
        return found

    def read() -> Any:
        return department(home.engine, study_id=study.id, folder=folder)

    def look() -> Any:
        return department(home.engine, study_id=study.id, folder=folder, wait=False)

    for path in folder.glob("*") if folder.exists() else ():
        path.unlink()
    timed("reading all events, once, in the background", read)
    home.engine.__dict__.pop("gilbreth_departments")
    timed("figures in a fresh process", look)
    tasks = timed("figures, again", look).tasks
    marks = indicators.versions(tasks)
    for view, keys in (("time", ("minutes", "elapsed", "ai_wait", "clicks")), ("flow", ("volume", "turnaround", "backlog", "usage")),
                       ("pass", ("pass_all", "pass_accepted", "pass_read", "correction"))):  # fmt: skip
        timed(f"efficiency, {view}: open", lambda keys=keys: [indicators.chart(tasks, key, marks=marks) for key in keys])
    site = tasks["site"].cat.categories[0]
    timed("efficiency: filter one site, all twelve charts", lambda: [indicators.chart(tasks[tasks["site"] == site], item.key) for item in
                                                                    indicators.INDICATORS if item.key != "usage"])  # fmt: skip
    timed("efficiency: models", lambda: indicators.by_model(tasks))
    timed("efficiency: learning, cached per data version", lambda: indicators.learning(tasks))
    empty = pd.DataFrame({name: [] for name in ("case", "reader", "arm", "round", "region", "passed")})
    data = PlanData(protocol, tasks, empty)
    timed(
        "efficiency: effect, cached per data version",
        lambda: roll_out(data, value="minutes", unit="min", endpoint="minutes", role="primary"),
    )
    timed("overview: open", lambda: overview(protocol, tasks, None, study=study.name, simulated=True))
    timed("dose: open", lambda: dose_saved(cases_with_dose(tasks), "dlp_mgy_cm"))
    timed("accrual: open", lambda: read_accrual(home.engine, study_id=study.id, now=utc_now()))
    timed("staffing: rows, the rest runs in another process", lambda: staffing_rows(tasks))
    return rows


def main() -> None:
    """Fill or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=("fill", "measure"))
    parser.add_argument("home", type=Path)
    parser.add_argument("--tasks", type=int, default=200_000)
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--sites", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--password", default="a-password-for-tests-only")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    home = open_home(options.home)
    if options.act == "fill":
        found = fill(home, tasks=options.tasks, weeks=options.weeks, sites=options.sites, seed=options.seed, password=options.password)
        print(json.dumps({"study": found}))
    else:
        rows = measure(home)
        if options.out:
            options.out.write_text(json.dumps(rows, indent=1))
    home.close()


if __name__ == "__main__":
    main()
