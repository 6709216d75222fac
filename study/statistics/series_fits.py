"""Regression fits for series in time: least squares, Poisson, REML AR(1), and Newey-West errors."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, optimize

from study.statistics.reader_scores import Floats
from study.statistics.results import StatisticsError

LARGEST_LOG = 25.0  # a log rate this far out means that one side has no events


@dataclass(frozen=True)
class SeriesFit:
    """Coefficients with their covariance; `df` None stands for normal tests, `rho` is the AR(1) coefficient."""

    coefficients: Floats
    covariance: Floats
    dispersion: float
    df: float | None
    rho: float | None = None


def newey_west_lag(points: int) -> int:
    """Usual lag for Newey-West standard errors, floor(4 (n / 100)^(2/9)).

    Examples
    --------
    >>> newey_west_lag(59)
    3
    """
    return math.floor(4 * (points / 100) ** (2 / 9))


def newey_west(bread: npt.ArrayLike, scores: Floats, groups: npt.ArrayLike | None = None) -> Floats:
    """Newey-West covariance of regression coefficients, Bartlett weights within each series.

    Parameters
    ----------
    bread : array_like, shape (terms, terms)
        Inverse of the information.
    scores : ndarray, shape (points, terms)
        Contribution of each point in time, in order.
    groups : array_like, shape (points,), optional
        Series each point belongs to.

    Returns
    -------
    ndarray, shape (terms, terms)
        With the small-sample factor n / (n − terms).

    References
    ----------
    Newey and West 1987, doi:10.2307/1913610.
    """
    points, terms = scores.shape
    labels = np.zeros(points) if groups is None else np.asarray(groups)
    meat = np.zeros((terms, terms))
    for label in np.unique(labels):
        part = scores[labels == label]
        lags = min(newey_west_lag(len(part)), len(part) - 1)
        meat += part.T @ part
        for lag in range(1, lags + 1):
            cross = part[lag:].T @ part[:-lag]
            meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    inner = np.asarray(bread, dtype=np.float64)
    return np.asarray(inner @ meat @ inner * (points / (points - terms)), dtype=np.float64)


def fit_series(series: pd.DataFrame, design: Floats, family: str, autocorrelation: str | None) -> SeriesFit:
    """Fit a design to a series.

    Parameters
    ----------
    series : DataFrame
        Columns y, exposure, at (time) and ours (which series).
    design : ndarray, shape (points, terms)
    family : {"poisson", "quasi-poisson", "gaussian"}
    autocorrelation : {None, "newey-west", "ar1"}

    Returns
    -------
    SeriesFit

    Raises
    ------
    StatisticsError
        No more points than terms; negative counts; a side without events.
    """
    y = np.asarray(series["y"], dtype=np.float64)
    if len(y) <= design.shape[1]:
        raise StatisticsError(f"more than {design.shape[1]} points", f"{len(y)}", "add points or take fewer harmonics")
    if autocorrelation == "ar1":
        return _autoregressive(np.asarray(series["at"], dtype=np.float64), np.asarray(series["ours"]), design, y)
    groups = np.asarray(series["ours"]) if autocorrelation == "newey-west" else None
    if family == "gaussian":
        return _least_squares(design, y, groups)
    return _counts(design, y, np.asarray(series["exposure"], dtype=np.float64), family, groups)


def _counts(design: Floats, y: Floats, exposure: Floats, family: str, groups: npt.ArrayLike | None) -> SeriesFit:
    import statsmodels.api as sm

    if (y < 0).any():
        raise StatisticsError("counts of 0 or more", "negative values", "use family='gaussian' for means and rates")
    if not y.any():
        raise StatisticsError("events before and after the switch", "none at all", "describe the counts, or use longer steps")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = sm.GLM(y, design, family=sm.families.Poisson(), offset=np.log(exposure)).fit(tol=1e-12)
    if not np.isfinite(fit.params).all() or np.abs(fit.params).max() > LARGEST_LOG:
        raise StatisticsError(
            "events before and after the switch", f"{y.sum():g} events in all", "describe the counts, or use longer steps"
        )
    points, terms = design.shape
    dispersion = float(fit.pearson_chi2 / (points - terms))
    inverse = np.asarray(fit.normalized_cov_params, dtype=np.float64)
    covariance = inverse * (1.0 if family == "poisson" else dispersion)
    if groups is not None:
        covariance = newey_west(inverse, design * (y - np.asarray(fit.mu))[:, None], groups)
    return SeriesFit(np.asarray(fit.params), covariance, dispersion, None if family == "poisson" else points - terms)


def _least_squares(design: Floats, y: Floats, groups: npt.ArrayLike | None) -> SeriesFit:
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y
    residuals = y - design @ coefficients
    df = len(y) - design.shape[1]
    variance = float(residuals @ residuals) / df
    covariance = inverse * variance if groups is None else newey_west(inverse, design * residuals[:, None], groups)
    return SeriesFit(coefficients, np.asarray(covariance, dtype=np.float64), variance, df)


def _autoregressive(at: Floats, series: np.ndarray, design: Floats, y: Floats) -> SeriesFit:
    """Generalised least squares with correlation rho^|time apart| within a series, rho by REML."""
    order = np.lexsort((at, series))
    at, series, design, y = at[order], series[order], design[order], y[order]
    whole = bool(np.allclose(at - at[0], np.round(at - at[0])))
    follows = series[1:] == series[:-1]
    gaps = np.where(follows, np.round(np.diff(at)) if whole else np.diff(at), 1.0)
    if np.any(gaps <= 0):
        raise linalg.LinAlgError("two points of one series at the same time")

    def fit(rho: float) -> tuple[float, Floats, Floats, float]:
        return _whitened(np.concatenate(([0.0], np.where(follows, np.power(rho, gaps), 0.0))), design, y)

    def criterion(rho: float) -> float:
        return fit(rho)[0]

    lowest = -0.95 if whole else 0.0
    grid = np.linspace(lowest, 0.95, 39)
    best = float(grid[int(np.argmin([criterion(float(rho)) for rho in grid]))])
    bounds = (max(best - 0.06, lowest - 0.04 if whole else 0.0), min(best + 0.06, 0.995))
    rho = float(optimize.minimize_scalar(criterion, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x)
    _, coefficients, covariance, variance = fit(rho)
    return SeriesFit(coefficients, covariance, variance, len(y) - design.shape[1], rho)


def _whitened(before: Floats, design: Floats, y: Floats) -> tuple[float, Floats, Floats, float]:
    """−2 restricted log likelihood (up to a constant), coefficients, covariance and variance.

    `before` is the correlation of each point with the one before it in its series, 0 for the first. Each point less what the one before
    leads to expect is independent of all earlier ones: what a Cholesky factor of the whole matrix would give, without the matrix.
    """
    scale = np.sqrt(1.0 - before**2)
    x = (design - before[:, None] * np.roll(design, 1, axis=0)) / scale[:, None]
    z = (y - before * np.roll(y, 1)) / scale
    inverse = np.linalg.inv(x.T @ x)
    coefficients = inverse @ x.T @ z
    residuals = z - x @ coefficients
    df = len(y) - design.shape[1]
    variance = float(residuals @ residuals) / df
    criterion = df * math.log(max(variance, 1e-300)) + 2 * np.log(scale).sum() - np.linalg.slogdet(inverse)[1]
    return float(criterion), coefficients, inverse * variance, variance
