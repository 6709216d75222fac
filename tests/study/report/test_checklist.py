"""Checklists: every published item is there, answered from the records or marked as a gap."""

import pytest

from study.report.checklist import GAP, NAMES, checklists, load_checklist
from study.report.facts import FACTS, facts


@pytest.mark.parametrize(
    ("name", "doi", "numbers"),
    [
        # STAMP: 29 elements in eight areas and 3 ancillary ones (Zheng 2011, abstract)
        ("stamp", "10.1136/amiajnl-2011-000083", 32),
        # CONSORT-AI: 14 new items (Liu 2020, abstract)
        ("consort_ai", "10.1038/s41591-020-1034-x", 14),
        # DECIDE-AI: 17 AI-specific items made of 28 subitems, and 10 generic ones (Vasey 2022, abstract)
        ("decide_ai", "10.1038/s41591-022-01772-9", 38),
    ],
)
def test_every_item_of_the_source_is_there_once(name, doi, numbers):
    found = load_checklist(name)
    assert found.doi == doi
    assert len({item.number for item in found.items}) == len(found.items) == numbers


def test_stamp_has_29_elements_in_eight_areas_and_three_ancillary_ones():
    areas = [item.area for item in load_checklist("stamp").items]
    assert len(set(areas)) == 9
    assert areas.count("Ancillary data") == 3


def test_every_fact_that_an_item_names_exists():
    assert {item.fact for name in NAMES for item in load_checklist(name).items} - {""} <= set(FACTS)


def test_a_study_with_more_records_answers_more_items(material, tables):
    many, few = facts(material), facts(tables)
    assert set(few) < set(many)
    assert many["model"] == "phantom-net 2 (sha256 abababababab)"
    assert "model" not in few
    assert "consent" not in few
    assert "registration" not in many


def test_gaps_are_marked_and_counted(tables):
    for block in checklists(facts(tables)).blocks[1:]:
        gaps = [index for index, row in enumerate(block.rows) if row[3] == GAP]
        assert gaps
        assert set(gaps) == set(block.muted)
        assert f"{len(block.rows) - len(gaps)} of {len(block.rows)} items answered" in block.caption
