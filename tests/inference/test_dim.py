"""Dim masses: what goes, and what must stay."""

import numpy as np
import pytest

from inference.segmentation.dim import DimRules, dim_masses

SPACING = (0.7, 0.7, 0.7)
SHAPE = (150, 70, 70)
LUMEN_HU = 350.0


def _grid():
    return np.meshgrid(*[(np.arange(n) + 0.5) * 0.7 for n in SHAPE], indexing="ij")


def _tube(y0, x0, radius):
    _, y, x = _grid()
    return np.hypot(y - y0, x - x0) < radius


def _ball(radii, centre):
    return sum(((axis - at) / r) ** 2 for axis, at, r in zip(_grid(), centre, radii, strict=True)) < 1


def _scan(*parts):
    """A scan with a bright artery of 3 mm radius and other parts (mask, HU) round it; noise of 10 HU."""
    hu, vessel = np.full(SHAPE, 50.0), np.zeros(SHAPE, bool)
    for mask, value in ((_tube(12, 24, 3), LUMEN_HU), *parts):
        hu[mask & ~vessel] = value
        vessel |= mask
    return np.rint(hu + np.random.default_rng(1).normal(0, 10, SHAPE)).astype(np.int16), vessel


def _gone(mask, found):
    return float(found[mask].mean())


def test_a_gland_beside_an_artery_goes_and_the_artery_stays():
    gland = _ball((17, 7, 8), (50, 12, 34)) & ~_tube(12, 24, 3)
    hu, vessel = _scan((gland, 140.0))
    found = dim_masses(hu, vessel, SPACING, lumen_hu=LUMEN_HU)
    assert _gone(gland, found) > 0.9
    assert _gone(_tube(12, 24, 3), found) < 0.02


@pytest.mark.parametrize(("name", "mask", "value"), [
    ("a vein that fills weakly", _tube(30, 24, 5), 140.0),
    ("an aneurysm as bright as the lumen", _ball((7, 7, 7), (50, 30, 24)), 330.0),
    ("a thin branch, dimmed by its width", _tube(30, 24, 1.2), 130.0),
])  # fmt: skip
def test_what_is_lumen_stays(name, mask, value):
    hu, vessel = _scan((mask, value))
    assert not dim_masses(hu, vessel, SPACING, lumen_hu=LUMEN_HU).any(), name


def test_a_vein_without_contrast_goes_though_the_mask_has_only_grains_of_it():
    vein = _tube(30, 24, 5)
    hu, vessel = _scan((vein, 98.0))
    grains = (vessel & ~vein) | (vein & (hu > 92))
    found = dim_masses(hu, grains, SPACING, lumen_hu=LUMEN_HU)
    assert _gone(grains & vein, found) > 0.9
    assert not (found & ~grains).any()


def test_an_empty_mask_has_none_and_rules_can_switch_it_off():
    hu, vessel = _scan((_ball((17, 7, 8), (50, 30, 34)), 140.0))
    assert not dim_masses(hu, np.zeros(SHAPE, bool), SPACING, lumen_hu=LUMEN_HU).any()
    assert not dim_masses(hu, vessel, SPACING, lumen_hu=LUMEN_HU, rules=DimRules(least_ml=1e6)).any()
