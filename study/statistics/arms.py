"""Arms: which label is the reference, so that every difference is ai − manual."""

from typing import Any

import pandas as pd

from study.statistics.results import StatisticsError


def two_arm_labels(column: pd.Series) -> tuple[Any, Any]:
    """Reference and other label of a column with two arms: `manual` if present, else the last in sorted order, is the reference.

    Examples
    --------
    >>> two_arm_labels(pd.Series(["ai", "manual", "ai"]))
    ('manual', 'ai')
    """
    labels = sorted(column.dropna().unique(), key=str)
    if len(labels) != 2:
        raise StatisticsError(f"two arms in {column.name!r}", f"{[str(label) for label in labels]}", "keep the rows of two arms")
    reference = "manual" if "manual" in labels else labels[-1]
    return reference, next(label for label in labels if label != reference)
