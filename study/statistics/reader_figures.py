"""A reader's figure of merit in an arm (mean score or area under the ROC curve) and how the figures vary together."""

import numpy as np

from study.statistics.reader_scores import Floats
from study.statistics.results import StatisticsError


def mean_figures(ratings: Floats, *, covariance: str) -> tuple[Floats, Floats]:
    """Mean score of each row, and the covariance matrix of those means over cases.

    Parameters
    ----------
    ratings : ndarray, shape (figures, cases)
    covariance : {"jackknife", "delong", "unbiased"}
        For a mean all three are the sample covariance over the number of cases.

    Returns
    -------
    figures : ndarray, shape (figures,)
    covariance : ndarray, shape (figures, figures)

    Examples
    --------
    >>> figures, variance = mean_figures(np.array([[1.0, 0.0, 1.0, 1.0]]), covariance="jackknife")
    >>> float(figures[0]), float(variance[0, 0])
    (0.75, 0.0625)
    """
    _known(covariance)
    centred = ratings - ratings.mean(axis=1, keepdims=True)
    cases = ratings.shape[1]
    return ratings.mean(axis=1), centred @ centred.T / (cases * (cases - 1))


def auc_figures(ratings: Floats, positive: np.ndarray, *, covariance: str) -> tuple[Floats, Floats]:
    """Empirical area under the ROC curve of each row, and its covariance matrix over cases.

    Parameters
    ----------
    ratings : ndarray, shape (figures, cases)
        Higher means more suspicious; ties count one half.
    positive : ndarray of bool, shape (cases,)
    covariance : {"jackknife", "delong", "unbiased"}

    Returns
    -------
    figures : ndarray, shape (figures,)
    covariance : ndarray, shape (figures, figures)

    References
    ----------
    DeLong et al. 1988, doi:10.2307/2531595; Gallas et al. 2007, doi:10.1364/JOSAA.24.000B70 (unbiased).

    Examples
    --------
    >>> figures, _ = auc_figures(np.array([[1.0, 2.0, 2.0, 3.0]]), np.array([False, False, True, True]), covariance="delong")
    >>> float(figures[0])
    0.875
    """
    _known(covariance)
    positives, negatives = ratings[:, positive], ratings[:, ~positive]
    if min(positives.shape[1], negatives.shape[1]) < 2:
        raise StatisticsError("at least 2 positive and 2 negative cases", f"{positives.shape[1]} and {negatives.shape[1]}", "add cases")
    by_positive, by_negative = _placements(positives, negatives)
    areas = by_positive.mean(axis=1)
    if covariance == "delong":
        return areas, _over(by_positive) + _over(by_negative)
    if covariance == "jackknife":
        return areas, _jackknife(areas, by_positive, by_negative)
    return areas, _unbiased(positives, negatives, by_positive, by_negative)


def _known(covariance: str) -> None:
    if covariance not in ("jackknife", "delong", "unbiased"):
        raise StatisticsError("covariance 'jackknife', 'delong' or 'unbiased'", repr(covariance), "choose one of them")


def _placements(positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
    """Share of negatives below each positive, and of positives above each negative; shapes (figures, positives), (figures, negatives)."""
    above, below = [], []
    for high, low in zip(positives, negatives, strict=True):
        sorted_low, sorted_high = np.sort(low), np.sort(high)
        above.append((np.searchsorted(sorted_low, high, "left") + np.searchsorted(sorted_low, high, "right")) / (2 * low.size))
        under = np.searchsorted(sorted_high, low, "left") + np.searchsorted(sorted_high, low, "right")
        below.append(1 - under / (2 * high.size))
    return np.array(above), np.array(below)


def _over(placements: Floats) -> Floats:
    centred = placements - placements.mean(axis=1, keepdims=True)
    count = placements.shape[1]
    return centred @ centred.T / (count * (count - 1))


def _jackknife(areas: Floats, by_positive: Floats, by_negative: Floats) -> Floats:
    """Covariance of the areas from leaving each case out once, in closed form."""
    parts = [(side.shape[1] * areas[:, None] - side) / (side.shape[1] - 1) for side in (by_positive, by_negative)]
    left_out = np.concatenate(parts, axis=1)
    centred = left_out - left_out.mean(axis=1, keepdims=True)
    count = left_out.shape[1]
    return (count - 1) / count * centred @ centred.T


def _unbiased(positives: Floats, negatives: Floats, by_positive: Floats, by_negative: Floats) -> Floats:
    """Covariance from U-statistic moments: same case pair, same positive, same negative, both different."""
    high, low = positives.shape[1], negatives.shape[1]
    same_pair = _pair_products(positives, negatives)
    same_positive = by_positive @ by_positive.T * low**2
    same_negative = by_negative @ by_negative.T * high**2
    total = np.outer(by_positive.sum(axis=1), by_positive.sum(axis=1)) * low**2
    neither = (total - same_positive - same_negative + same_pair) / (high * (high - 1) * low * (low - 1))
    return total / (high * low) ** 2 - neither


def _pair_products(positives: Floats, negatives: Floats) -> Floats:
    """Sum over all pairs of the product of two figures' wins (1, one half for a tie, 0), in blocks to bound memory."""
    figures, low = positives.shape[0], negatives.shape[1]
    block = max(1, 2_000_000 // (figures * low))
    products = np.zeros((figures, figures))
    for start in range(0, positives.shape[1], block):
        margin = positives[:, start : start + block, None] - negatives[:, None, :]
        wins = ((np.sign(margin) + 1) / 2).reshape(figures, -1)
        products += wins @ wins.T
    return products
