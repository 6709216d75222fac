"""One training crop from one seed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from inference.network.crops.bone import add_bone
from inference.network.crops.fields import Field, ramp, smooth_field
from inference.network.crops.scanner import scan
from inference.network.crops.scene import Scene, start_scene
from inference.network.crops.surroundings import look_around
from inference.network.crops.vessels import Vessels, grow_vessels

BACKGROUND, ARTERY, VEIN, BONE, CALCIUM = range(5)
CLASS_BITS, CENTRELINE_BIT, RIM_BIT, CONTACT_BIT = 7, 8, 16, 32
REACH = 5  # a filter this wide sees two voxels to either side
CLASS_NAMES = ("background", "artery", "vein", "bone", "calcium_or_metal")


@dataclass(frozen=True)
class Crop:
    """A picture and its truth.

    Parameters
    ----------
    hu : ndarray
        int16 (z, y, x). [HU]
    labels : ndarray
        uint8: class 0 to 4 of `CLASS_NAMES` under `CLASS_BITS`, plus `CENTRELINE_BIT` where a vessel's centreline runs,
        `RIM_BIT` at a lumen's wall, `CONTACT_BIT` where vessel and bone are within two voxels of each other.
    spacing_mm : float
        Voxel edge. [mm]
    """

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    spacing_mm: float


def make_crop(seed: int, *, size: int = 96, spacing_mm: float = 0.7, match_share: float = 0.5) -> Crop:
    """Make one crop; the same seed gives the same crop.

    Parameters
    ----------
    seed : int
        Source of all chance.
    size : int
        Edge. [voxels]
    spacing_mm : float
        Voxel edge. [mm]
    match_share : float
        Share of crops whose bone is drawn near the lumen's HU, so that HU alone tells nothing.

    Examples
    --------
    >>> crop = make_crop(7, size=32)
    >>> crop.hu.shape, crop.labels.dtype, bool((make_crop(7, size=32).hu == crop.hu).all())
    ((32, 32, 32), dtype('uint8'), True)
    """
    rng = np.random.default_rng(seed)
    scene = start_scene(rng, size=size, spacing_mm=spacing_mm, match_share=match_share)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.08, 0.32, 0.36, 0.24]))):
        add_bone(rng, scene)
    bone = (scene.bone > 0.5) | ((scene.bone > 0.25) & (scene.bone_hu * scene.bone > 150))
    vessels = grow_vessels(rng, scene, look_around(scene, bone), bone)
    picture, labels = _compose(rng, scene, bone, vessels)
    hu = np.clip(scan(rng, picture, spacing_mm=spacing_mm), -1024, 3071)
    return Crop(np.rint(hu).astype(np.int16), labels, spacing_mm)


def _lumen_hu(rng: np.random.Generator, scene: Scene, vessels: Vessels) -> Field:
    """Contrast of every voxel's own tree, with slow mixing."""
    mixing = rng.uniform(0, 0.05) if rng.random() < 0.8 else rng.uniform(0.05, 0.2)
    own = np.array(vessels.hu, np.float32)[vessels.owner]
    hu: Field = own * (1 + smooth_field(rng, scene.size, rng.integers(5, 14), mixing))
    return hu


def _compose(rng: np.random.Generator, scene: Scene, bone: npt.NDArray[np.bool_], vessels: Vessels) -> tuple[Field, npt.NDArray[np.uint8]]:
    spacing = np.float32(scene.spacing_mm)
    owned, wall = vessels.owner > 0, vessels.wall_mm
    gap = np.array(vessels.canal_mm, np.float32)[vessels.owner]
    picture = scene.picture()
    rind = ramp((np.float32(1.2) - wall) / spacing + np.float32(0.5)) * owned  # no lumen borders on air directly
    picture = np.where(picture < -300, picture * (1 - rind) + 30 * rind, picture)
    canal = ramp((gap - wall) / spacing + np.float32(0.5)) * ((gap > 0) & owned)
    picture = picture * (1 - canal) + np.clip(scene.tissue, -100, 90) * canal
    lumen = ramp(np.float32(0.5) - wall / spacing) * owned
    picture = picture * (1 - lumen) + _lumen_hu(rng, scene, vessels) * lumen
    labels = np.zeros(picture.shape, np.uint8)
    labels[bone & (canal <= 0.5)] = BONE
    inside = lumen > 0.5
    labels[inside] = np.where(np.array(vessels.vein)[vessels.owner[inside]], VEIN, ARTERY)
    labels[vessels.centre & inside] |= CENTRELINE_BIT
    _add_calcium(rng, scene, vessels, picture, labels)
    return picture.astype(np.float32), mark_borders(labels)


def mark_borders(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Add `RIM_BIT` at walls of lumens and `CONTACT_BIT` where vessel and bone are close.

    Examples
    --------
    >>> mark_borders(np.array([[[0, 0, 1, 1, 3, 0, 0, 0]]], np.uint8))[0, 0].tolist()
    [0, 16, 49, 49, 51, 32, 0, 0]
    """
    classes = labels & CLASS_BITS
    lumen = (classes == ARTERY) | (classes == VEIN)
    marked = labels.copy()
    marked[_grown(lumen, 3) & _grown(~lumen, 3)] |= RIM_BIT
    marked[_grown(lumen, REACH) & _grown(classes == BONE, REACH)] |= CONTACT_BIT
    return marked


def _grown(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    grown = mask.view(np.uint8)
    for axis in range(3):
        grown = maximum_filter1d(grown, width, axis=axis)
    return grown.view(bool)


def _add_calcium(rng: np.random.Generator, scene: Scene, vessels: Vessels, picture: Field, labels: npt.NDArray[np.uint8]) -> None:
    """Plaque in the wall (600 to 1,300 HU), now and then a stent or a clip; in place."""
    artery = (vessels.owner > 0) & ~np.array(vessels.vein)[vessels.owner]
    if rng.random() < 0.2:
        patch = smooth_field(rng, scene.size, rng.integers(10, 24)) > rng.uniform(1.6, 2.4)
        plaque = (np.abs(vessels.wall_mm + 0.2) < rng.uniform(0.4, 1.2)) & patch & artery
        picture[plaque], labels[plaque] = rng.uniform(600, 1300), CALCIUM
    if rng.random() < 0.05:
        mesh = smooth_field(rng, scene.size, 40) > 0.3
        stent = (np.abs(vessels.wall_mm) < 0.5) & mesh & artery & (smooth_field(rng, scene.size, 5) > 0.6)
        picture[stent], labels[stent] = rng.uniform(900, 2500), CALCIUM
    if rng.random() < 0.06:
        place = rng.uniform(0.1, 0.9, 3) * scene.size
        z, y, x = np.ogrid[: scene.size, : scene.size, : scene.size]
        far = sum(((a - p) / s) ** 2 for a, p, s in zip((z, y, x), place, rng.uniform(1.5, 6, 3), strict=True))
        clip = far < 1
        picture[clip], labels[clip] = 3071, CALCIUM
