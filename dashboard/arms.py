"""The page of one measure by arm: distribution, each case both ways, every estimate. Minutes and clicks are the same page."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study import charts


def measure_page(measure: str, *, noun: str, unit: str, effects_in: str) -> None:
    """Show one measure.

    Parameters
    ----------
    measure : {"minutes", "clicks"}
    noun : str
        As it stands in titles.
    unit : str
        Label of the axis.
    effects_in : str
        Unit of the effects drawn as intervals.
    """
    st.title(text(f"page.{measure}"))
    comparison, pairs = state.comparison(), state.pairs(measure)
    parts.banner()
    effects = [effect for effect in comparison.effects if effect.name.startswith(measure) and effect.unit == effects_in]
    if not any(summary.n for summary in comparison.summaries if summary.measure == measure):
        st.info(text("arms.nothing"))
        parts.claims()
        return
    left, right = st.columns(2)
    if effects:
        left.plotly_chart(charts.distribution(pairs, title=f"{noun} per case by arm", unit=unit))
        right.plotly_chart(charts.paired_slopes(pairs, title=f"Each case, both ways, n = {len(pairs):,}, orange: mean", unit=unit))
        st.plotly_chart(charts.forest(effects, title="AI − manual, 95 % intervals", unit=effects_in))
    else:
        tasks = state.outcomes()[0].tasks.assign(minutes=lambda frame: frame["hands_on_seconds"] / 60)
        arms = {arm: tasks.loc[tasks["arm"] == arm, measure] for arm in ("manual", "ai")}
        left.plotly_chart(charts.arm_distribution(arms, title=f"{noun} per case by arm", unit=unit))
        right.info(text("arms.unpaired"))
    units = {name: f"{name} [{effects_in}]" for name in ("Mean", "SD", "Median")}
    st.dataframe(parts.summary_table(comparison, measure).rename(columns=units), hide_index=True)
    if effects:
        st.table(parts.effect_table(comparison, measure), border="horizontal", hide_index=True)
    parts.claims()
