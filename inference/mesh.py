"""Watertight surfaces of arteries as GLB or STL, with names and colours."""

# mypy: disable-error-code="no-any-return,no-untyped-call"

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh
from scipy import ndimage
from skimage.measure import marching_cubes

from inference.anatomy import LABELS, NUMBERS
from inference.geometry import Geometry
from inference.indices import bounding_box
from inference.volume import Volume

Array = npt.NDArray[Any]

FRAME = "patient millimetres, x to the left, y to the back, z to the head (LPS)"

COLOURS: dict[str, tuple[int, int, int]] = {
    "aortic_arch": (176, 38, 38),
    "brachiocephalic_trunk": (200, 62, 48),
    "subclavian": (214, 98, 58),
    "common_carotid": (206, 46, 46),
    "internal_carotid": (226, 76, 60),
    "external_carotid": (236, 146, 92),
    "vertebral": (222, 176, 74),
    "basilar": (232, 198, 84),
    "middle_cerebral": (218, 92, 120),
    "anterior_cerebral": (196, 88, 168),
    "posterior_cerebral": (150, 96, 190),
    "anterior_communicating": (110, 150, 210),
    "posterior_communicating": (92, 178, 190),
    "unnamed": (158, 120, 110),
}
"""Red to gold for trunks, violet and blue inside the skull; the two sides share a colour."""

SMOOTHING_ROUNDS = 12
MOST_TRIANGLES = 120_000


def colour_of(name: str) -> tuple[int, int, int]:
    """Colour of an artery by its name, without regard to the side."""
    return COLOURS.get(name.removesuffix("_r").removesuffix("_l"), COLOURS["unnamed"])


def surface_of(mask: Array, geometry: Geometry) -> trimesh.Trimesh | None:
    """Closed, smooth surface of a mask in LPS millimetres; None for an empty mask.

    Marching cubes over the slightly blurred mask, closed at the edge of the scan by a layer of nothing, then Taubin
    smoothing [1]_, which takes the staircase off without shrinking thin vessels.

    References
    ----------
    .. [1] Taubin G. Curve and surface smoothing without shrinkage. ICCV 1995. doi:10.1109/ICCV.1995.466848

    Examples
    --------
    >>> ball = np.hypot(np.hypot(*np.mgrid[-6:7, -6:7, -6:7][:2]), np.mgrid[-6:7, -6:7, -6:7][2]) <= 4
    >>> mesh = surface_of(ball, Geometry(ball.shape, (1.0, 1.0, 1.0)))
    >>> bool(mesh.is_watertight), bool(220 < mesh.volume < 300)
    (True, True)
    """
    box = bounding_box(np.asarray(mask) != 0)
    if box is None:
        return None
    part = np.pad(np.asarray(mask)[box] != 0, 2).astype(np.float32)
    blurred = ndimage.gaussian_filter(part, 0.6, truncate=2.5)
    # a vessel one voxel wide would fall below the level; its own voxels are kept above it
    field = np.where(part > 0, np.maximum(blurred, 0.55), np.minimum(blurred, 0.45)) if blurred.max() < 0.75 else blurred
    vertices, faces, _, _ = marching_cubes(field, 0.5 if field.max() > 0.5 else 0.5 * float(field.max()))
    start = np.array([place.start - 2 for place in box])
    mesh = trimesh.Trimesh(geometry.points(vertices + start), faces, process=True)
    if mesh.volume < 0:
        mesh.invert()
    trimesh.smoothing.filter_taubin(mesh, lamb=0.5, nu=0.53, iterations=SMOOTHING_ROUNDS)
    return _thinned(mesh)


def _thinned(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with at most `MOST_TRIANGLES`, as long as that leaves it closed."""
    if len(mesh.faces) <= MOST_TRIANGLES:
        return mesh
    fewer = mesh.simplify_quadric_decimation(face_count=MOST_TRIANGLES)
    return fewer if fewer.is_watertight else mesh


def artery_meshes(arteries: Array, volume: Volume) -> dict[str, trimesh.Trimesh]:
    """Surface of every artery in a label map, by name, coloured, in LPS millimetres."""
    found = {}
    present = np.bincount(np.ascontiguousarray(arteries, np.uint8).ravel(), minlength=256)
    for label, name in LABELS.items():
        mesh = surface_of(arteries == label, volume.geometry) if present[label] else None
        if mesh is not None:
            material = trimesh.visual.material.PBRMaterial(
                name=name, baseColorFactor=[*colour_of(name), 255], metallicFactor=0.1, roughnessFactor=0.55
            )
            mesh.visual = trimesh.visual.TextureVisuals(material=material)
            mesh.metadata.update(name=name, label=NUMBERS[name], frame=FRAME, unit="mm")
            found[name] = mesh
    return found


def write_mesh(arteries: Array, volume: Volume, path: Path | str) -> Path:
    """Write one GLB with a named, coloured node per artery, or a folder of STL files.

    Parameters
    ----------
    arteries : numpy.ndarray
        Labels of `inference.anatomy.LABELS` (z, y, x).
    volume : Volume
        The scan, for its grid.
    path : path
        `….glb` for one file; any other name is a folder for `<artery>.stl`.

    Returns
    -------
    Path
        What was written. The coordinates are patient millimetres in LPS and are not turned to glTF's y-up; the scene's
        `extras` say so. A label map without arteries gives a scene without nodes.

    Notes
    -----
    glTF 2.0 states metres; viewers that need them scale by 0.001. Research use; not a medical device.
    """
    target, meshes = Path(path), artery_meshes(arteries, volume)
    if target.suffix.lower() != ".glb":
        target.mkdir(parents=True, exist_ok=True)
        for name, mesh in meshes.items():
            mesh.export(target / f"{name}.stl")
        return target
    scene = trimesh.Scene()
    for name, mesh in meshes.items():
        scene.add_geometry(mesh, node_name=name, geom_name=name)
    scene.metadata.update(frame=FRAME, unit="mm", claim="research use; not a medical device")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_glb(scene) if meshes else _EMPTY_GLB)
    return target


def _glb(scene: trimesh.Scene) -> bytes:
    data: bytes = trimesh.exchange.gltf.export_glb(scene, include_normals=True)
    return data


def _empty_glb() -> bytes:
    """The smallest valid GLB: an asset and a scene without nodes."""
    text = b'{"asset":{"version":"2.0"},"scenes":[{"nodes":[]}],"scene":0}'
    text += b" " * (-len(text) % 4)
    header = b"glTF" + (2).to_bytes(4, "little") + (20 + len(text)).to_bytes(4, "little")
    return header + len(text).to_bytes(4, "little") + b"JSON" + text


_EMPTY_GLB = _empty_glb()
