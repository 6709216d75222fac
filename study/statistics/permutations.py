"""Permutations: the arm labels shuffled within strata, as the allocation might have shuffled them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from study.statistics.arms import two_arm_labels
from study.statistics.estimates import quantile_two_sided
from study.statistics.pairs import Floats, finite_values, require_columns
from study.statistics.results import Interval, Result, StatisticsError

_BLOCK = 4_000_000  # shuffled values held at a time


@dataclass(frozen=True, kw_only=True)
class PermutationDifference(Result):
    """Difference of means ai − manual within strata; `n` counts rows, `draws` the shuffles, `exact` says that these were all."""

    draws: int
    exact: bool
    _thresholds: Floats = field(repr=False, compare=False)

    def interval(self, level: float = 0.95) -> Interval:
        """Constant shifts that the same shuffles do not reject, two-sided."""
        quantile_two_sided(level)  # refuses an impossible level
        # A shuffle is at least as extreme as the data under every shift beyond its threshold, so limits are order statistics; shuffles that
        # leave the labels as they are (no threshold) are extreme under every shift.
        ordered = np.sort(self._thresholds[np.isfinite(self._thresholds)])
        always = self._thresholds.size - ordered.size + (0 if self.exact else 1)
        rank = math.floor((1 - level) / 2 * (ordered.size + always) + 1e-9) - always
        if rank < 0 or ordered.size == 0:
            return Interval(-math.inf, math.inf, level=level)
        return Interval(float(ordered[rank]), float(ordered[ordered.size - 1 - rank]), level=level)


def permutation_test(
    frame: pd.DataFrame, *, value: str, arm: str, strata: str | Sequence[str] | None = None, draws: int = 10_000, seed: int = 0
) -> PermutationDifference:
    """Difference of means tested by shuffling the arm labels within strata.

    Parameters
    ----------
    frame : DataFrame
        One row per randomised unit.
    value, arm : str, keyword-only
        Columns. `arm` has two labels; `manual` is the reference if present, else the last in sorted order.
    strata : str, sequence of str or None, keyword-only
        Columns within which labels were allocated; with the case as stratum the test flips the signs of pairs.
    draws : int, keyword-only
        Random shuffles; if all shuffles number no more than that, all are taken and the test is exact.
    seed : int, keyword-only
        Of the random numbers.

    Returns
    -------
    PermutationDifference
        `estimate` is the difference within strata, weighted by n₁n₂ / n (without strata: of the means); two-sided p.

    Raises
    ------
    StatisticsError
        Other than two arms, no stratum with both arms.

    Notes
    -----
    p = (1 + shuffles at least as extreme) / (1 + shuffles), or the share of all shuffles if all are taken. Strata with one arm say nothing
    and are counted in the notes.

    References
    ----------
    Phipson & Smyth (2010), doi:10.2202/1544-6115.1585; Fisher (1935), The Design of Experiments.

    Examples
    --------
    Darwin's maize (Fisher 1935): 15 pairs, all 32,768 sign changes; Fisher found 5.267 %:

    >>> crossed = [188, 96, 168, 176, 153, 172, 177, 163, 146, 173, 186, 168, 177, 184, 96]
    >>> selfed = [139, 163, 160, 160, 147, 149, 149, 122, 132, 144, 130, 144, 102, 124, 144]
    >>> rows = pd.DataFrame({"pair": [*range(15)] * 2, "arm": ["ai"] * 15 + ["manual"] * 15, "height": crossed + selfed})
    >>> test = permutation_test(rows, value="height", arm="arm", strata="pair", draws=40_000)
    >>> round(test.estimate, 2), round(test.p_value, 4), test.exact
    (20.93, 0.0527, True)
    """
    columns = [strata] if isinstance(strata, str) else list(strata or ())
    require_columns(frame, [value, arm, *columns])
    if draws < 1:
        raise StatisticsError("at least 1 draw", f"{draws}", "10,000 is usual")
    rows = frame[list(dict.fromkeys([value, arm, *columns]))].dropna()
    notes: tuple[str, ...] = ()
    if len(rows) < len(frame):
        notes += (f"{len(frame) - len(rows)} of {len(frame)} rows left out: a value is missing",)
    reference, other = two_arm_labels(rows[arm])
    codes = rows.groupby(columns, sort=True, observed=True).ngroup().to_numpy() if columns else np.zeros(len(rows), dtype=int)
    blocks = _blocks(finite_values(rows[value], name=value), (rows[arm] == other).to_numpy(), codes)
    used = sum(block.values.shape[0] for block in blocks)
    if not used:
        raise StatisticsError("a stratum with both arms", "none", "use fewer or coarser strata")
    if used < codes.max() + 1:
        notes += (f"{codes.max() + 1 - used} of {codes.max() + 1} strata have one arm only and say nothing",)
    weight = sum(float(block.weight * block.values.shape[0]) for block in blocks)
    estimate = sum(float(block.observed().sum()) for block in blocks) / weight
    exact = sum(block.log_arrangements for block in blocks) <= math.log(draws) + 1e-9
    rng = np.random.default_rng(seed)
    shuffled, kept = _all_shuffles(blocks) if exact else _random_shuffles(blocks, draws, rng)
    shuffled, kept = shuffled / weight, kept / weight
    slack = 1e-9 * max(1e-300, float(np.abs(rows[value]).max()))  # equal sums in another order differ by rounding
    extreme = int((np.abs(shuffled) >= abs(estimate) - slack).sum())
    p_value = extreme / shuffled.size if exact else (extreme + 1) / (shuffled.size + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        thresholds = np.where(kept < 1 - 1e-12, (estimate - shuffled) / (1 - kept), -math.inf)
    within = f" within {' and '.join(columns)}" if columns else ""
    kind = f"all {shuffled.size:,} shuffles" if exact else f"{draws:,} shuffles, seed {seed}"
    return PermutationDifference(
        estimate=estimate,
        method=f"difference of means {other} − {reference}{within}; permutation test, {kind}, two-sided",
        n=int(sum(block.values.size for block in blocks)),
        statistic=estimate,
        p_value=min(1.0, p_value),
        notes=notes,
        draws=int(shuffled.size),
        exact=exact,
        _thresholds=thresholds,
    )


@dataclass(frozen=True)
class _Block:
    """Strata of the same size and composition: values (strata, size), the first `others` of each row in the other arm."""

    values: Floats
    others: int

    @property
    def weight(self) -> float:
        """n₁n₂ / n of one stratum."""
        size = self.values.shape[1]
        return self.others * (size - self.others) / size

    @property
    def log_arrangements(self) -> float:
        size = self.values.shape[1]
        return self.values.shape[0] * math.log(math.comb(size, self.others))

    def observed(self) -> Floats:
        """Weighted difference of each stratum."""
        return self._weighted(self.values[:, : self.others].sum(axis=1))

    def _weighted(self, other_sums: Floats) -> Floats:
        size = self.values.shape[1]
        # weight · (mean of others − mean of the rest) = sum of others − others · overall mean
        return other_sums - self.others / size * self.values.sum(axis=1)

    def arrangements(self) -> tuple[Floats, Floats]:
        """Weighted difference of every arrangement of every stratum, and of the arm indicator itself; (strata, arrangements)."""
        size = self.values.shape[1]
        chosen = np.array(list(combinations(range(size), self.others)))
        sums = self.values[:, chosen].sum(axis=2) - self.others / size * self.values.sum(axis=1, keepdims=True)
        kept = (chosen < self.others).sum(axis=1) - self.others**2 / size
        return sums, np.broadcast_to(kept, sums.shape)

    def shuffle(self, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Sum over strata of the weighted difference in random arrangements, and of the arm indicator; (draws,)."""
        strata, size = self.values.shape
        if size == 2:  # pairs: flip signs
            flips = rng.integers(0, 2, size=(draws, strata)) * 2.0 - 1
            return flips @ self.observed(), 0.5 * flips.sum(axis=1)
        places = np.argpartition(rng.random((draws, strata, size)), self.others - 1, axis=2)[:, :, : self.others]
        sums = np.take_along_axis(np.broadcast_to(self.values, (draws, strata, size)), places, axis=2).sum(axis=(1, 2))
        kept = (places < self.others).sum(axis=(1, 2)) - strata * self.others**2 / size
        return sums - self.others / size * self.values.sum(), kept


