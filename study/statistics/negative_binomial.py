"""Negative-binomial regression by maximum likelihood, quick on tens of thousands of rows, safe where the dispersion tends to zero."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from study.statistics.pairs import Floats
from study.statistics.results import StatisticsError

_NEARLY_POISSON = 1e-6  # dispersion below which counts vary no more than Poisson counts


@dataclass(frozen=True)
class NegativeBinomialFit:
    """Log-linear coefficients with errors from the joint observed information, the dispersion α and the fitted means."""

    beta: Floats
    errors: Floats
    alpha: float
    means: Floats


def fit_negative_binomial(counts: Floats, design: Floats, offset: Floats) -> NegativeBinomialFit | None:
    """Coefficients and dispersion of variance = mean + α · mean²; None where α is zero, that is Poisson.

    Coefficients given α (scoring) and α given the means (Newton on its logarithm) are found in turn; both are nearly independent, so a
    few turns suffice.

    Parameters
    ----------
    counts : array (n,)
    design : array (n, p)
    offset : array (n,)
        Log exposure.

    Raises
    ------
    StatisticsError
        No convergence.

    References
    ----------
    Lawless (1987), doi:10.2307/3314912

    Examples
    --------
    >>> fit = fit_negative_binomial(np.array([9.0, 14, 11, 30, 8, 12]), np.ones((6, 1)), np.zeros(6))
    >>> round(float(np.exp(fit.beta[0])), 3), round(fit.alpha, 3)
    (14.0, 0.153)
    """
    log_alpha = 0.0
    beta: Floats = np.linalg.lstsq(design, np.log(counts + 0.5) - offset, rcond=None)[0].astype(np.float64)
    for _ in range(200):
        beta, means = _coefficients(counts, design, offset, math.exp(log_alpha), beta)
        moved = _log_dispersion(counts, means, log_alpha)
        if moved < math.log(_NEARLY_POISSON):
            return None
        settled = abs(moved - log_alpha) < 1e-10
        log_alpha = moved
        if settled:
            alpha = math.exp(log_alpha)
            beta, means = _coefficients(counts, design, offset, alpha, beta)
            covariance = np.linalg.inv(_information(counts, design, means, alpha))
            return NegativeBinomialFit(beta, np.sqrt(np.diag(covariance)[:-1]), alpha, means)
    raise StatisticsError(
        "counts that determine a dispersion", "no convergence", "use family='poisson' with cluster, or hodges_lehmann on pairs"
    )


def _coefficients(counts: Floats, design: Floats, offset: Floats, alpha: float, start: Floats) -> tuple[Floats, Floats]:
    """Fisher scoring at fixed dispersion, steps held back so that no mean runs away."""
    beta = start
    for _ in range(100):
        means = np.exp(np.clip(design @ beta + offset, -30, 30))
        inflated = 1 + alpha * means
        step = np.linalg.solve(design.T @ (design * (means / inflated)[:, None]), design.T @ ((counts - means) / inflated))
        beta = beta + step * min(1.0, 3.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-11:
            break
    return beta, np.exp(np.clip(design @ beta + offset, -30, 30))


def _log_dispersion(counts: Floats, means: Floats, start: float) -> float:
    """Most likely log α at fixed means: Newton, uphill where the curvature is wrong."""
    values, places = np.unique(counts, return_inverse=True)
    log_alpha = start
    for _ in range(100):
        slope, curvature = _in_size(counts, means, math.exp(-log_alpha), values, places)
        size = math.exp(-log_alpha)
        # by the chain rule, size = exp(−log α)
        gradient, second = -size * slope, size**2 * curvature + size * slope
        step = -gradient / second if second < 0 else math.copysign(0.5, gradient)
        log_alpha = min(10.0, max(-25.0, log_alpha + min(1.0, max(-1.0, step))))
        if abs(step) < 1e-11 or log_alpha in (10.0, -25.0):
            break
    return log_alpha


def _in_size(counts: Floats, means: Floats, size: float, values: Floats, places: np.ndarray) -> tuple[float, float]:
    """First and second derivative of the log likelihood in size = 1 / α."""
    together = size + means
    first = (special.digamma(values + size) - special.digamma(size))[places] - np.log1p(means / size) + (means - counts) / together
    second = (special.polygamma(1, values + size) - special.polygamma(1, size))[places] + means / (size * together)
    second -= (means - counts) / together**2
    return float(first.sum()), float(second.sum())


def _information(counts: Floats, design: Floats, means: Floats, alpha: float) -> Floats:
    """Minus the second derivatives of the log likelihood in (β, α), at its maximum."""
    inflated = 1 + alpha * means
    coefficients = design.T @ (design * (means * (1 + alpha * counts) / inflated**2)[:, None])
    mixed = design.T @ (means * (counts - means) / inflated**2)
    values, places = np.unique(counts, return_inverse=True)
    curvature = _in_size(counts, means, 1 / alpha, values, places)[1]
    return np.block([[coefficients, mixed[:, None]], [mixed[None, :], np.array([[-curvature / alpha**4]])]])
