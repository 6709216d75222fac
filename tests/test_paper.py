"""The founding paper's headline, recovered from data drawn to its means and SDs, together with what the paper left out.

Fu et al., Nat Commun 2020;11:4829: 14.22 ± 3.64 → 4.94 ± 0.36 min, 115.87 ± 25.9 → 4 clicks, 140 of 152 reconstructions passed.
"""

import re
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from study.analysis import run_plan
from study.protocol import load_protocol
from study.report import build_report, from_tables
from study.report.document import Paragraph, Table
from study.simulation import REGIONS, simulate_paired_study

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def to_moments(values, mean, sd):
    """Values moved and stretched so that mean and SD are exactly the published ones."""
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


@pytest.fixture(scope="module")
def paper():
    """152 cases both ways with exactly the published moments; readings of the AI arm alone, 140 of 152 passed, as in the paper."""
    drawn = simulate_paired_study(cases=152, readers=1, seed=2020)
    tasks = drawn.tasks.assign(clicks=drawn.tasks["clicks"].astype(float))
    published = (("manual", "hands_on_seconds", 14.22 * 60, 3.64 * 60), ("ai", "hands_on_seconds", 4.94 * 60, 0.36 * 60))
    for arm, column, mean, sd in (*published, ("manual", "clicks", 115.87, 25.9)):
        rows = tasks["arm"] == arm
        tasks.loc[rows, column] = to_moments(tasks.loc[rows, column].to_numpy(float), mean, sd)
    cases = sorted(set(tasks["case"]))
    rows = [(case, "R1", "ai", 1, "overall", 3, index < 140, "" if index < 140 else "bone_adhesion") for index, case in enumerate(cases)]
    rows += [(case, "R1", "ai", 1, REGIONS[0], 3, index < 140, "" if index < 140 else "bone_adhesion") for index, case in enumerate(cases)]
    readings = pd.DataFrame(rows, columns=["case", "reader", "arm", "round", "region", "quality", "passed", "reason"])
    return from_tables(load_protocol("head_neck_cta"), tasks, readings)


@pytest.fixture(scope="module")
def words(paper):
    """Every paragraph and table row of the report."""
    found = []
    for section in build_report(paper, now=NOW).sections:
        for block in section.blocks:
            if isinstance(block, Paragraph):
                found.append(block.lead + block.text)
            if isinstance(block, Table):
                found += [" | ".join(row) for row in block.rows]
    return "\n".join(found)


def test_the_report_recovers_what_the_paper_gives(words):
    assert "manual 14.22 min (SD 3.64, n = 152) against AI 4.94 min (SD 0.36, n = 152)" in words
    assert "manual 115.87 clicks (SD 25.90, n = 152) against AI 4.00 clicks in every task (n = 152)" in words
    assert "AI 140 of 152 (92.1 %)" in words


def test_the_report_gives_the_intervals_that_the_paper_leaves_out(paper, words):
    difference = next(line for line in paper.result.findings if line.effect == "mean difference" and line.unit == "min")
    assert difference.estimate == pytest.approx(4.94 - 14.22, abs=1e-6)
    assert difference.low < difference.estimate < difference.high < 0
    ratio = next(line for line in paper.result.findings if line.endpoint == "minutes" and line.role == "primary")
    assert f"{ratio.estimate:.3f} (95 % CI {ratio.low:.3f} to {ratio.high:.3f})" in words
    # Wilson interval of 140 of 152: 86.7 to 95.4 % (R: prop.test(140, 152, correct = FALSE))
    assert "140 of 152 (92.1 %) | 86.7 to 95.4" in words


def test_without_a_manual_pass_rate_no_quality_comparison_is_possible(paper, words):
    line = next(line for line in paper.result.findings if line.endpoint == "pass")
    assert (line.estimate, line.p_value) == (None, None)
    assert "Without pass rates of both arms no quality comparison is possible." in words
    assert "no quality comparison is possible: manual has no pass or fail ratings" in words
    assert paper.result.decision.state == "not yet known"
    assert re.search(r"Fewer than two readers: agreement cannot be computed", words)


def test_the_arm_without_variation_is_not_tested_within(words):
    assert "the AI arm is constant at 4 clicks in 152 tasks: no model and no test within it" in words


def best_of(number, run):
    """Least processor time of several runs: a busy machine must not fail the test."""
    times = []
    for _ in range(number):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.slow
def test_the_full_plan_on_152_pairs_with_two_readers_takes_less_than_ten_seconds():
    drawn = simulate_paired_study(cases=152, readers=2, seed=1)
    assert best_of(2, lambda: run_plan(load_protocol("head_neck_cta"), drawn.tasks, drawn.readings)) < 10


@pytest.mark.slow
def test_the_full_plan_on_18259_pairs_takes_less_than_two_minutes():
    drawn = simulate_paired_study(cases=18_259, technologists=40, readers=2, seed=1)
    assert np.isfinite(drawn.tasks["hands_on_seconds"]).all()
    assert best_of(1, lambda: run_plan(load_protocol("head_neck_cta"), drawn.tasks, drawn.readings)) < 120
