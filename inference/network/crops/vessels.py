"""Procedural arteries and veins: trees against, through and beside bone, with stenosis, aneurysm, and large lumens."""

from dataclasses import dataclass, field

import edt
import numpy as np
import numpy.typing as npt

from inference.network.crops.fields import Field, smooth_field, surface_distance
from inference.network.crops.scene import Scene
from inference.network.crops.surroundings import Surroundings, settle
from inference.network.crops.tubes import Line, mark_line, paint_tube, wandering_line

SMALLEST_MM = 0.4


@dataclass
class Vessels:
    """All lumens of a crop.

    Parameters
    ----------
    wall_mm : ndarray
        Signed distance to the nearest lumen wall, negative inside. [mm]
    owner : ndarray
        Number of the tree that owns a voxel, 0 for none.
    hu, canal_mm, vein :
        By tree number: contrast [HU], soft gap in bone [mm], whether venous.
    centre : ndarray
        Voxels on a centreline.
    """

    wall_mm: Field
    owner: npt.NDArray[np.int16]
    centre: npt.NDArray[np.bool_]
    hu: list[float] = field(default_factory=lambda: [0.0])
    canal_mm: list[float] = field(default_factory=lambda: [0.0])
    vein: list[bool] = field(default_factory=lambda: [False])

    def new_tree(self, hu: float, *, canal_mm: float = 0.0, vein: bool = False) -> int:
        """Register a tree and return its number."""
        self.hu.append(hu)
        self.canal_mm.append(canal_mm)
        self.vein.append(vein)
        return len(self.hu) - 1

    def paint(self, line: Line, radii: Line, *, number: int, spacing_mm: float) -> None:
        """Add a tube to a tree."""
        paint_tube(self.wall_mm, self.owner, line, radii, spacing_mm=spacing_mm, number=number)
        mark_line(self.centre, line, spacing_mm=spacing_mm)


def _radius(rng: np.random.Generator, *, large: bool) -> float:
    low, high = (4.0, 15.0) if large else (0.5, 3.6)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _calibre(rng: np.random.Generator, count: int, radius: float, step_mm: float = 0.8) -> Line:
    """Radius along a vessel: taper, irregular wall, now and then a stenosis or an aneurysm. [mm]"""
    x = np.linspace(0, 1, count)
    wobble = np.interp(x, np.linspace(0, 1, 8), rng.normal(0, rng.uniform(0, 0.15), 8))
    radii = radius * (1 - rng.uniform(0, 0.5) * x) * (1 + wobble)
    if rng.random() < 0.15:
        radii *= 1 - rng.uniform(0.3, 0.85) * np.exp(-(((x - rng.random()) / 0.05) ** 2))
    if rng.random() < 0.08:
        radii *= 1 + rng.uniform(0.5, 2) * np.exp(-(((x - rng.random()) * count * step_mm / (2 * radius + 1)) ** 2))
    return np.maximum(radii, SMALLEST_MM)


def _grow_artery(rng: np.random.Generator, scene: Scene, around: Surroundings, vessels: Vessels, *, large: bool) -> tuple[Line, Line]:
    width = scene.size * scene.spacing_mm
    manner = str(rng.choice(["touch", "avoid", "through", "free"], p=[0.5, 0.2, 0.18, 0.12]))
    radius, length, heading = _radius(rng, large=large), rng.uniform(0.4, 1.5) * width, rng.standard_normal(3)
    start = rng.uniform(0, width, 3) - heading / np.linalg.norm(heading) * length * 0.4
    line = wandering_line(rng, start, heading, length_mm=length, bend=rng.choice([0.02, 0.08, 0.2]))
    radii = _calibre(rng, len(line), radius)
    gap = rng.uniform(-0.3, 1.0) if manner == "touch" else rng.uniform(0.3, 3)
    line = settle(line, radii, around, manner=manner, gap_mm=gap)
    hu = scene.lumen_hu * (np.exp(rng.normal(0, 0.07)) if rng.random() < 0.75 else rng.uniform(0.4, 0.9))
    canal = rng.uniform(0, 1.2) if manner in ("through", "free") and rng.random() < 0.6 else 0.0
    number = vessels.new_tree(max(hu, 140.0), canal_mm=canal)
    vessels.paint(line, radii, number=number, spacing_mm=scene.spacing_mm)
    for _ in range(rng.integers(0, 4)):
        _branch(rng, scene, around, vessels, line, radii, number=number, manner=manner)
    return line, radii


def _branch(
    rng: np.random.Generator, scene: Scene, around: Surroundings, vessels: Vessels, line: Line, radii: Line, *, number: int, manner: str
) -> None:
    k = int(rng.integers(2, len(line) - 2))
    along = line[k + 1] - line[k - 1]
    heading = along / (np.linalg.norm(along) + 1e-9) + rng.standard_normal(3) * 0.9
    twig = wandering_line(rng, line[k], heading, length_mm=rng.uniform(5, 40), bend=rng.choice([0.05, 0.2]))
    thick = min(radii[k] * rng.uniform(0.3, 0.9), 5.0)
    calibre = np.maximum(thick * (1 - 0.6 * np.linspace(0, 1, len(twig)) * rng.random()), SMALLEST_MM)
    if manner != "through":
        origin = twig[0].copy()
        twig = settle(twig, calibre, around, manner=manner, gap_mm=rng.uniform(-0.2, 0.8))
        twig[0] = origin
    vessels.paint(twig, calibre, number=number, spacing_mm=scene.spacing_mm)


