"""The exact null distribution of the signed-rank statistic, ties included."""

import numpy as np
from numpy.typing import NDArray

from study.statistics.pairs import Floats


def signed_rank_distribution(ranks: NDArray[np.int64]) -> Floats:
    """Probability of every value of the sum of the ranks with a positive sign, signs being fair coins.

    Parameters
    ----------
    ranks : integer array
        Rank of each absolute difference; with ties, give twice the midranks, which are whole numbers, and get twice the sum.

    Returns
    -------
    array of length sum(ranks) + 1

    References
    ----------
    Wilcoxon (1945), doi:10.2307/3001968; Streitberg & Röhmel (1986), the shift algorithm.

    Examples
    --------
    >>> signed_rank_distribution(np.array([2, 4])).tolist()
    [0.25, 0.0, 0.25, 0.0, 0.25, 0.0, 0.25]
    """
    ranks = np.sort(ranks)
    probabilities = np.zeros(int(ranks.sum()) + 1)
    probabilities[0] = 1.0
    reached = 0
    for rank in ranks.tolist():
        # Numpy buffers overlapping operands, so the shifted copy is the distribution before this rank.
        reached += rank
        shifted = probabilities[: reached + 1 - rank].copy()
        probabilities[: reached + 1] *= 0.5
        probabilities[rank : reached + 1] += 0.5 * shifted
    return probabilities


def untied_quantile(probability: float, *, n: int) -> int:
    """Smallest rank sum whose lower tail reaches `probability` for n untied differences, as R's qsignrank.

    Examples
    --------
    >>> untied_quantile(0.025, n=10)
    9
    """
    cumulative = np.cumsum(signed_rank_distribution(np.arange(1, n + 1)))
    return int(np.searchsorted(cumulative, probability * (1 - 1e-12)))
