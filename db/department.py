"""A department's rows in bulk: driver values in chunks, for hundreds of thousands of tasks and millions of events.

The same figures as `db.frames`, of the same `db.durations`; only the way to them is built for size. Everything here reads, and who
withdrew and asked for their record to be taken out is in none of it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlmodel import Session

from db.durations import inputs, task_times
from db.frames import _observed, refused

FETCH = 100_000
BATCH_EVENTS = 250_000
FEW = 500  # names in one list of a statement
CODED = ("task", "kind", "input", "boot", "client", "source")
NUMBERS = ("count", "span_seconds", "monotonic_seconds", "client_offset_seconds")
ATTRIBUTES = [
    "task", "site", "time_zone", "case", "technologist", "arm", "period", "sequence", "instrument", "missing_reason", "state",
    "scanner", "case_mix", "strata", "scanned_at", "scans", "ctdi_vol_mgy", "dlp_mgy_cm", "case_id",
]  # fmt: skip
FIGURES = ["started_at", "finished_at", "elapsed_seconds", "pause_seconds", "ai_wait_seconds", "hands_on_seconds", "clicks", "corrections"]


@dataclass(frozen=True)
class Heads:
    """How far the records go: the last event, the last audit entry and its hash."""

    event: int
    audit: int
    audit_sha256: str


def heads(db_session: Session) -> Heads:
    """The ends of both append-only logs; costs the same however long they are."""
    event = db_session.execute(text("SELECT MAX(id) FROM event")).scalar()
    audit = db_session.execute(text("SELECT id, sha256 FROM audit_entry ORDER BY id DESC LIMIT 1")).first()
    return Heads(int(event or 0), int(audit[0]) if audit else 0, str(audit[1]) if audit else "")


def audit_sha256(db_session: Session, *, number: int) -> str:
    """Hash of one audit entry; empty when there is none of that number."""
    return str(db_session.execute(text("SELECT sha256 FROM audit_entry WHERE id = :number"), {"number": number}).scalar() or "")


def changed_tables(db_session: Session, *, since: int) -> frozenset[str]:
    """Tables whose rows the audit says were changed after an entry; a sign-in or a look changes none."""
    statement = "SELECT DISTINCT entity FROM audit_entry WHERE id > :since AND operation IN ('insert', 'insert_batch', 'update', 'delete')"
    rows = db_session.execute(text(statement), {"since": since})
    return frozenset(str(row[0]) for row in rows)


def event_sums(db_session: Session, *, study_id: str) -> tuple[str, ...]:
    """Sums over the events of a study: they move when a row is changed behind the program's back. Walks every event."""
    statement = (
        "SELECT COUNT(*), SUM(e.monotonic_seconds), SUM(e.client_offset_seconds), SUM(e.count), MAX(e.at) "
        "FROM event e JOIN task t ON t.id = e.task_id WHERE t.study_id = :study"
    )
    return tuple(str(value) for value in db_session.execute(text(statement), {"study": study_id}).one())


