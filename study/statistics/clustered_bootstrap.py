"""Clustered bootstrap: technologists drawn with replacement, each with all their cases."""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from study.statistics.arms import two_arm_labels
from study.statistics.estimates import quantile_two_sided
from study.statistics.pairs import Floats, finite_values, require_columns
from study.statistics.results import Interval, Result, StatisticsError

_BLOCK = 2_000_000  # drawn clusters held at a time


@dataclass(frozen=True, kw_only=True)
class BootstrapDifference(Result):
    """Difference of means ai − manual; `n` counts clusters, `standard_error` is the SD of the draws, `draws` the draws used."""

    draws: int
    seed: int
    _replicates: Floats = field(repr=False, compare=False)
    _left_out: Floats = field(repr=False, compare=False)

    def interval(self, level: float = 0.95, method: Literal["percentile", "bca", "basic"] = "percentile") -> Interval:
        """Two-sided bootstrap interval: percentile, bias-corrected and accelerated (bca), or reflected (basic)."""
        quantile_two_sided(level)  # refuses an impossible level
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        if method == "bca":
            tails = self._corrected(tails)
        elif method not in ("percentile", "basic"):
            raise StatisticsError("method 'percentile', 'bca' or 'basic'", repr(method), "choose one of these")
        low, high = np.quantile(self._replicates, tails).tolist()
        return (
            Interval(2 * self.estimate - high, 2 * self.estimate - low, level=level)
            if method == "basic"
            else Interval(low, high, level=level)
        )

    def _corrected(self, tails: Floats) -> Floats:
        """Tails moved by the bias and the acceleration, the latter from leaving out one cluster at a time (Efron 1987)."""
        below = float((self._replicates < self.estimate).mean() + 0.5 * (self._replicates == self.estimate).mean())
        bias = float(stats.norm.ppf(min(1 - 0.5 / self.draws, max(0.5 / self.draws, below))))
        spread = self._left_out.mean() - self._left_out
        total = float((spread**2).sum())
        acceleration = float((spread**3).sum()) / (6 * total**1.5) if total > 0 else 0.0
        shifted = bias + stats.norm.ppf(tails)
        return np.asarray(stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)), dtype=np.float64)


