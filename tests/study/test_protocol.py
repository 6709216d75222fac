"""Protocols are read, frozen and hashed; every fault names its key and its line."""

import hashlib

import pytest
from pydantic import ValidationError

from study.errors import RejectedInput
from study.protocol import FaultyProtocol, load_protocol, named_protocols, parse_protocol

PAPER = load_protocol("head_neck_cta")


@pytest.mark.parametrize("name", named_protocols())
def test_every_protocol_that_ships_is_valid(name):
    assert load_protocol(name).sha256 == hashlib.sha256(load_protocol(name).text.encode()).hexdigest()


def test_the_four_designs_each_have_a_worked_protocol():
    assert {load_protocol(name).design for name in named_protocols()} == {"paired", "parallel", "before_after", "multi_reader"}


def test_the_papers_study_rates_ten_regions_with_the_five_reasons_and_a_five_point_margin():
    assert len(PAPER.regions) == 10
    assert [reason.name for reason in PAPER.form.reasons] == [
        "interruption", "bone_adhesion", "missing_branch", "venous_contamination", "artefact",
    ]  # fmt: skip
    assert PAPER.endpoint("pass").margin == 0.05
    assert PAPER.timing.idle_rules_seconds == (30, 60, 120)


def test_regions_hold_the_arteries_of_the_label_map():
    from inference.anatomy import LABELS, REGIONS

    assert {region.name: region.arteries for region in PAPER.regions} == {
        name: tuple(LABELS[number] for number in numbers) for name, numbers in REGIONS.items()
    }


def test_a_protocol_cannot_be_changed_after_reading():
    with pytest.raises(ValidationError):
        PAPER.study.cases = 10


def test_line_ends_do_not_change_the_hash():
    assert parse_protocol(PAPER.text.replace("\n", "\r\n")).sha256 == PAPER.sha256


FAULTS = [
    ('design = "paired"', 'design = "pared"', "study.design", "use 'paired'"),
    ("margin = 0.05", "margn = 0.05", "endpoints[2].margn", "did you mean margin?"),
    ("cases = 152", 'cases = "many"', "study.cases", "whole number"),
    ("margin = 0.05", "margin = 5", "endpoints[2].margin", "give 5 points as 0.05"),
    ('then = ["clicks", "quality"]', 'then = ["klicks"]', "analysis.then[1]", "use one of minutes"),
    ("sensitivity_idle_seconds = 60", "sensitivity_idle_seconds = 45", "timing.sensitivity_idle_seconds", "idle_rules_seconds"),
    ("block_sizes = [4, 6, 8]", "block_sizes = [4, 5]", "allocation.block_sizes", "even numbers"),
    ("block_sizes = [4, 6, 8]", "block_sizes = [4]", "allocation.block_sizes", "foretold"),
    ('label = "Poor"', 'labl = "Poor"', "form.quality[2].labl", "did you mean label?"),
    ('outcomes = "until_unblinding"', 'outcomes = "open"', "blinding.outcomes", "hide outcomes"),
    ('better = "higher"', 'better = "lower"', "endpoints[2].better", 'set better = "higher"'),
    ('name = "basilar"', 'name = "vertebral"', "regions[7].name", "every name once"),
]


@pytest.mark.parametrize(("before", "after", "key", "remedy"), FAULTS)
def test_a_fault_names_its_key_its_line_and_what_to_do(before, after, key, remedy):
    text = PAPER.text.replace(before, after, 1)
    with pytest.raises(FaultyProtocol) as caught:
        parse_protocol(text)
    fault = next(fault for fault in caught.value.faults if fault.key == key)
    assert remedy in str(fault)
    assert fault.line is not None
    changed = next(number for number, line in enumerate(text.splitlines(), 1) if PAPER.text.splitlines()[number - 1] != line)
    assert fault.line == changed


def test_a_missing_key_points_at_its_table():
    with pytest.raises(FaultyProtocol) as caught:
        parse_protocol(PAPER.text.replace("cases = 152\n", ""))
    (fault,) = caught.value.faults
    assert (fault.key, PAPER.text.splitlines()[fault.line - 1]) == ("study.cases", "[study]")


def test_all_faults_are_told_at_once_in_one_line():
    text = PAPER.text.replace("cases = 152", "cases = 0").replace("alpha = 0.05", "alpha = 2")
    with pytest.raises(FaultyProtocol, match="has 2 faults") as caught:
        parse_protocol(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "code"), [(b"a = = 1", "not_toml"), (b"\xff\xfe", "not_text"), (b"", "faulty_protocol"), (b"x" * 1_000_001, "too_large")]
)
def test_a_file_that_is_no_protocol_is_rejected(tmp_path, content, code):
    (tmp_path / "p.toml").write_bytes(content)
    with pytest.raises(RejectedInput) as caught:
        load_protocol(tmp_path / "p.toml")
    assert (caught.value.code, caught.value.exit_status) == (code, 4)


@pytest.mark.parametrize("path", ["missing.toml", "."])
def test_a_missing_file_or_a_folder_is_rejected(path):
    with pytest.raises(RejectedInput, match="no_such_file"):
        load_protocol(path)
