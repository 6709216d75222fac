"""Looks before the end: against the boundary of the protocol's spending function, or as description; and a sequence for every day.

Only the monitor sees these. A look without a spending function in the protocol decides nothing and says so.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy import stats

from study import statistics
from study.analysis.data import PlanData
from study.analysis.finding import Finding
from study.analysis.plan import endpoint_findings
from study.errors import RejectedInput
from study.protocol import Protocol
from study.protocol.parts import Endpoint
from study.statistics import StatisticsError

EARLY = 0.005  # a look counts as made at its share of the cases up to half a point early


@dataclass(frozen=True)
class InterimLook:
    """One look at one endpoint.

    Parameters
    ----------
    endpoint : str
    cases, planned : int
        Cases with the endpoint in hand, and cases planned.
    share : float
        Their ratio: the information so far.
    kind : {"planned", "descriptive"}
        `descriptive` where the protocol states no spending function, or between its looks: no boundary, no decision.
    look, looks : int or None
        Number of this look and of all looks planned.
    statistic, boundary : float or None
        z of the endpoint's own test, signed (negative: less with AI), and the |z| to be exceeded.
    nominal_p, spent : float or None
        The boundary as a two-sided p value; type I error spent up to this look.
    decision : str
        `stop`, `continue`, `described`, or `not yet known`.
    finding : Finding
        The estimate; its interval is not adjusted for looking early, and `words` say so.
    words : str
    """

    endpoint: str
    cases: int
    planned: int
    share: float
    kind: str
    look: int | None
    looks: int | None
    statistic: float | None
    boundary: float | None
    nominal_p: float | None
    spent: float | None
    decision: str
    finding: Finding
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**{key: value for key, value in self.__dict__.items() if key != "finding"}, "finding": self.finding.to_dict()}


def interim_look(protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame, *, endpoint: str | None = None) -> InterimLook:
    """Look at the data before the end.

    Parameters
    ----------
    protocol : Protocol
        `[analysis.interim]` states shares, spending function and endpoint; without it the look is descriptive.
    tasks, readings : pandas.DataFrame
        As they stand.
    endpoint : str, optional
        The interim endpoint, or else the first that must hold.

    Returns
    -------
    InterimLook

    Raises
    ------
    RejectedInput
        When the protocol spends alpha on another endpoint than the one asked for, or has none of that name.

    Notes
    -----
    The boundary is that of the latest planned look the share of cases has reached, computed at the share really reached, with the
    earlier looks at their planned shares (Lan and DeMets 1983, doi 10.1093/biomet/70.3.659).

    Examples
    --------
    >>> from study.protocol import load_protocol
    >>> from study.simulation import simulate_paired_study
    >>> drawn = simulate_paired_study(cases=20, readers=2, seed=1)
    >>> look = interim_look(load_protocol("head_neck_cta"), drawn.tasks, drawn.readings)
    >>> look.kind, look.decision, look.boundary is None
    ('descriptive', 'described', True)
    """
    plan = protocol.analysis.interim
    name = endpoint or (plan.endpoint if plan else protocol.analysis.all_must_hold[0])
    if name not in {item.name for item in protocol.endpoints}:
        raise RejectedInput("no_such_endpoint", f"the protocol has no endpoint {name!r}", "name one of its endpoints")
    if plan is not None and name != plan.endpoint:
        found = f"the protocol spends alpha on looks at {plan.endpoint!r}, not at {name!r}"
        raise RejectedInput("not_the_interim_endpoint", found, f"look at {plan.endpoint}")
    data = PlanData(protocol, tasks, readings)
    line = endpoint_findings(data, protocol.endpoint(name))[0]
    cases = _cases(data, protocol.endpoint(name).measure)
    share = min(1.0, cases / protocol.study.cases)
    reached = [part for part in plan.looks if share >= part - EARLY] if plan else []
    if plan is None or not reached:
        return _described(line, protocol, cases, share, planned=plan is not None)
    return _against_boundary(line, protocol, cases, share, reached)


def _cases(data: PlanData, measure: str) -> int:
    """Cases in hand: pairs where every case goes both ways."""
    paired = data.protocol.design in ("paired", "multi_reader")
    if measure in ("pass", "quality"):
        return len(data.paired_passes()) if paired else int(data.verdicts["case"].nunique())
    return len(data.pairs("clicks" if measure == "clicks" else "minutes")) if paired else int(data.finished["case"].nunique())


def _described(line: Finding, protocol: Protocol, cases: int, share: float, *, planned: bool) -> InterimLook:
    why = "before the first planned look" if planned else "the protocol states no spending function"
    words = f"Descriptive only ({why}): no boundary applies and nothing may be stopped or claimed because of this look."
    absent = dict.fromkeys(("look", "looks", "statistic", "boundary", "nominal_p", "spent"))
    return InterimLook(
        endpoint=line.endpoint, cases=cases, planned=protocol.study.cases, share=share, kind="descriptive", decision="described",
        finding=line, words=words, **absent,
    )  # fmt: skip


def _against_boundary(line: Finding, protocol: Protocol, cases: int, share: float, reached: list[float]) -> InterimLook:
    plan = protocol.analysis.interim
    assert plan is not None
    # Earlier looks at their planned shares; this one at the share really reached.
    information = [*reached[:-1], max(share, reached[-1])]
    bounds = statistics.spending_boundaries(information, alpha=protocol.analysis.alpha, kind=plan.spending)
    z = signed_z(line, protocol.endpoint(line.endpoint))
    boundary, spent = bounds.boundaries[-1], bounds.spent[-1]
    decision = "not yet known" if z is None else ("stop" if abs(z) > boundary else "continue")
    shown = "could not be computed" if z is None else f"is {z:.2f}"
    words = (
        f"Look {len(reached)} of {len(plan.looks)} at {100 * share:.0f} % of the cases: z {shown}, boundary ±{boundary:.2f} "
        f"({plan.spending} spending, {spent:.4f} of {protocol.analysis.alpha:g} spent): {decision}. The interval is not adjusted for "
        "looking early."
    )
    return InterimLook(
        endpoint=line.endpoint, cases=cases, planned=protocol.study.cases, share=share, kind="planned", look=len(reached),
        looks=len(plan.looks), statistic=z, boundary=boundary, nominal_p=bounds.nominal_p[-1], spent=spent, decision=decision,
        finding=line, words=words,
    )  # fmt: skip


def signed_z(line: Finding, endpoint: Endpoint) -> float | None:
    """The normal deviate of a finding's two-sided p, with the sign of the effect; None where there is none.

    Notes
    -----
    For non-inferiority the distance is from the margin, in the standard error that the finding's interval implies; positive means
    better than the margin where higher is better.

    Examples
    --------
    >>> from study.protocol import load_protocol
    >>> line = Finding("minutes", "primary", "ratio", "ratio", 0.8, 0.64, 1.0, 0.95, 0.05, "t", 30)
    >>> round(signed_z(line, load_protocol("head_neck_cta").endpoint("minutes")), 2)
    -1.96
    """
    if endpoint.goal == "non_inferiority":
        return _z_from_margin(line, endpoint)
    if line.p_value is None or line.estimate is None:
        return None
    neutral = 1.0 if line.unit == "ratio" else 0.0
    size = float(stats.norm.isf(max(line.p_value, 1e-300) / 2))
    return math.copysign(size, line.estimate - neutral)


def _z_from_margin(line: Finding, endpoint: Endpoint) -> float | None:
    if line.estimate is None or line.low is None or line.high is None or line.high <= line.low:
        return None
    error = (line.high - line.low) / (2 * float(stats.norm.isf((1 - line.level) / 2)))
    margin = (endpoint.margin or 0.0) * (100.0 if line.unit == "points" else 1.0)
    return (line.estimate + (margin if endpoint.better == "higher" else -margin)) / error


@dataclass(frozen=True)
class MinutesSaved:
    """The confidence sequence of minutes saved per case, in the order in which pairs were completed.

    Parameters
    ----------
    cases : int
    estimate, low, high : float
        Mean difference ai − manual and its limits now. [min]
    level : float
    p_value : float or None
        Valid whenever one looks.
    course : tuple of (str, float, float, float)
        Day, mean, lower and upper limit after the last pair of each day.
    method : str
    notes : tuple of str
    """

    cases: int
    estimate: float
    low: float
    high: float
    level: float
    p_value: float | None
    course: tuple[tuple[str, float, float, float], ...]
    method: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: limits that are infinite come out as null."""
        course = [[day, *(_finite(value) for value in values)] for day, *values in self.course]
        return {**self.__dict__, "low": _finite(self.low), "high": _finite(self.high), "notes": list(self.notes), "course": course}


