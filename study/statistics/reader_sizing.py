"""How many readers and cases a multi-reader study needs, from the variance components of a pilot."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy import stats

from study.statistics.reader_study import FACTORS
from study.statistics.results import Result, StatisticsError

MOST_CASES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ReaderPower(Result):
    """Power of a planned multi-reader study; `estimate` is the power, `n` the cases.

    Parameters
    ----------
    power : float
    readers, cases : int
    noncentrality : float
    """

    power: float
    readers: int
    cases: int
    noncentrality: float


def mrmc_power(
    components: Mapping[str, float],
    *,
    effect: float,
    readers: int,
    cases: int,
    alpha: float = 0.05,
    factors: str = "random-both",
) -> ReaderPower:
    """Power to find a difference between two arms read by every reader on every case.

    Parameters
    ----------
    components : mapping
        `var_tr, cov1, cov2, cov3, var_error` and the pilot's `cases` (`mrmc(...).components`).
    effect : float
        Difference in the reader-averaged figure to be found.
    readers, cases : int
        Size of the planned study.
    alpha : float
        Two-sided.
    factors : {"random-both", "random-cases", "random-readers"}

    Returns
    -------
    ReaderPower

    Raises
    ------
    StatisticsError
        A missing component, an unknown factor choice, one reader with random readers.

    Notes
    -----
    Noncentral F with noncentrality r d²/2 / [var_tr + c₀/c (var − cov1 + (r − 1) max(cov2 − cov3, 0))]; a negative var_tr is
    taken as zero. Chi-squared for fixed readers.

    References
    ----------
    Hillis, Obuchowski and Berbaum 2011, doi:10.1016/j.acra.2010.09.007.

    Examples
    --------
    >>> pilot = {"var_tr": 0.0002, "cov1": 0.00035, "cov2": 0.00034, "cov3": 0.00024, "var_error": 0.0008, "readers": 5, "cases": 114}
    >>> round(mrmc_power(pilot, effect=0.0438, readers=10, cases=165).power, 2)
    0.82
    """
    parts = _parts(components)
    if factors not in FACTORS:
        raise StatisticsError(f"factors among {FACTORS}", repr(factors), "choose one of them")
    least = 1 if factors == "random-cases" else 2
    if readers < least or cases < 2:
        raise StatisticsError(f"at least {least} readers and 2 cases", f"{readers} and {cases}", "plan more of them")
    power, noncentrality = _power(parts, effect, readers, cases, alpha, factors)
    clipped = ("the pilot's arm-by-reader variance is below zero and was taken as zero",) if parts["var_tr"] < 0 else ()
    return ReaderPower(
        estimate=power,
        power=power,
        readers=readers,
        cases=cases,
        n=cases,
        noncentrality=noncentrality,
        method=f"Hillis-Obuchowski-Berbaum power, {factors}, two-sided alpha {alpha:g}",
        notes=clipped,
    )


def mrmc_cases_needed(
    components: Mapping[str, float],
    *,
    effect: float,
    readers: int,
    power: float = 0.8,
    alpha: float = 0.05,
    factors: str = "random-both",
) -> ReaderPower:
    """Smallest number of cases that reaches a power with a given number of readers.

    Parameters
    ----------
    components, effect, readers, alpha, factors
        As in `mrmc_power`.
    power : float
        Power wanted.

    Returns
    -------
    ReaderPower
        `n`, `cases` and `estimate` are the cases; `power` is what they give.

    Raises
    ------
    StatisticsError
        When no number of cases suffices because readers differ too much.

    References
    ----------
    Hillis, Obuchowski and Berbaum 2011, doi:10.1016/j.acra.2010.09.007.

    Examples
    --------
    >>> pilot = {"var_tr": 0.0002, "cov1": 0.00035, "cov2": 0.00034, "cov3": 0.00024, "var_error": 0.0008, "readers": 5, "cases": 114}
    >>> mrmc_cases_needed(pilot, effect=0.0438, readers=10).n
    157
    """

    def reached(cases: int) -> float:
        return mrmc_power(components, effect=effect, readers=readers, cases=cases, alpha=alpha, factors=factors).power

    if not 0 < power < 1:
        raise StatisticsError("a power between 0 and 1", repr(power), "0.8 and 0.9 are usual")
    if effect == 0 or reached(MOST_CASES) < power:
        raise StatisticsError(f"power {power:g} with some number of cases", "less with a million", "add readers, or aim at a larger effect")
    low, high = 1, 2
    while reached(high) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    found = mrmc_power(components, effect=effect, readers=readers, cases=high, alpha=alpha, factors=factors)
    return ReaderPower(**{**_fields(found), "estimate": float(high), "method": f"{found.method}; cases for power {power:g}"})


def _fields(result: ReaderPower) -> dict[str, Any]:
    return {name: getattr(result, name) for name in result.__dataclass_fields__}


def _parts(components: Mapping[str, float]) -> dict[str, float]:
    names = ("var_tr", "cov1", "cov2", "cov3", "var_error", "cases")
    given = components if isinstance(components, Mapping) else {name: getattr(components, name, math.nan) for name in names}
    missing = [name for name in names if not math.isfinite(given.get(name, math.nan))]
    if missing:
        raise StatisticsError(
            f"components {names}", f"no {missing}", "take them from mrmc(...).components of a pilot with 2 readers or more"
        )
    return {name: float(given[name]) for name in names}


def _power(parts: dict[str, float], effect: float, readers: int, cases: int, alpha: float, factors: str) -> tuple[float, float]:
    """Power and noncentrality of the planned F (or chi-squared) test with one numerator degree of freedom."""
    shared, scale = max(parts["cov2"] - parts["cov3"], 0), parts["cases"] / cases
    var_tr = 0.0 if factors == "random-cases" else max(parts["var_tr"], 0)
    interaction = var_tr + scale * (parts["var_error"] - parts["cov1"] - shared)
    total = interaction + (0.0 if factors == "random-readers" else scale * readers * shared)
    if total <= 0:
        raise StatisticsError("components with some variation", f"total variance {total:.3g}", "use a pilot in which readings vary")
    noncentrality = readers * effect**2 / 2 / total
    if factors == "random-cases" or interaction <= 0:
        return float(stats.ncx2.sf(stats.chi2.isf(alpha, 1), 1, noncentrality)), noncentrality
    df = (readers - 1) * (total / interaction) ** 2
    return float(stats.ncf.sf(stats.f.isf(alpha, 1, df), 1, df, noncentrality)), noncentrality
