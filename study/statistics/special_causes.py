"""Special causes on a control chart: the four rules of NHS England's Making Data Count."""

import numpy as np
import numpy.typing as npt

from study.statistics.reader_scores import Floats
from study.statistics.results import StatisticsError

RUN = 7


def special_cause(values: npt.ArrayLike, centre: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike) -> tuple[str, ...]:
    """One code per point, empty for common cause.

    Parameters
    ----------
    values : array_like
        In order; NaN is skipped: rules run over the points there are.
    centre, lower, upper : float or array_like
        From a chart: `special_cause(chart.values, chart.centre, chart.lower, chart.upper)`.

    Returns
    -------
    tuple of str
        "above_limit", "below_limit": beyond a limit. "increasing", "decreasing": part of 7 points that only rise or only fall.
        "near_upper", "near_lower": one of 2 points of 3, all on one side, in the outer third. "high_run", "low_run": part of 7
        points on one side of the centre. "" otherwise. The first that applies, in this order.

    Raises
    ------
    StatisticsError
        Limits of another length than the values.

    References
    ----------
    NHS England, Making Data Count; rules checked against the tests of NHSRplotthedots 0.2.2 (MIT).

    Examples
    --------
    >>> special_cause([5, 5.2, 4.9, 9.5, 5.1], centre=5, lower=2, upper=8)
    ('', '', '', 'above_limit', '')
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    try:
        lines = [np.broadcast_to(np.asarray(line, dtype=np.float64), numbers.shape) for line in (centre, lower, upper)]
    except ValueError:
        shapes = [np.shape(line) for line in (centre, lower, upper)]
        raise StatisticsError(f"one limit, or {numbers.size}", f"shapes {shapes}", "give limits of the length of the values") from None
    there = np.isfinite(numbers)
    codes = np.full(numbers.size, "", dtype=object)
    codes[there] = _codes(numbers[there], *(line[there] for line in lines))
    return tuple(codes.tolist())


def _codes(values: Floats, centre: Floats, lower: Floats, upper: Floats) -> np.ndarray:
    side = np.sign(values - centre)
    beyond = (values > upper) | (values < lower)
    near = ~beyond & ((values > centre + (upper - centre) * 2 / 3) | (values < centre - (centre - lower) * 2 / 3))
    trend = _trend(values)
    rules = (
        (beyond, side, "above_limit", "below_limit"),
        (trend != 0, trend, "increasing", "decreasing"),
        (near & _two_of_three(near, side), side, "near_upper", "near_lower"),
        (_in_runs(side), side, "high_run", "low_run"),
    )
    codes = np.full(values.size, "", dtype=object)
    for applies, direction, high, low in reversed(rules):
        codes[applies & (direction > 0)] = high
        codes[applies & (direction < 0)] = low
    return codes


def _in_runs(side: Floats) -> npt.NDArray[np.bool_]:
    """Points inside a stretch of 7 or more with the same sign, not zero."""
    member = np.zeros(side.size, dtype=bool)
    for start in range(side.size - RUN + 1):
        window = side[start : start + RUN]
        if window[0] != 0 and (window == window[0]).all():
            member[start : start + RUN] = True
    return member


def _trend(values: Floats) -> Floats:
    """+1 or −1 for points inside 7 or more that only rise or only fall; where two meet, the later one."""
    direction = np.zeros(values.size)
    steps = np.sign(np.diff(values))
    for start in range(values.size - RUN + 1):
        window = steps[start : start + RUN - 1]
        if window[0] != 0 and (window == window[0]).all():
            direction[start : start + RUN] = window[0]
    return direction


def _two_of_three(near: npt.NDArray[np.bool_], side: Floats) -> npt.NDArray[np.bool_]:
    """Points inside three in a row on one side, two or more of them near the limit."""
    member = np.zeros(near.size, dtype=bool)
    for start in range(near.size - 2):
        window = slice(start, start + 3)
        if near[window].sum() >= 2 and abs(side[window].sum()) == 3:
            member[window] = True
    return member
