"""Sandwich standard errors: right whatever the correlation within a cluster, wrong with few clusters."""

import numpy as np

from study.statistics.pairs import Floats


def sandwich_covariance(design: Floats, weights: Floats, scores: Floats, clusters: np.ndarray) -> Floats:
    """Covariance of coefficients from estimating equations with independence working correlation.

    Parameters
    ----------
    design : array (n, p)
    weights : array (n,)
        Fisher information of each row's linear predictor.
    scores : array (n,)
        Derivative of each row's log likelihood in its linear predictor.
    clusters : integer array (n,)
        Codes from 0.

    Notes
    -----
    (X'WX)⁻¹ (Σ UU') (X'WX)⁻¹ with U the summed scores of a cluster, without small-sample factor: what SAS PROC GENMOD, geepack and
    statsmodels give.

    References
    ----------
    Liang & Zeger (1986), doi:10.1093/biomet/73.1.13

    Examples
    --------
    Each row its own cluster and unit weights: the variance of a mean, divisor n.

    >>> float(sandwich_covariance(np.ones((4, 1)), np.ones(4), np.array([1.0, -1, 2, -2]), np.arange(4))[0, 0])
    0.625
    """
    bread = np.linalg.inv(design.T @ (design * weights[:, None]))
    contributions = design * scores[:, None]
    summed = np.stack([np.bincount(clusters, weights=contributions[:, place]) for place in range(design.shape[1])], axis=1)
    return np.asarray(bread @ (summed.T @ summed) @ bread, dtype=np.float64)
