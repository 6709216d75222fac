"""Clustered pass/fail: logistic GEE, verdicts on one case or by one reader being alike."""

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import special

from study.statistics.coefficients import Coefficient, Coefficients
from study.statistics.formulas import model_columns
from study.statistics.pairs import Floats, finite_values, require_columns
from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.sandwich import sandwich_covariance

_FEW_CLUSTERS = 40
_DIVERGED = 12.0  # a log odds ratio that large means a column that predicts the verdict perfectly


@dataclass(frozen=True, kw_only=True)
class ClusteredLogistic(Result):
    """Logistic GEE; `estimate`, `standard_error`, `statistic`, `p_value` are the log odds ratio of `term`, `n` counts clusters."""

    term: str
    coefficients: Coefficients
    observations: int
    correlation: float | None

    @property
    def odds_ratio(self) -> float:
        """exp(estimate)."""
        return math.exp(self.estimate)

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided normal interval of the log odds ratio of `term`, robust standard error."""
        return self.coefficients[self.term].interval(level)


def gee_logistic(
    frame: pd.DataFrame, *, formula: str, cluster: str, structure: Literal["independence", "exchangeable"] = "independence"
) -> ClusteredLogistic:
    """Logistic regression by generalised estimating equations with robust standard errors.

    Parameters
    ----------
    frame : DataFrame
        One row per verdict.
    formula : str, keyword-only
        `"passed ~ arm + reader"`; the outcome is 0/1 or true/false, an arm of `manual` and `ai` is coded against `manual`.
    cluster : str, keyword-only
        Rows with the same value may be alike: the case, or the reader.
    structure : {"independence", "exchangeable"}, keyword-only
        Working correlation within a cluster; standard errors are the sandwich ones in both.

    Returns
    -------
    ClusteredLogistic
        `.coefficients[term]` on the log-odds scale with robust `se`, z tests, two-sided; `.correlation` if exchangeable.

    Raises
    ------
    StatisticsError
        A formula without outcome, an outcome that is not 0/1 or never varies, fewer than 2 clusters.

    Notes
    -----
    Where a column predicts the verdict perfectly (all pass in one arm) its odds ratio has no finite estimate: its test is withheld and
    the notes say so. Sandwich errors are too small with fewer than about 40 clusters, which the notes say.

    References
    ----------
    Liang & Zeger (1986), doi:10.1093/biomet/73.1.13

    Examples
    --------
    >>> rows = pd.DataFrame({"case": np.repeat(np.arange(60), 2), "arm": ["manual", "ai"] * 60})
    >>> rows["passed"] = (rows["case"] * 7 + (rows["arm"] == "ai") * 3) % 10 > 2
    >>> fit = gee_logistic(rows, formula="passed ~ arm", cluster="case")
    >>> round(abs(fit.coefficients["arm[T.ai]"].estimate), 3), round(fit.coefficients["arm[T.ai]"].se, 3)
    (0.0, 0.476)
    """
    outcome, _, right = (part.strip() for part in str(formula).partition("~"))
    if not outcome or not right:
        raise StatisticsError("a formula with an outcome, 'passed ~ arm'", repr(formula), "name the 0/1 column on the left of ~")
    require_columns(frame, [outcome, cluster])
    if structure not in ("independence", "exchangeable"):
        raise StatisticsError("structure 'independence' or 'exchangeable'", repr(structure), "choose one of these")
    design = model_columns(right, frame, needed=(outcome, cluster))
    rows = frame.loc[design.kept]
    passed = _verdicts(rows[outcome])
    groups, labels = pd.factorize(rows[cluster], sort=True)
    if len(labels) < 2:
        raise StatisticsError(f"at least 2 clusters in {cluster!r}", f"{len(labels)}", "cluster by case, or use pass_rate")
    beta, errors, correlation = _fit(passed, design.matrix, groups, structure)
    notes = (*design.notes, *_notes(beta, design.terms, len(labels)))
    coefficients = Coefficients({t: _coefficient(float(b), float(e)) for t, b, e in zip(design.terms, beta, errors, strict=True)})
    term = design.terms[1] if len(design.terms) > 1 and design.terms[0] == "Intercept" else design.terms[0]
    shown = coefficients[term]
    return ClusteredLogistic(
        estimate=shown.estimate,
        method=f"log odds ratio; logistic GEE clustered on {cluster}, {structure} structure, robust standard errors, z test, two-sided",
        n=len(labels),
        standard_error=None if math.isnan(shown.se) else shown.se,
        statistic=shown.statistic,
        p_value=shown.p_value,
        notes=notes,
        term=term,
        coefficients=coefficients,
        observations=len(rows),
        correlation=correlation,
    )


def _fit(passed: Floats, design: Floats, groups: np.ndarray, structure: str) -> tuple[Floats, Floats, float | None]:
    """Coefficients, robust errors, working correlation."""
    if structure == "exchangeable":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # separation is reported in the notes
            working = sm.cov_struct.Exchangeable()
            gee = sm.GEE(passed, design, groups=groups, family=sm.families.Binomial(), cov_struct=working).fit(maxiter=200)
        return np.asarray(gee.params), np.asarray(gee.bse), float(working.dep_params)
    # Independence needs no loop over clusters: the logistic fit with its sandwich is the GEE.
    beta = np.zeros(design.shape[1])
    for _ in range(60):
        share = special.expit(design @ beta)
        step = np.linalg.solve(design.T @ (design * (share * (1 - share))[:, None]), design.T @ (passed - share))
        beta = beta + step
        # Beyond 25 a column separates the verdicts and the search would walk on for ever.
        if np.abs(step).max() < 1e-11 or np.abs(design @ beta).max() > 25:
            break
    share = special.expit(design @ beta)
    covariance = sandwich_covariance(design, share * (1 - share), passed - share, groups)
    return beta, np.sqrt(np.diag(covariance)), None


def _verdicts(column: pd.Series) -> Floats:
    values = finite_values(column.astype(float) if column.dtype == bool else column, name=str(column.name))
    if not np.isin(values, (0.0, 1.0)).all():
        raise StatisticsError(f"verdicts 0 or 1 in {column.name!r}", "other values", "code a pass as 1 and a fail as 0")
    if np.ptp(values) == 0:
        verdict = "pass" if values[0] else "fail"
        raise StatisticsError(
            "passes and fails", f"{values.size} times {verdict}", "no regression is possible: give pass_rate with its interval"
        )
    return values


def _coefficient(estimate: float, se: float) -> Coefficient:
    if abs(estimate) > _DIVERGED:
        return Coefficient(estimate=estimate, se=math.nan, statistic=None, df=None, p_value=None)
    return Coefficient.tested(estimate, se)


def _notes(beta: Floats, terms: tuple[str, ...], clusters: int) -> list[str]:
    notes = []
    perfect = [term for term, value in zip(terms, beta, strict=True) if abs(value) > _DIVERGED]
    if perfect:
        notes.append(f"no finite estimate for {', '.join(perfect)}: the verdict never varies there; compare pass rates instead")
    if clusters < _FEW_CLUSTERS:
        notes.append(f"{clusters} clusters: fewer than {_FEW_CLUSTERS}, robust standard errors are likely too small")
    return notes
