"""The metrics agree with the challenges' published definitions, degenerate masks included."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from inference.errors import GeometryMismatch
from inference.metrics import METRICS, betti0_error, cldice, dice, hd95, precision, recall

TOPCOW = Path(__file__).parents[3] / "shared" / "data" / "topcow_labels"
UNIT = (1.0, 1.0, 1.0)


def reference_hd95(prediction: np.ndarray, reference: np.ndarray, spacing_mm: tuple[float, ...]) -> float:
    """TopCoW's definition by way of SimpleITK: padded, fully connected label contour, Maurer distance, larger percentile."""
    surfaces, distances = [], []
    for mask in (prediction, reference):
        image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
        image.SetSpacing(spacing_mm[::-1])
        surface = sitk.LabelContour(image, fullyConnected=True)
        distance = sitk.Abs(sitk.SignedMaurerDistanceMap(surface, squaredDistance=False, useImageSpacing=True))
        surfaces.append(sitk.GetArrayFromImage(surface) > 0)
        distances.append(sitk.GetArrayFromImage(distance))
    there = np.percentile(distances[1][surfaces[0]], 95)
    back = np.percentile(distances[0][surfaces[1]], 95)
    return float(max(there, back))


def blobs(seed: int, shape: tuple[int, ...] = (12, 14, 16)) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return np.asarray(noise > np.quantile(noise, 0.8))


@pytest.mark.parametrize("seed", range(6))
def test_hd95_equals_the_reference_definition_on_random_blobs(seed: int) -> None:
    first, second = blobs(seed), blobs(seed + 100)
    spacing = (0.75, 0.5, 0.45)
    assert hd95(first, second, spacing_mm=spacing) == pytest.approx(reference_hd95(first, second, spacing), abs=1e-5)


