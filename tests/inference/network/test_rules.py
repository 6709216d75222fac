"""The network is never alone: what the rules make of its evidence, with a model that says what the test wants."""

from dataclasses import dataclass

import numpy as np
import pytest

from inference.geometry import Geometry
from inference.network.evidence import ScanEvidence, bright_specks, gather_evidence, pooled
from inference.resample import resample
from inference.segmentation.network import NetworkSettings, segment_network
from inference.volume import Volume

FINE_MM, NET_MM = 0.35, 0.7


@dataclass
class Says:
    """A model whose evidence is given on the network's grid."""

    maps: np.ndarray
    name: str = "says"
    version: str = "1"
    sha256: str = "0" * 64

    def evidence(self, volume, *, device="auto", threads=None, progress=None, report=None, crowded=None):
        working = resample(volume, (NET_MM,) * 3)
        return ScanEvidence(self.maps, np.asarray(working.array), working.geometry, 0.1, "none")


def _scan(vessel_hu=400.0):
    """A rod of 3 mm radius along z in soft tissue beside a plate of bone; the truth at 0.35 mm."""
    _, y, x = np.meshgrid(*[(np.arange(96) + 0.5) * FINE_MM] * 3, indexing="ij")
    distance = np.hypot(y - 12, x - 12) - 3.0
    share = np.clip(0.5 - distance / FINE_MM, 0, 1)
    hu = 50 + share * (vessel_hu - 50)
    plate = (x > 22) & (x < 26)
    hu[plate] = 420
    volume = Volume(hu.astype(np.int16), Geometry(hu.shape, (FINE_MM,) * 3))
    return volume, distance < 0, plate


def _coarse(mask):
    """Share of a mask in cubes of two voxels, as bytes: what a perfect network would say."""
    return (255 * mask.reshape(48, 2, 48, 2, 48, 2).mean((1, 3, 5))).astype(np.uint8)


def _maps(vessel, bone, *, calcium=None, vein=0):
    empty = np.zeros((48,) * 3, np.uint8)
    return np.stack([_coarse(vessel), _coarse(bone), empty if calcium is None else _coarse(calcium), np.full_like(empty, vein)])


def _alone(volume, model):
    return segment_network(volume, model=model, settings=NetworkSettings(join_threshold=False))


