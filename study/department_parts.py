"""What a department's tasks are put together from: attributes, figures, runs and verdicts, read afresh or followed from the logs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
from sqlmodel import Session

from db import department as rows
from db.department import Heads

MANY_TASKS = 20_000
CHANGES_TASKS = frozenset({"task", "study_case", "import_batch", "site", "account", "consent"})
CHANGES_RATINGS = frozenset({"rating", "reading", "image_set", "import_batch", "consent"})
CHANGES_RUNS = frozenset({"run", "import_batch"})
WORDS = ("site", "time_zone", "technologist", "arm", "instrument", "state", "scanner", "case_mix", "strata", "shift", "model", "check")
SHIFTS = ("early 07–15", "late 15–23", "night 23–07")


@dataclass(frozen=True)
class Parts:
    """What `tasks` is put together from, each read again only when it changed; `version` moves whenever one of them does."""

    heads: Heads
    sums: tuple[str, ...]
    version: str
    attributes: pd.DataFrame
    figures: pd.DataFrame
    runs: pd.DataFrame
    verdicts: "pd.Series[float]"


def read_all(
    db_session: Session, study_id: str, heads: Heads, sums: tuple[str, ...], *, seen: Callable[[int], None] | None = None
) -> Parts:
    """Everything afresh.

    Parameters
    ----------
    seen : callable, optional
        Told how many events have been read.
    """
    attributes = rows.attributes(db_session, study_id=study_id)
    instruments = attributes.set_index("task")["instrument"]
    figures = rows.figures(db_session, rows.events_after(db_session, after=0, seen=seen), study_id=study_id, instruments=instruments)
    runs, verdicts = rows.last_runs(db_session, study_id=study_id), rows.verdicts(db_session, study_id=study_id)
    return Parts(heads, sums, f"{_stamp(heads)}-{'/'.join(sums)}", attributes, figures, runs, verdicts)


def _stamp(heads: Heads) -> str:
    return f"{heads.event}-{heads.audit}-{heads.audit_sha256[:8]}"


def read_new(db_session: Session, study_id: str, before: Parts, heads: Heads, sums: tuple[str, ...]) -> Parts:
    """Bring every part up to date that the logs say has changed since; the version moves only when one was."""
    found = replace(before, heads=heads, sums=sums or (before.sums if heads.event == before.heads.event else ()))
    changed = rows.changed_tables(db_session, since=before.heads.audit)
    if heads.event != before.heads.event or changed & (CHANGES_TASKS | CHANGES_RUNS | CHANGES_RATINGS):
        found = replace(found, version=f"{_stamp(heads)}-{'/'.join(sums)}")
    if changed & CHANGES_TASKS:
        found = replace(found, attributes=rows.attributes(db_session, study_id=study_id))
    if changed & CHANGES_RUNS:
        found = replace(found, runs=rows.last_runs(db_session, study_id=study_id))
    if changed & CHANGES_RATINGS:
        found = replace(found, verdicts=rows.verdicts(db_session, study_id=study_id))
    if heads.event == before.heads.event:
        return found
    new = rows.events_after(db_session, after=before.heads.event)
    instruments = found.attributes.set_index("task")["instrument"]
    observed = set(instruments.index[instruments == "observer"])
    touched = sorted(set(new.words["task"]) & set(instruments.index) | observed)
    if len(touched) > MANY_TASKS:  # one walk over everything is quicker than so many tasks one by one
        return read_all(db_session, study_id, heads, sums)
    again = rows.figures(db_session, rows.events_of(db_session, tasks=touched), study_id=study_id, instruments=instruments)
    figures = pd.concat([found.figures[~found.figures.index.isin(touched)], again])
    return replace(found, figures=figures)


def joined(parts: Parts) -> pd.DataFrame:
    """One row per task, with what pages group by worked out once."""
    tasks = parts.attributes.join(parts.figures, on="task").join(parts.runs, on="case_id").join(parts.verdicts, on="task")
    finished = tasks["state"] == "finished"
    for name in ("elapsed_seconds", "hands_on_seconds", "ai_wait_seconds", "clicks", "finished_at"):
        tasks[name] = tasks[name].where(finished)
    started = pd.to_datetime(tasks["started_at"], utc=True)
    local = _local(started.fillna(pd.to_datetime(tasks["scanned_at"], utc=True)), tasks["time_zone"])
    day = local.dt.normalize()
    hour = local.dt.hour
    shift = pd.Series(SHIFTS[2], index=tasks.index).mask(hour.between(7, 14), SHIFTS[0]).mask(hour.between(15, 22), SHIFTS[1])
    tasks = tasks.assign(
        started_at=started, finished_at=pd.to_datetime(tasks["finished_at"], utc=True), 
        minutes=tasks["hands_on_seconds"].astype(float) / 60,
        week=day - pd.to_timedelta(day.dt.weekday, unit="D"), shift=shift, scanner=tasks["scanner"].fillna("not recorded"),
        case_mix=tasks["case_mix"].replace("", "none of these"), model=tasks["model"].where(tasks["arm"] == "ai").fillna(""),
        check=tasks["check"].where(tasks["arm"] == "ai").fillna(""),
    )  # fmt: skip
    return tasks.astype(dict.fromkeys(WORDS, "category"))


def _local(moments: "pd.Series[pd.Timestamp]", zones: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """Each site's own clock, without a zone."""
    found = moments.dt.tz_localize(None)
    for zone in zones.unique():
        if zone != "UTC":
            mine = zones == zone
            found[mine] = moments[mine].dt.tz_convert(zone).dt.tz_localize(None)
    return found
