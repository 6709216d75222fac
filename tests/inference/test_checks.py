"""Planted faults are found, each under its own code, and a sound tree is not accused."""

from dataclasses import replace

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.anatomy import NUMBERS
from inference.checks import judge
from inference.qc import Finding, QcSettings, Verdict
from inference.segmentation.result import Repair, Segmentation

SHAPE = (160, 60, 60)
GRID = Geometry(SHAPE, (1.0, 1.0, 1.0))
COLUMNS = {  # column of each artery; x grows to the patient's left
    "common_carotid_r": (20, slice(10, 70)),
    "internal_carotid_r": (20, slice(70, 150)),
    "vertebral_r": (26, slice(10, 150)),
    "vertebral_l": (34, slice(10, 150)),
    "common_carotid_l": (40, slice(10, 70)),
    "internal_carotid_l": (40, slice(70, 150)),
}


def tree() -> Segmentation:
    arteries = np.zeros(SHAPE, np.uint8)
    arteries[4:11, 28:33, 18:43] = NUMBERS["aortic_arch"]
    for name, (column, span) in COLUMNS.items():
        arteries[span, 28:32, column - 1 : column + 2] = NUMBERS[name]
    vessel = (arteries > 0).astype(np.uint8)
    zero = np.zeros(SHAPE, np.uint8)
    return Segmentation(vessel, zero, zero, arteries, notes={"enhanced": True, "lumen_hu": 380.0, "ceiling_hu": 650.0})


def scan(segmentation: Segmentation) -> Volume:
    return Volume(np.where(segmentation.vessel > 0, 380, 40).astype(np.int16), GRID)


def verdict_of(segmentation: Segmentation, *, removed: Volume | None = None, settings: QcSettings | None = None) -> Verdict:
    volume = scan(segmentation)
    return judge(volume, segmentation, removed or volume, settings=settings)


def codes(verdict: Verdict) -> set[tuple[str, str | None]]:
    return {(finding.code, finding.artery) for finding in verdict.findings}


def without(segmentation: Segmentation, where: np.ndarray) -> Segmentation:
    return replace(segmentation, vessel=np.where(where, 0, segmentation.vessel), arteries=np.where(where, 0, segmentation.arteries))


def test_a_sound_tree_is_accepted_without_findings() -> None:
    verdict = verdict_of(tree())
    assert verdict.verdict == "accept"
    assert verdict.findings == ()


def test_a_gap_of_5_mm_is_an_interruption_of_its_artery_with_the_place_to_look() -> None:
    whole = tree()
    gap = (np.indices(SHAPE)[0] >= 90) & (np.indices(SHAPE)[0] < 95) & (whole.arteries == NUMBERS["internal_carotid_r"])
    verdict = verdict_of(without(whole, gap))
    assert ("interrupted", "internal_carotid_r") in codes(verdict)
    found = next(finding for finding in verdict.findings if finding.code == "interrupted")
    assert found.points_mm[0][0] == pytest.approx(20, abs=2)
    assert found.points_mm[0][2] > 95
    assert {artery for code, artery in codes(verdict) if code == "interrupted"} == {"internal_carotid_r"}


def test_a_lost_branch_is_missing() -> None:
    whole = tree()
    verdict = verdict_of(without(whole, whole.arteries == NUMBERS["vertebral_l"]))
    assert codes(verdict) == {("missing_artery", "vertebral_l")}
    assert verdict.verdict == "review"


def test_a_branch_that_ends_early_is_unlike_its_twin() -> None:
    whole = tree()
    cut = (whole.arteries == NUMBERS["vertebral_r"]) & (np.indices(SHAPE)[0] > 40)
    assert ("asymmetry", "vertebral_r") in codes(verdict_of(without(whole, cut)))


