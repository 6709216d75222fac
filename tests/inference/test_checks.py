"""Planted faults are found, each under its own code, and a sound tree is not accused."""

from dataclasses import replace

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.anatomy import NUMBERS
from inference.centrelines import Centreline
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
    assert found.points_mm[0][2] == pytest.approx(92, abs=2), "the gap itself, not the middle of what lies behind it"
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


def test_a_gap_is_found_even_where_the_far_end_is_fed_from_the_other_side() -> None:
    whole = tree()
    gap = (np.indices(SHAPE)[0] >= 90) & (np.indices(SHAPE)[0] < 95) & (whole.arteries == NUMBERS["internal_carotid_r"])
    broken = without(whole, gap)
    bridge = np.zeros(SHAPE, bool)
    bridge[146:150, 28:32, 18:43] = True
    arteries = np.where(bridge & (broken.arteries == 0), NUMBERS["anterior_communicating"], broken.arteries).astype(np.uint8)
    looped = replace(broken, arteries=arteries, vessel=(arteries > 0).astype(np.uint8))
    assert ("interrupted", "internal_carotid_r") in codes(verdict_of(looped))
    found = next(finding for finding in verdict_of(looped).findings if finding.code == "interrupted")
    assert found.points_mm[0][2] == pytest.approx(92, abs=2)


def narrow_tree() -> Segmentation:
    """The tree with two arteries of two by two voxels on the internal carotids."""
    arteries = tree().arteries.copy()
    arteries[100:150, 28:30, 17:19] = NUMBERS["middle_cerebral_r"]
    arteries[100:150, 28:30, 42:44] = NUMBERS["middle_cerebral_l"]
    return replace(tree(), arteries=arteries, vessel=(arteries > 0).astype(np.uint8))


@pytest.mark.parametrize(("between_hu", "told"), [(40, {("interrupted", "middle_cerebral_l")}), (200, set())])
def test_a_narrow_artery_in_pieces_is_interrupted_only_where_no_contrast_joins_them(between_hu: int, told: set[tuple[str, str]]) -> None:
    whole = narrow_tree()
    assert codes(verdict_of(whole)) == set()
    gap = (np.indices(SHAPE)[0] >= 120) & (np.indices(SHAPE)[0] < 125) & (whole.arteries == NUMBERS["middle_cerebral_l"])
    volume = Volume(np.where(gap, between_hu, scan(whole).array).astype(np.int16), GRID)
    assert codes(judge(volume, without(whole, gap), volume)) == told


def test_a_bright_way_round_a_gap_does_not_join_its_sides() -> None:
    arteries = narrow_tree().arteries.copy()
    arteries[145:150, 30:50, 42:44] = NUMBERS["middle_cerebral_l"]  # it turns, as round the insula
    arteries[145:150, 30:50, 17:19] = NUMBERS["middle_cerebral_r"]
    whole = replace(tree(), arteries=arteries, vessel=(arteries > 0).astype(np.uint8))
    gap = (np.indices(SHAPE)[0] >= 120) & (np.indices(SHAPE)[0] < 125) & (arteries == NUMBERS["middle_cerebral_l"])
    array = np.where(gap, 40, scan(whole).array).astype(np.int16)
    array[110:113, 28:46, 42:44] = array[132:135, 28:46, 42:44] = array[110:135, 42:46, 42:44] = 380  # as the rim of the skull is
    volume = Volume(array, GRID)
    assert ("interrupted", "middle_cerebral_l") in codes(judge(volume, without(whole, gap), volume))


@pytest.mark.parametrize(("crossing", "told"), [(True, False), (False, True)])
def test_a_narrow_artery_that_runs_through_another_is_whole_and_one_with_a_gap_there_is_not(crossing: bool, told: bool) -> None:
    whole = narrow_tree()
    arteries, between = whole.arteries.copy(), np.zeros(SHAPE, bool)
    between[118:124, 28:30, 42:44] = True
    arteries[between] = NUMBERS["posterior_communicating_l"] if crossing else 0  # the name of the artery that it runs through
    named = replace(whole, arteries=arteries, vessel=(arteries > 0).astype(np.uint8))
    volume = Volume(np.where(between & (not crossing), 40, scan(whole).array).astype(np.int16), GRID)
    assert (("interrupted", "middle_cerebral_l") in codes(judge(volume, named, volume))) is told


