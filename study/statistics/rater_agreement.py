"""Chance-corrected agreement between raters over subjects, ratings missing where they are missing."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from study.statistics.reader_scores import Floats, in_order
from study.statistics.results import StatisticsError
from study.statistics.wald import WaldResult, wald_fields

LANDIS_KOCH = ((0.8, "almost perfect"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"), (0.0, "slight"), (-1.0, "poor"))
ALTMAN = ((0.8, "very good"), (0.6, "good"), (0.4, "moderate"), (0.2, "fair"), (-1.0, "poor"))
SCALES = {"landis-koch": LANDIS_KOCH, "altman": ALTMAN}

NAMES = {
    "ac1": "Gwet's AC1",
    "ac2": "Gwet's AC2",
    "cohen": "Cohen's kappa (Conger's for more than two raters)",
    "fleiss": "Fleiss' kappa",
    "alpha": "Krippendorff's alpha",
    "percent": "percent agreement",
}


@dataclass(frozen=True, kw_only=True)
class AgreementResult(WaldResult):
    """An agreement coefficient, clipped to 1 in its interval.

    Parameters
    ----------
    coefficient, weights : str
    observed, expected : float
        Observed agreement and agreement by chance.
    categories : tuple
    raters : int
    """

    coefficient: str
    weights: str
    observed: float
    expected: float
    categories: tuple[Any, ...]
    raters: int

    def benchmark(self, scale: str = "landis-koch", *, certainty: float = 0.95) -> str:
        """The best word of a scale that the coefficient reaches with this certainty (cumulative membership, Gwet).

        Parameters
        ----------
        scale : {"landis-koch", "altman"}
        certainty : float
            Cumulative probability wanted.

        Returns
        -------
        str
        """
        if scale not in SCALES:
            raise StatisticsError(f"a scale among {sorted(SCALES)}", repr(scale), "choose one of them")
        if not self.standard_error:
            reached = [word for low, word in SCALES[scale] if self.estimate > low]
            return reached[0] if reached else SCALES[scale][-1][1]
        z = [stats.norm.cdf((self.estimate - limit) / self.standard_error) for limit in (-1.0, 1.0)]
        for low, word in SCALES[scale] if z[0] > z[1] else ():
            above = stats.norm.cdf((self.estimate - low) / self.standard_error) - z[1]
            if above / (z[0] - z[1]) >= certainty:
                return word
        return SCALES[scale][-1][1]


@dataclass(frozen=True)
class _Counts:
    """Ratings as counts: subjects x categories, and one-hot subjects x raters x categories."""

    onehot: Floats
    weights: Floats

    @property
    def per_subject(self) -> Floats:
        return np.asarray(self.onehot.sum(axis=1))

    @property
    def rated(self) -> Floats:
        return np.asarray(self.onehot.sum(axis=(1, 2)))


def agreement(
    ratings: Sequence[Sequence[Any]] | npt.NDArray[Any] | pd.DataFrame,
    *,
    coefficient: str = "ac1",
    weights: str = "unweighted",
    categories: Sequence[Any] | None = None,
) -> AgreementResult:
    """Agreement of raters beyond chance.

    Parameters
    ----------
    ratings : array_like or DataFrame, shape (subjects, raters)
        Numbers or words; NaN or None where a rater did not rate a subject.
    coefficient : {"ac1", "ac2", "cohen", "fleiss", "alpha", "percent"}
        At high pass rates report AC1 beside kappa, never kappa alone.
    weights : {"unweighted", "linear", "quadratic"}
        Partial credit for near misses, by the categories' values, or by their order when they are words. AC1 is unweighted.
    categories : sequence, optional
        All categories a rater could have used, in order; those used when not given.

    Returns
    -------
    AgreementResult
        `n` subjects with at least one rating; t(n − 1) interval clipped to 1; two-sided p against no agreement beyond chance.

    Raises
    ------
    StatisticsError
        Unknown option, fewer than two raters or subjects, nobody rated twice, a rating outside `categories`.

    Notes
    -----
    The variance is Gwet's, over subjects, raters taken as fixed. With a single category in use kappa-type coefficients are
    undefined (0/0) and come out as NaN with a note. AC1 with weights is AC2, and is named so.

    References
    ----------
    Gwet 2008, doi:10.1348/000711006X126600; Gwet 2014, Handbook of Inter-Rater Reliability, 4th edition; Conger 1980,
    doi:10.1037/0033-2909.88.2.322; Krippendorff 1970, doi:10.1177/001316447003000105.

    Examples
    --------
    >>> two = [[1, 1], [1, 1], [2, 1], [2, 2], [1, 1], [1, np.nan]]
    >>> found = agreement(two, coefficient="ac1")
    >>> round(found.estimate, 3), found.n
    (0.68, 6)
    """
    if coefficient not in NAMES:
        raise StatisticsError(f"a coefficient among {tuple(NAMES)}", repr(coefficient), "choose one of them")
    if coefficient == "ac1" and weights != "unweighted":
        coefficient = "ac2"
    table = pd.DataFrame(ratings)
    if table.shape[1] < 2:
        raise StatisticsError("at least 2 raters", f"{table.shape[1]} column", "give subjects x raters")
    rows = table[table.notna().any(axis=1)]
    notes = [f"{len(table) - len(rows)} subjects without any rating were left out"] if len(rows) < len(table) else []
    names = _categories(rows, categories)
    counts = _Counts(_onehot(rows, names), _weights(names, weights))
    pairs = int((counts.rated >= 2).sum())
    if len(rows) < 2 or pairs < 1:
        raise StatisticsError("at least 2 subjects, 1 of them rated twice", f"{len(rows)} and {pairs}", "add ratings")
    if pairs < len(rows):
        notes.append(f"subjects rated once: {len(rows) - pairs}; they count towards chance agreement only (for alpha not at all)")
    estimate, observed, expected, influence = _ESTIMATORS[coefficient](counts)
    used = int((counts.per_subject.sum(axis=0) > 0).sum())
    if used == 1:
        notes.append("a single category was used by everybody: kappa and alpha are undefined, AC1 and percent agreement are 1")
    subjects = len(influence)
    spread = float(np.sqrt(((influence - influence.mean()) ** 2).sum() / (subjects * (subjects - 1)))) if subjects > 1 else math.nan
    fields = wald_fields(estimate, spread, len(rows) - 1)
    if not fields["standard_error"]:
        notes.append("no variation between subjects: no test and no interval can be given")
    return AgreementResult(
        estimate=estimate,
        n=len(rows),
        method=f"{NAMES[coefficient]}, {weights}, Gwet's variance over subjects, t interval clipped to 1; two-sided",
        notes=tuple(notes),
        highest=1.0,
        coefficient=coefficient,
        weights=weights,
        observed=observed,
        expected=expected,
        categories=tuple(names),
        raters=table.shape[1],
        **fields,  # type: ignore[arg-type]
    )


def _categories(rows: pd.DataFrame, categories: Sequence[Any] | None) -> list[Any]:
    used = in_order(value for column in rows.columns for value in rows[column].dropna().tolist())
    if categories is None:
        return used
    strange = [value for value in used if value not in list(categories)]
    if strange:
        raise StatisticsError(f"ratings among {list(categories)}", f"{strange}", "add them to categories or correct the ratings")
    return list(categories)


def _onehot(rows: pd.DataFrame, names: list[Any]) -> Floats:
    return np.stack([(rows == name).to_numpy(dtype=float) for name in names], axis=2)


def _weights(names: list[Any], kind: str) -> Floats:
    if kind not in ("unweighted", "linear", "quadratic"):
        raise StatisticsError("weights 'unweighted', 'linear' or 'quadratic'", repr(kind), "choose one of them")
    if kind == "unweighted" or len(names) < 2:
        return np.eye(len(names))
    numeric = all(isinstance(name, (int, float, np.number)) and not isinstance(name, bool) for name in names)
    values = np.array(names if numeric else range(len(names)), dtype=float)
    distance = np.abs(values[:, None] - values) / (values.max() - values.min())
    return np.asarray(1 - distance ** (1 if kind == "linear" else 2))


_Estimate = tuple[float, float, float, Floats]


def _observed(counts: _Counts) -> tuple[Floats, np.ndarray]:
    """Agreement within each subject rated at least twice (zero elsewhere), and which those are."""
    per_subject, rated = counts.per_subject, counts.rated
    twice = rated >= 2
    agreeing = (per_subject * (per_subject @ counts.weights.T - 1)).sum(axis=1)
    shares = np.divide(agreeing, rated * (rated - 1), out=np.zeros_like(rated), where=twice)
    return shares, twice


def _chance_corrected(shares: Floats, twice: np.ndarray, expected: float, by_subject: Floats) -> _Estimate:
    """(observed − expected) / (1 − expected), and each subject's contribution to it.

    `by_subject` averages to `expected`; chance is quadratic in the category shares, hence the factor two.
    """
    observed = float(shares[twice].mean())
    if math.isclose(expected, 1.0, abs_tol=1e-12):
        return math.nan, observed, 1.0, np.full(len(shares), math.nan)
    estimate = (observed - expected) / (1 - expected)
    scaled = np.where(twice, len(shares) / twice.sum() * (shares - expected) / (1 - expected), 0.0)
    return estimate, observed, expected, scaled - 2 * (1 - estimate) * (by_subject - expected) / (1 - expected)


def _percent(counts: _Counts) -> _Estimate:
    shares, twice = _observed(counts)
    return _chance_corrected(shares, twice, 0.0, np.zeros_like(shares))


def _gwet(counts: _Counts) -> _Estimate:
    shares, twice = _observed(counts)
    within = counts.per_subject / counts.rated[:, None]
    pi, names = within.mean(axis=0), counts.weights.shape[0]
    if names < 2:
        return _chance_corrected(shares, twice, 0.0, np.zeros_like(shares))
    scale = counts.weights.sum() / (names * (names - 1))
    return _chance_corrected(shares, twice, float(scale * (pi * (1 - pi)).sum()), scale * within @ (1 - pi))


def _fleiss(counts: _Counts) -> _Estimate:
    shares, twice = _observed(counts)
    within = counts.per_subject / counts.rated[:, None]
    pi = within.mean(axis=0)
    return _chance_corrected(shares, twice, float(pi @ counts.weights @ pi), within @ counts.weights @ pi)


def _cohen(counts: _Counts) -> _Estimate:
    """Every rater keeps their own category shares (Conger); chance agreement averages over pairs of raters."""
    shares, twice = _observed(counts)
    present = counts.onehot.sum(axis=2)
    subjects, raters = present.shape
    if (present.sum(axis=0) == 0).any():
        raise StatisticsError("at least one rating by every rater", "a rater without ratings", "leave that rater out")
    load = present.sum(axis=0)
    own = counts.onehot.sum(axis=0) / load[:, None]
    others = own.sum(axis=0) - own
    slope = others @ counts.weights / (raters * (raters - 1))
    expected = float((own * slope).sum())
    pulled = np.einsum("irk,rk->ir", counts.onehot, slope) * subjects / load
    stay = (own * slope).sum(axis=1) * (present * subjects / load - 1)
    return _chance_corrected(shares, twice, expected, (pulled - stay).sum(axis=1))


def _alpha(counts: _Counts) -> _Estimate:
    """Krippendorff's alpha over the subjects rated at least twice, with its small-sample correction."""
    twice = counts.rated >= 2
    per_subject, rated = counts.per_subject[twice], counts.rated[twice]
    mean_rated = float(rated.mean())
    pi = per_subject.sum(axis=0) / rated.sum()
    expected = float(pi @ counts.weights @ pi)
    agreeing = (per_subject * (per_subject @ counts.weights.T - 1)).sum(axis=1) / (mean_rated * (rated - 1))
    raw = float(agreeing.mean())
    correction = 1 / float(rated.sum())
    observed = (1 - correction) * raw + correction
    if math.isclose(expected, 1.0, abs_tol=1e-12):
        return math.nan, observed, 1.0, np.full(len(rated), math.nan)
    excess = (rated - mean_rated) / mean_rated
    by_subject = per_subject @ counts.weights @ pi / mean_rated - expected * excess
    uncorrected = (raw - expected) / (1 - expected)
    own = (agreeing - raw * excess - expected) / (1 - expected)
    influence = own - 2 * (1 - uncorrected) * (by_subject - expected) / (1 - expected)
    return (observed - expected) / (1 - expected), observed, expected, influence


_ESTIMATORS: dict[str, Callable[[_Counts], _Estimate]] = {
    "percent": _percent,
    "ac1": _gwet,
    "ac2": _gwet,
    "fleiss": _fleiss,
    "cohen": _cohen,
    "alpha": _alpha,
}
