"""What every statistic returns: an estimate that knows its method and can give an interval at any level."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class StatisticsError(ValueError):
    """Impossible input: says what was expected, what came and what to do.

    Examples
    --------
    >>> raise StatisticsError("at least 2 pairs", "1 pair", "add cases")
    Traceback (most recent call last):
    study.statistics.results.StatisticsError: expected at least 2 pairs, got 1 pair; add cases
    """

    exit_status = 4

    def __init__(self, expected: str, actual: str, remedy: str) -> None:
        self.expected, self.actual, self.remedy = expected, actual, remedy
        self.code, self.found = "unusable_data", f"expected {expected}, got {actual}"
        super().__init__(f"expected {expected}, got {actual}; {remedy}")


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Examples
    --------
    >>> low, high = Interval(0.1, 0.3, level=0.95)
    """

    low: float
    high: float
    level: float = 0.95

    def __iter__(self) -> Any:
        yield self.low
        yield self.high

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Result:
    """Base of every result; subclasses add fields and an `interval(level)` method.

    Parameters
    ----------
    estimate : float
        The effect; difference = ai − manual, ratio = ai / manual.
    method : str
        What was computed, in words a methods section can use, sidedness included.
    n : int
        Number of independent units used (pairs, cases, weeks).
    standard_error, statistic, df, p_value : float or None
        Where the method has them; `p_value` is two-sided unless `method` says otherwise.
    notes : tuple of str
        What was done about ties, zeros, missing values, constant arms.
    """

    estimate: float
    method: str
    n: int
    standard_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Every public field, ready for JSON: no arrays, NaN and infinity as None."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self) if not f.name.startswith("_")}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value) if not f.name.startswith("_")}
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)
