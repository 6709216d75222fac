"""Group-sequential boundaries from alpha-spending functions, by numerical integration."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from study.statistics.reader_scores import Floats
from study.statistics.results import Result, StatisticsError

HIGHEST_Z = 40.0


@dataclass(frozen=True, kw_only=True)
class SpendingBoundaries(Result):
    """Critical values of a two-sided test at each look; `estimate` is the last one, `n` the number of looks.

    Iterating gives the boundaries.

    Parameters
    ----------
    boundaries : tuple of float
        Stop at a look when |z| exceeds this.
    nominal_p : tuple of float
        The same as two-sided p values.
    spent : tuple of float
        Type I error used up to each look.
    information : tuple of float
    kind : str
    alpha : float
    """

    boundaries: tuple[float, ...]
    nominal_p: tuple[float, ...]
    spent: tuple[float, ...]
    information: tuple[float, ...]
    kind: str
    alpha: float

    def __iter__(self) -> Iterator[float]:
        return iter(self.boundaries)

    def __len__(self) -> int:
        return len(self.boundaries)

    def __getitem__(self, look: int) -> float:
        return self.boundaries[look]


def spending_boundaries(information: npt.ArrayLike, *, alpha: float = 0.05, kind: str = "obrien-fleming") -> SpendingBoundaries:
    """Lan-DeMets boundaries of a two-sided test for the looks at these shares of the information.

    Parameters
    ----------
    information : array_like
        Share of the planned information (cases) at each look, rising, at most 1.
    alpha : float
        Two-sided type I error, half of it spent on each side.
    kind : {"obrien-fleming", "pocock"}
        Spending function of that type: 2 − 2 Φ(z(1 − a/2) / √t), or a ln(1 + (e − 1) t), for each side's a = alpha / 2.

    Returns
    -------
    SpendingBoundaries

    Raises
    ------
    StatisticsError
        Shares that do not rise from above 0 to at most 1, alpha outside 0 to 1, unknown kind.

    Notes
    -----
    The density of the score that has not crossed yet is carried from look to look by Gauss-Legendre quadrature. The number of looks
    need not be fixed in advance, the spending function must be.

    References
    ----------
    Lan and DeMets 1983, doi:10.1093/biomet/70.3.659; Armitage, McPherson and Rowe 1969, doi:10.2307/2343787.

    Examples
    --------
    >>> [round(z, 3) for z in spending_boundaries([0.2, 0.4, 0.6, 0.8, 1.0])]
    [4.877, 3.357, 2.68, 2.29, 2.031]
    """
    shares = np.asarray(information, dtype=np.float64).ravel()
    if not shares.size or not np.isfinite(shares).all() or shares[0] <= 0 or (np.diff(shares) <= 0).any() or shares[-1] > 1 + 1e-9:
        raise StatisticsError(
            "shares of information rising from above 0 to 1", f"{shares.tolist()}", "divide cases so far by cases planned"
        )
    if not 0 < alpha < 1:
        raise StatisticsError("alpha between 0 and 1", repr(alpha), "0.05 is usual")
    spent = np.array([2 * _spending(kind)(min(share, 1.0), alpha / 2) for share in shares])
    boundaries = _boundaries(shares, spent)
    return SpendingBoundaries(
        estimate=boundaries[-1],
        n=len(boundaries),
        method=f"Lan-DeMets boundaries, {kind} type spending, two-sided alpha {alpha:g}, numerical integration",
        notes=_notes(shares),
        boundaries=tuple(boundaries),
        nominal_p=tuple(float(2 * stats.norm.sf(z)) for z in boundaries),
        spent=tuple(spent.tolist()),
        information=tuple(shares.tolist()),
        kind=kind,
        alpha=alpha,
    )


def _notes(shares: Floats) -> tuple[str, ...]:
    if shares[-1] < 1 - 1e-9:
        return (f"the last look is at {shares[-1]:.0%} of the information: the rest of alpha is still to be spent",)
    return ()


def _spending(kind: str) -> Callable[[float, float], float]:
    if kind == "obrien-fleming":
        return lambda share, side: float(2 * stats.norm.sf(stats.norm.isf(side / 2) / math.sqrt(share)))
    if kind == "pocock":
        return lambda share, side: side * math.log(1 + (math.e - 1) * share)
    raise StatisticsError("kind 'obrien-fleming' or 'pocock'", repr(kind), "choose the one in the protocol")


def _boundaries(shares: Floats, spent: Floats) -> list[float]:
    """Critical |z| at each look so that just the new alpha is spent there."""
    found: list[float] = []
    nodes, mass = np.zeros(1), np.ones(1)
    previous_share = previous_spent = 0.0
    for look, (share, total) in enumerate(zip(shares.tolist(), spent.tolist(), strict=True)):
        step, new = math.sqrt(share - previous_share), total - previous_spent
        root = math.sqrt(share)

        def excess(z: float, at: Floats = nodes, weight: Floats = mass, scale: tuple[float, float, float] = (root, step, new)) -> float:
            edge = z * scale[0]
            crossing = stats.norm.sf((edge - at) / scale[1]) + stats.norm.sf((edge + at) / scale[1])
            return float(weight @ crossing) - scale[2]

        z = HIGHEST_Z if new <= 0 or excess(HIGHEST_Z) >= 0 else float(optimize.brentq(excess, 0.0, HIGHEST_Z, xtol=1e-12))
        found.append(z)
        if look + 1 < len(shares):
            smallest = math.sqrt(float(np.diff(shares[look : look + 2])[0]))
            nodes, mass = _carried(nodes, mass, edge=min(z, 9.0) * root, step=step, finest=min(step, smallest))
        previous_share, previous_spent = share, total
    return found


@lru_cache(maxsize=1)
def _gauss_legendre() -> tuple[Floats, Floats]:
    points, weights = np.polynomial.legendre.leggauss(64)
    return points, weights


def _carried(nodes: Floats, mass: Floats, *, edge: float, step: float, finest: float) -> tuple[Floats, Floats]:
    """Quadrature nodes in the continuation region and the probability mass that reached them without crossing."""
    count = int(min(max(128, 12 * edge / finest), 4096))
    points, weights = _gauss_legendre()
    panels = max(1, math.ceil(count / points.size))
    width = 2 * edge / panels
    centres = -edge + width * (np.arange(panels) + 0.5)
    spread = (centres[:, None] + points * width / 2).ravel()
    density = stats.norm.pdf((spread[:, None] - nodes) / step) @ mass / step
    return spread, np.asarray(density * np.tile(weights * width / 2, panels))