def test_hd95_treats_the_edge_of_the_array_as_surface() -> None:
    # The reference pads by one voxel, so that a full array has a surface: 26 of its 27 voxels here.
    full, core = np.ones((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    core[1, 1, 1] = True
    assert hd95(full, core, spacing_mm=UNIT) == pytest.approx(np.sqrt(3))


@pytest.mark.parametrize(
    ("there", "back", "expected"), [((0, 0, 2), (0, 0, 0), 6.0), ((0, 1, 0), (0, 0, 1), 5.0), ((1, 0, 0), (2, 0, 0), 5.0)]
)
def test_hd95_is_in_millimetres_of_the_right_axis(there: tuple[int, ...], back: tuple[int, ...], expected: float) -> None:
    # The challenge's own check: spacing x, y, z = 3, 4, 5, a Pythagorean triple.
    first, second = np.zeros((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    first[there] = second[back] = True
    assert hd95(first, second, spacing_mm=(5, 4, 3)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_cldice_equals_the_reference_definition(seed: int) -> None:
    from skimage.morphology import skeletonize

    first, second = blobs(seed), blobs(seed) | blobs(seed + 50)
    one, two = first.transpose(2, 1, 0), second.transpose(2, 1, 0)
    thin_one, thin_two = skeletonize(one), skeletonize(two)
    share_one, share_two = (thin_one & two).sum() / thin_one.sum(), (thin_two & one).sum() / thin_two.sum()
    assert cldice(first, second, spacing_mm=UNIT) == pytest.approx(2 * share_one * share_two / (share_one + share_two))


def test_cldice_of_a_tube_is_one_where_dice_falls() -> None:
    thick, thin = np.zeros((30, 11, 11), bool), np.zeros((30, 11, 11), bool)
    thick[:, 3:8, 3:8] = True
    thin[:, 5, 5] = True
    assert cldice(thin, thick, spacing_mm=UNIT) > 0.95
    assert dice(thin, thick, spacing_mm=UNIT) == pytest.approx(2 * 30 / (30 + 30 * 25))


def test_cldice_in_two_dimensions_matches_the_published_ellipse_and_rods() -> None:
    # TopCoW's own test: an ellipse against a vertical and a horizontal rod; precision 4/4 and 1/4, recall 9/9 and 5/9.
    x, y = np.ogrid[0:9, 0:9]
    ellipse = 1.0 / 3 * (x - 4) ** 2 + (y - 4) ** 2 < 9
    upright, flat = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    upright[:, 4] = flat[4, :] = True
    assert cldice(ellipse, upright, spacing_mm=(1, 1)) == 1.0
    assert cldice(ellipse, flat, spacing_mm=(1, 1)) == pytest.approx(2 * (1 / 4) * (5 / 9) / (1 / 4 + 5 / 9))


def test_betti0_counts_diagonal_neighbours_as_connected() -> None:
    # TopCoW's own test: a diagonal of one label against the same diagonal in three labels.
    diagonal, corner, nothing = np.eye(3, dtype=bool)[None].repeat(1, 0), np.zeros((1, 3, 3), bool), np.zeros((1, 3, 3), bool)
    corner[0, 0, 0] = True
    assert betti0_error(corner, diagonal, spacing_mm=UNIT) == 0
    assert betti0_error(nothing, diagonal, spacing_mm=UNIT) == 1
    corner[0, 2, 2] = True
    assert betti0_error(nothing, corner, spacing_mm=UNIT) == 2


def test_betti0_of_the_inverted_cube_with_tunnels_is_three() -> None:
    # scikit-image's Euler example, used by the challenge: components of 2, 7 and 7 voxels.
    cube = np.ones((7, 7, 7), bool)
    cube[3, :, 3] = cube[5, 2, 2] = cube[5, 3, 3] = False
    cube[:, 3, 5] = False
    assert betti0_error(~cube, np.zeros_like(cube), spacing_mm=UNIT) == 3


@pytest.mark.parametrize("empty_side", ["prediction", "reference", "both"])
def test_an_empty_mask_scores_nothing_and_pays_the_distance_penalty(empty_side: str) -> None:
    full, empty = np.ones((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
    first = empty if empty_side in ("prediction", "both") else full
    second = empty if empty_side in ("reference", "both") else full
    assert [METRICS[name](first, second, spacing_mm=UNIT) for name in ("dice", "cldice", "recall", "precision")] == [0, 0, 0, 0]
    assert hd95(first, second, spacing_mm=UNIT) == 290.0  # TopBrain's constant
    assert hd95(first, second, spacing_mm=UNIT, absent_mm=90.0) == 90.0  # TopCoW's
    assert betti0_error(first, second, spacing_mm=UNIT) == (0 if empty_side == "both" else 1)


def test_one_voxel_masks_are_measured_and_not_refused() -> None:
    first = np.zeros((5, 5, 5), bool)
    first[2, 2, 2] = True
    assert all(METRICS[name](first, first, spacing_mm=UNIT) == 1.0 for name in ("dice", "cldice", "recall", "precision"))
    assert hd95(first, first, spacing_mm=UNIT) == 0.0


def test_recall_and_precision_swap_with_their_arguments() -> None:
    first, second = blobs(1), blobs(2)
    assert recall(first, second, spacing_mm=UNIT) == precision(second, first, spacing_mm=UNIT)
    assert recall(first, second, spacing_mm=UNIT) == pytest.approx((first & second).sum() / second.sum())


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(GeometryMismatch):
        dice(np.ones((2, 2, 2)), np.ones((2, 2, 3)), spacing_mm=UNIT)
    with pytest.raises(GeometryMismatch):
        dice(np.ones((2, 2, 2)), np.ones((2, 2, 2)), spacing_mm=(1.0, 1.0))


@pytest.mark.skipif(not TOPCOW.exists(), reason="the evaluation data are not here")
def test_every_metric_is_perfect_on_real_labels_and_worse_when_moved() -> None:
    image = sitk.ReadImage(str(TOPCOW / "topcow_ct_roi_003.nii.gz"))
    labels, spacing = sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]
    mask = labels > 0
    moved = np.roll(mask, 2, axis=2)
    assert [METRICS[name](mask, mask, spacing_mm=spacing) for name in METRICS] == [1, 1, 1, 1, 0, 0]
    assert hd95(moved, mask, spacing_mm=spacing) == pytest.approx(reference_hd95(moved, mask, spacing), abs=1e-5)
    assert dice(moved, mask, spacing_mm=spacing) < 0.8
