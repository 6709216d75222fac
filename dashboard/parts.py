"""Small parts that result pages share: banner, tiles, verdict, tables. Words and numbers only; figures are in `charts.py`."""

import math

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.state import text
from study.comparison import Comparison, Effect


def banner() -> None:
    """Say what the data are, on every page that shows any."""
    if state.outcomes()[0].study.simulated:
        st.warning(text("simulated"), icon=":material/science:")


def claims() -> None:
    """What is claimed, at the foot of every page that shows a result."""
    st.caption(text("claims"))


def _number(value: float, digits: int = 2) -> str:
    if math.isnan(value):
        return "–"  # of nothing there is no mean
    return f"{value:,.{digits}f}".replace("-", "−")


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def measure_tile(
    column: "st.delta_generator.DeltaGenerator", key: str, comparison: Comparison, measure: str, effect: Effect | None
) -> None:
    """Mean of each arm, and the paired difference with its interval."""
    means = {summary.arm: summary for summary in comparison.summaries if summary.measure == measure}
    shown = " → ".join(_number(means[arm].mean) for arm in ("manual", "ai"))
    column.metric(text(key), shown, help=text(f"{key}.help"), border=True)
    if effect is not None:
        low, high, unit = _number(effect.low), _number(effect.high), effect.unit
        column.caption(
            f"AI − manual {_number(effect.estimate)} {unit} (95 % CI {low} to {high}), {_p_value(effect.p_value)}, n = {effect.n} pairs"
        )


def pass_tile(column: "st.delta_generator.DeltaGenerator", comparison: Comparison, effect: Effect | None) -> None:
    """Pass rate of each arm with its denominator, and the paired difference in points."""
    rates = [
        f"{100 * comparison.passed[arm][0] / comparison.passed[arm][1]:.1f} %" if arm in comparison.passed else "–"
        for arm in ("manual", "ai")
    ]
    column.metric(text("headline.pass"), " → ".join(rates), help=text("headline.pass.help"), border=True)
    if effect is not None:
        estimate, low, high = (_number(100 * value, 1) for value in (effect.estimate, effect.low, effect.high))
        column.caption(f"AI − manual {estimate} points (95 % CI {low} to {high}), {_p_value(effect.p_value)}, n = {effect.n} pairs")


def verdict(comparison: Comparison) -> None:
    """The non-inferiority verdict in words, coloured by state."""
    box = {"shown": st.success, "not shown": st.warning}.get(comparison.verdict.state, st.info)
    box(f"{text('verdict.' + comparison.verdict.state)} {comparison.verdict.words}")


def effect_table(comparison: Comparison, prefix: str = "") -> pd.DataFrame:
    """Every effect with interval, p, n and method, as text ready to print."""
    rows = [
        {
            "Measure": effect.name,
            "Estimate": _number(effect.estimate, 3),
            "95 % interval": f"{_number(effect.low, 3)} to {_number(effect.high, 3)}",
            "Unit": {"×": "ratio AI / manual", "share": "share of cases"}.get(effect.unit, effect.unit),
            "p": _p_value(effect.p_value),
            "n": effect.n,
            "Method": "; ".join((effect.method, *effect.notes)),
        }
        for effect in comparison.effects
        if effect.name.startswith(prefix)
    ]
    return pd.DataFrame(rows)


def summary_table(comparison: Comparison, measure: str) -> pd.DataFrame:
    """Mean, SD and median by arm."""
    rows = [
        {
            "Arm": "Manual" if item.arm == "manual" else "AI",
            "n": item.n,
            "Mean": round(item.mean, 2),
            "SD": round(item.sd, 2),
            "Median": round(item.median, 2),
        }
        for item in comparison.summaries
        if item.measure == measure
    ]
    return pd.DataFrame(rows)
