"""Centrelines: in the middle, ordered, finer than the voxels, and unmoved by bad masks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from inference.anatomy import NUMBERS
from inference.centrelines import Centreline, join, read_csv, trace, trace_path, write_csv
from inference.geometry import Geometry
from inference.volume import Volume

AORTA = Path(__file__).resolve().parents[3] / "shared" / "data" / "vmtk_aorta"


def painted(geometry, points_mm, radius_mm):
    """Mask of the balls around dense LPS points."""
    mask = np.zeros(geometry.shape, bool)
    centres = geometry.points(np.argwhere(~mask))
    away, _ = cKDTree(points_mm).query(centres, distance_upper_bound=radius_mm + 1e-9)
    mask.ravel()[:] = away <= radius_mm
    return mask


def helix(turns=1.0, radius_mm=8.0, rise_mm=30.0, centre=(15.0, 15.0, 8.0)):
    angle = np.linspace(0, 2 * np.pi * turns, 600)
    path = np.stack([radius_mm * np.cos(angle), radius_mm * np.sin(angle), rise_mm * angle / angle[-1]], axis=1)
    return path + np.array(centre)


GRID = Geometry((70, 60, 60), (0.7, 0.5, 0.5), (-3.0, 20.0, 100.0), (1, 0, 0, 0, 0, -1, 0, 1, 0))


def test_a_helix_is_traced_within_a_third_of_a_voxel_with_its_radius_on_an_oblique_grid():
    grid = Geometry((70, 60, 60), (0.7, 0.5, 0.5))
    path = helix()
    mask = painted(grid, path, 1.5)
    turned = Geometry(grid.shape, grid.spacing_mm, GRID.origin_mm, GRID.direction)
    line = trace_path(mask, turned)
    truth = turned.points(grid.indices(path))
    away, nearest = cKDTree(truth).query(line.points_mm)
    inner = (nearest > 10) & (nearest < 590)
    assert away[inner].mean() < 0.17
    assert np.abs(line.radius_mm[inner] - 1.5).mean() < 0.15
    assert cKDTree(line.points_mm).query(truth)[0].max() < 1.0


def test_points_are_ordered_inside_and_evenly_spaced():
    grid = Geometry((70, 60, 60), (0.7, 0.5, 0.5))
    mask = painted(grid, helix(), 1.5)
    line = trace_path(mask, grid)
    steps = np.linalg.norm(np.diff(line.points_mm, axis=0), axis=1)
    assert steps.max() < 1.6 * steps.mean()
    assert (np.einsum("ij,ij->i", line.tangents[1:], line.tangents[:-1]) > 0.8).all()
    index = np.rint(grid.indices(line.points_mm)).astype(int)
    assert mask[tuple(index.T)].all()


def test_given_ends_are_kept_in_their_order():
    grid = Geometry((40, 12, 12), (1.0, 1.0, 1.0))
    mask = np.zeros(grid.shape, np.uint8)
    mask[2:38, 4:8, 4:8] = 1
    down = trace_path(mask, grid, (5.5, 5.5, 35), (5.5, 5.5, 4))
    assert down.points_mm[0, 2] > 33
    assert down.points_mm[-1, 2] < 6


def test_touching_turns_of_a_vessel_are_not_cut_short():
    grid = Geometry((40, 80, 60), (0.5, 0.5, 0.5))
    bend = np.linspace(-np.pi / 2, np.pi / 2, 200)
    leg = np.linspace(5, 28, 200)
    path = np.concatenate(
        [
            np.stack([np.full(200, 8.1), leg, np.full(200, 10.0)], axis=1),
            np.stack([10.85 + 2.75 * np.sin(bend), 28 + 2.75 * np.cos(bend), np.full(200, 10.0)], axis=1),
            np.stack([np.full(200, 13.6), leg[::-1], np.full(200, 10.0)], axis=1),
        ]
    )
    mask = painted(grid, path, 2.0)
    mask[20, 24, 18:26] = True  # a bridge of one voxel between the two legs
    line = trace_path(mask, grid)
    assert line.length_mm > 45


def test_every_named_artery_is_traced_from_its_origin_and_unnamed_is_left_out():
    labels = np.zeros((60, 40, 40), np.uint8)
    labels[30:58, 10:14, 10:14] = NUMBERS["common_carotid_r"]
    labels[2:30, 10:13, 10:13] = NUMBERS["internal_carotid_r"]
    labels[5:55, 30:33, 30:33] = NUMBERS["unnamed"]
    volume = Volume(np.zeros(labels.shape, np.int16), Geometry(labels.shape, (0.8, 0.5, 0.5), direction=(1, 0, 0, 0, 1, 0, 0, 0, -1)))
    lines = trace(labels, volume)
    assert set(lines) == {"common_carotid_r", "internal_carotid_r"}
    carotid, internal = lines["common_carotid_r"], lines["internal_carotid_r"]
    assert carotid.points_mm[0, 2] < carotid.points_mm[-1, 2]
    assert abs(internal.points_mm[0, 2] - carotid.points_mm[-1, 2]) < 2
    whole = join([carotid, internal], name="right")
    assert whole.length_mm == pytest.approx(0.8 * 56, abs=6)


def test_an_occluded_artery_is_one_line_over_both_pieces_without_points_in_the_gap():
    labels = np.zeros((80, 20, 20), np.uint8)
    labels[2:35, 8:12, 8:12] = 7
    labels[45:78, 8:12, 8:12] = 7
    labels[40, 2, 2] = 7  # a speck beside it
    line = trace(labels, Volume(np.zeros(labels.shape, np.int16), Geometry(labels.shape, (0.7, 0.5, 0.5))))["internal_carotid_r"]
    z = line.points_mm[:, 2] / 0.7
    assert z.min() < 4
    assert z.max() > 75
    assert not ((z > 36) & (z < 44)).any()
    assert (np.diff(z) > 0).all()


def test_joined_lines_never_walk_back_where_one_springs_from_the_other_before_its_end():
    trunk = Centreline(np.stack([np.zeros(41), np.zeros(41), np.arange(41.0)], axis=1), np.ones(41), "common_carotid_r")
    springs = Centreline(np.stack([np.arange(31.0) / 3, np.zeros(31), 34.0 + np.arange(31.0)], axis=1), np.ones(31), "internal_carotid_r")
    assert (np.diff(join([trunk, springs], name="carotid_r").points_mm[:, 2]) > 0).all()
    overlaps = Centreline(np.stack([np.zeros(31), np.zeros(31), 34.0 + np.arange(31.0)], axis=1), np.ones(31), "internal_carotid_r")
    whole = join([trunk, overlaps], name="carotid_r")
    assert (np.diff(whole.points_mm[:, 2]) > 0).all()
    assert whole.length_mm == pytest.approx(64.0)


@pytest.mark.parametrize("voxels", [[], [(5, 5, 5)], [(5, 5, 5), (5, 5, 6)], [(0, 0, 0), (9, 9, 9)]])
def test_empty_masks_and_specks_give_no_line_or_a_line_of_two_points(voxels):
    mask = np.zeros((10, 10, 10), np.uint8)
    for voxel in voxels:
        mask[voxel] = 1
    line = trace_path(mask, Geometry(mask.shape, (1.0, 1.0, 1.0)))
    assert line is None or (len(line.points_mm) >= 2 and np.isfinite(line.points_mm).all())


def test_a_closed_ring_gives_a_line():
    grid = Geometry((20, 60, 60), (0.5, 0.5, 0.5))
    angle = np.linspace(0, 2 * np.pi, 400)
    ring = np.stack([15 + 9 * np.cos(angle), 15 + 9 * np.sin(angle), np.full(400, 5.0)], axis=1)
    line = trace_path(painted(grid, ring, 1.5), grid)
    assert line.length_mm > 20
    assert np.abs(np.linalg.norm(line.points_mm[:, :2] - 15, axis=1) - 9).max() < 1.5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.9), st.integers(3, 14))
def test_random_masks_never_break_the_tracer(seed, share, size):
    rng = np.random.default_rng(seed)
    labels = (rng.random((size, size + 1, size + 3)) < share).astype(np.uint8) * rng.integers(1, 23, (size, size + 1, size + 3), np.uint8)
    lines = trace(labels, Volume(np.zeros(labels.shape, np.int16), Geometry(labels.shape, (1.2, 0.5, 0.4))))
    for line in lines.values():
        assert len(line.points_mm) >= 2
        assert np.isfinite(line.points_mm).all()
        assert (line.radius_mm >= 0).all()


def test_a_line_of_one_point_cannot_be_made():
    with pytest.raises(ValueError, match="n ≥ 2"):
        Centreline(np.zeros((1, 3)), np.ones(1))


def test_csv_holds_lps_millimetres_and_radius_and_comes_back(tmp_path):
    line = Centreline(np.array([[1.0, 2, 3], [1, 2, 4]]), np.array([0.5, 0.75]), "basilar")
    path = write_csv(line, tmp_path / "basilar.csv")
    assert path.read_text().splitlines()[:2] == ["x_mm,y_mm,z_mm,radius_mm", "1.000,2.000,3.000,0.500"]
    again = read_csv(path)
    assert again.name == "basilar"
    np.testing.assert_allclose(again.points_mm, line.points_mm)


def vmtk_case():
    """Mask of the reference surface on the grid of its image, and the two reference centrelines with inscribed radii."""
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    def read(name):
        reader = vtk.vtkXMLPolyDataReader()
        reader.SetFileName(str(AORTA / name))
        reader.Update()
        return reader.GetOutput()

    # size, spacing and origin of aorta.mha; its direction is −1, −1, 1, while the surface is written in RAS
    size, spacing, origin = (157, 393, 34), (0.878906, 0.878906, 1.50009), (156.445, 24.6094, 0.0)
    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputData(read("aorta-surface.vtp"))
    stencil.SetOutputOrigin(origin)
    stencil.SetOutputSpacing(spacing)
    stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
    image = vtk.vtkImageData()
    image.SetOrigin(origin)
    image.SetSpacing(spacing)
    image.SetDimensions(size)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    cut = vtk.vtkImageStencil()
    cut.SetInputData(image)
    cut.SetStencilConnection(stencil.GetOutputPort())
    cut.SetBackgroundValue(0)
    cut.Update()
    mask = vtk_to_numpy(cut.GetOutput().GetPointData().GetScalars()).reshape(size[::-1])
    geometry = Geometry(mask.shape, spacing[::-1], (-origin[0], -origin[1], 0.0), (-1, 0, 0, 0, -1, 0, 0, 0, 1))
    lines = read("aorta-centerline.vtp")
    points = vtk_to_numpy(lines.GetPoints().GetData()).astype(float) * [-1, -1, 1]
    radius = vtk_to_numpy(lines.GetPointData().GetArray("MaximumInscribedSphereRadius"))
    cells = [[lines.GetCell(c).GetPointId(i) for i in range(lines.GetCell(c).GetNumberOfPoints())] for c in range(2)]
    return mask, geometry, [(points[ids], radius[ids]) for ids in cells]


@pytest.mark.skipif(not AORTA.exists(), reason="the VMTK aorta is not here")
def test_the_vmtk_reference_is_met_within_one_voxel_and_half_a_voxel_of_radius():
    mask, geometry, references = vmtk_case()
    voxel = geometry.spacing_mm[2]
    for points, radius in references:
        line = trace_path(mask, geometry, points[0], points[-1])
        away, nearest = cKDTree(line.points_mm).query(points)
        assert away.mean() <= voxel
        assert np.abs(line.radius_mm[nearest] - radius).mean() <= 0.5 * voxel
        assert cKDTree(points).query(line.points_mm)[0].mean() <= voxel
