"""One person's tissues in the canonical body, as signed distances and HU on a coarse grid that the renderer interpolates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.phantom import skull, soft, spine
from inference.phantom.curves import Branch
from inference.phantom.materials import METAL, material_table
from inference.phantom.primitives import paint

Array = npt.NDArray[Any]

LOW_MM = (-122.0, -122.0, -24.0)
HIGH_MM = (122.0, 122.0, 366.0)


@dataclass(frozen=True)
class Body:
    """Tissues but for vessels.

    Parameters
    ----------
    bone_mm, air_mm : numpy.ndarray
        float32 (z, y, x) signed distances, negative inside bone and inside air. [mm]
    kind : numpy.ndarray
        float32 (z, y, x), kind of the closest bone (`materials`).
    soft_hu, native_hu : numpy.ndarray
        float32 (z, y, x), with and without contrast in glands, mucosa and cavernous sinus. [HU]
    materials : numpy.ndarray
        Rows by kind, see `materials.material_table`.
    grain : numpy.ndarray
        Periodic noise for marrow and cells.
    origin_mm, spacing_mm : tuple of float, float
        The coarse grid; points (x, y, z). [mm]
    metal_mm : numpy.ndarray
        (k, 3) where teeth are filled. [mm]
    """

    bone_mm: Array
    air_mm: Array
    kind: Array
    soft_hu: Array
    native_hu: Array
    materials: Array
    grain: Array
    origin_mm: tuple[float, float, float]
    spacing_mm: float
    metal_mm: Array


def make_body(
    rng: np.random.Generator,
    *,
    arteries: list[Branch],
    venous: float,
    metal: bool,
    spacing_mm: float = 1.0,
    low_mm: tuple[float, float, float] = LOW_MM,
    high_mm: tuple[float, float, float] = HIGH_MM,
) -> Body:
    """Build the tissues round a given arterial tree.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance: thickness, density, texture, teeth.
    arteries : list of Branch
        Canonical; the vertebral arteries decide where the transverse foramina lie.
    venous : float
        Uptake of contrast by glands, mucosa and cavernous sinus, 0 to 1.
    metal : bool
        Whether some teeth carry fillings.
    spacing_mm : float
        Coarse grid. [mm]
    low_mm, high_mm : tuple of float
        Corners (x, y, z) of the part of the body to build. [mm]
    """
    x, y, z = (int(np.ceil((high - low) / spacing_mm)) + 1 for low, high in zip(low_mm, high_mm, strict=True))
    shape, grid = (z, y, x), {"origin_mm": low_mm, "spacing_mm": spacing_mm}
    tile, grain = soft.noise_tile(rng), soft.noise_tile(rng, size=64, sigma=0.9)
    cavity = skull.head_cavity(shape, **grid)  # type: ignore[arg-type]
    bone, kind = np.full(shape, 30.0, np.float32), np.zeros(shape, np.float32)
    skull.paint_vault(bone, kind, cavity, rng=rng, **grid)  # type: ignore[arg-type]
    head = skull.skull_base() + skull.face(filling=metal, rng=rng)
    paint(bone, kind, head, **grid)  # type: ignore[arg-type]
    vertebrals = [branch for branch in arteries if branch.name.startswith("vertebral") and "." not in branch.name]
    paint(bone, kind, spine.spine(vertebrals) + spine.chest() + spine.throat(), **grid)  # type: ignore[arg-type]
    skin = _skin(shape, cavity, low_mm, spacing_mm)
    fat_mm = float(rng.uniform(2.5, 6.0))
    hu, native = (_soft(share, skin, cavity, tile, fat_mm, low_mm, spacing_mm) for share in (venous, 0.0))
    air = np.full(shape, 30.0, np.float32)
    paint(air, np.zeros(shape, np.float32), skull.head_air() + soft.lungs(), **grid)  # type: ignore[arg-type]
    np.maximum(bone, -air, out=bone)
    np.minimum(air, -skin, out=air)
    filled = np.array([np.array(row[1:4]) for row in head if row[17] == METAL]).reshape(-1, 3)
    return Body(bone, air, kind, hu, native, material_table(rng), grain, low_mm, spacing_mm, filled)


def _skin(shape: tuple[int, int, int], cavity: Array, low_mm: tuple[float, float, float], spacing_mm: float) -> Array:
    """Signed distance to the skin: trunk and neck, head round the skull, face."""
    skin = soft.outline(shape, origin_mm=low_mm, spacing_mm=spacing_mm)
    z = low_mm[2] + spacing_mm * np.arange(shape[0], dtype=np.float32)[:, None, None]
    head = np.maximum(cavity - 12.5, 216.0 - z)
    blend = np.maximum(8.0 - np.abs(head - skin), 0.0) / 8.0
    skin = np.minimum(head, skin) - blend * blend * 2.0
    scratch = np.zeros(shape, np.float32)
    paint(skin, scratch, soft.FACE, origin_mm=low_mm, spacing_mm=spacing_mm, margin_mm=25.0)
    return np.asarray(skin, np.float32)


def _soft(
    venous: float, skin: Array, cavity: Array, tile: Array, fat_mm: float, low_mm: tuple[float, float, float], spacing_mm: float
) -> Array:
    """HU of all that is neither bone nor air nor vessel."""
    hu, origin = np.empty(skin.shape, np.float32), np.array(low_mm)
    soft.fill_tissue(hu, skin, cavity, tile, origin, spacing_mm, fat_mm)
    organ, value = np.full(skin.shape, 30.0, np.float32), np.zeros(skin.shape, np.float32)
    paint(organ, value, soft.organs(venous=venous), origin_mm=low_mm, spacing_mm=spacing_mm, margin_mm=3.0)
    soft.blend_tissue(hu, organ, value, skin, tile, origin, spacing_mm)
    return hu
