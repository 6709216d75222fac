"""The headline: minutes, clicks and pass rate by arm, each with effect, interval, p, method and n.

Pure: data frames in the columns of `tasks.csv` and `readings.csv` in, a frozen result out. The full pre-specified plan is
run by `gilbreth analyse`; this is what a page shows first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import RejectedInput
from study.statistics import geometric_mean_ratio, hodges_lehmann, mcnemar, paired_difference, paired_pass_difference, pass_rate
from study.statistics.results import Result

ARMS = ("manual", "ai")


@dataclass(frozen=True)
class Effect:
    """One line of the table: an effect of AI against manual with its interval, p value, method and n."""

    name: str
    unit: str
    estimate: float
    low: float
    high: float
    level: float
    p_value: float | None
    method: str
    n: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArmSummary:
    """Mean, SD and median of one measure in one arm; `n` tasks."""

    measure: str
    arm: str
    n: int
    mean: float
    sd: float
    median: float


@dataclass(frozen=True)
class Verdict:
    """Non-inferiority of the pass rate: `shown`, `not shown` or `not yet known`, and why, in words."""

    state: str
    margin: float
    words: str
    pairs_needed: int | None


@dataclass(frozen=True)
class Comparison:
    """Everything the headline page shows."""

    summaries: tuple[ArmSummary, ...]
    effects: tuple[Effect, ...]
    passed: dict[str, tuple[int, int, float, float]]
    table: tuple[tuple[int, int], tuple[int, int]] | None
    verdict: Verdict


def pair_tasks(tasks: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row per case with a finished task in both arms: columns `manual` and `ai`.

    Raises
    ------
    RejectedInput
        If a case has two tasks in one arm, for then which of them is meant is not ours to guess.
    """
    known = tasks.dropna(subset=[value])
    if known.duplicated(["case", "arm"]).any():
        raise RejectedInput("repeated_tasks", "a case has several tasks in one arm", "mark which one counts, or analyse with a mixed model")
    wide: pd.DataFrame = known.pivot(index="case", columns="arm", values=value).reindex(columns=list(ARMS))
    return wide.dropna()


def majority(readings: pd.DataFrame) -> pd.DataFrame:
    """One verdict per case and arm over readers, first round, region `overall`; a tie counts as a fail.

    Examples
    --------
    >>> rows = [("A", "ai", r, 1, "overall", p) for r, p in (("R1", True), ("R2", True), ("R3", False))]
    >>> frame = pd.DataFrame(rows, columns=["case", "arm", "reader", "round", "region", "passed"])
    >>> majority(frame)["passed"].tolist()
    [True]
    """
    overall = readings[(readings["region"] == "overall") & (readings["round"] == 1)]
    share = overall.assign(passed=overall["passed"].astype(float)).groupby(["case", "arm"], as_index=False)["passed"].mean()
    verdicts: pd.DataFrame = share.assign(passed=share["passed"] > 0.5)
    return verdicts


def region_rates(readings: pd.DataFrame) -> pd.DataFrame:
    """Ratings passed and made by region and arm, first round: columns `region`, `arm`, `passed`, `total`."""
    rated = readings[(readings["region"] != "overall") & (readings["round"] == 1)].dropna(subset=["passed"])
    grouped = rated.assign(passed=rated["passed"].astype(int)).groupby(["region", "arm"], sort=False)["passed"].agg(["sum", "count"])
    return grouped.rename(columns={"sum": "passed", "count": "total"}).reset_index()


def failure_reasons(readings: pd.DataFrame) -> pd.DataFrame:
    """Failed region ratings by reason and arm, first round: one row per reason, a column per arm."""
    failed = readings[(readings["region"] != "overall") & (readings["round"] == 1) & (readings["passed"] == False)]  # noqa: E712
    table = pd.crosstab(failed["reason"], failed["arm"]).reindex(columns=list(ARMS), fill_value=0)
    return table.reset_index().rename_axis(columns=None)


def compare(tasks: pd.DataFrame, readings: pd.DataFrame, *, margin: float = 0.05, level: float = 0.95) -> Comparison:
    """Compare the arms of a paired study.

    Parameters
    ----------
    tasks, readings : pandas.DataFrame
        Columns of `tasks.csv` and `readings.csv`.
    margin : float
        Non-inferiority margin of the pass rate, from the protocol, as a share.
    level : float
        Level of every interval.

    Returns
    -------
    Comparison
        Differences are ai − manual, ratios ai / manual.
    """
    frame = tasks.assign(minutes=tasks["hands_on_seconds"] / 60.0)
    pairs = {value: pair_tasks(frame, value) for value in ("minutes", "clicks")}
    summaries = tuple(_summary(frame, measure, arm) for measure in pairs for arm in ARMS)
    effects = [
        effect for value, unit in (("minutes", "min"), ("clicks", "clicks")) for effect in _effects(pairs[value], value, unit, level)
    ]
    verdicts = majority(readings) if len(readings) else pd.DataFrame(columns=["case", "arm", "passed"])
    counts = {arm: _passed(verdicts, arm, level) for arm in ARMS if (verdicts["arm"] == arm).any()}
    table = _paired_table(verdicts)
    if table is not None:
        effects.append(_pass_effect(table, level))
    return Comparison(summaries, tuple(effects), counts, table, _verdict(table, margin, counts))


