"""Phantoms: right anatomy, right names, truth that fits the image, the same for the same seed."""

import cc3d
import numpy as np
import pytest

from inference.anatomy import NUMBERS
from inference.phantom import Lesion, Motion, make_phantom
from inference.phantom.arteries import Variants
from inference.phantom.generator import UnknownPreset
from inference.phantom.lesions import UnknownLesion


@pytest.fixture(scope="module")
def small():
    return make_phantom(preset="small", seed=5, variants=Variants(), lesions=())


@pytest.fixture(scope="module")
def pair():
    motion = Motion(shift_mm=(2.0, -1.0, 1.5), turn_degrees=(0.0, 0.0, 1.0))
    return make_phantom(preset="small", seed=5, variants=Variants(), lesions=(), paired=True, motion=motion, lumen_hu=400.0)


def test_every_named_artery_is_there_with_its_label(small):
    assert set(NUMBERS) - {"unnamed"} <= set(small.centrelines)
    assert set(np.unique(small.arteries)) == {0, *NUMBERS.values()}


def test_right_is_the_patients_right_at_smaller_x(small):
    for name in ("subclavian", "common_carotid", "internal_carotid", "vertebral", "middle_cerebral", "posterior_cerebral"):
        right, left = small.centrelines[f"{name}_r"], small.centrelines[f"{name}_l"]
        assert right.points_mm[:, 0].mean() < left.points_mm[:, 0].mean()


def test_arteries_run_from_arch_to_head_in_order(small):
    middle = {name: line.points_mm[:, 2].mean() for name, line in small.centrelines.items()}
    assert middle["aortic_arch"] < middle["common_carotid_l"] < middle["internal_carotid_l"] < middle["middle_cerebral_l"]
    assert middle["subclavian_r"] < middle["vertebral_r"] < middle["basilar"] < middle["anterior_cerebral_r"]


def test_the_tree_is_one_piece(small):
    labels = cc3d.connected_components(small.arteries > 0, connectivity=26)
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes.max() / sizes.sum() > 0.995


def test_centrelines_lie_in_their_own_label(small):
    for name in ("aortic_arch", "common_carotid_r", "internal_carotid_l", "basilar", "vertebral_l"):
        line = small.centrelines[name]
        z, y, x = np.clip(np.round(small.volume.geometry.indices(line.points_mm)).astype(int), 0, np.array(small.volume.shape) - 1).T
        found = small.arteries[z, y, x]
        assert (found == line.label).mean() > 0.85, name
        assert (found > 0).mean() > 0.98, name


def test_truth_masks_agree_with_each_other(small):
    assert not np.any(small.vessel & small.bone)
    assert not np.any((small.veins > 0) & (small.vessel == 0))
    assert not np.any((small.veins > 0) & (small.arteries > 0))
    assert np.all(small.vessel[small.arteries > 0] == 1)


def test_lumen_is_as_bright_as_asked_and_falls_towards_the_head(pair):
    hu = pair.volume.array
    arch = np.median(hu[pair.arteries == NUMBERS["aortic_arch"]])
    carotid = np.median(hu[pair.arteries == NUMBERS["internal_carotid_l"]])
    assert arch == pytest.approx(400.0, abs=30.0)
    assert 180 < carotid < arch


def test_bone_overlaps_the_lumen_in_hu(pair):
    bone = pair.volume.array[pair.bone > 0]
    assert 0.1 < np.mean((bone > 200) & (bone < 500)) < 0.9
    assert np.percentile(bone, 90) > 700


def test_the_same_seed_gives_the_same_phantom_and_another_gives_another(small):
    again = make_phantom(preset="small", seed=5, variants=Variants(), lesions=())
    other = make_phantom(preset="small", seed=6, variants=Variants(), lesions=())
    assert np.array_equal(small.volume.array, again.volume.array)
    assert np.array_equal(small.arteries, again.arteries)
    assert np.mean(small.arteries != other.arteries) > 0.001


def test_the_twin_has_no_contrast_other_noise_and_the_recorded_motion(pair):
    twin = pair.unenhanced
    moved = pair.motion.forward(np.array([[0.0, 0.0, 250.0]]))[0]
    assert moved == pytest.approx([2.0, -1.0, 251.5])
    assert pair.notes["motion"]["shift_mm"] == (2.0, -1.0, 1.5)
    core = pair.arteries == NUMBERS["aortic_arch"]
    assert np.median(twin.array[core]) < 80
    air = (pair.volume.array < -900) & (twin.array < -900)
    assert abs(np.corrcoef(pair.volume.array[air], twin.array[air])[0, 1]) < 0.1


