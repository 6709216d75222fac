"""Mixed models: technologists and cases crossed, their intercepts and slopes random, t tests with Satterthwaite's df."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.statistics.coefficients import Coefficient, Coefficients
from study.statistics.formulas import Design, model_columns
from study.statistics.mixed_fit import MixedFit, fit_mixed, parameter_covariance, unpacked
from study.statistics.mixed_likelihood import MixedLikelihood
from study.statistics.pairs import Floats, finite_values, require_columns
from study.statistics.random_terms import RandomTerm, random_columns, random_terms
from study.statistics.results import Interval, Result, StatisticsError

_NEARLY_ZERO = 1e-4  # relative SD below which lme4 calls a fit singular


@dataclass(frozen=True, kw_only=True)
class MixedModel(Result):
    """A fitted mixed model; `estimate`, `standard_error`, `statistic`, `df`, `p_value` are those of `term`.

    Parameters
    ----------
    term : str
        The first coefficient after the intercept (the arm, where it stands first), or the intercept alone.
    coefficients : mapping
        By term: `estimate`, `se`, `df`, `statistic`, `p_value`, `.interval(level)`.
    sds : dict
        Standard deviation of each group's intercept (`"technologist"`), of each slope (`"technologist:arm"`) and `"residual"`.
    correlations : dict
        Of slopes with the intercept (`"technologist:arm"`), and of two slopes (`"technologist:arm:period"`).
    criterion : float
        −2 log likelihood, with REML −2 log restricted likelihood, as lme4 prints it.
    singular : bool
        An estimated SD of zero or a correlation of ±1.
    """

    term: str
    coefficients: Coefficients
    sds: dict[str, float]
    correlations: dict[str, float]
    criterion: float
    singular: bool
    reml: bool

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided t interval of `term` with Satterthwaite's df."""
        return self.coefficients[self.term].interval(level)

    def share(self, group: str) -> float:
        """Share of the variance that lies between the levels of a group: the intraclass correlation (intercepts only)."""
        variances = {name: sd**2 for name, sd in self.sds.items() if name not in self.correlations}
        if group not in variances:
            raise StatisticsError(f"one of the groups {list(variances)}", repr(group), "name a group of this model")
        return variances[group] / sum(variances.values())


def mixed_model(
    frame: pd.DataFrame,
    *,
    value: str,
    fixed: str,
    crossed: Sequence[str] = (),
    slopes: Sequence[tuple[str, str]] = (),
    reml: bool = True,
) -> MixedModel:
    """Fit a linear mixed model with crossed random intercepts and slopes.

    Parameters
    ----------
    frame : DataFrame
        One row per task.
    value : str, keyword-only
        Column of the outcome; take logarithms first for minutes.
    fixed : str, keyword-only
        Right-hand side of a formula: `"1"`, `"arm + period"`. An arm of `manual` and `ai` is coded against `manual`.
    crossed : sequence of str, keyword-only
        Columns with random intercepts, nested or crossed; `"site:technologist"` means both columns together.
    slopes : sequence of (column, group), keyword-only
        Column whose effect varies between the levels of the group, correlated with the group's intercept. Two labels are coded
        −1/2 and +1/2, `manual` first.
    reml : bool, keyword-only
        Restricted likelihood (the default), or plain maximum likelihood.

    Returns
    -------
    MixedModel
        `.coefficients[term]`, `.sds[group]`, `.sds["residual"]`, `.criterion`, `.singular`, `.notes`.

    Raises
    ------
    StatisticsError
        Unknown columns, a group of one level, as many random effects as rows, a perfect fit.

    Notes
    -----
    y = Xβ + Σ Zb + ε with b ~ N(0, σ²ΛΛ'). β and σ are profiled out, Λ is found by exact derivatives, and df follow from the second
    derivatives as in lmerTest. A singular fit is kept, flagged and named: drop the term it names, as a protocol says beforehand.

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), doi:10.18637/jss.v067.i01;
    Kuznetsova, Brockhoff & Christensen (2017), doi:10.18637/jss.v082.i13; Satterthwaite (1946), doi:10.2307/3002019

    Examples
    --------
    >>> generator = np.random.default_rng(1)
    >>> rows = pd.DataFrame([(c, t) for c in range(30) for t in "abcd"], columns=["case", "technologist"])
    >>> rows["arm"] = np.where((rows["case"] + rows["technologist"].map(ord)) % 2, "ai", "manual")
    >>> rows["log_minutes"] = 2.6 - 1.05 * (rows["arm"] == "ai") + 0.2 * generator.normal(size=30)[rows["case"]]
    >>> rows["log_minutes"] += 0.1 * generator.normal(size=120)
    >>> fit = mixed_model(rows, value="log_minutes", fixed="arm", crossed=["case", "technologist"])
    >>> arm = fit.coefficients["arm[T.ai]"]
    >>> round(arm.estimate, 2), round(arm.df, 0), round(fit.sds["case"], 2), fit.singular
    (-1.03, 89.0, 0.17, True)
    """
    needed = (value, *random_columns(crossed, slopes))
    require_columns(frame, needed)
    design = model_columns(fixed, frame, needed=needed)
    rows = frame.loc[design.kept]
    terms = random_terms(rows, crossed=crossed, slopes=slopes)
    response = finite_values(rows[value], name=value)
    if len(rows) <= design.matrix.shape[1] + 1:
        raise StatisticsError(f"more than {design.matrix.shape[1] + 1} rows", f"{len(rows)}", "add tasks or leave out fixed effects")
    # Orthonormal columns and the residuals of least squares keep the cross-products free of cancellation.
    basis, triangle = np.linalg.qr(design.matrix)
    projected = basis.T @ response
    if np.linalg.norm(response - basis @ projected) <= 1e-11 * max(1e-300, float(np.linalg.norm(response))):
        raise StatisticsError(
            f"{value!r} to vary beyond the fixed effects", "no residual variation", "a constant outcome needs no model: describe it"
        )
    likelihood = MixedLikelihood(response - basis @ projected, basis, terms, reml=reml)
    fit = fit_mixed(likelihood)
    criterion = likelihood.criterion(fit.at) + (2 * float(np.log(np.abs(np.diag(triangle))).sum()) if reml else 0.0)
    coefficients = _coefficients(likelihood, fit, design, triangle, projected)
    return _model(fit, terms, design, coefficients, criterion, reml)


