"""Still pictures: the same bytes each time, and no trace left out in silence."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from study import charts
from study.report.still import still


def figures():
    pairs = pd.DataFrame({"manual": [14.0, 12.0, 16.0], "ai": [5.0, 4.0, 6.0]})
    rates = pd.DataFrame({"region": ["basilar"] * 2, "arm": ["manual", "ai"], "passed": [9, 10], "total": [10, 10]})
    yield charts.paired_slopes(pairs, title="", unit="min")
    yield charts.arm_distribution({"manual": pairs["manual"], "ai": pairs["ai"]}, title="", unit="min")
    yield charts.ratio_forest([("a", 0.4, 0.3, 0.5)], title="", label="ratio", margin=0.9)
    yield charts.region_heat_map(rates, title="")
    yield charts.reason_bars(pd.DataFrame({"reason": ["artefact"], "manual": [1], "ai": [2]}), title="")
    yield charts.course({"ai": ([1.0, 2.0], [5.0, 4.0])}, title="", x="case", y="min", switch=0.5)


@pytest.mark.parametrize("number", range(6))
def test_every_chart_of_the_report_can_be_drawn_twice_alike(number):
    first, second = (still(list(figures())[number]) for _ in range(2))
    assert first == second
    assert first.startswith(b"<?xml")
    assert b"</svg>" in first


def test_a_trace_that_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="pie"):
        still(go.Figure(go.Pie(values=[1])))


def test_many_tasks_are_drawn_as_an_even_sample():
    figure = charts.arm_distribution({"ai": pd.Series(range(100_000), dtype=float)}, title="", unit="min")
    assert len(figure.data[1].x) <= 400
    assert figure.data[0].median[0] == 49_999.5
