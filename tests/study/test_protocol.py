"""Protocols are read, frozen and hashed; every fault names its key and its line."""

import hashlib
import re

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
    ('"basilar"]', '"basillar"]', "regions[7].arteries[1]", "did you mean basilar?"),
    ('arms = ["manual"]', 'arms = ["human"]', "taxonomy.activities[3].arms[1]", "use 'manual' or 'ai'"),
    ("correlation = 0.", "correlation = nan #", "endpoints[1].assumed.correlation", "not nan"),
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


def test_a_pass_rate_in_percent_is_noticed():
    with pytest.raises(FaultyProtocol, match=r"is 92 for a pass rate; give a share from 0 to 1, such as 0.92"):
        parse_protocol(re.sub(r"manual = 0\.\d+", "manual = 92", PAPER.text, count=1))


@pytest.mark.parametrize(
    ("pair", "words"), [('["king", "reader"]', "is 'king', which is no role"), ('["reader", "reader"]', "keeps reader apart from itself")]
)
def test_roles_kept_apart_are_roles_and_two(pair, words):
    text = re.sub(r"^apart = .*$", f"apart = [{pair}]", PAPER.text, flags=re.M)
    assert text != PAPER.text
    with pytest.raises(FaultyProtocol, match=re.escape(words)):
        parse_protocol(text)


def test_one_wrong_item_of_a_list_is_one_fault():
    with pytest.raises(FaultyProtocol) as caught:
        parse_protocol(PAPER.text.replace('arms = ["manual"]', 'arms = ["human"]', 1))
    assert len(caught.value.faults) == 1


SYNTAX = [
    ('design = "paired"', "design = paired", 'text without quotes; write design = "paired"'),
    ('design = "paired"', "design = “paired”", "curly quotes, as word processors make them"),
    ("alpha = 0.05", "alpha = 0,05", "a decimal comma; write alpha = 0.05"),
    ("margin = 0.05", "margin = 5 %", "a percentage; write margin = 0.05"),
    ("block_sizes = [4, 6, 8]", "block_sizes = [4 6 8]", "a list that is not closed, or has no comma between two items"),
    ("cases = 152", "cases = 152\ncases = 200", "cases is given twice in its section; keep one of the two"),
    ("cases = 152", "cases", "neither a section such as [study] nor a line such as cases = 152"),
    ("cases = 152", "cases =", "a key without a value"),
    ("ask_arm = true", "ask_arm = yes", "write ask_arm = true"),
    ("[form]", "[timing]", "this section stands twice"),
]


@pytest.mark.parametrize(("before", "after", "words"), SYNTAX)
def test_a_text_that_is_not_toml_is_explained_by_its_line_and_what_to_write(before, after, words):
    assert before in PAPER.text
    with pytest.raises(RejectedInput) as caught:
        parse_protocol(PAPER.text.replace(before, after, 1), source="mine.toml")
    assert caught.value.code == "not_toml"
    assert words in str(caught.value)
    assert after.splitlines()[-1].strip() in str(caught.value)


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


def faults_of(*changes):
    text = load_protocol("head_neck_cta").text
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    with pytest.raises(FaultyProtocol) as caught:
        parse_protocol(text)
    return [fault.key for fault in caught.value.faults]


def test_a_value_of_the_wrong_kind_hides_no_contradiction_elsewhere():
    found = faults_of(
        ('design = "paired"', 'design = "pared"'),
        ("margin = 0.05", 'margin = "five"'),
        ("block_sizes = [4, 6, 8]", "block_sizes = [3]"),
        ('then = ["clicks", "quality"]', 'then = ["clicsk"]'),
        ('better = "lower"', 'better = "higher"'),
        ("manual = 115.87", "manual = -1"),
        ('[["investigator", "reader"]', '[["investigatr", "reader"]'),
    )
    assert found == [
        "study.design",
        "endpoints[1].better",
        "endpoints[2].margin",
        "endpoints[3].better",
        "endpoints[3].assumed.manual",
        "endpoints[5].better",
        "endpoints[6].better",
        "analysis.then[1]",
        "allocation.block_sizes",
        "allocation.block_sizes",
        "roles.apart[1][1]",
    ]


def test_what_only_follows_from_another_fault_is_not_told():
    # with one role unknown nobody can say which endpoints are primary; without a form nobody asks for the one that is faulty
    assert faults_of(('role = "primary"', 'role = "primry"')) == ["endpoints[1].role", "endpoints[2].role"]
    assert faults_of(("reason_required = true", 'reason_required = "yes please"')) == ["form.reason_required"]


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('levels = ["emergency", "elective"]', 'levels = ["emergency", "emergency"]', "allocation.strata[1].levels"),
        ('levels = ["emergency", "elective"]', 'levels = ["emergency|day", "elective"]', "allocation.strata[1].levels"),
        ("idle_rules_seconds = [30, 60, 120]", "idle_rules_seconds = [0, 60, 120]", "timing.idle_rules_seconds[1]"),
    ],
)
def test_levels_and_idle_rules_that_cannot_be_meant_are_told(before, after, key):
    assert faults_of((before, after)) == [key]