def _coefficients(likelihood: MixedLikelihood, fit: MixedFit, design: Design, triangle: Floats, projected: Floats) -> Coefficients:
    """Back from the orthonormal columns to those of the formula, each with its own df."""
    inverse = np.linalg.inv(triangle)
    beta = inverse @ (fit.at.beta + projected)
    covariance, derivatives = parameter_covariance(likelihood, fit)
    result = {}
    for place, term in enumerate(design.terms):
        row = inverse[place]
        variance = fit.variance * float(row @ fit.at.beta_covariance @ row)
        slope = np.array([row @ derivative @ row for derivative in derivatives])
        df = 2 * variance**2 / float(slope @ covariance @ slope)
        result[term] = Coefficient.tested(float(beta[place]), math.sqrt(variance), df=df)
    return Coefficients(result)


def _model(
    fit: MixedFit, terms: tuple[RandomTerm, ...], design: Design, coefficients: Coefficients, criterion: float, reml: bool
) -> MixedModel:
    sds: dict[str, float] = {}
    correlations: dict[str, float] = {}
    notes = list(design.notes)
    for term, factor in zip(terms, unpacked(fit.parameters, terms), strict=True):
        natural = factor / term.scales[:, None]
        deviations = math.sqrt(fit.variance) * np.sqrt((natural**2).sum(axis=1))
        for place, effect in enumerate(term.effects):
            sds[term.group if place == 0 else f"{term.group}:{effect}"] = float(deviations[place])
        correlations.update(_correlations(term, fit.variance * natural @ natural.T, deviations, math.sqrt(fit.variance)))
        notes += _singular_notes(term, natural)
    sds["residual"] = math.sqrt(fit.variance)
    shown = design.terms[1] if len(design.terms) > 1 and design.terms[0] == "Intercept" else design.terms[0]
    shown_coefficient = coefficients[shown]
    likelihood = "REML" if reml else "maximum likelihood"
    return MixedModel(
        estimate=shown_coefficient.estimate,
        method=f"linear mixed model ({likelihood}), random {_describe(terms)}; t test with Satterthwaite df, two-sided",
        n=int(design.matrix.shape[0]),
        standard_error=shown_coefficient.se,
        statistic=shown_coefficient.statistic,
        df=shown_coefficient.df,
        p_value=shown_coefficient.p_value,
        notes=tuple(notes),
        term=shown,
        coefficients=coefficients,
        sds=sds,
        correlations=correlations,
        criterion=criterion,
        singular=any(note.startswith("singular") for note in notes),
        reml=reml,
    )


def _correlations(term: RandomTerm, covariance: Floats, deviations: Floats, residual_sd: float) -> dict[str, float]:
    found = {}
    for a in range(1, term.size):
        for b in range(a):
            name = f"{term.group}:{term.effects[a]}" if b == 0 else f"{term.group}:{term.effects[b]}:{term.effects[a]}"
            smallest = _NEARLY_ZERO * residual_sd / float(term.scales.max())
            known = min(deviations[a], deviations[b]) > smallest
            found[name] = float(np.clip(covariance[a, b] / (deviations[a] * deviations[b]), -1, 1)) if known else math.nan
    return found


def _singular_notes(term: RandomTerm, natural: Floats) -> list[str]:
    if (np.diag(natural) >= _NEARLY_ZERO).all():
        return []
    relative = np.sqrt((natural**2).sum(axis=1))
    zero = [effect for effect, size in zip(term.effects, relative, strict=True) if size < _NEARLY_ZERO]
    reason = f"the SD of {' and '.join(zero)} is zero" if zero else "a correlation is ±1"
    return [f"singular fit: in {term.group}, {reason}; the model is kept as fitted, a simpler one without it is advised"]


def _describe(terms: tuple[RandomTerm, ...]) -> str:
    return ", ".join(f"({'1' if term.size == 1 else ' + '.join(('1', *term.effects[1:]))} | {term.group})" for term in terms)
