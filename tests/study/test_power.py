"""Sample sizes of protocols, against closed forms and simulation."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from study.power import power_at, protocol_power
from study.protocol import Protocol, load_protocol, parse_protocol
from study.statistics import paired_pass_difference, sample_size


def lines(protocol: Protocol, draws: int = 20) -> dict[str, object]:
    return {line.endpoint: line for line in protocol_power(protocol, draws=draws)}


def test_the_pass_margin_of_the_shipped_protocol_follows_the_normal_formula() -> None:
    line = lines(load_protocol("head_neck_cta"))["pass"]
    # variance of the difference 2·0.95·0.05·(1 − 0.5) = 0.0475; (1.96 + 0.8416)² · 0.0475 / 0.05² = 149.1
    by_hand = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 * 0.0475 / 0.05**2
    assert line.needed == pytest.approx(by_hand, abs=4)  # type: ignore[attr-defined]


def test_power_rises_with_cases_and_meets_the_size_that_was_asked_for() -> None:
    for line in protocol_power(load_protocol("parallel"), draws=20):
        powers = [power for _, power in line.curve]
        assert powers == sorted(powers)
        if line.needed and line.curve:
            assert (line.power_planned or 0) >= line.power_wanted - 1e-3 or line.needed > line.planned


def test_power_at_a_number_inverts_the_sample_size() -> None:
    def needed(power: float) -> int:
        return sample_size.paired_t(difference=0.2, sd=1.0, power=power).n

    # 0.2·sqrt(200) = 2.83: power of a two-sided t test, 0.80 to two digits
    assert power_at(200, needed) == pytest.approx(0.80, abs=0.01)


def test_a_reader_study_gains_from_more_readers() -> None:
    line = lines(load_protocol("multi_reader"))["pass"]
    powers = [float(note.split("power ")[1].split(" ")[0]) for note in line.notes]  # type: ignore[attr-defined]
    assert powers == sorted(powers)
    assert powers[0] < powers[-1]


def test_an_endpoint_without_assumptions_is_told_and_not_guessed() -> None:
    line = lines(load_protocol("head_neck_cta"))["quality"]
    assert line.power_planned is None  # type: ignore[attr-defined]
    assert "no assumptions" in line.notes[0]  # type: ignore[attr-defined]


def test_the_formula_for_paired_non_inferiority_agrees_with_simulated_studies() -> None:
    protocol = parse_protocol(load_protocol("head_neck_cta").text.replace("cases = 152", "cases = 300"))
    predicted = lines(protocol)["pass"].power_planned  # type: ignore[attr-defined]
    rng, shown, draws = np.random.default_rng(1), 0, 400
    both = 0.95 * 0.95 + 0.5 * 0.95 * 0.05
    shares = [both, 0.95 - both, 0.95 - both, 1 - 2 * 0.95 + both]
    for _ in range(draws):
        a, b, c, d = rng.multinomial(300, shares)
        shown += paired_pass_difference(((int(a), int(b)), (int(c), int(d)))).non_inferior(0.05)
    # Tango's interval is a little more careful than the normal formula; Monte-Carlo error is 0.012
    assert shown / draws == pytest.approx(predicted, abs=4 * math.sqrt(0.25 / draws) * 0.6 + 0.03)


def test_a_roll_out_is_sized_by_simulation_with_its_error_stated() -> None:
    line = lines(load_protocol("before_after"), draws=8)["minutes"]
    assert line.power_planned > 0.9  # type: ignore[attr-defined]
    assert "Monte-Carlo" in line.notes[0]  # type: ignore[attr-defined]
