"""Scores per label, per region and for all foreground, and the vessel-weighted score by hand."""

from pathlib import Path

import numpy as np
import pytest

from inference import Geometry, Volume, load
from inference.errors import GeometryMismatch
from inference.evaluation import evaluate, vessel_weighted_score

TOPCOW = Path(__file__).parents[3] / "shared" / "data" / "topcow_labels"
GRID = Geometry((12, 12, 12), (1.0, 1.0, 1.0))


def labels(**boxes: tuple[slice, slice, slice]) -> Volume:
    array = np.zeros(GRID.shape, np.uint8)
    for name, box in boxes.items():
        array[box] = int(name[1:])
    return Volume(array, GRID)


ALL = slice(None)


def test_every_label_and_region_that_either_side_holds_is_scored() -> None:
    reference = labels(n7=(ALL, slice(0, 3), slice(0, 3)), n8=(ALL, slice(0, 3), slice(8, 11)), n13=(ALL, slice(6, 8), slice(5, 7)))
    prediction = labels(n7=(ALL, slice(0, 3), slice(0, 3)), n13=(ALL, slice(6, 8), slice(5, 7)), n11=(ALL, slice(10, 12), slice(0, 2)))
    result = evaluate(prediction, reference)
    by_name = {scores.name: scores.values for scores in result.labels}
    assert list(by_name) == ["internal_carotid_r", "internal_carotid_l", "vertebral_r", "basilar"]
    assert by_name["internal_carotid_r"]["dice"] == 1.0
    assert by_name["internal_carotid_l"]["dice"] == 0.0
    assert by_name["internal_carotid_l"]["hd95"] == 290.0
    assert by_name["vertebral_r"]["precision"] == 0.0
    regions = {scores.name: scores.values for scores in result.regions}
    assert set(regions) == {"internal_carotid", "vertebral", "basilar"}
    assert regions["internal_carotid"]["recall"] == 0.5
    assert result.mean["dice"] == pytest.approx(0.5)  # (1 + 0 + 0 + 1) / 4, as the challenges average


def test_foreground_merges_labels_that_are_swapped() -> None:
    reference = labels(n7=(ALL, slice(0, 3), slice(0, 3)), n8=(ALL, slice(0, 3), slice(8, 11)))
    prediction = labels(n8=(ALL, slice(0, 3), slice(0, 3)), n7=(ALL, slice(0, 3), slice(8, 11)))
    result = evaluate(prediction, reference)
    assert result.foreground.values["dice"] == 1.0
    assert all(scores.values["dice"] == 0.0 for scores in result.labels)


def test_a_mask_against_a_label_map_is_scored_as_foreground_only() -> None:
    reference = labels(n7=(ALL, slice(0, 3), slice(0, 3)), n8=(ALL, slice(0, 3), slice(8, 11)))
    mask = reference.with_array((reference.array > 0).astype(np.uint8))
    result = evaluate(mask, reference)
    assert result.foreground.values["dice"] == 1.0
    assert result.labels == ()


def test_an_ignored_label_counts_for_nothing() -> None:
    reference = labels(n1=(ALL, slice(0, 3), slice(0, 3)), n99=(ALL, slice(6, 12), slice(6, 12)))
    prediction = labels(n1=(ALL, slice(0, 3), slice(0, 3)))
    overcalled = prediction.with_array(np.where(reference.array == 99, 1, prediction.array).astype(np.uint8))
    assert evaluate(overcalled, reference, ignore_label=99).foreground.values["precision"] == 1.0
    assert evaluate(overcalled, reference).foreground.values["recall"] == 1.0
    assert evaluate(prediction, reference).foreground.values["recall"] < 0.5


def test_the_vessel_weighted_score_is_recall_along_the_skeleton_by_one_over_radius_times_precision() -> None:
    # Two straight tubes of equal length: radius about 3 and about 1 voxel. The thin one weighs the more.
    reference = np.zeros((40, 20, 30), bool)
    reference[:, 5:12, 4:11] = True
    reference[:, 8:9, 20:21] = True
    thick_only, thin_only = reference.copy(), reference.copy()
    thick_only[:, :, 15:] = False
    thin_only[:, :, :15] = False
    thick, thin = (vessel_weighted_score(mask, reference, spacing_mm=(1, 1, 1)) for mask in (thick_only, thin_only))
    assert thin > 2 * thick
    doubled = np.zeros_like(reference)
    doubled[:, 4:13, 3:12] = reference[:, 8:9, 20:21] | True
    doubled |= reference
    assert vessel_weighted_score(doubled, reference, spacing_mm=(1, 1, 1)) == pytest.approx(reference.sum() / doubled.sum())


def test_grids_that_differ_are_refused_with_both_named() -> None:
    moved = Volume(np.zeros(GRID.shape, np.uint8), Geometry(GRID.shape, (1.0, 1.0, 1.0), (5.0, 0.0, 0.0)))
    with pytest.raises(GeometryMismatch, match="resample"):
        evaluate(moved, labels(n1=(ALL, ALL, ALL)))


def test_values_that_are_no_labels_are_refused() -> None:
    grey = Volume(np.full(GRID.shape, 0.5, np.float32), GRID)
    with pytest.raises(GeometryMismatch, match="whole numbers"):
        evaluate(grey, labels(n1=(ALL, ALL, ALL)))


@pytest.mark.skipif(not TOPCOW.exists(), reason="the evaluation data are not here")
def test_a_real_circle_of_willis_against_itself_is_perfect() -> None:
    truth = load(TOPCOW / "topcow_ct_roi_003.nii.gz")
    result = evaluate(truth, truth)
    assert len(result.labels) > 5
    assert result.mean["dice"] == result.mean["cldice"] == result.foreground.values["vessel_weighted"] == 1.0
    assert result.mean["hd95"] == result.mean["betti0_error"] == 0.0
