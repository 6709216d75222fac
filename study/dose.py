"""Radiation dose per case, and what one scan saves against two.

CTDIvol comes from the headers of the scan (0018,9345), DLP from the exam's radiation dose report (TID 10011); both are read when a case
is enrolled (`study.scan_intake`). A department that subtracts scans twice, without and with contrast; AI needs the second scan only.
"""

from dataclasses import dataclass

import pandas as pd

from study import statistics
from study.errors import RejectedInput
from study.statistics import StatisticsError

MEASURES = {"ctdi_vol_mgy": "CTDIvol [mGy]", "dlp_mgy_cm": "DLP [mGy·cm]"}
FEWEST = 5


@dataclass(frozen=True)
class DoseSaved:
    """One measure compared between protocols of two scans and of one.

    Parameters
    ----------
    measure, unit : str
    two, one : (int, float, float, float)
        Cases, median and quartiles with two scans and with one.
    saved, low, high : float or None
        Mean saved per case, two − one, with its 95 % interval; None where a protocol has fewer than five cases.
    share : float or None
        Saved as a share of the mean of two scans.
    method : str
    """

    measure: str
    unit: str
    two: tuple[int, float, float, float]
    one: tuple[int, float, float, float]
    saved: float | None
    low: float | None
    high: float | None
    share: float | None
    method: str


def cases_with_dose(tasks: pd.DataFrame) -> pd.DataFrame:
    """One row per case: `case`, `scans`, `scanner`, `week` and the doses known."""
    names = ["case", "scans", "scanner", "site", "scanned_at", *MEASURES]
    return tasks.drop_duplicates("case")[[name for name in names if name in tasks]]


def dose_saved(cases: pd.DataFrame, measure: str) -> DoseSaved:
    """Dose of two scans against one: Welch's interval of the mean difference.

    Parameters
    ----------
    cases : pandas.DataFrame
        `scans` (1 or 2) and the measure, one row per case.
    measure : {"ctdi_vol_mgy", "dlp_mgy_cm"}

    Raises
    ------
    RejectedInput
        When no case states the measure.

    Notes
    -----
    The DLP of an exam sums its scans and is what the patient gets; CTDIvol is the output of one scan, and the header states it for the
    scan that was sent. Cases are not randomised between protocols: "associated with", not "caused by".

    Examples
    --------
    >>> rows = pd.DataFrame({"scans": [2] * 5 + [1] * 5, "dlp_mgy_cm": [1000, 1010, 990, 1005, 995, 600, 610, 590, 605, 595]})
    >>> found = dose_saved(rows, "dlp_mgy_cm")
    >>> found.saved, round(found.share, 2)
    (400.0, 0.4)
    """
    known = cases.dropna(subset=[measure])
    if known.empty:
        words = "no case states it"
        raise RejectedInput("no_dose", f"{MEASURES[measure]}: {words}", "enrol scans with their dose report or with CTDIvol in the headers")
    groups = {number: known.loc[known["scans"].eq(number), measure].astype(float) for number in (2, 1)}
    two, one = (_summary(groups[number]) for number in (2, 1))
    try:
        if min(two[0], one[0]) < FEWEST:
            raise StatisticsError("five cases of each protocol", f"{two[0]} and {one[0]}", "wait for more")
        found = statistics.welch(groups[2].to_numpy(), groups[1].to_numpy())  # difference = second − first: one scan − two
    except StatisticsError as error:
        return DoseSaved(measure, MEASURES[measure], two, one, None, None, None, None, str(error))
    low, high = found.interval(0.95)
    saved = -found.estimate
    return DoseSaved(
        measure, MEASURES[measure], two, one, saved, -high, -low, saved / float(groups[2].mean()),
        f"mean of two scans − mean of one; Welch t, df = {found.df:.0f}, two-sided",
    )  # fmt: skip


def _summary(values: "pd.Series[float]") -> tuple[int, float, float, float]:
    low, middle, high = values.quantile([0.25, 0.5, 0.75]) if len(values) else (float("nan"),) * 3
    return len(values), float(middle), float(low), float(high)
