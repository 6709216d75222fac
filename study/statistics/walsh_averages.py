"""Walsh averages: the means of all pairs of differences, whose order statistics bound the location shift."""

import numpy as np

from study.statistics.pairs import Floats

_LISTED_UP_TO = 2_000  # 2 million averages, 16 MB; above, order statistics are found by counting


class WalshAverages:
    """The n (n + 1) / 2 averages (d[i] + d[j]) / 2, i ≤ j, reached by rank.

    Parameters
    ----------
    differences : array
        At least one difference.

    Examples
    --------
    >>> averages = WalshAverages(np.array([1.0, 2.0, 6.0]))
    >>> [averages.order_statistic(k) for k in range(1, 7)], averages.median()
    ([1.0, 1.5, 2.0, 3.5, 4.0, 6.0], 2.75)
    """

    def __init__(self, differences: Floats) -> None:
        self.differences = np.sort(differences)
        self._listed: Floats | None = None
        if self.differences.size <= _LISTED_UP_TO:
            rows, columns = np.triu_indices(self.differences.size)
            self._listed = np.sort((self.differences[rows] + self.differences[columns]) / 2)

    @property
    def count(self) -> int:
        """How many averages there are."""
        return self.differences.size * (self.differences.size + 1) // 2

    def order_statistic(self, rank: int) -> float:
        """The rank-th smallest average, rank from 1."""
        return self._counted(rank) if self._listed is None else float(self._listed[rank - 1])

    def median(self) -> float:
        """Median of all averages: the Hodges-Lehmann estimate."""
        return (self.order_statistic((self.count + 1) // 2) + self.order_statistic(self.count // 2 + 1)) / 2

    def _counted(self, rank: int) -> float:
        # Bisection on the value: counting the averages at or below it takes one sorted search, so memory stays O(n).
        low, high = float(self.differences[0]), float(self.differences[-1])
        while True:
            middle = low + (high - low) / 2
            if middle in (low, high):
                return low if self._at_most(low) >= rank else high
            low, high = (low, middle) if self._at_most(middle) >= rank else (middle, high)

    def _at_most(self, value: float) -> int:
        d = self.differences
        places = np.arange(d.size)
        return int(np.maximum(0, np.searchsorted(d, 2 * value - d, side="right") - places).sum())