def minutes_saved(protocol: Protocol, tasks: pd.DataFrame) -> MinutesSaved:
    """Watch the minutes saved: an interval that may be looked at every day without inflating the error.

    Raises
    ------
    RejectedInput
        When the design has no pairs, or none is complete yet.

    Notes
    -----
    A pair counts from the day of its second task. Fewer than 20 pairs in a row leave wide limits; the sequence decides nothing by
    itself, for the protocol's plan does.
    """
    if protocol.design not in ("paired", "multi_reader"):
        found = f"a confidence sequence of paired minutes needs pairs, the design is {protocol.design}"
        raise RejectedInput("not_paired", found, "watch the control chart of the roll-out, or use the planned looks")
    data = PlanData(protocol, tasks, pd.DataFrame({name: [] for name in ("case", "reader", "arm", "round", "region", "passed")}))
    pairs = data.pairs("minutes")
    last = data.finished.groupby("case")["started_at"].max().reindex(pairs.index)
    ordered = pairs.assign(day=pd.to_datetime(last, utc=True), name=pairs.index.astype(str)).sort_values(["day", "name"], kind="stable")
    try:
        sequence = statistics.confidence_sequence((ordered["ai"] - ordered["manual"]).to_numpy(float), level=data.level)
    except StatisticsError as error:
        raise RejectedInput("no_pairs", "no case is finished in both arms yet", "wait for the first pair") from error
    low, high = sequence.interval()
    days = ordered["day"].dt.strftime("%Y-%m-%d").fillna("undated").tolist()
    ends = [index for index, day in enumerate(days) if index + 1 == len(days) or days[index + 1] != day]
    course = tuple((days[index], sequence.means[index], sequence.lower[index], sequence.upper[index]) for index in ends)
    return MinutesSaved(sequence.n, sequence.estimate, low, high, data.level, sequence.p_value, course, sequence.method, sequence.notes)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
