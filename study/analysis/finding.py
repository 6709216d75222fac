"""One figure of the plan: an effect with interval, p value, method and n, and what it was asked to show."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One effect of AI against manual work.

    Parameters
    ----------
    endpoint : str
        Name of the endpoint in the protocol.
    role : str
        `primary`, `secondary`, `exploratory`, `supporting` (same question, another method) or `sensitivity`.
    effect : str
        What is estimated: "ratio of geometric means, ai / manual".
    unit : str
        `min`, `clicks`, `ratio`, `points` (percentage points), `grade`.
    estimate, low, high : float or None
        In the unit; None where the data allow none.
    level : float
        Level of the interval.
    p_value : float or None
        Two-sided unless the method says otherwise.
    method : str
        In words a methods section can use.
    n : int
        Independent units.
    notes : tuple of str
        What was done about missing values, ties, constant arms, singular fits.
    holds : bool or None
        Whether the endpoint's goal was reached by this figure alone; None where nothing had to be shown.
    adjusted_p : float or None
        After the adjustment among the secondary endpoints.
    """

    endpoint: str
    role: str
    effect: str
    unit: str
    estimate: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    method: str
    n: int
    notes: tuple[str, ...] = ()
    holds: bool | None = None
    adjusted_p: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def noted(self, *notes: str) -> "Finding":
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def finding(
    result: Any, *, endpoint: str, role: str, effect: str, unit: str, level: float, transform: str = "identity", **interval_options: Any
) -> Finding:
    """A finding from any result of `study.statistics`.

    Parameters
    ----------
    result : Result or Coefficient
        With `estimate`, `p_value` and `.interval(level)`.
    transform : {"identity", "exp", "points"}
        `exp` for effects on the log scale, `points` for shares shown as percentage points.

    Examples
    --------
    >>> from study.statistics import paired_difference
    >>> line = finding(paired_difference([10, 12, 14], [5, 6, 8]), endpoint="minutes", role="primary", effect="difference",
    ...                unit="min", level=0.95)
    >>> round(line.estimate, 2), line.n
    (-5.67, 3)
    """
    interval = result.interval(level, **interval_options)
    values = [_finite(_changed(float(value), transform)) for value in (result.estimate, interval.low, interval.high)]
    method = getattr(result, "method", "")
    return Finding(
        endpoint=endpoint, role=role, effect=effect, unit=unit, estimate=values[0], low=values[1], high=values[2], level=level,
        p_value=result.p_value, method=method, n=int(getattr(result, "n", 0)), notes=tuple(getattr(result, "notes", ())),
    )  # fmt: skip


def undone(*, endpoint: str, role: str, effect: str, unit: str, level: float, n: int, why: str) -> Finding:
    """A finding that the data do not allow; says why instead of a number."""
    return Finding(endpoint, role, effect, unit, None, None, None, level, None, "not computed", n, (why,))


def _changed(value: float, transform: str) -> float:
    return {"identity": value, "points": 100 * value}[transform] if transform != "exp" else math.exp(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