@dataclass
class EventColumns:
    """Events column by column: words as numbers into a list of words."""

    words: dict[str, dict[Any, int]] = field(default_factory=lambda: {name: {} for name in CODED})
    parts: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in (*CODED, *NUMBERS, "at")})

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take rows of `_EVENTS` in."""
        names = (
            "task",
            "kind",
            "input",
            "count",
            "span_seconds",
            "at",
            "boot",
            "monotonic_seconds",
            "client",
            "client_offset_seconds",
            "source",
        )
        for name, column in zip(names, zip(*rows, strict=True), strict=True):
            if name in CODED:
                known = self.words[name]
                codes = (known.setdefault(value, len(known)) for value in column)
                self.parts[name].append(np.fromiter(codes, np.int32, len(rows)))
            elif name == "at":
                self.parts[name].append(_moments(column).to_numpy("datetime64[us]"))
            else:
                self.parts[name].append(np.array(column, dtype=np.float64))

    @property
    def tasks(self) -> list[str]:
        """Every task that has an event, by its number."""
        return list(self.words["task"])

    def batches(self) -> Iterator[pd.DataFrame]:
        """Frames of whole tasks in the order of recording, with the columns that `db.durations` reads; `task` is a number into `tasks`."""
        if not self.parts["task"]:
            return
        whole = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        order = np.argsort(whole["task"], kind="stable")
        ordered = whole["task"][order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        edges = [int(starts[np.searchsorted(starts, at)]) for at in range(0, int(starts[-1]) + 1, BATCH_EVENTS)] + [len(order)]
        words = {name: np.array(list(known), dtype=object) for name, known in self.words.items() if name != "task"}
        for first, last in pairwise(edges):
            chosen = order[first:last]
            columns = {name: words[name][whole[name][chosen]] if name in words else whole[name][chosen] for name in whole}
            frame = pd.DataFrame(columns)
            yield frame.assign(at=pd.to_datetime(frame["at"], utc=True))


_EVENTS = (
    "SELECT e.task_id, e.kind, e.input, e.count, e.span_seconds, e.at, e.boot, e.monotonic_seconds, e.client, e.client_offset_seconds, "
    "e.source FROM event e WHERE e.observation_id IS NULL AND e.task_id IS NOT NULL AND "
)


def events_after(db_session: Session, *, after: int, seen: Callable[[int], None] | None = None) -> EventColumns:
    """Every event of a task after a number, whichever study it belongs to; `seen` is told how many have been read."""
    found = EventColumns()
    result = db_session.execute(text(_EVENTS + "e.id > :after ORDER BY e.id"), {"after": after}, execution_options={"stream_results": True})
    count = 0
    for rows in result.partitions(FETCH):
        found.add(rows)
        count += len(rows)
        if seen is not None:
            seen(count)
    return found


def events_of(db_session: Session, *, tasks: Sequence[str]) -> EventColumns:
    """All events of some tasks."""
    found = EventColumns()
    for first in range(0, len(tasks), FEW):
        names = {f"t{place}": name for place, name in enumerate(tasks[first : first + FEW])}
        statement = text(f"{_EVENTS}e.task_id IN ({', '.join(f':{name}' for name in names)}) ORDER BY e.id")
        rows = db_session.execute(statement, names).all()
        if rows:
            found.add(rows)
    return found


def figures(db_session: Session, columns: EventColumns, *, study_id: str, instruments: "pd.Series[str]") -> pd.DataFrame:
    """Times, clicks and corrections of every task among the events that the study knows; index `task`, columns `FIGURES`.

    Parameters
    ----------
    instruments : pandas.Series
        Source that counts, by task of the study.
    """
    names = pd.Index(columns.tasks, dtype="str", name="task")
    instrument = instruments.reindex(names).set_axis(range(len(names)))
    known = names.isin(instruments.index)
    observed = _observed(db_session, study_id=study_id) if (instruments == "observer").any() else None
    if observed is not None:
        # A task without an event of its own is -1, and in no batch.
        observed = observed.assign(task=names.get_indexer(pd.Index(observed["task"])))
    parts = []
    for batch in columns.batches():
        log = batch[known[batch["task"].to_numpy()]]
        if log.empty:
            continue
        chosen = instrument.loc[np.unique(log["task"].to_numpy())]
        found = task_times(log, idle_seconds=())
        found["finished_at"] = log[log["kind"] == "finish"].groupby("task")["at"].last()
        found["corrections"] = (log["kind"] == "correction").groupby(log["task"]).sum().astype(float)
        if observed is not None:
            log = pd.concat([log, observed[observed["task"].isin(chosen.index)]], ignore_index=True)
        parts.append(found.assign(clicks=inputs(log, chosen))[FIGURES])
    if not parts:
        return pd.DataFrame(columns=FIGURES, index=pd.Index([], name="task"))
    whole = pd.concat(parts)
    return whole.set_axis(names[whole.index.to_numpy()])


def attributes(db_session: Session, *, study_id: str) -> pd.DataFrame:
    """What is known of each task and its case without its events: `ATTRIBUTES`; undone and training tasks left out."""
    statement = """
        SELECT t.id, s.code, s.time_zone, c.number, a.code, t.arm, t.period, t.sequence, t.instrument, t.missing_reason, t.state,
               c.scanner, c.features, c.strata, c.scanned_at, c.scans, c.ctdi_vol_mgy, c.dlp_mgy_cm, c.id
        FROM task t JOIN study_case c ON c.id = t.case_id JOIN site s ON s.id = c.site_id JOIN account a ON a.id = t.technologist_id
        WHERE t.study_id = :study AND t.state <> 'undone' AND t.training = false AND NOT EXISTS (
            SELECT 1 FROM consent w WHERE w.account_id = t.technologist_id AND w.study_id = t.study_id AND w.erase_data = true
              AND w.withdrawn_at >= t.created_at)
        ORDER BY c.number, t.period, t.created_at, t.id"""
    rows = db_session.execute(text(statement), {"study": study_id}).all()
    frame = pd.DataFrame.from_records([tuple(row) for row in rows], columns=ATTRIBUTES)
    frame["case_mix"] = _words(frame["case_mix"])
    frame["strata"] = _words(frame["strata"])
    frame["scanned_at"] = _moments(frame["scanned_at"])
    for name in ("ctdi_vol_mgy", "dlp_mgy_cm"):
        frame[name] = pd.to_numeric(frame[name]).astype(float)
    return frame


def last_runs(db_session: Session, *, study_id: str) -> pd.DataFrame:
    """Model and automatic check of the last run of each case; index `case_id`, columns `model`, `check`."""
    statement = """
        SELECT r.case_id, r.model_version, r.verdict, r.state FROM run r JOIN study_case c ON c.id = r.case_id
        WHERE c.study_id = :study ORDER BY r.started_at, r.id"""
    rows = [tuple(row) for row in db_session.execute(text(statement), {"study": study_id})]
    frame = pd.DataFrame.from_records(rows, columns=["case_id", "model", "check", "state"])
    frame["check"] = frame["check"].where(frame["state"] != "failed", "failed")
    return frame.drop_duplicates("case_id", keep="last").set_index("case_id")[["model", "check"]]


def verdicts(db_session: Session, *, study_id: str) -> "pd.Series[float]":
    """1.0 or 0.0 for every task whose pictures were rated: the majority of first-round readers, a tie is a fail; index `task`.

    An AI task whose reconstruction was refused fails whatever was made by hand instead.
    """
    statement = """
        SELECT i.task_id, COUNT(*), SUM(CASE WHEN ra.passed THEN 1 ELSE 0 END)
        FROM rating ra JOIN reading re ON re.id = ra.reading_id JOIN image_set i ON i.id = re.image_set_id
        WHERE re.study_id = :study AND re.state = 'submitted' AND re.round = 1 AND re.purpose IN ('primary', 'repeat')
          AND ra.region = 'overall' AND ra.passed IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM rating later WHERE later.reading_id = ra.reading_id AND later.region = ra.region
              AND later.amendment > ra.amendment)
          AND NOT EXISTS (
            SELECT 1 FROM consent w WHERE w.account_id = re.reader_id AND w.study_id = re.study_id AND w.erase_data = true
              AND w.withdrawn_at >= re.assigned_at)
        GROUP BY i.task_id"""
    rows = [
        (str(task), float(2 * int(passed) > int(total))) for task, total, passed in db_session.execute(text(statement), {"study": study_id})
    ]
    found = pd.Series(dict(rows), name="passed", dtype=float).rename_axis("task")
    found[found.index.isin([str(row[0]) for row in db_session.execute(refused(study_id))])] = 0.0
    return found


def _moments(values: Any) -> "pd.Series[pd.Timestamp]":
    """Times as the driver hands them over: texts in UTC (SQLite) or aware times."""
    return pd.Series(pd.to_datetime(pd.Series(list(values), dtype=object), utc=True, format="ISO8601"))


def _words(values: "pd.Series[Any]") -> "pd.Series[str]":
    """A list or a mapping as words; the driver hands over JSON as text or as it is."""
    return values.map(lambda value: _said(value if isinstance(value, str) else json.dumps(value)))


@cache
def _said(content: str) -> str:
    found = json.loads(content or "null")
    if isinstance(found, dict):
        return "; ".join(f"{key}: {value}" for key, value in sorted(found.items()))
    return ", ".join(sorted(str(item) for item in found or []))
