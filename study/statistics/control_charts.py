"""Control charts: what an ordinary week looks like."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from study.statistics.reader_scores import Floats
from study.statistics.results import Result, StatisticsError

INDIVIDUALS_FACTOR = 2.66
MOVING_RANGE_TO_SD = 1.128


@dataclass(frozen=True, kw_only=True)
class ControlChart(Result):
    """Centre line and natural process limits; `estimate` is the centre, `standard_error` the sigma between points.

    Parameters
    ----------
    centre : float
    lower, upper : float or tuple of float
        One pair for an individuals chart, one per point for a p chart.
    values : tuple of float
        What is plotted.
    """

    centre: float
    lower: float | tuple[float, ...]
    upper: float | tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CusumChart(Result):
    """Cumulative sums that start again after each signal, in standard deviations.

    Parameters
    ----------
    centre, lower, upper : float
        0 and the decision limits.
    high, low : tuple of float
        Sum of excesses upwards, and downwards (zero or below), at each point.
    signals : tuple of int
        Positions (from 0) at which a limit was crossed.
    """

    centre: float
    lower: float
    upper: float
    high: tuple[float, ...]
    low: tuple[float, ...]
    signals: tuple[int, ...]


def individuals_chart(values: npt.ArrayLike, *, baseline: int | slice | Sequence[bool] | None = None) -> ControlChart:
    """XmR chart: mean ± 2.66 x mean moving range.

    Parameters
    ----------
    values : array_like
        One value per week or month, in order; NaN is a gap that no moving range crosses.
    baseline : int, slice or sequence of bool, optional
        Points that set the limits: the first so many, a slice or a mask. All when not given. Re-base by choosing it at a known
        change, never automatically.

    Returns
    -------
    ControlChart

    Raises
    ------
    StatisticsError
        Fewer than 2 adjacent baseline points.

    References
    ----------
    Wheeler 2000, Understanding Variation; NHS England, Making Data Count.

    Examples
    --------
    >>> chart = individuals_chart([14, 15, 13, 14, 16, 15])
    >>> chart.centre, round(chart.lower, 2), round(chart.upper, 2)
    (14.5, 10.78, 18.22)
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    kept = numbers[_baseline(len(numbers), baseline)]
    ranges = np.abs(np.diff(kept))
    ranges = ranges[np.isfinite(ranges)]
    if not ranges.size:
        raise StatisticsError("at least 2 adjacent points", f"{int(np.isfinite(kept).sum())} points", "wait for more of them")
    centre, mean_range = float(np.nanmean(kept)), float(ranges.mean())
    points = int(np.isfinite(kept).sum())
    return ControlChart(
        estimate=centre,
        standard_error=mean_range / MOVING_RANGE_TO_SD,
        n=points,
        method="XmR chart, mean ± 2.66 x mean moving range",
        notes=_notes(points, mean_range),
        centre=centre,
        lower=centre - INDIVIDUALS_FACTOR * mean_range,
        upper=centre + INDIVIDUALS_FACTOR * mean_range,
        values=tuple(numbers.tolist()),
    )


