"""Veins are told from arteries by how full of contrast they are, and never where nothing tells them apart."""

from dataclasses import replace

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.segmentation.result import Segmentation
from inference.segmentation.veins import split_veins

SHAPE = (80, 60, 60)
GRID = Geometry(SHAPE, (0.8, 0.8, 0.8))
ARTERY, VEIN = ((30, 18), 3.5), ((30, 40), 4.0)


def tube(place: tuple[int, int], radius: float) -> np.ndarray:
    _, y, x = np.indices(SHAPE)
    return (y - place[0]) ** 2 + (x - place[1]) ** 2 < radius**2


def scan(*, vein_hu: float, lumen_hu: float = 400.0) -> tuple[Volume, Segmentation]:
    """An artery, a vein beside it and a thin side branch on each."""
    from scipy.ndimage import gaussian_filter

    z, y, x = np.indices(SHAPE)
    artery = tube(*ARTERY) | ((abs(y - 30) < 1.2) & (abs(z - 30) < 1.2) & (x <= 18) & (x > 4))
    vein = tube(*VEIN) | ((abs(y - 30) < 1.2) & (abs(z - 50) < 1.2) & (x >= 40) & (x < 56))
    array = np.where(artery, lumen_hu, np.where(vein, vein_hu, 45.0))
    array = gaussian_filter(array, 0.6) + np.random.default_rng(2).normal(0, 8, SHAPE)
    vessel, zero = (artery | vein).astype(np.uint8), np.zeros(SHAPE, np.uint8)
    notes = {"lumen_hu": lumen_hu}
    return Volume(np.rint(array).astype(np.int16), GRID), Segmentation(vessel, zero, zero, zero, notes=notes)


@pytest.mark.parametrize("vein_hu", [200.0, 1100.0])
def test_a_vein_half_full_and_one_with_undiluted_contrast_are_split_off_with_their_thin_branches(vein_hu: float) -> None:
    volume, segmentation = scan(vein_hu=vein_hu)
    made = split_veins(segmentation, volume)
    left = np.indices(SHAPE)[2] < 29
    vessel = segmentation.vessel > 0
    assert made.veins[vessel & ~left].mean() > 0.97
    assert made.veins[vessel & left].mean() == 0.0
    assert not made.veins[~vessel].any()
    assert made.notes["veins"]["ml"] == pytest.approx(made.veins.sum() * GRID.voxel_ml, abs=1e-3)


def test_veins_as_bright_as_arteries_are_left_among_them() -> None:
    volume, segmentation = scan(vein_hu=400.0)
    assert not split_veins(segmentation, volume).veins.any()


def test_veins_that_a_method_found_and_scans_without_contrast_stay_as_they_are() -> None:
    volume, segmentation = scan(vein_hu=200.0)
    known = replace(segmentation, veins=segmentation.vessel)
    assert split_veins(known, volume) is known
    dark = replace(segmentation, notes={"lumen_hu": 0.0})
    assert split_veins(dark, volume) is dark
