"""Meshes: closed, in place, named and coloured."""

import json

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.anatomy import NUMBERS
from inference.geometry import Geometry
from inference.mesh import colour_of, surface_of, write_mesh
from inference.volume import Volume


def two_tubes():
    """A tube of radius 3 mm and 30 mm length cut by the edge of the scan, and a basilar artery of one voxel."""
    grid = Geometry((50, 40, 40), (0.6, 0.5, 0.5), (-10.0, 20.0, 100.0))
    y, x = np.mgrid[:40, :40] * 0.5
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, np.hypot(y - 10, x - 10) <= 3.0] = NUMBERS["common_carotid_r"]
    labels[10:40, 35, 35] = NUMBERS["basilar"]
    return labels, Volume(np.zeros(grid.shape, np.int16), grid)


def test_surfaces_are_closed_in_place_and_of_the_right_size():
    labels, volume = two_tubes()
    mesh = surface_of(labels == NUMBERS["common_carotid_r"], volume.geometry)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(np.pi * 9 * 30, rel=0.06)
    # the tube's axis lies at x = −10 + 10, y = 20 + 10 and runs from z = 100 to 130
    np.testing.assert_allclose(mesh.bounds.mean(axis=0), [0.0, 30.0, 114.7], atol=0.5)


def test_a_glb_has_one_named_coloured_closed_node_per_artery(tmp_path):
    labels, volume = two_tubes()
    path = write_mesh(labels, volume, tmp_path / "mesh" / "arteries.glb")
    scene = trimesh.load(path)
    assert set(scene.geometry) == {"common_carotid_r", "basilar"}
    for name, mesh in scene.geometry.items():
        joined = mesh.copy()
        joined.merge_vertices(merge_tex=True, merge_norm=True)
        assert joined.is_watertight
        assert tuple(mesh.visual.material.baseColorFactor[:3]) == colour_of(name)
    assert set(scene.graph.nodes_geometry) == {"common_carotid_r", "basilar"}
    raw = path.read_bytes()
    header = json.loads(raw[20 : 20 + int.from_bytes(raw[12:16], "little")])
    assert "LPS" in json.dumps(header)


def test_any_other_path_is_a_folder_of_stl_files(tmp_path):
    labels, volume = two_tubes()
    folder = write_mesh(labels, volume, tmp_path / "stl")
    assert {file.name for file in folder.iterdir()} == {"common_carotid_r.stl", "basilar.stl"}
    assert trimesh.load(folder / "basilar.stl").is_watertight


def test_no_artery_gives_an_empty_scene(tmp_path):
    volume = Volume(np.zeros((4, 4, 4), np.int16), Geometry((4, 4, 4), (1.0, 1.0, 1.0)))
    path = write_mesh(np.zeros((4, 4, 4), np.uint8), volume, tmp_path / "arteries.glb")
    assert path.read_bytes()[:4] == b"glTF"
    assert len(path.read_bytes()) == int.from_bytes(path.read_bytes()[8:12], "little")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_random_masks_give_closed_surfaces_or_none(seed, share):
    mask = np.random.default_rng(seed).random((7, 8, 9)) < share
    mesh = surface_of(mask, Geometry(mask.shape, (1.0, 0.7, 0.7)))
    assert (mesh is None) == (not mask.any())
    assert mesh is None or len(mesh.faces) > 0
