"""Time in a series, counted from a switch."""

from typing import Any

import numpy as np
import pandas as pd

from study.statistics.reader_scores import Floats
from study.statistics.results import StatisticsError


def steps_from(times: pd.Series, switch: Any) -> Floats:
    """Time relative to the switch, in its own unit; dates in months when all fall on one day of the month, else in steps of their
    median spacing.

    Parameters
    ----------
    times : Series
        Numbers or dates.
    switch : number or date

    Returns
    -------
    ndarray

    Examples
    --------
    >>> steps_from(pd.Series([1, 2, 3]), 2).tolist()
    [-1.0, 0.0, 1.0]
    """
    try:
        if pd.api.types.is_numeric_dtype(times):
            return np.asarray(times, dtype=np.float64) - float(switch)
        stamps, moment = pd.to_datetime(times), pd.Timestamp(switch)
    except (TypeError, ValueError):
        raise StatisticsError("times and a switch that are both numbers or both dates", repr(switch), "give both of one kind") from None
    if stamps.dt.tz is not None and moment.tzinfo is None:
        moment = moment.tz_localize(stamps.dt.tz)
    if stamps.dt.tz is None and moment.tzinfo is not None:
        moment = moment.tz_localize(None)
    if (stamps.dt.day == stamps.dt.day.iloc[0]).all() and moment.day == stamps.dt.day.iloc[0]:
        return np.asarray(12 * (stamps.dt.year - moment.year) + stamps.dt.month - moment.month, dtype=np.float64)
    days = np.asarray((stamps - moment).dt.total_seconds(), dtype=np.float64) / 86400
    spacing = float(np.median(np.diff(np.unique(days)))) if len(np.unique(days)) > 1 else 1.0
    return np.asarray(np.round(days / spacing, 6), dtype=np.float64)
