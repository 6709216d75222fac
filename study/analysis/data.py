"""What the plan works on: tables, protocol, and the views of them that several designs need."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from study.errors import RejectedInput
from study.protocol import Protocol


@dataclass(frozen=True)
class PlanData:
    """Tables of one study and the protocol that says what to do with them.

    Parameters
    ----------
    protocol : Protocol
    tasks : pandas.DataFrame
        Columns of `tasks.csv`; columns `active_<rule>_seconds`, where present, serve the idle-rule sensitivity.
    readings : pandas.DataFrame
        Columns of `readings.csv`; may be empty.
    """

    protocol: Protocol
    tasks: pd.DataFrame
    readings: pd.DataFrame

    @property
    def level(self) -> float:
        """Level of every interval."""
        return self.protocol.analysis.level

    @property
    def alpha(self) -> float:
        """Two-sided significance level."""
        return self.protocol.analysis.alpha

    @cached_property
    def finished(self) -> pd.DataFrame:
        """Tasks with a measured hands-on time, minutes and log minutes added; one row per task."""
        frame = self.tasks.dropna(subset=["hands_on_seconds"])
        frame = frame[frame["hands_on_seconds"].astype(float) > 0]
        minutes = frame["hands_on_seconds"].astype(float) / 60.0
        return frame.assign(minutes=minutes, log_minutes=np.log(minutes)).reset_index(drop=True)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One pass verdict per case and arm: majority of first-round readers on `overall`, a tie is a fail; `passed`, `readers`."""
        overall = self.readings[(self.readings["region"] == "overall") & (self.readings["round"].astype(float) == 1)]
        overall = overall.dropna(subset=["passed"])
        if overall.empty:
            return pd.DataFrame({"case": [], "arm": [], "passed": [], "readers": []})
        grouped = overall.assign(passed=overall["passed"].astype(float)).groupby(["case", "arm"])["passed"].agg(["mean", "size"])
        table = grouped.reset_index().rename(columns={"size": "readers"})
        return table.assign(passed=table["mean"] > 0.5).drop(columns="mean")

    @cached_property
    def readers(self) -> int:
        """Readers who rated anything."""
        return int(self.readings["reader"].nunique()) if len(self.readings) else 0

    def pairs(self, value: str) -> pd.DataFrame:
        """Cases with a finished task in both arms; columns `manual`, `ai`.

        Raises
        ------
        RejectedInput
            If a case has several tasks in one arm.
        """
        known = self.finished.dropna(subset=[value])
        if known.duplicated(["case", "arm"]).any():
            raise RejectedInput(
                "repeated_tasks", "a case has several tasks in one arm", "mark which one counts, or state it in the protocol"
            )
        wide: pd.DataFrame = known.pivot(index="case", columns="arm", values=value).reindex(columns=["manual", "ai"]).dropna()
        return wide

    def paired_passes(self) -> pd.DataFrame:
        """Cases with a verdict in both arms; boolean columns `manual`, `ai`."""
        if self.verdicts.empty:
            return pd.DataFrame({"manual": [], "ai": []}, dtype=bool)
        wide = self.verdicts.pivot(index="case", columns="arm", values="passed").reindex(columns=["manual", "ai"])
        return wide.dropna().astype(bool)

    def with_tasks(self, tasks: pd.DataFrame) -> "PlanData":
        """The same study on other tasks, for a sensitivity analysis."""
        return replace(self, tasks=tasks)

    def with_readings(self, readings: pd.DataFrame) -> "PlanData":
        """The same study on other readings."""
        return replace(self, readings=readings)


def paired_table(passes: pd.DataFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """`[[both, only_ai], [only_manual, neither]]` of paired verdicts.

    Examples
    --------
    >>> paired_table(pd.DataFrame({"manual": [True, True, False], "ai": [True, False, True]}))
    ((1, 1), (1, 0))
    """
    manual, ai = passes["manual"].astype(bool), passes["ai"].astype(bool)
    return ((int((manual & ai).sum()), int((~manual & ai).sum())), (int((manual & ~ai).sum()), int((~manual & ~ai).sum())))
