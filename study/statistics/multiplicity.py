"""Several questions at once: Holm's step-down adjustment."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.statistics.results import StatisticsError


@dataclass(frozen=True)
class HolmResult:
    """Adjusted p values in the order of the input.

    Parameters
    ----------
    adjusted : tuple of float
    method : str
    n : int
        Number of tests.
    """

    adjusted: tuple[float, ...]
    method: str
    n: int

    @property
    def estimate(self) -> float:
        """Smallest adjusted p value: the evidence against all hypotheses at once."""
        return min(self.adjusted)

    def rejected(self, alpha: float = 0.05) -> tuple[bool, ...]:
        """Which hypotheses fall at this family-wise level."""
        return tuple(p <= alpha for p in self.adjusted)

    def to_dict(self) -> dict[str, object]:
        """Fields ready for JSON."""
        return {"estimate": self.estimate, "adjusted": list(self.adjusted), "method": self.method, "n": self.n}


def holm(p_values: npt.ArrayLike) -> HolmResult:
    """Adjust p values so that the chance of any false rejection stays below alpha.

    Parameters
    ----------
    p_values : array_like
        Between 0 and 1, in any order; two-sided or not as they came.

    Returns
    -------
    HolmResult

    Raises
    ------
    StatisticsError
        No p values, or one outside 0 to 1 or missing.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6:65-70 (jstor 4615733).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).adjusted
    (0.03, 0.06, 0.06)
    """
    values = np.asarray(p_values, dtype=np.float64).ravel()
    if not values.size or not ((values >= 0) & (values <= 1)).all():
        raise StatisticsError("p values between 0 and 1", f"{values.tolist()}", "leave out tests that were not made, and say so")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return HolmResult(tuple(adjusted.tolist()), "Holm's step-down adjustment", values.size)