def test_swapped_sides_are_rejected() -> None:
    whole = tree()
    table = np.arange(256, dtype=np.uint8)
    table[NUMBERS["internal_carotid_r"]], table[NUMBERS["internal_carotid_l"]] = (
        NUMBERS["internal_carotid_l"],
        NUMBERS["internal_carotid_r"],
    )
    verdict = verdict_of(replace(whole, arteries=table[whole.arteries]))
    assert verdict.verdict == "reject"
    assert ("swapped_sides", "internal_carotid_r") in codes(verdict)


def test_bone_left_in_the_picture_is_found_but_calcium_on_a_vessel_is_not() -> None:
    whole = tree()
    left = scan(whole).array.copy()
    left[100:115, 45:57, 45:57] = 1200
    assert ("bone_left", None) in codes(verdict_of(whole, removed=Volume(left, GRID)))
    calcium = scan(whole).array.copy()
    calcium[60:80, 28:32, 19:22] = 1200
    assert ("bone_left", None) not in codes(verdict_of(whole, removed=Volume(calcium, GRID)))


def test_every_bridge_is_told_and_a_long_one_is_to_be_reviewed() -> None:
    short = Repair((0, 0, 0), (0, 0, 2), 2.0, "vertebral_r", "same direction")
    long = Repair((0, 0, 0), (0, 0, 9), 9.0, "vertebral_l", "same direction")
    verdict = verdict_of(replace(tree(), repairs=(short, long)))
    assert [(finding.severity, finding.artery) for finding in verdict.findings] == [("review", "vertebral_l"), ("note", "vertebral_r")]


def test_veins_over_the_arteries_are_found() -> None:
    whole = tree()
    veins = np.zeros(SHAPE, np.uint8)
    veins[10:150, 36:50, 10:50] = 1
    vessel = np.maximum(whole.vessel, veins)
    assert ("venous_contamination", None) in codes(verdict_of(replace(whole, vessel=vessel, veins=veins)))


def test_many_pieces_are_found() -> None:
    whole = tree()
    vessel = whole.vessel.copy()
    for index in range(45):
        z, x = 12 + 3 * index, 2
        vessel[z : z + 2, 2 + (index % 8) * 7 : 8 + (index % 8) * 7, x : x + 6] = 1
    assert ("fragments", None) in codes(verdict_of(replace(whole, vessel=vessel)))


def test_no_vessel_at_all_is_rejected_and_nothing_crashes() -> None:
    empty = replace(tree(), vessel=np.zeros(SHAPE, np.uint8), arteries=np.zeros(SHAPE, np.uint8))
    verdict = verdict_of(empty)
    assert verdict.verdict == "reject"
    assert ("no_vessel", None) in codes(verdict)


def test_unnamed_arteries_ask_for_review() -> None:
    assert ("arteries_unnamed", None) in codes(verdict_of(replace(tree(), arteries=np.zeros(SHAPE, np.uint8))))


def test_weak_contrast_is_told() -> None:
    segmentation = replace(tree(), notes={"enhanced": True, "lumen_hu": 170.0})
    assert ("weak_enhancement", None) in codes(verdict_of(segmentation))


def test_the_protocol_sets_the_limits() -> None:
    assert codes(verdict_of(tree(), settings=QcSettings(least_slices=400))) == {("crop", None)}
    strict = QcSettings(expected=("basilar",))
    assert codes(verdict_of(tree(), settings=strict)) == {("missing_artery", "basilar")}


def test_a_finding_of_an_earlier_step_is_not_repeated() -> None:
    segmentation = replace(tree(), notes={"enhanced": False})
    told = (Finding("unenhanced", "reject", "said before"),)
    verdict = judge(scan(segmentation), segmentation, scan(segmentation), also=told)
    assert [finding.text for finding in verdict.findings if finding.code == "unenhanced"] == ["said before"]


def test_findings_are_ready_for_json() -> None:
    import json

    whole = tree()
    verdict = verdict_of(without(whole, whole.arteries == NUMBERS["vertebral_l"]))
    said = json.loads(json.dumps(verdict.to_dict()))
    assert said["verdict"] == "review"
    assert said["findings"][0]["code"] == "missing_artery"
