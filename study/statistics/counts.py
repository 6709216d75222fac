"""Counts: clicks of one arm over clicks of the other, negative-binomial or Poisson."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import statsmodels.api as sm

from study.statistics.coefficients import Coefficient, Coefficients
from study.statistics.estimates import RatioEstimate
from study.statistics.formulas import independent_columns
from study.statistics.negative_binomial import fit_negative_binomial
from study.statistics.pairs import Floats, finite_values, require_columns
from study.statistics.results import StatisticsError
from study.statistics.sandwich import sandwich_covariance

_FEW_CLUSTERS = 40


@dataclass(frozen=True, kw_only=True)
class CountRatio(RatioEstimate):
    """Rate ratio of an arm to the reference; `standard_error` is that of its logarithm.

    Parameters
    ----------
    rates : dict
        Count per unit of exposure (mean count, without exposure) of every arm.
    coefficients : mapping
        Log rate ratios by term, covariates included; empty where nothing was modelled.
    dispersion : float or None
        Negative binomial α, variance = mean + α · mean²; with Poisson the Pearson χ² per degree of freedom.
    modelled : bool
        False where an arm is constant: then the estimate is the ratio of the rates, without a test.
    """

    rates: dict[str, float]
    coefficients: Coefficients
    dispersion: float | None
    modelled: bool


def count_ratio(
    frame: pd.DataFrame,
    *,
    value: str,
    arm: str,
    reference: Any = "manual",
    covariates: Sequence[str] = (),
    exposure: str | None = None,
    cluster: str | None = None,
    family: Literal["negative-binomial", "poisson"] = "negative-binomial",
) -> CountRatio:
    """Ratio of counts, other arm / reference arm, by a log-linear model.

    Parameters
    ----------
    frame : DataFrame
        One row per task.
    value, arm : str, keyword-only
        Columns with the count and the arm.
    reference : label, keyword-only
        The arm in the denominator.
    covariates : sequence of str, keyword-only
        Further columns: numbers as they are, labels against the first in sorted order.
    exposure : str or None, keyword-only
        Column of positive exposure (minutes, cases); its logarithm is an offset.
    cluster : str or None, keyword-only
        Rows with the same value may be alike (the case): standard errors are then the sandwich ones of generalised estimating equations
        with independence working correlation, at the dispersion estimated by maximum likelihood.
    family : {"negative-binomial", "poisson"}, keyword-only

    Returns
    -------
    CountRatio
        z test of ratio 1, two-sided. With more than two arms `estimate` is that of the first in sorted order and `coefficients` has all.

    Raises
    ------
    StatisticsError
        Negative or fractional counts, fewer than two arms, an arm with one row, exposure that is not positive.

    Notes
    -----
    Without clusters the negative-binomial standard errors come from the observed information of coefficients and dispersion together (as
    SAS PROC GENMOD; R's glm.nb holds the dispersion fixed). An arm whose counts are all equal (4 clicks in every AI case) has no
    count distribution: the ratio of the rates is reported, nothing is modelled, and paired differences may be tested by `hodges_lehmann`.

    References
    ----------
    Lawless (1987), doi:10.2307/3314912; Liang & Zeger (1986), doi:10.1093/biomet/73.1.13

    Examples
    --------
    >>> rows = pd.DataFrame({"arm": ["manual"] * 6 + ["ai"] * 6, "clicks": [90, 120, 131, 108, 95, 140, 9, 14, 11, 30, 8, 12]})
    >>> ratio = count_ratio(rows, value="clicks", arm="arm", reference="manual")
    >>> round(ratio.estimate, 3), [round(x, 3) for x in ratio.interval()]
    (0.123, [0.089, 0.17])
    >>> constant = count_ratio(rows.assign(clicks=rows["clicks"].where(rows["arm"] == "manual", 4)), value="clicks", arm="arm")
    >>> round(constant.estimate, 3), constant.modelled, constant.notes[0]
    (0.035, False, 'ai is constant at 4: not modelled, no test; test paired differences with hodges_lehmann')
    """
    if family not in ("negative-binomial", "poisson"):
        raise StatisticsError("family 'negative-binomial' or 'poisson'", repr(family), "choose one of these")
    rows, counts, weights, notes = _checked(frame, value, arm, list(covariates), exposure, cluster)
    labels = sorted(rows[arm].unique(), key=str)
    if reference not in labels or len(labels) < 2:
        raise StatisticsError(
            f"reference {reference!r} and another arm in {arm!r}", f"{[str(label) for label in labels]}", "name one of the arms"
        )
    others = [label for label in labels if label != reference]
    members = {label: (rows[arm] == label).to_numpy() for label in [reference, *others]}
    rates = {str(label): float(counts[rows_of].sum() / weights[rows_of].sum()) for label, rows_of in members.items()}
    smallest = min(members, key=lambda label: int(members[label].sum()))
    if members[smallest].sum() < 2:
        raise StatisticsError("at least 2 rows in each arm", f"1 in {smallest}", "add cases to that arm")
    constant = [label for label, rows_of in members.items() if np.ptp(counts[rows_of]) == 0]
    if constant:
        notes += tuple(f"{label} is constant at {counts[members[label]][0]:g}: {_ADVICE}" for label in constant)
        return _unmodelled(rates, str(reference), str(others[0]), len(rows), notes)
    columns, terms = _columns(rows, arm, others, list(covariates))
    design, terms, aliased = independent_columns(columns, terms)
    notes += (f"dropped because other columns imply them: {', '.join(aliased)}",) if aliased else ()
    if terms[1:2] != (f"{arm}[T.{others[0]}]",):
        raise StatisticsError(
            "an arm that the covariates do not determine", "an implied arm", "leave out the covariate that equals the arm"
        )
    groups = pd.factorize(rows[cluster], sort=True)[0] if cluster else None
    fit = _fit(counts, design, np.log(weights), groups, family)
    shown = Coefficient.tested(float(fit.beta[1]), float(fit.errors[1]))
    how = f"robust standard errors clustered on {cluster} (GEE, independence)" if cluster else "model-based standard errors"
    return CountRatio(
        estimate=math.exp(shown.estimate),
        method=f"rate ratio {others[0]} / {reference}; {fit.family} regression, {how}, z test, two-sided",
        n=len(rows),
        standard_error=shown.se,
        statistic=shown.statistic,
        p_value=shown.p_value,
        notes=notes + fit.notes,
        rates=rates,
        coefficients=Coefficients({t: Coefficient.tested(float(b), float(e)) for t, b, e in zip(terms, fit.beta, fit.errors, strict=True)}),
        dispersion=fit.dispersion,
        modelled=True,
    )


_ADVICE = "not modelled, no test; test paired differences with hodges_lehmann"


@dataclass(frozen=True)
class _Fit:
    family: str
    beta: Floats
    errors: Floats
    dispersion: float
    notes: tuple[str, ...]


def _checked(
    frame: pd.DataFrame, value: str, arm: str, covariates: list[str], exposure: str | None, cluster: str | None
) -> tuple[pd.DataFrame, Floats, Floats, tuple[str, ...]]:
    """Complete rows, their counts and exposures."""
    used = list(dict.fromkeys([value, arm, *covariates, *(column for column in (exposure, cluster) if column)]))
    require_columns(frame, used)
    rows = frame[used].dropna()
    notes = (f"{len(frame) - len(rows)} of {len(frame)} rows left out: a value is missing",) if len(rows) < len(frame) else ()
    counts = finite_values(rows[value], name=value)
    wrong = int(((counts < 0) | (counts != np.rint(counts))).sum())
    if wrong:
        raise StatisticsError(
            f"whole counts of at least 0 in {value!r}", f"{wrong} other values", "model minutes with mixed_model or welch"
        )
    weights = finite_values(rows[exposure], name=exposure) if exposure else np.ones(len(rows))
    if (weights <= 0).any():
        raise StatisticsError(f"positive exposure in {exposure!r}", f"{int((weights <= 0).sum())} zero or negative", "correct the exposure")
    return rows, counts, weights, notes


def _columns(rows: pd.DataFrame, arm: str, others: list[Any], covariates: list[str]) -> tuple[Floats, tuple[str, ...]]:
    """Intercept, arm contrasts, covariates."""
    columns, terms = [np.ones(len(rows))], ["Intercept"]
    for label in others:
        columns.append((rows[arm] == label).to_numpy(dtype=np.float64))
        terms.append(f"{arm}[T.{label}]")
    for covariate in covariates:
        if pd.api.types.is_numeric_dtype(rows[covariate]):
            columns.append(rows[covariate].to_numpy(dtype=np.float64))
            terms.append(covariate)
            continue
        for label in sorted(rows[covariate].unique(), key=str)[1:]:
            columns.append((rows[covariate] == label).to_numpy(dtype=np.float64))
            terms.append(f"{covariate}[T.{label}]")
    return np.column_stack(columns), tuple(terms)


def _fit(counts: Floats, design: Floats, offset: Floats, groups: np.ndarray | None, family: str) -> _Fit:
    notes: tuple[str, ...] = ()
    negative = fit_negative_binomial(counts, design, offset) if family == "negative-binomial" else None
    if negative is not None:
        named, alpha, dispersion = "negative-binomial", negative.alpha, negative.alpha
        beta, errors, means = negative.beta, negative.errors, negative.means
    else:
        poisson = sm.GLM(counts, design, family=sm.families.Poisson(), offset=offset).fit(tol=1e-12, maxiter=200)
        named, alpha = "Poisson", 0.0
        beta, errors, means = np.asarray(poisson.params), np.asarray(poisson.bse), np.asarray(poisson.fittedvalues)
        dispersion = float(poisson.pearson_chi2 / max(1, poisson.df_resid)) if family == "poisson" else 0.0
        if family == "negative-binomial":
            notes += ("counts vary no more than Poisson counts: dispersion 0, Poisson fitted",)
        elif dispersion > 1.5 and groups is None:
            notes += (f"variance {dispersion:.1f} times the mean: Poisson standard errors are too small, use the negative binomial",)
    if groups is not None:
        clusters = int(groups.max()) + 1
        if clusters < 2:
            raise StatisticsError("at least 2 clusters", f"{clusters}", "leave out cluster")
        inflated = 1 + alpha * means
        errors = np.sqrt(np.diag(sandwich_covariance(design, means / inflated, (counts - means) / inflated, groups)))
        if clusters < _FEW_CLUSTERS:
            notes += (f"{clusters} clusters: fewer than {_FEW_CLUSTERS}, robust standard errors are likely too small",)
    return _Fit(named, beta, errors, dispersion, notes)


def _unmodelled(rates: dict[str, float], reference: str, other: str, n: int, notes: tuple[str, ...]) -> CountRatio:
    """Only what is there: the rates and their ratio."""
    ratio = rates[other] / rates[reference] if rates[reference] > 0 else (math.inf if rates[other] > 0 else math.nan)
    return CountRatio(
        estimate=ratio,
        method=f"ratio of rates {other} / {reference}; an arm is constant, so nothing is modelled and nothing tested",
        n=n,
        notes=notes,
        rates=rates,
        coefficients=Coefficients(),
        dispersion=None,
        modelled=False,
    )
