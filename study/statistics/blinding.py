"""Whether readers could tell the arms apart: Bang's blinding index from their guesses."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.statistics.results import StatisticsError
from study.statistics.wald import WaldResult, wald_fields

ARMS = ("manual", "ai")


@dataclass(frozen=True, kw_only=True)
class ArmBlinding(WaldResult):
    """Bang's index of one arm: share of right guesses − share of wrong ones, between −1 and 1.

    Parameters
    ----------
    right, wrong, unsure : int
    """

    right: int
    wrong: int
    unsure: int


@dataclass(frozen=True, kw_only=True)
class BlindingResult(WaldResult):
    """Blinding in both arms; `estimate` pools them by the number of guesses, `by_arm` is what to report.

    Parameters
    ----------
    by_arm : dict
        "manual" and "ai" to ArmBlinding.
    """

    by_arm: Mapping[str, ArmBlinding]


def blinding_index(guesses: npt.ArrayLike | pd.DataFrame) -> BlindingResult:
    """Bang's blinding index: 0 is guessing at random, 1 complete unblinding, −1 always the wrong arm.

    Parameters
    ----------
    guesses : array_like, shape (2, 3) or (2, 2), or DataFrame
        Counts: rows are the true arm (manual, ai), columns the guess (manual, ai, don't know). Or a table with one row per
        guess and the columns `arm` and `guess`, each "manual" or "ai"; any other guess, or none, counts as don't know.

    Returns
    -------
    BlindingResult
        Two-sided p against random guessing; normal intervals clipped to −1 and 1.

    Raises
    ------
    StatisticsError
        Another shape, negative counts, no guess in an arm.

    References
    ----------
    Bang, Ni and Davis 2004, doi:10.1016/j.cct.2003.10.016.

    Examples
    --------
    >>> found = blinding_index([[82, 25, 170], [29, 27, 83]])
    >>> round(found.by_arm["manual"].estimate, 2), round(found.by_arm["ai"].estimate, 2)
    (0.21, -0.01)
    """
    table = _table(guesses).tolist()
    by_arm = {arm: _arm(arm, right=row[k], wrong=row[1 - k], unsure=row[2]) for k, (arm, row) in enumerate(zip(ARMS, table, strict=True))}
    total = int(sum(map(sum, table)))
    estimate = sum(part.n * part.estimate for part in by_arm.values()) / total
    error = math.sqrt(sum((part.n * (part.standard_error or 0.0)) ** 2 for part in by_arm.values())) / total
    fields = wald_fields(estimate, error, None)
    return BlindingResult(
        estimate=estimate,
        n=total,
        method="Bang's blinding index, pooled over the arms; normal, two-sided",
        notes=("report the index of each arm; the pooled one can hide opposite errors", *_flat(error)),
        by_arm=by_arm,
        lowest=-1.0,
        highest=1.0,
        **fields,
    )


def _arm(arm: str, *, right: int, wrong: int, unsure: int) -> ArmBlinding:
    total = int(right + wrong + unsure)
    if total == 0:
        raise StatisticsError("guesses in both arms", f"none in {arm}", "ask the readers about both arms")
    correct, incorrect = right / total, wrong / total
    index = correct - incorrect
    error = math.sqrt(max(correct * (1 - correct) + incorrect * (1 - incorrect) + 2 * correct * incorrect, 0.0) / total)
    fields = wald_fields(index, error, None)
    return ArmBlinding(
        estimate=index,
        n=total,
        method=f"Bang's blinding index, {arm} arm; normal, two-sided",
        notes=_flat(error),
        right=int(right),
        wrong=int(wrong),
        unsure=int(unsure),
        lowest=-1.0,
        highest=1.0,
        **fields,
    )


def _flat(error: float) -> tuple[str, ...]:
    return () if error > 1e-12 else ("every guess was the same: no test and no interval can be given",)


def _table(guesses: npt.ArrayLike | pd.DataFrame) -> npt.NDArray[np.int64]:
    if isinstance(guesses, pd.DataFrame) and {"arm", "guess"} <= set(guesses.columns):
        strange = set(guesses["arm"].dropna()) - set(ARMS)
        if strange or guesses["arm"].isna().any():
            raise StatisticsError(f"arm among {ARMS} in every row", f"{strange or 'missing'}", "name the true arm of each guess")
        said = guesses["guess"].where(guesses["guess"].isin(ARMS), "unsure")
        return np.array([[int(((guesses["arm"] == arm) & (said == guess)).sum()) for guess in (*ARMS, "unsure")] for arm in ARMS])
    counts = np.asarray(guesses, dtype=float)
    if counts.shape == (2, 2):
        counts = np.column_stack([counts, np.zeros(2)])
    if counts.shape != (2, 3) or not np.isfinite(counts).all() or (counts < 0).any() or (counts % 1 != 0).any():
        raise StatisticsError(
            "a 2 x 3 table of counts", f"shape {counts.shape}", "give rows manual, ai; columns guessed manual, ai, don't know"
        )
    return counts.astype(np.int64)
