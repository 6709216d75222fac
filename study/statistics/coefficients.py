"""Coefficients of a fitted model, found by the name of their term."""

from dataclasses import dataclass

from study.statistics.estimates import p_two_sided, quantile_two_sided
from study.statistics.results import Interval


@dataclass(frozen=True, kw_only=True)
class Coefficient:
    """One coefficient with its two-sided test; normal where `df` is None, else t.

    Examples
    --------
    >>> arm = Coefficient.tested(-1.05, 0.04, df=18.2)
    >>> round(arm.statistic, 2), [round(x, 2) for x in arm.interval()]
    (-26.25, [-1.13, -0.97])
    """

    estimate: float
    se: float
    statistic: float | None
    df: float | None
    p_value: float | None

    @classmethod
    def tested(cls, estimate: float, se: float, *, df: float | None = None) -> "Coefficient":
        """Coefficient with the test that it is zero."""
        statistic = estimate / se if se > 0 else None
        return cls(estimate=estimate, se=se, statistic=statistic, df=df, p_value=None if statistic is None else p_two_sided(statistic, df))

    def interval(self, level: float = 0.95) -> Interval:
        """Estimate ± quantile × se, two-sided."""
        half = quantile_two_sided(level, self.df) * self.se
        return Interval(self.estimate - half, self.estimate + half, level=level)


class Coefficients(dict[str, Coefficient]):
    """Coefficients by term; a column name finds its only contrast, so `["arm"]` finds `arm[T.ai]`, and `(Intercept)` finds `Intercept`.

    Examples
    --------
    >>> Coefficients({"Intercept": Coefficient.tested(1.0, 0.1), "arm[T.ai]": Coefficient.tested(2.0, 0.5)})["arm"].estimate
    2.0
    """

    def __missing__(self, term: str) -> Coefficient:
        found = [name for name in self if name.split("[")[0] == str(term).strip("()") and ":" not in name]
        if len(found) != 1:
            raise KeyError(f"no coefficient {term!r} among {list(self)}")
        return self[found[0]]
