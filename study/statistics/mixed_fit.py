"""The search for the most likely random-effect covariances, and how well the data determine them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import optimize

from study.statistics.mixed_likelihood import Evaluation, MixedLikelihood
from study.statistics.pairs import Floats
from study.statistics.random_terms import RandomTerm
from study.statistics.results import StatisticsError

_LARGEST = 1e5  # relative SD, in units of the square root of the number of levels; there the residual is rounding error
_STEP = 1e-4  # for differences of exact derivatives: their error is then about 1e-8


@dataclass(frozen=True)
class MixedFit:
    """The optimum.

    Parameters
    ----------
    parameters : array
        Lower triangles of the factors Λ of all terms, row by row.
    at : Evaluation
        The likelihood there.
    variance : float
        Residual variance.
    """

    parameters: Floats
    at: Evaluation
    variance: float


def fit_mixed(likelihood: MixedLikelihood) -> MixedFit:
    """Minimise the criterion over the factors, standard deviations bounded at zero.

    The derivative in a standard deviation vanishes at zero whatever the likelihood says, so a search that lands there is started again
    wherever the derivative in the variance says that leaving pays.

    Raises
    ------
    StatisticsError
        The model fits the data without any residual.
    """
    terms = likelihood.terms
    start = np.concatenate([np.eye(term.size)[lower_triangle(term.size)] for term in terms])
    diagonal = _diagonal(terms)
    bounds = [(0.0, _LARGEST) if place in diagonal else (-_LARGEST, _LARGEST) for place in range(start.size)]

    # The curvature in a factor grows with its number of levels; in these units the search sees a round valley.
    units = np.concatenate([np.full(term.size * (term.size + 1) // 2, term.levels**-0.5) for term in terms])

    def target(scaled: Floats) -> tuple[float, Floats]:
        parameters = scaled * units
        at = likelihood.evaluate(unpacked(parameters, terms))
        if at.weighted_square <= 1e-14 * max(1e-300, likelihood.total_square):
            raise _perfect_fit()
        scale = likelihood.degrees / at.weighted_square
        return likelihood.criterion(at), units * _gradient(parameters, at, terms, scale)

    best = start
    for _ in range(6):
        options = {"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500}
        minimize: Any = optimize.minimize  # its stubs, where installed, do not know a function that returns its gradient
        found = minimize(target, best / units, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        best = units * found.x
        at = likelihood.evaluate(unpacked(best, terms))
        leaving = [place for place in _zeros(best, diagonal) if _pays_to_leave(place, at, terms, likelihood)]
        if not leaving:
            break
        best = best.copy()
        best[leaving] = 0.1
    if np.abs(best / units).max() > 0.9 * _LARGEST:
        raise _perfect_fit()
    return MixedFit(best, at, at.weighted_square / likelihood.degrees)


def _perfect_fit() -> StatisticsError:
    return StatisticsError(
        "residual variation", "a perfect fit", "leave out random terms or fixed effects: nothing is left to estimate from"
    )


@cache
def lower_triangle(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a lower triangle, kept because a fit asks for them a thousand times.

    Examples
    --------
    >>> [places.tolist() for places in lower_triangle(2)]
    [[0, 1, 1], [0, 0, 1]]
    """
    return np.tril_indices(size)


def unpacked(parameters: Floats, terms: Sequence[RandomTerm]) -> list[Floats]:
    """Factors Λ, one lower triangle per term.

    Examples
    --------
    >>> term = RandomTerm("case", ("Intercept", "arm"), 2, np.zeros(1, int), np.ones((1, 2)), np.ones(2))
    >>> unpacked(np.array([1.0, 2.0, 3.0]), [term])[0].tolist()
    [[1.0, 0.0], [2.0, 3.0]]
    """
    factors, start = [], 0
    for term in terms:
        count = term.size * (term.size + 1) // 2
        factor = np.zeros((term.size, term.size))
        factor[lower_triangle(term.size)] = parameters[start : start + count]
        factors.append(factor)
        start += count
    return factors