@pytest.mark.parametrize(("length", "told"), [(14, False), (26, True)])
def test_a_crumb_one_voxel_thick_beyond_a_gap_is_told_only_if_it_is_long(length: int, told: bool) -> None:
    arteries = narrow_tree().arteries.copy()
    arteries[112:, 28:30, 42:44] = 0
    arteries[118 : 118 + length, 28, 42] = NUMBERS["middle_cerebral_l"]
    named = replace(tree(), arteries=arteries, vessel=(arteries > 0).astype(np.uint8))
    assert (("interrupted", "middle_cerebral_l") in codes(verdict_of(named))) is told


def test_a_break_of_two_voxels_in_a_narrow_artery_is_no_gap() -> None:
    whole = narrow_tree()
    gap = (np.indices(SHAPE)[0] >= 120) & (np.indices(SHAPE)[0] < 122) & (whole.arteries == NUMBERS["middle_cerebral_l"])
    volume = Volume(np.where(gap, 40, scan(whole).array).astype(np.int16), GRID)
    assert ("interrupted", "middle_cerebral_l") not in codes(judge(volume, without(whole, gap), volume))


@pytest.mark.parametrize(("wide", "told"), [(2, {("lost_branch", "internal_carotid_l")}), (12, set())])
def test_a_branch_that_the_scan_shows_and_the_vessels_lack_is_told_and_a_gland_is_not(wide: int, told: set[tuple[str, str]]) -> None:
    whole = tree()
    array = scan(whole).array.copy()
    array[90:130, 29 : 29 + wide, 44 : 44 + wide] = 300
    volume = Volume(array, GRID)
    verdict = judge(volume, whole, volume)
    assert codes(verdict) == told
    assert all(40 <= finding.value < 43 and finding.points_mm[0][0] == 44 for finding in verdict.findings)


def test_an_artery_is_missed_when_only_its_twin_is_there_and_the_place_to_look_is_opposite() -> None:
    whole = tree()
    arteries = whole.arteries.copy()
    arteries[120:150, 20:24, 45:55] = NUMBERS["middle_cerebral_l"]
    found = [finding for finding in verdict_of(replace(whole, arteries=arteries)).findings if finding.artery == "middle_cerebral_r"]
    assert [finding.code for finding in found] == ["missing_artery"]
    assert found[0].points_mm[0][0] == pytest.approx(60 - 49.5, abs=1.0)


def test_an_artery_below_the_field_is_not_missed() -> None:
    whole = tree()
    arteries = np.where(np.isin(whole.arteries, [NUMBERS["common_carotid_r"], NUMBERS["common_carotid_l"]]), 0, whole.arteries)
    arteries = arteries[70:].astype(np.uint8)
    zero = np.zeros_like(arteries)
    head = Segmentation((arteries > 0).astype(np.uint8), zero, zero, arteries, notes=whole.notes)
    grid = Geometry(arteries.shape, (1.0, 1.0, 1.0))
    volume = Volume(np.where(arteries > 0, 380, 40).astype(np.int16), grid)
    assert "missing_artery" not in {finding.code for finding in judge(volume, head, volume).findings}


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_arch_that_runs_to_the_right_tells_a_mirrored_scan(mirrored: bool) -> None:
    whole = tree()
    arteries = np.where(whole.arteries == NUMBERS["aortic_arch"], 0, whole.arteries).astype(np.uint8)
    for step in range(24):  # from the front on the right to the back on the left
        arteries[4:11, 18 + step : 24 + step, 18 + step : 24 + step] = NUMBERS["aortic_arch"]
    found = replace(whole, arteries=arteries[:, :, ::-1].copy() if mirrored else arteries)
    verdict = verdict_of(replace(found, vessel=(found.arteries > 0).astype(np.uint8)))
    assert (("swapped_sides", "aortic_arch") in codes(verdict)) is mirrored
    if mirrored:
        assert verdict.verdict == "reject"
        carotids = [NUMBERS["common_carotid_r"], NUMBERS["common_carotid_l"]]
        alone = replace(found, arteries=np.where(np.isin(found.arteries, carotids), 0, found.arteries).astype(np.uint8))
        doubted = verdict_of(replace(alone, vessel=(alone.arteries > 0).astype(np.uint8)))
        arch = [finding for finding in doubted.findings if finding.artery == "aortic_arch" and finding.code == "swapped_sides"]
        assert [finding.severity for finding in arch] == ["review"]


