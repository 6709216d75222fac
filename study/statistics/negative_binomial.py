"""Negative-binomial regression by maximum likelihood, safe where the dispersion tends to zero."""

import warnings
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy import optimize, special

from study.statistics.pairs import Floats

_SMALLEST, _LARGEST = 1e-8, 1e4  # dispersion


@dataclass(frozen=True)
class NegativeBinomialFit:
    """Log-linear coefficients with errors from the joint observed information, and the dispersion α."""

    beta: Floats
    errors: Floats
    alpha: float


def fit_negative_binomial(counts: Floats, design: Floats, offset: Floats) -> NegativeBinomialFit | None:
    """Coefficients and dispersion of variance = mean + α · mean²; None where α is zero, that is Poisson.

    Parameters
    ----------
    counts : array (n,)
    design : array (n, p)
    offset : array (n,)
        Log exposure.

    References
    ----------
    Lawless (1987), doi:10.2307/3314912

    Examples
    --------
    >>> fit = fit_negative_binomial(np.array([9.0, 14, 11, 30, 8, 12]), np.ones((6, 1)), np.zeros(6))
    >>> round(float(np.exp(fit.beta[0])), 3), round(fit.alpha, 3)
    (14.0, 0.153)
    """

    def fitted(log_alpha: float) -> tuple[float, Floats]:
        alpha = float(np.exp(log_alpha))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = sm.GLM(counts, design, family=sm.families.NegativeBinomial(alpha=alpha), offset=offset).fit(tol=1e-12, maxiter=200)
        beta = np.asarray(result.params, dtype=np.float64)
        return _log_likelihood(counts, np.exp(design @ beta + offset), alpha), beta

    # The likelihood profiled over β has one maximum in log α; a bounded search cannot run away where Newton does.
    best = optimize.minimize_scalar(
        lambda x: -fitted(x)[0], bounds=(np.log(_SMALLEST), np.log(_LARGEST)), method="bounded", options={"xatol": 1e-9}
    )
    alpha = float(np.exp(best.x))
    if alpha < 1e-6:
        return None
    beta = fitted(float(best.x))[1]
    covariance = np.linalg.inv(_information(counts, design, np.exp(design @ beta + offset), alpha))
    return NegativeBinomialFit(beta, np.sqrt(np.diag(covariance)[:-1]), alpha)


def _information(counts: Floats, design: Floats, mean: Floats, alpha: float) -> Floats:
    """Minus the second derivatives of the log likelihood in (β, α), at its maximum."""
    size, inflated = 1 / alpha, 1 + alpha * mean
    coefficients = design.T @ (design * (mean * (1 + alpha * counts) / inflated**2)[:, None])
    mixed = design.T @ (mean * (counts - mean) / inflated**2)
    in_size = special.polygamma(1, counts + size) - special.polygamma(1, size) + 1 / size - 1 / (size + mean)
    in_size -= (mean - counts) / (size + mean) ** 2
    return np.block([[coefficients, mixed[:, None]], [mixed[None, :], np.array([[-in_size.sum() / alpha**4]])]])


def _log_likelihood(counts: Floats, mean: Floats, alpha: float) -> float:
    size = 1 / alpha
    parts = special.gammaln(counts + size) - special.gammaln(size) - special.gammaln(counts + 1)
    parts -= size * np.log1p(alpha * mean) - special.xlogy(counts, alpha * mean) + counts * np.log1p(alpha * mean)
    return float(parts.sum())