def parameter_covariance(likelihood: MixedLikelihood, fit: MixedFit) -> tuple[Floats, Floats]:
    """Covariance of (factors, residual SD), and the derivatives of Cov(β) in these, as Satterthwaite's df need them.

    Returns
    -------
    covariance : array (m, m)
        Twice the inverse of the second derivatives of the criterion; directions that the data do not determine are left out.
    derivatives : array (m, p, p)

    References
    ----------
    Kuznetsova, Brockhoff & Christensen (2017), doi:10.18637/jss.v082.i13
    """
    terms, count = likelihood.terms, fit.parameters.size
    sigma = math.sqrt(fit.variance)
    p = likelihood.coefficients
    second = np.zeros((count + 1, count + 1))
    derivatives = np.zeros((count + 1, p, p))
    for place in range(count):
        step = _STEP * max(1.0, abs(fit.parameters[place]))
        sides = []
        for sign in (1, -1):
            moved = fit.parameters.copy()
            moved[place] += sign * step
            at = likelihood.evaluate(unpacked(moved, terms))
            sides.append((_gradient(moved, at, terms, 1 / fit.variance), at.beta_covariance))
        second[place, :count] = (sides[0][0] - sides[1][0]) / (2 * step)
        derivatives[place] = fit.variance * (sides[0][1] - sides[1][1]) / (2 * step)
    second[:count, :count] = (second[:count, :count] + second[:count, :count].T) / 2
    square_slope = -_pulled_back(fit.parameters, fit.at.squares, terms)
    second[count, :count] = second[:count, count] = -2 * square_slope / sigma**3
    second[count, count] = 6 * fit.at.weighted_square / sigma**4 - 2 * likelihood.degrees / sigma**2
    derivatives[count] = 2 * sigma * fit.at.beta_covariance
    values, vectors = np.linalg.eigh(second)
    usable = values > 1e-8 * max(1.0, float(values.max()) * 1e-8)
    return 2 * (vectors[:, usable] / values[usable]) @ vectors[:, usable].T, derivatives


def _gradient(parameters: Floats, at: Evaluation, terms: Sequence[RandomTerm], scale: float) -> Floats:
    """Derivative of log determinant + scale × weighted square in the factors."""
    slopes = [trace - scale * square for trace, square in zip(at.traces, at.squares, strict=True)]
    return _pulled_back(parameters, slopes, terms)


def _pulled_back(parameters: Floats, slopes: Sequence[Floats], terms: Sequence[RandomTerm]) -> Floats:
    """From derivatives in Σ = ΛΛ' to derivatives in Λ: 2 · slope · Λ."""
    factors = unpacked(parameters, terms)
    pairs = zip(slopes, factors, strict=True)
    return np.concatenate([(2 * slope @ factor)[lower_triangle(factor.shape[0])] for slope, factor in pairs])


def _diagonal(terms: Sequence[RandomTerm]) -> dict[int, tuple[int, int]]:
    """Places of the diagonal entries among the parameters: which term, which effect."""
    places: dict[int, tuple[int, int]] = {}
    start = 0
    for number, term in enumerate(terms):
        rows, columns = lower_triangle(term.size)
        for offset in np.flatnonzero(rows == columns).tolist():
            places[start + offset] = (number, int(rows[offset]))
        start += rows.size
    return places


def _zeros(parameters: Floats, diagonal: dict[int, tuple[int, int]]) -> list[int]:
    return [place for place in diagonal if parameters[place] < 1e-6]


def _pays_to_leave(place: int, at: Evaluation, terms: Sequence[RandomTerm], likelihood: MixedLikelihood) -> bool:
    number, effect = _diagonal(terms)[place]
    scale = likelihood.degrees / at.weighted_square
    return bool((at.traces[number] - scale * at.squares[number])[effect, effect] < -1e-6)