def _grow_vein(rng: np.random.Generator, scene: Scene, around: Surroundings, vessels: Vessels, beside: tuple[Line, Line] | None) -> None:
    """A vein: beside an artery or alone, wider, often flattened (two or three tubes side by side), often fainter."""
    width = scene.size * scene.spacing_mm
    radius = float(np.exp(rng.uniform(np.log(0.8), np.log(7))))
    if beside is not None and rng.random() < 0.6:
        artery, calibre = beside
        across = np.cross(artery[-1] - artery[0], rng.standard_normal(3))
        across /= np.linalg.norm(across) + 1e-9
        line = artery + across * (calibre.mean() + radius + rng.uniform(0.2, 2))
        line = line + smooth_noise(rng, len(line))
    else:
        heading, length = rng.standard_normal(3), rng.uniform(0.5, 1.5) * width
        start = rng.uniform(0, width, 3) - heading / np.linalg.norm(heading) * length * 0.4
        line = wandering_line(rng, start, heading, length_mm=length, bend=rng.choice([0.02, 0.08]))
    radii = _calibre(rng, len(line), radius)
    line = settle(line, radii, around, manner=str(rng.choice(["touch", "avoid"], p=[0.4, 0.6])), gap_mm=rng.uniform(-0.2, 1.5))
    number = vessels.new_tree(_vein_hu(rng, scene), vein=True)
    across = np.cross(line[-1] - line[0], rng.standard_normal(3))
    across /= np.linalg.norm(across) + 1e-9
    tubes = int(rng.integers(1, 4))
    for t in range(tubes):
        vessels.paint(
            line + across * radius * rng.uniform(0.5, 1.0) * (t - (tubes - 1) / 2), radii, number=number, spacing_mm=scene.spacing_mm
        )


def smooth_noise(rng: np.random.Generator, count: int, knots: int = 6, sd_mm: float = 1.5) -> Line:
    """A slow sideways drift (count, 3). [mm]"""
    x, at = np.linspace(0, 1, count), np.linspace(0, 1, knots)
    return np.stack([np.interp(x, at, rng.normal(0, sd_mm, knots)) for _ in range(3)], axis=1)


def _vein_hu(rng: np.random.Generator, scene: Scene) -> float:
    factor = np.exp(rng.normal(0, 0.1)) if rng.random() < 0.25 else rng.uniform(0.25, 0.9)
    return float(max(105.0, scene.lumen_hu * factor))


def _lay_sinus(rng: np.random.Generator, scene: Scene, bone: npt.NDArray[np.bool_], vessels: Vessels) -> None:
    """A dural sinus: a flat band of blood lying on a bone surface."""
    if not bone.any():
        return
    height, half_width = rng.uniform(1.5, 7), rng.uniform(1.5, 6)
    off = edt.edt(~bone, parallel=1).astype(np.float32) * np.float32(scene.spacing_mm)
    band = np.abs(surface_distance(smooth_field(rng, scene.size, rng.integers(4, 8)), scene.spacing_mm))
    side = surface_distance(smooth_field(rng, scene.size, rng.integers(4, 6)), scene.spacing_mm)
    wall = np.maximum(np.maximum(off - np.float32(height), np.float32(rng.uniform(0, 0.6)) - off), band - np.float32(half_width))
    wall = np.maximum(np.maximum(wall, side), (scene.air > 0.3) * np.float32(5)).astype(np.float32)
    _merge(vessels, wall, vessels.new_tree(_vein_hu(rng, scene), vein=True))


def _lay_chamber(rng: np.random.Generator, scene: Scene, vessels: Vessels) -> None:
    """A lumen far wider than any artery of the neck: heart, aortic root, giant aneurysm."""
    surface = surface_distance(smooth_field(rng, scene.size, 4), scene.spacing_mm) + np.float32(rng.uniform(-4, 10))
    wall = np.maximum(surface, (scene.air > 0.3) * np.float32(5))
    wall = np.maximum(wall, (scene.bone > 0.3) * np.float32(5)).astype(np.float32)
    _merge(vessels, wall, vessels.new_tree(scene.lumen_hu * rng.uniform(0.6, 1.1), vein=bool(rng.random() < 0.3)))


def _merge(vessels: Vessels, wall: Field, number: int) -> None:
    nearer = (wall < vessels.wall_mm) & (wall < 3)
    vessels.wall_mm[nearer] = wall[nearer]
    vessels.owner[nearer] = number


def grow_vessels(rng: np.random.Generator, scene: Scene, around: Surroundings, bone: npt.NDArray[np.bool_]) -> Vessels:
    """Fill a scene with vessels; one crop in twenty has none.

    Parameters
    ----------
    bone : ndarray
        Boolean bone of the scene, which the vessels touch, cross or avoid.
    """
    shape = (scene.size,) * 3
    vessels = Vessels(np.full(shape, 9, np.float32), np.zeros(shape, np.int16), np.zeros(shape, bool))
    if rng.random() < 0.05:
        return vessels
    if rng.random() < 0.07:
        _lay_chamber(rng, scene, vessels)
    if rng.random() < 0.2:
        _lay_sinus(rng, scene, bone, vessels)
    last: tuple[Line, Line] | None = None
    large = int(rng.integers(1, 3)) if rng.random() < 0.25 else 0
    for tree in range(int(rng.integers(4, 14))):
        last = _grow_artery(rng, scene, around, vessels, large=tree < large)
        if rng.random() < 0.3:
            _grow_vein(rng, scene, around, vessels, last)
    return vessels
