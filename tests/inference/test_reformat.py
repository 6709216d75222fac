"""Reformats: frames that do not turn, pictures that do not fold, narrowings that are measured right."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial import cKDTree

from inference.centrelines import Centreline
from inference.geometry import Geometry
from inference.reformat import lumen_profile, standard_paths, straightened, write_cpr, write_mpr
from inference.reformat.curved import stretched
from inference.reformat.frames import frames_of
from inference.reformat.planar import best_plane
from inference.volume import Volume

TISSUE, LUMEN = 50.0, 400.0


def tube(path_mm, radius_mm, *, shape, spacing, blur_mm=0.5, noise=0.0):
    """A scan of one bright tube in soft tissue with partial volume: its wall is blurred by a Gaussian edge."""
    grid = Geometry(shape, spacing)
    centres = grid.points(np.argwhere(np.ones(shape, bool)))
    away, nearest = cKDTree(path_mm).query(centres)
    edge = 1.0 / (1.0 + np.exp((away - radius_mm[nearest]) / (0.35 * blur_mm)))
    hu = TISSUE + (LUMEN - TISSUE) * edge.reshape(shape)
    hu += np.random.default_rng(0).normal(0.0, noise, shape) if noise else 0.0
    return Volume(np.rint(hu).astype(np.int16), grid)


def straight(length_mm=70.0, at=(10.0, 10.0)):
    z = np.arange(2.0, length_mm, 0.1)
    return np.stack([np.full(len(z), at[0]), np.full(len(z), at[1]), z], axis=1)


def narrowed(path, percent, at_mm, long_mm=8.0, radius_mm=2.2):
    """Radius along a path with a narrowing of `percent` of the diameter."""
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))))
    return radius_mm * (1 - percent / 100 * np.exp(-(((arc - at_mm) / (0.5 * long_mm)) ** 4)))


def test_frames_stay_at_right_angles_and_do_not_turn_on_a_helix():
    angle = np.linspace(0, 4 * np.pi, 400)
    helix = np.stack([12 * np.cos(angle), 12 * np.sin(angle), 6 * angle], axis=1)
    frames = frames_of(Centreline(helix, np.ones(400)))
    for one, other in ((frames.first, frames.tangents), (frames.second, frames.tangents), (frames.first, frames.second)):
        assert np.abs(np.einsum("ij,ij->i", one, other)).max() < 1e-6
    turn = np.einsum("ij,ij->i", np.gradient(frames.first, axis=0), frames.second)
    assert np.abs(turn[2:-2]).max() < 0.01


def siphon():
    """Three bends of 4.5 mm radius, as tight as a carotid siphon, in two planes."""
    parts, here, heading = [np.zeros((1, 3))], np.zeros(3), np.array([0.0, 0, 1])
    for normal in ([1.0, 0, 0], [-1.0, 0, 0], [0.0, 1, 0]):
        axis = np.array(normal)
        for _ in range(100):
            turn = np.pi / 100
            heading = heading * np.cos(turn) + np.cross(axis, heading) * np.sin(turn)
            here = here + heading * 4.5 * turn
            parts.append(here[None])
        parts.append(here + heading * np.linspace(0.2, 6, 30)[:, None])
        here = parts[-1][-1]
    return np.concatenate(parts)


def test_sections_do_not_cross_inside_the_vessel_at_the_bends_of_a_siphon():
    path = siphon()
    frames = frames_of(Centreline(path, np.full(len(path), 2.2)))
    for angle in range(0, 360, 30):
        apart = frames.spread_of_steps(np.full((len(frames.points_mm), 1), 2.2 + 1.0), frames.across(angle))
        assert apart[2:-2].min() > 0.0


def test_a_straightened_vessel_runs_up_the_middle_with_its_end_at_the_top():
    path = straight()
    radius = np.linspace(3.0, 1.0, len(path))
    volume = tube(path, radius, shape=(75, 44, 44), spacing=(1.0, 0.5, 0.5))
    made = straightened(volume, Centreline(path, radius), half_width_mm=8.0)
    middle = made.hu.shape[1] // 2
    assert made.hu[:, middle].min() > 0.9 * LUMEN
    widths = (made.hu > (LUMEN + TISSUE) / 2).sum(axis=1) * made.pixel_mm
    assert widths[5] == pytest.approx(2.0, abs=0.8)
    assert widths[-6] == pytest.approx(6.0, abs=0.8)


def test_a_stretched_vessel_keeps_its_length_and_its_bends():
    z = np.arange(2.0, 68.0, 0.1)
    path = np.stack([12 + 4 * np.sin(z / 8), np.full(len(z), 10.0), z], axis=1)
    volume = tube(path, np.full(len(z), 2.0), shape=(75, 44, 56), spacing=(1.0, 0.5, 0.5))
    line = Centreline(path, np.full(len(z), 2.0))
    side = stretched(volume, line, angle_degrees=90.0)
    front = stretched(volume, line, angle_degrees=0.0)
    # rows along y: the whole length of the curve is unrolled; rows along x: the bends lie in the rows, the height is that of z
    assert side.hu.shape[0] * side.pixel_mm == pytest.approx(line.length_mm, abs=1.0)
    assert front.hu.shape[0] * front.pixel_mm == pytest.approx(66.0, abs=1.0)
    assert np.ptp(front.line_columns) * front.pixel_mm == pytest.approx(8.0, abs=0.5)
    rows = np.arange(len(front.hu))
    assert front.hu[rows, np.rint(front.line_columns).astype(int)][3:-3].min() > 0.85 * LUMEN


@pytest.mark.parametrize("percent", [0.0, 50.0, 70.0, 80.0])
def test_planted_narrowings_are_measured_within_ten_points(percent):
    path = straight()
    radius = narrowed(path, percent, 30.0)
    volume = tube(path, radius, shape=(120, 46, 46), spacing=(0.6, 0.45, 0.45), noise=15.0)
    worst = lumen_profile(volume, Centreline(path, radius)).stenosis()
    assert worst.percent == pytest.approx(percent, abs=10.0)
    assert worst.reference_mm == pytest.approx(4.4, abs=0.35)
    assert worst.note.startswith("measurement for research")
    if percent:
        assert worst.at_mm == pytest.approx(30.0, abs=4.0)
        assert 0.0 < worst.uncertainty_percent < 25.0


def test_calcium_beside_the_lumen_is_not_taken_for_lumen():
    path = straight()
    radius = narrowed(path, 60.0, 30.0)
    plain = tube(path, radius, shape=(120, 46, 46), spacing=(0.6, 0.45, 0.45))
    array = plain.array.copy()
    centres = plain.geometry.points(np.argwhere(np.ones(array.shape, bool))).reshape(*array.shape, 3)
    plaque = (np.linalg.norm(centres - np.array([11.9, 10.0, 32.0]), axis=-1) < 0.8) & (array < 200)
    array[plaque] = 1100
    worst = lumen_profile(plain.with_array(array), Centreline(path, radius)).stenosis()
    assert worst.percent == pytest.approx(60.0, abs=12.0)


def test_a_gap_without_contrast_is_told_as_no_lumen():
    path = straight()
    volume = tube(path, narrowed(path, 100.0, 30.0, long_mm=6.0), shape=(120, 46, 46), spacing=(0.6, 0.45, 0.45))
    worst = lumen_profile(volume, Centreline(path, np.full(len(path), 2.2))).stenosis()
    assert worst.occluded


def test_an_occlusion_does_not_hide_a_second_stenosis():
    path = straight(80.0)
    radius = np.minimum(narrowed(path, 100.0, 25.0, long_mm=6.0), narrowed(path, 70.0, 48.0))
    volume = tube(path, radius, shape=(150, 46, 46), spacing=(0.6, 0.45, 0.45))
    found = lumen_profile(volume, Centreline(path, np.full(len(path), 2.2))).narrowings(least_percent=50.0)
    assert [item.occluded for item in found] == [True, False]
    assert found[1].percent == pytest.approx(70.0, abs=10.0)
    assert [item.at_mm for item in found] == pytest.approx([25.0, 48.0], abs=4.0)


def test_a_vessel_of_even_width_has_no_narrowing():
    path = straight(60.0)
    volume = tube(path, np.full(len(path), 2.2), shape=(120, 46, 46), spacing=(0.6, 0.45, 0.45), noise=15.0)
    assert lumen_profile(volume, Centreline(path, np.full(len(path), 2.2))).narrowings() == ()


def test_a_short_line_has_no_narrowing():
    line = Centreline(np.array([[10.0, 10, 5], [10, 10, 9]]), np.full(2, 2.0))
    volume = tube(straight(20.0), np.full(180, 2.0), shape=(20, 40, 40), spacing=(1.0, 0.5, 0.5))
    assert lumen_profile(volume, line).stenosis() is None


def test_standard_paths_join_carotids_and_vertebrals_and_keep_the_rest():
    names = ["common_carotid_r", "internal_carotid_r", "vertebral_l", "basilar", "middle_cerebral_r"]
    lines = {name: Centreline(np.array([[0.0, 0, k], [0, 0, k + 5]]), np.ones(2), name) for k, name in enumerate(names)}
    assert set(standard_paths(lines)) == {"carotid_r", "vertebral_basilar_l", "middle_cerebral_r"}


def test_picture_sets_are_grey_pngs_with_a_profile_beside_them(tmp_path):
    path = straight(50.0)
    radius = narrowed(path, 70.0, 25.0)
    volume = tube(path, radius, shape=(55, 44, 44), spacing=(1.0, 0.5, 0.5))
    lines = {"basilar": Centreline(path, radius, "basilar")}
    curved = write_cpr(volume, lines, tmp_path / "cpr", angles=(0, 90))
    flat = write_mpr(volume, lines, tmp_path / "mpr")
    assert {file.name for file in curved} == {
        *(f"basilar_{kind}_{angle}.png" for kind in ("straightened", "stretched") for angle in ("000", "090")),
        "basilar_profile.png",
        "basilar_profile.json",
    }
    assert {file.stem for file in flat} == {f"basilar_{view}" for view in ("axial", "coronal", "sagittal", "oblique")}
    for file in [*curved, *flat]:
        if file.suffix == ".png":
            picture = np.asarray(Image.open(file))
            assert picture.ndim == 2
            assert picture.max() > 150
    record = json.loads((tmp_path / "cpr" / "basilar_profile.json").read_text())
    assert record["stenosis"]["percent"] == pytest.approx(70, abs=10)
    assert "research" in record["note"]


def test_a_vessel_outside_the_scan_and_no_vessel_at_all_make_no_error(tmp_path):
    volume = Volume(np.zeros((10, 10, 10), np.int16), Geometry((10, 10, 10), (1.0, 1.0, 1.0)))
    away = Centreline(np.array([[500.0, 0, 0], [500, 0, 40]]), np.ones(2), "basilar")
    assert len(write_cpr(volume, {"basilar": away}, tmp_path / "cpr", angles=(0,))) == 4
    assert write_cpr(volume, {}, tmp_path / "none") == []
    assert write_mpr(volume, {}, tmp_path / "none") == []


def test_the_best_plane_of_a_flat_curve_holds_it():
    angle = np.linspace(0, np.pi, 50)
    normal = np.array([0.6, 0.8, 0.0])
    path = 20 * np.cos(angle)[:, None] * np.array([-0.8, 0.6, 0.0]) + 30 * np.sin(angle)[:, None] * np.array([0.0, 0, 1])
    columns, rows = best_plane(Centreline(path, np.ones(50)))
    assert abs(np.cross(columns, rows) @ normal) == pytest.approx(1.0, abs=1e-6)
    assert rows[2] < 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_random_lines_in_noise_never_break_the_profile(seed, count):
    rng = np.random.default_rng(seed)
    volume = Volume(rng.normal(100, 300, (16, 18, 20)).astype(np.int16), Geometry((16, 18, 20), (1.0, 0.8, 0.7)))
    line = Centreline(rng.uniform(0, 14, (count, 3)), rng.uniform(0.1, 3, count), "basilar")
    profile = lumen_profile(volume, line)
    assert np.isfinite(profile.diameter_mm).all()
    straightened(volume, line, half_width_mm=5.0)
