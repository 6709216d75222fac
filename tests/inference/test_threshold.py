"""The threshold method does its job on a scene known on paper and on the real thoracic CTA."""

from pathlib import Path

import numpy as np
import pytest

from inference import Geometry, Volume, load
from inference.segmentation.lumen import measure_lumen, planar_share
from inference.segmentation.threshold import segment_threshold
from tests.inference.scenes import scene

SAMPLES = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("lumen_hu", [230.0, 380.0, 560.0])
def test_vessel_and_bone_are_told_apart_at_any_brightness_of_the_bolus(lumen_hu: float) -> None:
    known = scene(lumen_hu=lumen_hu)
    found = segment_threshold(known.volume)
    assert found.notes["lumen_hu"] == pytest.approx(lumen_hu, abs=25)
    assert found.vessel[known.vessel].mean() > 0.95
    assert found.vessel[known.bone].mean() < 0.01
    assert found.bone[known.bone].mean() > 0.9
    assert not (found.vessel & found.bone).any()


def test_wall_calcium_stays_with_the_vessel() -> None:
    known = scene()
    found = segment_threshold(known.volume)
    assert found.vessel[known.plaque].mean() > 0.95
    assert found.bone[known.plaque].mean() == 0.0


def test_an_unenhanced_scan_gives_no_vessel_and_says_so() -> None:
    known = scene(contrast=False)
    found = segment_threshold(known.volume)
    assert found.notes["enhanced"] is False
    assert found.vessel[~known.plaque].mean() < 0.001
    assert found.bone[known.bone].mean() > 0.8


def test_a_uniform_shell_of_plastic_bone_is_not_contrast() -> None:
    z, y, x = np.indices((60, 60, 60)) - 29.5
    radius = np.sqrt(z**2 + y**2 + x**2)
    array = np.where(radius < 28, 30.0, -1000.0) + np.where((radius > 20) & (radius < 26), 690.0, 0.0)
    array += np.random.default_rng(1).normal(0, 5, array.shape)
    found = segment_threshold(Volume(array.astype(np.int16), Geometry((60, 60, 60), (1.0, 1.0, 1.0))))
    assert found.notes["enhanced"] is False
    assert not found.vessel.any()


def test_large_scans_are_worked_on_coarsely_and_answered_on_their_own_grid() -> None:
    from inference.segmentation.threshold import ThresholdSettings

    known = scene()
    found = segment_threshold(known.volume, settings=ThresholdSettings(most_voxels=1000, working_mm=1.4))
    assert found.vessel.shape == known.volume.shape
    assert found.vessel[known.vessel].mean() > 0.9
    assert found.vessel[known.bone].mean() < 0.02


def test_the_noise_of_the_scan_is_measured() -> None:
    from inference.segmentation.lumen import local_statistics, noise_of

    known = scene(noise_hu=20.0)
    assert noise_of(known.volume) == pytest.approx(20.0, rel=0.25)
    array = known.volume.array.astype(np.float32)
    lumen = measure_lumen(array, *local_statistics(array), spacing_mm=(1.0, 1.0, 1.0))
    assert lumen.noise_hu == pytest.approx(20.0, rel=0.25)


def test_a_sheet_is_told_from_a_tube_on_unequal_voxels() -> None:
    sheet, tube = np.zeros((20, 40, 40), bool), np.zeros((20, 40, 40), bool)
    sheet[:, 18:22] = True
    tube[:, 18:22, 18:22] = True
    assert planar_share(sheet, (2.0, 1.0, 1.0)) > 0.7
    assert planar_share(tube, (2.0, 1.0, 1.0)) < 0.2


def test_the_real_thoracic_arteries_are_found_and_the_vertebra_is_not_vessel() -> None:
    # Simple thresholds reach 0.15 (carotid) and 0.39 (brachiocephalic) here, and call 0.30 of T12 vessel.
    found = segment_threshold(load(SAMPLES / "thorax_cta.nii.gz"))
    shares = {
        name: float(found.vessel[load(SAMPLES / f"thorax_label_{name}.nii.gz").array > 0].mean())
        for name in ("aorta_true_lumen", "brachiocephalic_trunk", "common_carotid_artery_left", "subclavian_artery_left", "vertebrae_T12")
    }
    assert shares["aorta_true_lumen"] > 0.92
    assert shares["brachiocephalic_trunk"] > 0.95
    assert shares["common_carotid_artery_left"] > 0.85
    assert shares["subclavian_artery_left"] > 0.78
    assert shares["vertebrae_T12"] < 0.01


def test_the_plastic_head_without_contrast_is_not_enhanced() -> None:
    found = segment_threshold(load(SAMPLES / "head_phantom_5mm_28slices.zip"))
    assert found.notes["enhanced"] is False
    assert not found.vessel.any()