def test_a_gap_is_dark_in_the_image_and_open_in_the_truth():
    gap = Lesion("gap", "common_carotid_l", 0.6, length_mm=14.0)
    phantom = make_phantom(preset="small", seed=5, variants=Variants(), lesions=(gap,), lumen_hu=400.0)
    line = phantom.centrelines["common_carotid_l"]
    z, y, x = np.round(phantom.volume.geometry.indices(line.points_mm[[round(0.6 * (len(line.points_mm) - 1))]])[0]).astype(int)
    assert phantom.arteries[z, y, x] == NUMBERS["common_carotid_l"]
    assert phantom.volume.array[z, y, x] < 150
    assert line.patent.all()


def test_an_occlusion_interrupts_lumen_and_truth():
    closed = Lesion("occlusion", "middle_cerebral_r", 0.3, length_mm=15.0)
    phantom = make_phantom(preset="small", seed=5, variants=Variants(), lesions=(closed,))
    line = phantom.centrelines["middle_cerebral_r"]
    assert not line.patent.all()
    z, y, x = np.round(phantom.volume.geometry.indices(line.points_mm[~line.patent])[8]).astype(int)
    assert phantom.vessel[z, y, x] == 0


def test_plaque_is_bright_and_belongs_to_the_vessel():
    plaque = Lesion("plaque", "common_carotid_r", 0.5, amount=1200.0, length_mm=20.0)
    phantom = make_phantom(preset="small", seed=5, variants=Variants(), lesions=(plaque,), lumen_hu=300.0)
    assert phantom.plaque.sum() > 5
    assert phantom.vessel[phantom.plaque > 0].all()
    assert np.percentile(phantom.volume.array[phantom.plaque > 0], 90) > 600


def test_a_stenosis_narrows_and_an_aneurysm_widens():
    plain = make_phantom(preset="small", seed=5, variants=Variants(), lesions=())
    narrow = make_phantom(preset="small", seed=5, variants=Variants(), lesions=(Lesion("stenosis", "basilar", 0.5, amount=70.0),))
    wide = make_phantom(preset="small", seed=5, variants=Variants(), lesions=(Lesion("aneurysm", "basilar", 1.0, amount=14.0),))
    label = NUMBERS["basilar"]
    assert (narrow.arteries == label).sum() < (plain.arteries == label).sum() < (wide.arteries == label).sum()
    assert narrow.centrelines["basilar"].radius_mm.min() < 0.75 * plain.centrelines["basilar"].radius_mm.min()


def test_variants_leave_out_what_is_absent():
    absent = Variants(anterior_communicating="absent", posterior_communicating={"r": "absent", "l": "fetal"}, bovine_arch=True)
    lines = make_phantom(preset="small", seed=5, variants=absent, lesions=(), missing=("vertebral_r",)).centrelines
    assert "anterior_communicating" not in lines
    assert "posterior_communicating_r" not in lines
    assert "vertebral_r" not in lines
    assert "vertebral_r.pica" not in lines
    assert lines["posterior_communicating_l"].radius_mm[0] > lines["posterior_cerebral_l"].radius_mm[0]


def test_veins_fill_late():
    early, late = (make_phantom(preset="small", seed=5, lesions=(), phase=phase).veins.sum() for phase in ("early", "late"))
    assert late > 2 * early


def test_voxel_size_can_be_chosen_over_the_same_field():
    phantom = make_phantom(preset="head", seed=2, spacing_mm=2.0)
    assert phantom.volume.spacing_mm == (2.0, 2.0, 2.0)
    assert phantom.volume.shape == (54, 100, 100)
    assert {"basilar", "internal_carotid_l", "middle_cerebral_r"} <= set(phantom.centrelines)


def test_unknown_presets_and_lesions_are_refused_by_name():
    with pytest.raises(UnknownPreset, match="head-neck"):
        make_phantom(preset="torso")
    with pytest.raises(UnknownLesion, match="coronary"):
        make_phantom(preset="small", lesions=(Lesion("plaque", "coronary"),))
