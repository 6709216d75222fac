"""The headline, on tables small enough to work out on paper."""

import pandas as pd
import pytest

from study.comparison import compare, majority, pair_tasks, pairs_needed
from study.errors import RejectedInput


def tasks(rows: list[tuple[str, str, float, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["case", "arm", "hands_on_seconds", "clicks"])


def verdicts(rows: list[tuple[str, str, str, bool]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["case", "arm", "reader", "passed"])
    return frame.assign(round=1, region="overall", quality=4, reason="")


FOUR = [("A", "manual", 600, 100), ("A", "ai", 300, 4), ("B", "manual", 720, 120), ("B", "ai", 300, 4)]
FOUR += [("C", "manual", 840, 110), ("C", "ai", 300, 4), ("D", "manual", 660, 90), ("D", "ai", 300, 4)]
NOTHING = verdicts([])


def test_the_difference_is_ai_minus_manual_in_minutes() -> None:
    effects = {effect.name: effect for effect in compare(tasks(FOUR), NOTHING).effects}
    # manual 10, 12, 14, 11 min; AI 5 min: differences -5, -7, -9, -6, mean -6.75
    assert effects["minutes, mean difference"].estimate == pytest.approx(-6.75)
    assert effects["minutes, mean difference"].n == 4


def test_changing_one_recorded_time_changes_minutes_and_p() -> None:
    before = compare(tasks(FOUR), NOTHING).effects[0]
    after = compare(tasks([("A", "manual", 60, 100), *FOUR[1:]]), NOTHING).effects[0]
    assert after.estimate == pytest.approx(-6.75 + 9 / 4)
    assert after.p_value is not None
    assert before.p_value is not None
    assert after.p_value > before.p_value


def test_swapping_the_arms_reverses_every_difference_and_keeps_every_p() -> None:
    swapped = tasks(FOUR).replace({"arm": {"manual": "ai", "ai": "manual"}})
    for there, back in zip(compare(tasks(FOUR), NOTHING).effects, compare(swapped, NOTHING).effects, strict=True):
        expected = 1 / there.estimate if there.unit == "×" else -there.estimate
        assert back.estimate == pytest.approx(expected)
        assert back.p_value == pytest.approx(there.p_value)


def test_a_case_with_one_arm_is_left_out_of_the_pairs() -> None:
    assert list(pair_tasks(tasks(FOUR[:-1]), "clicks").index) == ["A", "B", "C"]


def test_two_tasks_of_one_case_in_one_arm_are_refused() -> None:
    with pytest.raises(RejectedInput, match="several tasks in one arm"):
        pair_tasks(tasks([*FOUR, FOUR[0]]), "clicks")


def test_a_tie_between_two_readers_is_a_fail() -> None:
    assert majority(verdicts([("A", "ai", "R1", True), ("A", "ai", "R2", False)]))["passed"].tolist() == [False]


def test_without_a_manual_pass_rate_no_quality_comparison_is_made() -> None:
    comparison = compare(tasks(FOUR), verdicts([("A", "ai", "R1", True), ("B", "ai", "R1", True)]))
    assert comparison.verdict.state == "not yet known"
    assert "no quality comparison is possible" in comparison.verdict.words
    assert comparison.passed["ai"][:2] == (2, 2)


def test_an_estimate_beyond_the_margin_asks_for_no_number_of_pairs() -> None:
    assert pairs_needed(((80, 0), (20, 0)), margin=0.05) is None


def test_pairs_needed_follow_the_normal_formula() -> None:
    # discordance 20/152, difference 0: (1.95996 + 0.84162)^2 * 0.131579 / 0.05^2 = 413.1
    assert pairs_needed(((130, 10), (10, 2)), margin=0.05) == 414
