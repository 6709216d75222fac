"""The plan on studies whose answer is known, and on the traps that studies set."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from study.analysis import read_readings, read_tasks, run_plan
from study.analysis.data import PlanData
from study.analysis.decisions import decide
from study.analysis.finding import Finding
from study.analysis.roll_out import series_of
from study.errors import RejectedInput
from study.protocol import Protocol, load_protocol
from study.simulation import Arm, Assumptions, RollOut, SimulatedStudy, simulate_operations, simulate_paired_study


@pytest.fixture(scope="module")
def paired() -> Protocol:
    return load_protocol("head_neck_cta")


@pytest.fixture(scope="module")
def drawn() -> SimulatedStudy:
    return simulate_paired_study(cases=152, readers=2, seed=11)


def own(result: object, endpoint: str) -> Finding:
    return next(line for line in result.findings if line.endpoint == endpoint and line.role in ("primary", "secondary"))  # type: ignore[attr-defined]


def test_the_papers_headline_is_recovered_with_what_it_left_out(paired: Protocol, drawn: SimulatedStudy) -> None:
    result = run_plan(paired, drawn.tasks, drawn.readings)
    minutes = own(result, "minutes")
    # Fu et al. 2020: 14.22 ± 3.64 and 4.94 ± 0.36; the medians of such log-normals are 13.78 and 4.93, their ratio 0.358
    assert minutes.estimate == pytest.approx(0.358, abs=0.02)
    assert minutes.low is not None
    assert minutes.low < minutes.estimate < (minutes.high or 0)
    clicks = own(result, "clicks")
    assert clicks.estimate == pytest.approx(4 - 115.87, abs=6)
    assert "constant at 4 clicks" in " ".join(clicks.notes)
    assert own(result, "pass").n == 152
    assert result.simulated


def test_without_manual_ratings_no_quality_claim_is_made(paired: Protocol, drawn: SimulatedStudy) -> None:
    only_ai = drawn.readings[drawn.readings["arm"] == "ai"]
    result = run_plan(paired, drawn.tasks, only_ai)
    assert own(result, "pass").estimate is None
    assert "no quality comparison is possible: manual" in own(result, "pass").notes[0]
    assert result.decision.state == "not yet known"
    assert set(result.decision.then.values()) <= {"not tested", "not yet known"}


def test_swapping_the_arms_reverses_every_effect_and_keeps_every_p(paired: Protocol, drawn: SimulatedStudy) -> None:
    swap = {"arm": {"manual": "ai", "ai": "manual"}}
    there = run_plan(paired, drawn.tasks, drawn.readings)
    back = run_plan(paired, drawn.tasks.replace(swap), drawn.readings.replace(swap))
    for one, other in zip(there.findings, back.findings, strict=True):
        if one.estimate is None or "bootstrap" in one.method:
            continue
        expected = 1 / one.estimate if one.unit == "ratio" else -one.estimate
        assert other.estimate == pytest.approx(expected, rel=1e-6, abs=1e-9), one.effect
        assert (other.p_value is None) == (one.p_value is None), one.effect
        if one.p_value is not None:
            assert other.p_value == pytest.approx(one.p_value, rel=1e-5, abs=1e-12), one.effect


def test_a_study_without_any_difference_shows_none(paired: Protocol) -> None:
    same = Assumptions(ai=Arm(14.22, 3.64, 115.87, 25.9, 0.92), manual=Arm(14.22, 3.64, 115.87, 25.9, 0.92))
    result = run_plan(paired, *_tables(simulate_paired_study(cases=80, readers=2, seed=3, assumptions=same)))
    assert own(result, "minutes").holds is False
    assert result.decision.state == "not shown"
    assert "minutes" in result.decision.failed


def test_one_technologist_is_analysed_by_pairs_and_told_so(paired: Protocol) -> None:
    result = run_plan(paired, *_tables(simulate_paired_study(cases=40, technologists=1, readers=2, seed=4)))
    assert "paired t" in own(result, "minutes").method
    assert any("One technologist" in text for text in result.guardrails)


def test_pairs_that_miss_a_side_are_left_out_and_counted(paired: Protocol, drawn: SimulatedStudy) -> None:
    tasks = drawn.tasks.copy()
    tasks.loc[(tasks["case"] == "S0001") & (tasks["arm"] == "ai"), ["hands_on_seconds", "elapsed_seconds", "clicks"]] = None
    tasks.loc[tasks["hands_on_seconds"].isna(), "missing_reason"] = "software failed"
    result = run_plan(paired, tasks, drawn.readings)
    assert "1 cases have no finished task in one arm and are left out" in own(result, "minutes").notes
    assert result.counts["missing"] == {"software failed": 1}


def test_a_repeated_case_number_is_refused(paired: Protocol, drawn: SimulatedStudy) -> None:
    doubled = pd.concat([drawn.tasks, drawn.tasks.iloc[:1]], ignore_index=True)
    with pytest.raises(RejectedInput, match="several tasks in one arm"):
        run_plan(paired, doubled, drawn.readings)


def test_a_parallel_study_is_analysed_as_randomised() -> None:
    drawn = simulate_paired_study(cases=120, technologists=6, readers=2, seed=5)
    arm = {case: ("ai" if number % 2 else "manual") for number, case in enumerate(sorted(set(drawn.tasks["case"])))}
    tasks = drawn.tasks[drawn.tasks["arm"] == drawn.tasks["case"].map(arm)]
    readings = drawn.readings[drawn.readings["arm"] == drawn.readings["case"].map(arm)]
    result = run_plan(load_protocol("parallel"), tasks, readings)
    assert "(1|technologist)" in own(result, "minutes").method
    assert own(result, "minutes").holds is True
    assert own(result, "pass").estimate is not None
    assert any("permut" in line.method for line in result.findings)


def test_a_roll_out_finds_its_level_change_and_says_associated_with() -> None:
    protocol = load_protocol("before_after")
    rows = simulate_operations(seed=2, go_live=pd.Timestamp("2027-03-01", tz="UTC").to_pydatetime(), roll_out=RollOut(26, 26, (40, 60)))
    result = run_plan(protocol, rows)
    minutes = own(result, "minutes")
    # 71 to 91 % of cases drop by 9.28 min: about −7.5 min with the mean usage of the first weeks
    assert minutes.estimate == pytest.approx(-7.0, abs=1.0)
    assert any("associated with" in note for note in minutes.notes)
    assert any(line.endpoint == "usage" for line in result.findings)


def test_fewer_than_eight_weeks_a_side_are_described_and_not_tested() -> None:
    rows = simulate_operations(seed=2, go_live=pd.Timestamp("2027-03-01", tz="UTC").to_pydatetime(), roll_out=RollOut(5, 12, (30, 30)))
    minutes = own(run_plan(load_protocol("before_after"), rows), "minutes")
    assert minutes.estimate is not None
    assert minutes.p_value is None
    assert minutes.holds is None


def test_series_count_every_case_once() -> None:
    protocol = load_protocol("before_after")
    rows = simulate_operations(seed=1, go_live=pd.Timestamp("2027-03-01", tz="UTC").to_pydatetime(), roll_out=RollOut(3, 3, (20, 20)))
    series = series_of(PlanData(protocol, rows, pd.DataFrame()), "minutes")
    assert series["cases"].sum() == len(rows)
    assert list(series["time"]) == [-3, -2, -1, 0, 1, 2]


def test_a_reader_study_with_three_readers_takes_them_as_random() -> None:
    drawn = simulate_paired_study(cases=60, readers=3, seed=6)
    result = run_plan(load_protocol("multi_reader"), drawn.tasks, drawn.readings)
    assert "random readers" in own(result, "pass").method


def test_the_gate_stays_shut_when_a_primary_endpoint_fails(paired: Protocol) -> None:
    base = Finding("minutes", "primary", "ratio", "ratio", 0.9, 0.8, 1.05, 0.95, 0.2, "m", 10)
    passes = dataclasses.replace(base, endpoint="pass", unit="points", estimate=0.0, low=-2.0, high=2.0)
    clicks = dataclasses.replace(base, endpoint="clicks", role="secondary", unit="clicks", estimate=-100.0, p_value=1e-9)
    decision, _ = decide(paired, [base, passes, clicks])
    assert decision.state == "not shown"
    assert decision.then["clicks"] == "not tested"


def test_secondary_endpoints_are_adjusted_by_holm(paired: Protocol) -> None:
    base = Finding("minutes", "primary", "ratio", "ratio", 0.5, 0.4, 0.6, 0.95, 1e-9, "m", 10)
    passes = dataclasses.replace(base, endpoint="pass", unit="points", estimate=0.0, low=-2.0, high=2.0)
    clicks = dataclasses.replace(base, endpoint="clicks", role="secondary", unit="clicks", estimate=-100.0, p_value=0.04)
    quality = dataclasses.replace(base, endpoint="quality", role="secondary", unit="grade", estimate=0.3, p_value=0.03)
    decision, judged = decide(paired, [base, passes, clicks, quality])
    # Holm on (0.04, 0.03): smallest 0.03 × 2 = 0.06, then max(0.06, 0.04) = 0.06
    assert [line.adjusted_p for line in judged[2:]] == pytest.approx([0.06, 0.06])
    assert decision.then == {"clicks": "not shown", "quality": "not shown"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("case,arm\na,ai\n", "missing_columns"),
        ("case,arm,hands_on_seconds\n", "empty_table"),
        ("case,arm,hands_on_seconds\na,robot,3\n", "bad_value"),
        ("case,arm,hands_on_seconds\na,ai,-3\n", "bad_value"),
        ("case,arm,hands_on_seconds\na,ai,fast\n", "bad_value"),
        ("case,arm,hands_on_seconds\n,ai,3\n", "bad_value"),
    ],
)
def test_faulty_tables_are_refused_with_line_and_remedy(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "tasks.csv"
    path.write_text(text)
    with pytest.raises(RejectedInput) as fault:
        read_tasks(path)
    assert fault.value.code == code


def test_tables_written_and_read_again_give_the_same_result(paired: Protocol, drawn: SimulatedStudy, tmp_path: Path) -> None:
    drawn.tasks.to_csv(tmp_path / "tasks.csv", index=False)
    drawn.readings.to_csv(tmp_path / "readings.csv", index=False)
    there = run_plan(paired, drawn.tasks, drawn.readings)
    back = run_plan(paired, read_tasks(tmp_path / "tasks.csv"), read_readings(tmp_path / "readings.csv"))
    assert [line.estimate for line in back.findings] == pytest.approx([line.estimate for line in there.findings])


def _tables(drawn: SimulatedStudy) -> tuple[pd.DataFrame, pd.DataFrame]:
    return drawn.tasks, drawn.readings