def test_a_gap_left_open_in_a_named_artery_is_told_and_one_elsewhere_is_not() -> None:
    whole = tree()
    open_gap = {"start_mm": [26.0, 30.0, 80.0], "end_mm": [26.0, 30.0, 84.0], "length_mm": 4.0, "reason": "no contrast"}
    elsewhere = {"start_mm": [5.0, 5.0, 80.0], "end_mm": [5.0, 5.0, 84.0], "length_mm": 4.0, "reason": "no contrast"}
    verdict = verdict_of(replace(whole, notes={**whole.notes, "repair": {"left_open": [open_gap, elsewhere]}}))
    assert codes(verdict) == {("open_gap", "vertebral_r")}


def test_narrowings_are_notes_and_places_without_lumen_are_for_review() -> None:
    whole = tree()
    z = np.indices(SHAPE)[0]
    narrow, dark = abs(z - 110) < 4, abs(z - 120) < 4
    core = (np.indices(SHAPE)[2] == 20) & np.isin(np.indices(SHAPE)[1], (29, 30))
    thin = (whole.arteries == NUMBERS["internal_carotid_r"]) & narrow & ~core
    shut = (whole.arteries == NUMBERS["vertebral_l"]) & dark
    volume = Volume(np.where((whole.vessel > 0) & ~thin & ~shut, 380, 40).astype(np.int16), GRID)
    lines = {}
    for name, (column, span) in COLUMNS.items():
        height = np.arange(span.start + 1.0, span.stop - 1.0, 0.5)
        lines[name] = Centreline(
            np.stack([np.full(len(height), float(column)), np.full(len(height), 29.5), height], axis=1), np.full(len(height), 1.7)
        )
    verdict = judge(volume, whole, volume, centrelines=lines)
    told = {(finding.code, finding.artery, finding.severity) for finding in verdict.findings}
    assert ("narrowing", "internal_carotid_r", "note") in told
    assert ("no_lumen", "vertebral_l", "review") in told
    assert {artery for code, artery, _ in told if code in ("narrowing", "no_lumen")} == {"internal_carotid_r", "vertebral_l"}


def test_a_short_twin_is_told_by_its_length() -> None:
    whole = tree()
    run = {name: np.linspace((30.0, 30, 0), (30.0, 30, 100), 50) for name in ("vertebral_r", "vertebral_l")}
    lines = {
        name: Centreline(points[: 20 if name.endswith("_r") else 50], np.ones(20 if name.endswith("_r") else 50))
        for name, points in run.items()
    }
    verdict = judge(scan(whole), whole, scan(whole), centrelines=lines)
    assert ("asymmetry", "vertebral_r") in codes(verdict)


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


def test_the_gravest_findings_are_drawn_and_the_others_only_listed() -> None:
    from inference.pictures.marks import MOST_MARKS, _gravest

    notes = [(number, Finding("repaired", "note", "A gap was bridged.")) for number in range(1, MOST_MARKS + 8)]
    grave = [(90, Finding("interrupted", "review", "Cut off.")), (91, Finding("swapped_sides", "reject", "Swapped."))]
    shown = [number for number, _ in _gravest([*notes, *grave])]
    assert len(shown) == MOST_MARKS
    assert shown == [*range(1, MOST_MARKS - 1), 90, 91]


def test_the_depth_of_a_piece_is_that_in_the_whole_array() -> None:
    """It is worked out in the piece's own box: over a whole artery it made the verdict on a long scan take a minute."""
    import edt

    from inference.checks.places import depth_of

    rng = np.random.default_rng(0)
    for _ in range(30):
        mask = np.zeros((12, 14, 16), bool)
        low = rng.integers(0, 8, 3)
        box = tuple(slice(int(a), int(a + n)) for a, n in zip(low, rng.integers(1, 6, 3), strict=True))
        mask[box] = rng.random(mask[box].shape) < 0.8
        spacing = tuple(rng.uniform(0.3, 1, 3).tolist())
        whole = edt.edt(np.pad(mask, 3), anisotropy=spacing).max() if mask.any() else 0.0
        assert depth_of(mask, spacing) == pytest.approx(float(whole))