def bootstrap_difference(frame: pd.DataFrame, *, value: str, arm: str, cluster: str, draws: int = 10_000, seed: int) -> BootstrapDifference:
    """Mean minutes saved with an interval that respects that cases of one technologist resemble each other.

    Parameters
    ----------
    frame : DataFrame
        One row per task.
    value, arm, cluster : str, keyword-only
        Columns. `arm` has two labels; `manual` is the reference if present, else the last in sorted order.
    draws : int, keyword-only
        Bootstrap samples.
    seed : int, keyword-only
        Of the random numbers; the same seed gives the same answer.

    Returns
    -------
    BootstrapDifference
        `.interval(level, method="percentile" | "bca" | "basic")`; `p_value` is twice the smaller share of draws beyond zero.

    Raises
    ------
    StatisticsError
        Fewer than 2 clusters (in each arm, if no cluster has both), other than two arms, no draws.

    Notes
    -----
    Clusters with cases in both arms are drawn together; if each cluster has one arm only, they are drawn within their arm. A draw that
    leaves an arm empty is drawn again. With fewer than 10 clusters bootstrap intervals are too short, which the notes say.

    References
    ----------
    Efron (1987), doi:10.1080/01621459.1987.10478410; Field & Welsh (2007), doi:10.1111/j.1467-9868.2007.00593.x

    Examples
    --------
    >>> rows = pd.DataFrame({"technologist": list("aabbccdd"), "arm": ["manual", "ai"] * 4})
    >>> rows["minutes"] = [14.0, 5.0, 12.0, 4.5, 16.0, 5.5, 13.0, 5.0]
    >>> saved = bootstrap_difference(rows, value="minutes", arm="arm", cluster="technologist", draws=2000, seed=1)
    >>> saved.estimate, saved.n, saved.interval().high < -7
    (-8.75, 4, True)
    """
    require_columns(frame, [value, arm, cluster])
    if draws < 100:
        raise StatisticsError("at least 100 draws", f"{draws}", "10,000 is usual")
    rows = frame[[value, arm, cluster]].dropna()
    notes: tuple[str, ...] = ()
    if len(rows) < len(frame):
        notes += (f"{len(frame) - len(rows)} of {len(frame)} rows left out: a value is missing",)
    reference, other = two_arm_labels(rows[arm])
    minutes, is_other = finite_values(rows[value], name=value), (rows[arm] == other).to_numpy()
    codes, labels = pd.factorize(rows[cluster], sort=True)
    count = len(labels)
    # Per cluster: sums and numbers in the reference and in the other arm; a draw is then a sum over drawn clusters.
    sides = (~is_other, is_other)
    totals = np.stack([np.bincount(codes[side], weights=minutes[side], minlength=count).astype(np.float64) for side in sides])
    sizes = np.stack([np.bincount(codes[side], minlength=count).astype(np.float64) for side in sides])
    nested = not ((sizes[0] > 0) & (sizes[1] > 0)).any()
    pools = [np.flatnonzero(sizes[0]), np.flatnonzero(sizes[1])] if nested else [np.arange(count)]
    if min(pool.size for pool in pools) < 2:
        raise StatisticsError(
            f"at least 2 clusters in {cluster!r}", f"{count}", "with one technologist compare pairs: paired_difference, hodges_lehmann"
        )
    if count < 10:
        notes += (f"{count} clusters: fewer than 10, the interval is likely too short; a permutation within strata is safer",)
    estimate = _difference(totals.sum(axis=1), sizes.sum(axis=1))
    replicates = _draw(totals, sizes, pools, draws=draws, rng=np.random.default_rng(seed))
    beyond = min(int((replicates <= 0).sum()), int((replicates >= 0).sum()))
    drawn = f"clusters drawn within each arm ({cluster} has one arm each)" if nested else f"{cluster} drawn with all its cases"
    return BootstrapDifference(
        estimate=float(estimate),
        method=f"difference of means {other} − {reference}; bootstrap of {draws:,} draws, {drawn}, seed {seed}, two-sided",
        n=count,
        standard_error=float(replicates.std(ddof=1)),
        p_value=min(1.0, 2 * (beyond + 1) / (draws + 1)),
        notes=notes,
        draws=draws,
        seed=seed,
        _replicates=replicates,
        _left_out=_leave_one_out(totals, sizes),
    )


def _difference(totals: Floats, sizes: Floats) -> Floats:
    means = totals / sizes
    return np.asarray(means[1] - means[0])


def _draw(totals: Floats, sizes: Floats, pools: list[np.ndarray], *, draws: int, rng: np.random.Generator) -> Floats:
    found: list[Floats] = []
    missing, rounds = draws, 0
    while missing > 0:
        rounds += 1
        if rounds > 1_000:
            raise StatisticsError("draws that contain both arms", "one arm is too rare", "add clusters with the rarer arm")
        batch = min(missing, max(1, _BLOCK // totals.shape[1]))
        drawn_totals, drawn_sizes = np.zeros((2, batch)), np.zeros((2, batch))
        for pool in pools:
            # How often each cluster is drawn (counting draws beats a multinomial 20 times); a matrix product then sums the drawn clusters.
            drawn = rng.integers(0, pool.size, size=(batch, pool.size), dtype=np.int64) + pool.size * np.arange(batch)[:, None]
            times = np.bincount(drawn.ravel(), minlength=batch * pool.size).reshape(batch, pool.size).astype(np.float64)
            drawn_totals += totals[:, pool] @ times.T
            drawn_sizes += sizes[:, pool] @ times.T
        usable = (drawn_sizes > 0).all(axis=0)
        found.append(_difference(drawn_totals[:, usable], drawn_sizes[:, usable]))
        missing -= int(usable.sum())
    return np.concatenate(found)[:draws]


def _leave_one_out(totals: Floats, sizes: Floats) -> Floats:
    left_totals, left_sizes = totals.sum(axis=1, keepdims=True) - totals, sizes.sum(axis=1, keepdims=True) - sizes
    usable = (left_sizes > 0).all(axis=0)
    return _difference(left_totals[:, usable], left_sizes[:, usable]) if usable.any() else np.array([math.nan])