def p_chart(
    events: npt.ArrayLike, totals: npt.ArrayLike, *, laney: bool = False, baseline: int | slice | Sequence[bool] | None = None
) -> ControlChart:
    """Chart of a proportion, limits at 3 sigma for each total.

    Parameters
    ----------
    events, totals : array_like
        Passes (or fails) and cases of each week, in order; a week without cases, or missing, is a gap.
    laney : bool
        Laney's p' chart: sigma widened (or narrowed) by the variation between weeks. Use it for large totals.
    baseline : optional
        As in `individuals_chart`.

    Returns
    -------
    ControlChart
        Limits clipped to 0 and 1.

    Raises
    ------
    StatisticsError
        Different lengths, more events than cases, no cases.

    References
    ----------
    Laney 2002, doi:10.1081/QEN-120003555.

    Examples
    --------
    >>> chart = p_chart([46, 45, 47], [50, 50, 50])
    >>> round(chart.centre, 2), round(chart.lower[0], 3), chart.upper[0]
    (0.92, 0.805, 1.0)
    """
    counts, sizes = np.asarray(events, dtype=np.float64).ravel(), np.asarray(totals, dtype=np.float64).ravel()
    if counts.shape == sizes.shape:
        known = np.isfinite(counts) & np.isfinite(sizes)
        counts, sizes = np.where(known, counts, 0.0), np.where(known, sizes, 0.0)
    if counts.shape != sizes.shape or (counts < 0).any() or (counts > sizes).any() or not sizes.sum() > 0:
        raise StatisticsError("events between 0 and their totals", f"{counts.size} events, {sizes.size} totals", "check the two columns")
    chosen = _baseline(len(counts), baseline)
    centre = float(counts[chosen].sum() / sizes[chosen].sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        shares, sigma = counts / sizes, np.sqrt(centre * (1 - centre) / sizes)
        scores = ((shares - centre) / sigma)[chosen]
        inflation = _sigma_z(scores) if laney and 0 < centre < 1 else 1.0
        widths = 3 * sigma * inflation
    weeks = int((sizes[chosen] > 0).sum())
    return ControlChart(
        estimate=centre,
        standard_error=None,
        n=weeks,
        method=f"Laney p' chart, sigma z {inflation:.3f}" if laney else "p chart, 3 sigma binomial limits",
        notes=_notes(weeks, centre * (1 - centre)),
        centre=centre,
        lower=tuple(np.clip(centre - widths, 0, 1).tolist()),
        upper=tuple(np.clip(centre + widths, 0, 1).tolist()),
        values=tuple(shares.tolist()),
    )


def cusum(
    values: npt.ArrayLike, *, target: float | None = None, sd: float | None = None, allowance: float = 0.5, decision: float = 5.0
) -> CusumChart:
    """Two-sided tabular CUSUM that starts again from zero after each signal.

    Parameters
    ----------
    values : array_like
        In order: minutes, or 1 for a fail and 0 for a pass.
    target : float, optional
        Value to hold; the mean when not given.
    sd : float, optional
        Standard deviation in control; from the mean moving range when not given.
    allowance : float
        Half the shift worth finding. [sd]
    decision : float
        Signal when a sum exceeds this. [sd]

    Returns
    -------
    CusumChart

    Raises
    ------
    StatisticsError
        No values, missing ones, or no variation to judge by.

    References
    ----------
    Page 1954, doi:10.1093/biomet/41.1-2.100; Montgomery 2013, Introduction to Statistical Quality Control, chapter 9.

    Examples
    --------
    >>> cusum([10, 10.5, 9.5, 12, 13, 12.5, 13], target=10, sd=1).signals
    (5,)
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    if not numbers.size or not np.isfinite(numbers).all():
        raise StatisticsError("values without gaps", f"{int((~np.isfinite(numbers)).sum())} of {numbers.size} missing", "leave them out")
    centre = float(numbers.mean()) if target is None else float(target)
    spread = float(np.abs(np.diff(numbers)).mean()) / MOVING_RANGE_TO_SD if sd is None and numbers.size > 1 else float(sd or 0)
    if not spread > 0:
        raise StatisticsError("a standard deviation above 0", f"{spread:g}", "give sd=, the values do not vary")
    high, low, signals = _sums((numbers - centre) / spread, allowance, decision)
    return CusumChart(
        estimate=centre,
        standard_error=spread,
        n=numbers.size,
        method=f"tabular CUSUM, allowance {allowance:g} sd, decision {decision:g} sd, both directions, restarted at each signal",
        centre=0.0,
        lower=-float(decision),
        upper=float(decision),
        high=tuple(high),
        low=tuple(low),
        signals=tuple(signals),
    )


def _sums(deviations: Floats, allowance: float, decision: float) -> tuple[list[float], list[float], list[int]]:
    high, low, signals = [], [], []
    up = down = 0.0
    for position, deviation in enumerate(deviations.tolist()):
        up, down = max(0.0, up + deviation - allowance), min(0.0, down + deviation + allowance)
        high.append(up)
        low.append(down)
        if up > decision or -down > decision:
            signals.append(position)
            up = down = 0.0
    return high, low, signals


def _baseline(points: int, baseline: Any) -> Any:
    if baseline is None:
        return slice(None)
    if isinstance(baseline, (int, np.integer)) and not isinstance(baseline, bool):
        return slice(0, int(baseline))
    if isinstance(baseline, slice):
        return baseline
    mask = np.asarray(baseline)
    if mask.dtype != bool or mask.shape != (points,):
        raise StatisticsError("a number, a slice or one true/false per point", f"{mask.dtype} of {mask.shape}", "mark the baseline")
    return mask


def _sigma_z(scores: Floats) -> float:
    ranges = np.abs(np.diff(scores))
    ranges = ranges[np.isfinite(ranges)]
    if not ranges.size:
        raise StatisticsError("at least 2 adjacent weeks with cases", f"{scores.size}", "wait for more weeks, or use laney=False")
    return float(ranges.mean()) / MOVING_RANGE_TO_SD


def _notes(points: int, variation: float) -> tuple[str, ...]:
    notes = []
    if points < 12:
        notes.append(f"{points} points: limits are provisional below 12")
    if not math.isfinite(variation) or variation <= 1e-15:
        notes.append("no variation in the baseline: the limits lie on the centre")
    return tuple(notes)