def _summary(frame: pd.DataFrame, measure: str, arm: str) -> ArmSummary:
    values = frame.loc[frame["arm"] == arm, measure].dropna().astype(float)
    return ArmSummary(measure, arm, len(values), float(values.mean()), float(values.std(ddof=1)), float(values.median()))


def _effects(pairs: pd.DataFrame, name: str, unit: str, level: float) -> list[Effect]:
    if len(pairs) < 2:
        return []
    manual, ai = pairs["manual"].to_numpy(float), pairs["ai"].to_numpy(float)
    found = [_line(f"{name}, mean difference", unit, paired_difference(manual, ai), level)]
    found.append(_line(f"{name}, median shift", unit, hodges_lehmann(ai - manual), level))
    if name == "minutes" and min(manual.min(), ai.min()) > 0:
        found.append(_line(f"{name}, ratio of geometric means", "×", geometric_mean_ratio(manual, ai, paired=True), level))
    return found


def _line(name: str, unit: str, result: Any, level: float) -> Effect:
    interval = result.interval(level)
    return Effect(name, unit, result.estimate, interval.low, interval.high, level, result.p_value, result.method, result.n, result.notes)


def _passed(verdicts: pd.DataFrame, arm: str, level: float) -> tuple[int, int, float, float]:
    values = verdicts.loc[verdicts["arm"] == arm, "passed"]
    interval = pass_rate(int(values.sum()), len(values)).interval(level)
    return int(values.sum()), len(values), interval.low, interval.high


def _paired_table(verdicts: pd.DataFrame) -> tuple[tuple[int, int], tuple[int, int]] | None:
    wide = verdicts.pivot(index="case", columns="arm", values="passed").reindex(columns=list(ARMS)).dropna()
    if wide.empty:
        return None
    manual, ai = wide["manual"].astype(bool), wide["ai"].astype(bool)
    return ((int((manual & ai).sum()), int((~manual & ai).sum())), (int((manual & ~ai).sum()), int((~manual & ~ai).sum())))


def _pass_effect(table: tuple[tuple[int, int], tuple[int, int]], level: float) -> Effect:
    difference, test = paired_pass_difference(table), mcnemar(table)
    interval = difference.interval(level, method="tango")
    method = f"{difference.method}, Tango interval; {test.method}"
    return Effect(
        "pass rate, difference", "share", difference.estimate, interval.low, interval.high, level, test.p_value, method, difference.n
    )


def _verdict(table: Any, margin: float, counts: dict[str, Any]) -> Verdict:
    if table is None:
        missing = " and ".join(arm for arm in ARMS if arm not in counts) or "paired readings"
        words = f"Without readings of the same cases in both arms no quality comparison is possible (missing: {missing})."
        return Verdict("not yet known", margin, words, None)
    difference: Result = paired_pass_difference(table)
    shown = paired_pass_difference(table).non_inferior(margin)
    low = paired_pass_difference(table).interval(0.95).low
    needed = pairs_needed(table, margin=margin)
    words = f"Lower limit of the difference {100 * low:+.1f} points; margin −{100 * margin:.0f} points.".replace("-", "−")
    if not shown and needed is not None:
        words += f" With these pass rates and this discordance it would take about {needed} pairs for 80 % power."
    elif not shown:
        words += " The estimate lies at or beyond the margin: more pairs of the same kind would not show it."
    return Verdict("shown" if shown else "not shown", margin, f"{difference.n} pairs. {words}", None if shown else needed)


def pairs_needed(table: Any, *, margin: float, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Pairs for non-inferiority of the paired pass rate, from the observed discordance; None if the estimate is at or past −margin.

    Notes
    -----
    Normal approximation with the variance of the difference of paired proportions, two-sided alpha
    (Liu et al., Stat Med 2002;21:231, doi 10.1002/sim.1012).

    Examples
    --------
    >>> pairs_needed(((130, 10), (10, 2)), margin=0.05)
    414
    """
    from scipy.stats import norm

    (both, only_ai), (only_manual, neither) = table
    n = both + only_ai + only_manual + neither
    difference = (only_ai - only_manual) / n
    if difference <= -margin:
        return None
    variance = (only_ai + only_manual) / n - difference**2
    z = norm.ppf(1 - alpha / 2) + norm.ppf(power)
    return int(np.ceil(z**2 * max(variance, 1 / n) / (difference + margin) ** 2))