def _overlap(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.fixture(scope="module")
def scan():
    return _scan()


def test_edges_follow_the_scans_own_voxels_not_the_networks_coarser_ones(scan):
    volume, rod, plate = scan
    found = _alone(volume, Says(_maps(rod, plate)))
    blocky = np.repeat(np.repeat(np.repeat(_coarse(rod) > 127, 2, 0), 2, 1), 2, 2)
    assert _overlap(found.vessel > 0, rod) > 0.98
    assert _overlap(found.vessel > 0, rod) > _overlap(blocky, rod)


def test_bone_as_bright_as_the_lumen_stays_bone_and_masks_do_not_overlap(scan):
    volume, rod, plate = scan
    found = _alone(volume, Says(_maps(rod, plate)))
    assert found.vessel[plate].sum() == 0
    assert found.bone[plate].mean() > 0.97
    assert not (found.vessel & found.bone).any()
    assert found.vessel.shape == found.bone.shape == found.veins.shape == volume.shape


def test_what_is_too_dense_for_this_scans_lumen_is_not_lumen_unless_the_network_is_sure(scan):
    volume, rod, plate = scan
    array = np.array(volume.array)
    array[40:50, 30:36, 30:36] = 1500  # inside the rod
    doubtful = _maps(rod, plate)
    doubtful[0, 20:25, 15:18, 15:18], doubtful[1, 20:25, 15:18, 15:18] = 130, 120
    found = _alone(volume.with_array(array), Says(doubtful))
    assert found.notes["ceiling_hu"] < 1500
    assert found.vessel[42:48, 31:35, 31:35].mean() < 0.1


def test_a_bright_bolus_raises_the_ceiling_with_it():
    volume, rod, plate = _scan(vessel_hu=750.0)  # a low-kV bolus: a fixed ceiling of 650 would lose it
    found = _alone(volume, Says(_maps(rod, plate)))
    assert found.notes["ceiling_hu"] > 900
    assert _overlap(found.vessel > 0, rod) > 0.97


def test_dense_bone_taken_for_lumen_does_not_lift_the_ceiling(scan):
    volume, rod, plate = scan
    array, dense = np.array(volume.array), np.zeros(rod.shape, bool)
    dense[8:88, 8:88, 70:90] = True  # petrous bone
    array[dense] = 1500
    taken = np.zeros(rod.shape, bool)
    taken[30:66, 30:66, 74:84] = True
    found = _alone(volume.with_array(array), Says(_maps(rod | taken, plate | (dense & ~taken))))
    assert found.notes["ceiling_hu"] < 700
    assert abs(found.notes["lumen_hu"] - 400) < 30 or found.notes["lumen_hu"] == 1500


def test_calcium_on_the_wall_stays_with_the_vessel_and_metal_far_away_does_not(scan):
    volume, rod, plate = scan
    array = np.array(volume.array)
    wall, far = np.zeros(rod.shape, bool), np.zeros(rod.shape, bool)
    wall[40:46, 32:36, 42:46] = True  # on the wall of the rod, radius 3 mm about (34, 34)
    far[10:16, 80:84, 8:12] = True
    array[wall | far] = 1100
    maps = _maps(rod & ~wall, plate, calcium=wall | far)
    found = _alone(volume.with_array(array), Says(maps))
    assert found.vessel[wall].mean() > 0.9
    assert found.vessel[far].sum() == 0


def test_specks_are_removed(scan):
    volume, rod, plate = scan
    array = np.array(volume.array)
    speck = np.zeros(rod.shape, bool)
    speck[80:84, 80:84, 8:12] = True  # 2.7 mm³
    array[speck] = 400
    found = _alone(volume.with_array(array), Says(_maps(rod | speck, plate)))
    assert found.vessel[speck].sum() == 0


def test_veins_are_a_part_of_the_vessel(scan):
    volume, rod, plate = scan
    veins = _alone(volume, Says(_maps(rod, plate, vein=250)))
    arteries = _alone(volume, Says(_maps(rod, plate, vein=3)))
    assert (veins.veins == veins.vessel).all()
    assert arteries.veins.sum() == 0


def test_a_scan_without_lumen_is_called_unenhanced_and_nothing_is_claimed(scan):
    volume, rod, plate = scan
    found = _alone(volume, Says(_maps(np.zeros_like(rod), plate)))
    assert found.notes["enhanced"] is False
    assert found.vessel.sum() == 0


def test_notes_name_the_model_and_the_share_of_the_volume_it_saw(scan):
    volume, rod, plate = scan
    notes = _alone(volume, Says(_maps(rod, plate))).notes
    assert notes["model"] == {"name": "says", "version": "1", "sha256": "0" * 64}
    assert notes["share_seen"] == 0.1
    assert 350 < notes["lumen_hu"] <= 400


def test_a_thin_vessel_leaves_a_bright_speck_where_pooling_hides_it():
    array = np.full((30, 30, 30), 40, np.int16)
    array[:, 13, 13] = 300
    array[:, 13, 14] = 300
    assert pooled(array).max() < 130
    specks = bright_specks(array, least_hu=150)
    assert specks[:, 4, 4].all()
    assert specks.sum() == 10


def test_blocks_of_air_are_never_looked_at(tmp_path, monkeypatch):
    from inference.network.architecture import NetworkPlan, ResidualUNet
    from inference.network.evidence import Look

    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    array = np.full((60, 40, 40), -1000, np.int16)
    volume = Volume(array, Geometry(array.shape, (0.7,) * 3))
    tiny = ResidualUNet(NetworkPlan(channels=(4, 8, 8))).eval()
    evidence = gather_evidence(volume, tiny, None, device="cpu", threads=1, look=Look(patch=32, halo=8))
    assert evidence.seen == 0.0
    assert evidence.maps.sum() == 0


def _against(monkeypatch, vessel, bone, *, enhanced=True, lumen_hu=380.0, wide=True):
    """A threshold method that says what the test wants."""
    from inference.segmentation import threshold
    from inference.segmentation.result import Segmentation

    masks = (vessel.astype(np.uint8), np.zeros(vessel.shape, np.uint8), bone.astype(np.uint8), np.zeros(vessel.shape, np.uint8))
    notes = {"enhanced": enhanced, "lumen_hu": lumen_hu, "wide": wide}
    monkeypatch.setattr(threshold, "segment_threshold", lambda volume: Segmentation(*masks, notes=notes))


def test_the_network_takes_away_what_it_is_certain_is_bone_from_the_threshold_method(scan, monkeypatch):
    volume, rod, plate = scan
    _against(monkeypatch, rod | plate, np.zeros_like(rod))
    found = segment_network(volume, model=Says(_maps(rod, plate)))
    assert found.notes["joined_with_threshold"] is True
    assert found.vessel[plate].mean() < 0.02
    assert found.vessel[rod].mean() > 0.97


def test_the_network_adds_vessels_the_threshold_method_missed_but_never_in_its_bone(scan, monkeypatch):
    volume, rod, plate = scan
    missed = np.zeros_like(rod)
    _against(monkeypatch, missed, plate)
    assert (
        segment_network(volume, model=Says(_maps(rod, plate))).vessel[rod].mean() > 0.85
    )  # the outermost half voxels have less than half the evidence
    part = plate & (np.arange(96) < 48)[:, None, None]  # 2.2 ml
    found = segment_network(volume, model=Says(_maps(rod | part, missed)))
    assert found.vessel[plate].sum() == 0


def test_a_large_vessel_that_the_threshold_method_takes_for_bone_stays_vessel(scan, monkeypatch):
    volume, rod, plate = scan
    _against(monkeypatch, rod, plate)  # a dim vein: 4.3 ml in one piece
    found = segment_network(volume, model=Says(_maps(rod | plate, np.zeros_like(rod))))
    assert found.vessel[plate].mean() > 0.85


def test_an_island_of_vessel_in_bone_is_bone_and_a_vessel_through_bone_is_vessel(scan):
    volume, rod, plate = scan
    shell, through, marrow = np.zeros(rod.shape, bool), np.zeros(rod.shape, bool), np.zeros(rod.shape, bool)
    shell[24:54, 56:88, 20:52] = True
    through[:, 68:74, 40:46] = True
    marrow[30:48, 66:78, 26:34] = True
    array = np.array(volume.array)
    array[shell | through] = 420
    found = _alone(volume.with_array(array), Says(_maps(rod | through | marrow, plate | (shell & ~through & ~marrow))))
    assert found.vessel[marrow].sum() == 0
    assert found.bone[marrow].mean() > 0.9
    assert found.vessel[through].mean() > 0.9


def test_a_threshold_method_that_finds_no_contrast_is_not_listened_to(scan, monkeypatch):
    volume, rod, plate = scan
    _against(monkeypatch, np.zeros_like(rod), rod | plate, enhanced=False)
    found = segment_network(volume, model=Says(_maps(rod, plate)))
    assert found.notes["joined_with_threshold"] is False
    assert found.vessel[rod].mean() > 0.95


@pytest.mark.parametrize(("lumen_hu", "believed"), [(380.0, True), (560.0, False), (290.0, False)])
def test_a_threshold_method_that_means_another_lumen_is_not_listened_to(scan, monkeypatch, lumen_hu, believed):
    volume, rod, plate = scan
    _against(monkeypatch, plate, rod, lumen_hu=lumen_hu)
    found = segment_network(volume, model=Says(_maps(rod, plate)))
    assert found.notes["joined_with_threshold"] is believed
    assert (found.vessel[rod].mean() > 0.95) is not believed


def test_a_threshold_method_that_knew_the_contrast_by_thin_tubes_alone_gives_vessel_but_takes_none(scan, monkeypatch):
    volume, rod, plate = scan
    upper = np.broadcast_to((np.arange(96) < 48)[:, None, None], rod.shape)
    _against(monkeypatch, rod & upper, plate | (rod & ~upper), wide=False)
    found = segment_network(volume, model=Says(_maps(rod & ~upper, plate)))
    assert found.notes["joined_with_threshold"] is True
    assert found.vessel[rod & ~upper].mean() > 0.85
    assert found.vessel[rod & upper].mean() > 0.85


def test_much_lumen_that_the_threshold_method_does_not_know_is_no_lumen(scan, monkeypatch):
    volume, rod, plate = scan
    _against(monkeypatch, np.zeros_like(rod), plate, enhanced=False)
    settings = NetworkSettings(most_unseen_ml=0.5)  # the rod holds 0.9 ml
    found = segment_network(volume, model=Says(_maps(rod, plate)), settings=settings)
    assert found.notes["enhanced"] is False
    assert found.vessel.sum() == 0
    assert found.bone[rod].mean() > 0.85


def test_a_little_lumen_that_the_threshold_method_does_not_know_is_no_lumen_in_a_large_body(scan, monkeypatch):
    volume, rod, plate = scan
    _against(monkeypatch, np.zeros_like(rod), plate, enhanced=False)
    settings = NetworkSettings(least_unseen_share=0.05)  # the rod is 0.9 ml of 38
    found = segment_network(volume, model=Says(_maps(rod, plate)), settings=settings)
    assert found.notes["enhanced"] is False
    assert found.vessel.sum() == 0
    believed = segment_network(volume, model=Says(_maps(rod, plate)))
    assert believed.notes["enhanced"] is True
    assert believed.vessel[rod].mean() > 0.85
