"""What the managers' pages show, worked out once for each version of the data and shared.

Kept under data version, study and what was asked, never under who asked: permission comes before (`dashboard.operations.permitted`).
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from study import indicators
from study.analysis.data import PlanData
from study.analysis.roll_out import roll_out
from study.errors import RejectedInput
from study.overview import Overview
from study.protocol import Protocol
from study.weekly_charts import Chart


@st.cache_data(max_entries=8, show_spinner=False)
def overview_page(study: str, version: str, marked: tuple[tuple[str, ...], ...], outcomes: str, _make: Callable[[], Overview]) -> Overview:
    """The overview."""
    return _make()


@st.cache_data(max_entries=64, show_spinner=False)
def weekly_charts(version: str, study: str, words: str, keys: tuple[str, ...], asked: Any, _tasks: pd.DataFrame) -> dict[str, Chart]:
    """The charts that the data allow; `asked` are known changes, targets and whether the centre moves."""
    known, targets, follow = asked[0], dict(asked[1]), asked[2]
    marks, found = indicators.versions(_tasks), {}
    for key in keys:
        try:
            found[key] = indicators.chart(_tasks, key, changes=known, marks=marks, target=targets.get(key), follow=follow)
        except RejectedInput:
            continue
    return found


@st.cache_data(max_entries=16, show_spinner=False)
def models(version: str, study: str, words: str, _tasks: pd.DataFrame) -> pd.DataFrame:
    """Rates by model version."""
    return indicators.by_model(_tasks)


@st.cache_data(max_entries=16, show_spinner=False)
def learning(version: str, study: str, words: str, _tasks: pd.DataFrame) -> Any:
    """Learning curves by arm and their table."""
    return indicators.learning(_tasks)


@st.cache_data(max_entries=8, show_spinner=False)
def effect(version: str, study: str, _protocol: Protocol, _tasks: pd.DataFrame) -> Any:
    """Level and slope change at go-live."""
    data = PlanData(_protocol, _tasks, pd.DataFrame({name: [] for name in ("case", "reader", "arm", "round", "region", "passed")}))
    found = roll_out(data, value="minutes", unit="min", endpoint="minutes", role="primary")
    return [*found, *roll_out(data, value="clicks", unit="clicks", endpoint="clicks", role="secondary")]
