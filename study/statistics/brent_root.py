"""A root of a function on a bracket, by the steps of Brent's ZEROIN, so that step functions give the root that R reports."""

from collections.abc import Callable


def brent_root(function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-4, steps: int = 1_000) -> float:
    """Root of `function` between `low` and `high`, where its signs differ.

    A rank statistic is a step function of the shift: where it is exactly zero on a whole interval, the root depends on the path of
    the search. These are the steps of Brent's algorithm with the stopping rule R's `uniroot` uses, so both end at the same place.

    References
    ----------
    Brent (1973), Algorithms for Minimization without Derivatives, chapter 4.

    Examples
    --------
    >>> round(brent_root(lambda x: x * x - 2, 0.0, 2.0, tolerance=1e-9), 6)
    1.414214
    """
    last, best = low, high
    f_last, f_best = function(low), function(high)
    if f_last == 0:
        return low
    if f_best == 0:
        return high
    if (f_last > 0) == (f_best > 0):
        raise ValueError(f"no sign change between {low} and {high}")
    across, f_across = last, f_last  # always on the other side of the root from `best`
    for _ in range(steps):
        previous_step = best - last
        if abs(f_across) < abs(f_best):
            last, best, across = best, across, best
            f_last, f_best, f_across = f_best, f_across, f_best
        smallest = 2 * 2.0**-52 * abs(best) + tolerance / 2
        step = (across - best) / 2
        if abs(step) <= smallest or f_best == 0:
            return best
        if abs(previous_step) >= smallest and abs(f_last) > abs(f_best):
            step = _interpolated(step, previous_step, smallest, (last, best, across), (f_last, f_best, f_across))
        if abs(step) < smallest:
            step = smallest if step > 0 else -smallest
        last, f_last = best, f_best
        best += step
        f_best = function(best)
        if (f_best > 0 and f_across > 0) or (f_best < 0 and f_across < 0):
            across, f_across = last, f_last
    return best


def _interpolated(bisection: float, previous_step: float, smallest: float, points: tuple[float, ...], values: tuple[float, ...]) -> float:
    """Secant or inverse quadratic step if it stays well inside the bracket and shrinks, else the bisection step."""
    last, best, across = points
    f_last, f_best, f_across = values
    width = across - best
    if last == across:
        ratio = f_best / f_last
        p, q = width * ratio, 1 - ratio
    else:
        q, ratio, other = f_last / f_across, f_best / f_across, f_best / f_last
        p = other * (width * q * (q - ratio) - (best - last) * (ratio - 1))
        q = (q - 1) * (ratio - 1) * (other - 1)
    p, q = (p, -q) if p > 0 else (-p, q)
    accepted = p < 0.75 * width * q - abs(smallest * q) / 2 and p < abs(previous_step * q / 2)
    return p / q if accepted else bisection