def _blocks(values: Floats, is_other: np.ndarray, codes: np.ndarray) -> list[_Block]:
    """Strata with both arms, grouped by size and composition so that pairs are shuffled all at once."""
    order = np.lexsort((~is_other, codes))
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    grouped: dict[tuple[int, int], list[Floats]] = {}
    for rows in np.split(order, starts[1:]):
        others = int(is_other[rows].sum())
        if 0 < others < rows.size:
            grouped.setdefault((rows.size, others), []).append(values[rows])
    return [_Block(np.stack(strata), others) for (_, others), strata in grouped.items()]


def _all_shuffles(blocks: list[_Block]) -> tuple[Floats, Floats]:
    shuffled, kept = np.zeros(1), np.zeros(1)
    for block in blocks:
        for sums, shares in zip(*block.arrangements(), strict=True):
            shuffled, kept = np.add.outer(shuffled, sums).ravel(), np.add.outer(kept, shares).ravel()
    return shuffled, kept


def _random_shuffles(blocks: list[_Block], draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    step = max(1, _BLOCK // max(block.values.size for block in blocks))
    parts = []
    for start in range(0, draws, step):
        batch = min(step, draws - start)
        drawn = [block.shuffle(batch, rng) for block in blocks]
        parts.append((sum(part[0] for part in drawn), sum(part[1] for part in drawn)))
    return np.concatenate([np.asarray(part[0]) for part in parts]), np.concatenate([np.asarray(part[1]) for part in parts])
