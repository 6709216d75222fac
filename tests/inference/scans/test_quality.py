"""Findings before processing: contrast, coverage, motion, metal and slice distance."""

import numpy as np
import pytest

from inference.geometry import Geometry
from inference.scans.load import load
from inference.scans.quality import ScanLimits, assess
from inference.volume import Volume


def neck(*, lumen_hu: float = 350.0, slices: int = 100, step_mm: float = 1.0) -> Volume:
    """A cylinder of soft tissue with a hollow bone and two carotids of 7 mm, in noise of 15 HU."""
    rng = np.random.default_rng(4)
    z, y, x = np.indices((slices, 120, 120)).astype(np.float32)
    image = np.where((y - 60) ** 2 + (x - 60) ** 2 < 50**2, 50.0, -1000.0)
    bone = (y - 85) ** 2 + (x - 60) ** 2
    image[bone < 14**2], image[bone < 11**2] = 900.0, 220.0
    for centre in (40, 80):
        image[(y - 50) ** 2 + (x - centre - 0.03 * z) ** 2 < 3.5**2] = lumen_hu
    image += rng.normal(0, 15, image.shape)
    return Volume(image.astype(np.int16), Geometry(image.shape, (step_mm, 1.0, 1.0)))


def codes(volume: Volume, **limits) -> dict[str, str]:
    return {f.code: f.severity for f in assess(volume, limits=ScanLimits(**limits)).findings}


def test_enhanced_carotids_are_seen_as_enhanced():
    assert "unenhanced" not in codes(neck())


def test_carotids_of_the_hu_of_blood_are_rejected_as_unenhanced():
    verdict = assess(neck(lumen_hu=50.0))
    assert verdict.verdict == "reject"
    assert verdict.findings[0].code == "unenhanced"


def test_a_real_enhanced_thorax_is_accepted_as_enhanced(shared_data):
    assert "unenhanced" not in codes(load(shared_data("thorax_cta_labels/ct.nii.gz")))


@pytest.mark.parametrize("name", ["headneck_phantom_ct/headneck_phantom_ct.nii.gz", "dicom_tilt/head_phantom_tilt_plus16p5_58slices.zip"])
def test_an_unenhanced_phantom_is_rejected(shared_data, name):
    assert codes(load(shared_data(name)))["unenhanced"] == "reject"


def test_a_real_unenhanced_head_is_rejected(shared_data):
    raw = load(shared_data("headsq_ct/headsq_ct_raw_units.nii.gz"))
    assert codes(raw.with_array(raw.array - np.int16(1024)))["unenhanced"] == "reject"


def test_slice_distance_is_reviewed_over_the_first_limit_and_rejected_over_the_second():
    assert codes(neck(step_mm=1.5)).get("thick_slices") is None
    assert codes(neck(step_mm=2.0))["thick_slices"] == "review"
    assert codes(neck(step_mm=3.5))["thick_slices"] == "reject"
    assert codes(neck(step_mm=2.0), thick_slice_mm=2.5).get("thick_slices") is None


def test_a_neck_alone_covers_neither_arch_nor_vertex():
    found = codes(neck())
    assert found["arch_not_covered"] == "review"
    assert found["vertex_not_covered"] == "review"


def test_a_jump_between_two_slices_is_motion_and_a_smooth_stack_is_not():
    still = neck()
    moved = still.array.copy()
    moved[50:] = np.roll(moved[50:], 12, axis=2)
    assert "motion" not in codes(still)
    assert codes(still.with_array(moved))["motion"] == "review"


def test_a_block_of_metal_is_told():
    still = neck()
    array = still.array.copy()
    array[40:46, 30:36, 30:36] = 3071
    assert codes(still.with_array(array))["metal"] == "review"
    assert "metal" not in codes(still)


def test_a_protocol_may_ask_for_a_length_and_for_contrast():
    assert codes(neck(), least_coverage_mm=100.0).get("short_coverage") is None
    assert codes(neck(), least_coverage_mm=120.0)["short_coverage"] == "reject"
    assert codes(neck(), least_lumen_hu=180.0).get("weak_contrast") is None
    assert codes(neck(lumen_hu=220.0), least_lumen_hu=300.0)["weak_contrast"] == "review"
