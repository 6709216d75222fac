"""Accrual and data quality: how a study fills, and how well it is recorded. Nothing here is split by arm or tells an outcome."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Engine, text
from sqlmodel import Session

from db.audit import Actor
from db.department import Heads, heads
from db.engine import snapshot
from db.tables import Study
from study.permissions import require
from study.protocol import Protocol
from study.studies import find_study, protocol_of

RATE_WEEKS = 8
DRAWS = 4000
FEWEST = 5


@dataclass(frozen=True)
class Forecast:
    """When the study will be full, if it goes on as in the last weeks.

    Parameters
    ----------
    rate_per_week : float
        Eligible cases a week over the last weeks.
    weeks : int
        Weeks the rate was taken from.
    reached, early, late : datetime or None
        Median and 95 % prediction interval of the day of the last case; None where nothing comes in.
    """

    rate_per_week: float
    weeks: int
    reached: datetime | None
    early: datetime | None
    late: datetime | None


@dataclass(frozen=True)
class Accrual:
    """What the accrual page shows.

    Parameters
    ----------
    study : Study
    planned, enrolled, excluded, withdrawn, allocated : int
        Cases; `enrolled` are the eligible ones.
    course : pandas.DataFrame
        `week`, `enrolled` (cumulative), `plan` (cumulative).
    forecast : Forecast
    balance : pandas.DataFrame
        Cases allocated by site and stratum; never by arm.
    reasons : pandas.DataFrame
        Exclusions by reason.
    tasks : pandas.DataFrame
        Tasks by state, and why they are missing or were interrupted; both arms together.
    queries, deviations : pandas.DataFrame
        Open queries by age; deviations by kind.
    readings : pandas.DataFrame
        Readings by state.
    """

    study: Study
    planned: int
    enrolled: int
    excluded: int
    withdrawn: int
    allocated: int
    course: pd.DataFrame
    forecast: Forecast
    balance: pd.DataFrame
    reasons: pd.DataFrame
    tasks: pd.DataFrame
    queries: pd.DataFrame
    deviations: pd.DataFrame
    readings: pd.DataFrame


CASES = "SELECT state, COUNT(*) FROM study_case WHERE study_id = :study AND training = false GROUP BY state"
ALLOCATED = "SELECT 'all', COUNT(*) FROM allocation WHERE study_id = :study"
DEVIATIONS = "SELECT kind, COUNT(*) FROM deviation WHERE study_id = :study GROUP BY kind"
READINGS = "SELECT state, COUNT(*) FROM reading WHERE study_id = :study GROUP BY state"


def permit_accrual(engine: Engine, *, actor: Actor, study_id: str) -> Heads:
    """Let the actor see accrual; returns how far the records go, for a cache to go by.

    Raises
    ------
    study.errors.Forbidden
        For roles that do not see accrual.
    """
    with snapshot(engine) as db_session:
        require(db_session, actor=actor, operation="accrual.view", study=find_study(db_session, study=study_id))
        return heads(db_session)


def read_accrual(engine: Engine, *, study_id: str, now: datetime) -> Accrual:
    """How the study fills and how well it is recorded; call `permit_accrual` first."""
    with snapshot(engine) as db_session:
        study = find_study(db_session, study=study_id)
        protocol, by_day = protocol_of(db_session, study_id=study.id), _enrolled_by_day(db_session, study.id)
        states, enrolled, planned = _counts(db_session, CASES, study.id), int(by_day.sum()), protocol.study.cases
        return Accrual(
            study=study, planned=planned, enrolled=enrolled, excluded=states.get("excluded", 0), withdrawn=states.get("withdrawn", 0),
            allocated=_counts(db_session, ALLOCATED, study.id).get("all", 0), course=_course(by_day, study, protocol, now),
            forecast=forecast(by_day, missing=planned - enrolled, now=now), balance=_balance(db_session, study.id),
            reasons=_reasons(db_session, study.id), tasks=_tasks(db_session, study.id), queries=_queries(db_session, study.id, now),
            deviations=_named(db_session, DEVIATIONS, study.id, "Deviation", "Number"),
            readings=_named(db_session, READINGS, study.id, "Readings", "Number"),
        )  # fmt: skip


def forecast(by_day: "pd.Series[int]", *, missing: int, now: datetime, seed: int = 0) -> Forecast:
    """Simulate when the missing cases will have come: Poisson weeks at the rate of the last eight, itself drawn from its gamma posterior.

    Parameters
    ----------
    by_day : pandas.Series
        Cases enrolled by day, index of dates.
    missing : int
        Cases still to come.

    References
    ----------
    Anisimov and Fedorov 2007 (Poisson-gamma recruitment), doi:10.1002/sim.2956.

    Examples
    --------
    >>> days = pd.Series(2, index=pd.date_range("2026-01-01", periods=56))
    >>> found = forecast(days, missing=70, now=pd.Timestamp("2026-02-25 12:00", tz="UTC").to_pydatetime())
    >>> found.rate_per_week, abs((found.reached - found.early).days) < 30
    (14.0, True)
    """
    if by_day.empty:
        return Forecast(0.0, 0, None, None, None)
    today = _day(now)
    days = int(np.clip((today - by_day.index.min()).days + 1, 1, 7 * RATE_WEEKS))
    recent = int(by_day[by_day.index > today - pd.Timedelta(days=days)].sum())
    rate = 7 * recent / days
    if missing <= 0 or recent == 0:
        return Forecast(rate, max(1, round(days / 7)), now if missing <= 0 else None, None, None)
    rng = np.random.default_rng(seed)
    rates = rng.gamma(recent, 1 / days, DRAWS)  # cases a day
    waits = np.quantile(rng.gamma(missing, 1 / rates), [0.5, 0.025, 0.975])
    reached, early, late = (now + timedelta(days=min(float(wait), 36500.0)) for wait in waits)
    return Forecast(rate, max(1, round(days / 7)), reached, early, late)


def _course(by_day: "pd.Series[int]", study: Study, protocol: Protocol, now: datetime) -> pd.DataFrame:
    begin = _day(study.activated_at or study.created_at)
    begin = min(begin, by_day.index.min()) if len(by_day) else begin
    weeks = protocol.monitoring.accrual_weeks
    last = max(_day(now), begin + pd.Timedelta(weeks=weeks))
    ends = pd.date_range(begin, last + pd.Timedelta(weeks=1), freq="7D")
    total = by_day.sort_index().cumsum()
    done = [int(total[total.index < end].iloc[-1]) if (total.index < end).any() else 0 for end in ends]
    future = ends > _day(now) + pd.Timedelta(weeks=1)
    plan = np.minimum(protocol.study.cases * np.arange(len(ends)) / max(1, weeks), protocol.study.cases)
    return pd.DataFrame({"week": ends, "enrolled": np.where(future, np.nan, np.array(done, dtype=float)), "plan": plan})


def _day(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment).tz_convert("UTC").tz_localize(None).normalize()


def _counts(db_session: Session, statement: str, study_id: str) -> dict[str, int]:
    return {str(name): int(number) for name, number in db_session.execute(text(statement), {"study": study_id})}


def _named(db_session: Session, statement: str, study_id: str, *columns: str) -> pd.DataFrame:
    rows = sorted((str(name).replace("_", " "), int(number)) for name, number in db_session.execute(text(statement), {"study": study_id}))
    return pd.DataFrame(rows, columns=list(columns))


def _enrolled_by_day(db_session: Session, study_id: str) -> "pd.Series[int]":
    statement = """SELECT DATE(enrolled_at), COUNT(*) FROM study_case
        WHERE study_id = :study AND training = false AND state <> 'excluded' GROUP BY 1 ORDER BY 1"""
    rows = db_session.execute(text(statement), {"study": study_id}).all()
    return pd.Series([int(number) for _, number in rows], index=pd.DatetimeIndex([str(day) for day, _ in rows]), dtype=int)


def _balance(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = """SELECT s.code, a.stratum, COUNT(*) FROM allocation a
        JOIN study_case c ON c.id = a.case_id JOIN site s ON s.id = c.site_id
        WHERE a.study_id = :study GROUP BY s.code, a.stratum ORDER BY s.code, a.stratum"""
    rows = [tuple(row) for row in db_session.execute(text(statement), {"study": study_id})]
    return pd.DataFrame(rows, columns=["Site", "Stratum", "Cases allocated"])


def _reasons(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = "SELECT reasons FROM screening WHERE study_id = :study AND eligible = false"
    found: dict[str, int] = {}
    for (reasons,) in db_session.execute(text(statement), {"study": study_id}):
        for reason in json.loads(reasons) if isinstance(reasons, str) else reasons:
            found[reason] = found.get(reason, 0) + 1
    table = pd.DataFrame(list(found.items()), columns=["Excluded because", "Exams"])
    return table.sort_values("Exams", ascending=False, kind="stable")


def _tasks(db_session: Session, study_id: str) -> pd.DataFrame:
    """Tasks by state and reason, arms together; a reason of fewer than five tasks goes under "other", for a rare one could tell an arm."""
    # The columns as they are, so that the index counts in its own order; and the order of the table is made here.
    statement = (
        "SELECT state, missing_reason, COUNT(*) FROM task WHERE study_id = :study AND training = false GROUP BY state, missing_reason"
    )
    counted = sorted(
        (str(state), str(reason or ""), int(number)) for state, reason, number in db_session.execute(text(statement), {"study": study_id})
    )
    found: dict[tuple[str, str], int] = {}
    for state, reason, number in counted:
        shown = reason if number >= FEWEST or not reason else "other reasons, each fewer than five"
        found[state, shown] = found.get((state, shown), 0) + number
    return pd.DataFrame([(state, reason or "–", number) for (state, reason), number in found.items()], columns=["State", "Reason", "Tasks"])


def _queries(db_session: Session, study_id: str, now: datetime) -> pd.DataFrame:
    statement = "SELECT state, raised_at FROM data_query WHERE study_id = :study AND state <> 'closed'"
    rows = [tuple(row) for row in db_session.execute(text(statement), {"study": study_id})]
    frame = pd.DataFrame(rows, columns=["state", "raised"])
    frame["days"] = (pd.Timestamp(now) - pd.to_datetime(frame["raised"], utc=True, format="ISO8601")).dt.days
    grouped = frame.groupby("state")["days"].agg(["size", "max"]).reset_index()
    return grouped.rename(columns={"state": "Queries", "size": "Number", "max": "Oldest [days]"})
