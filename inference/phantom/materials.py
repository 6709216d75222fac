"""What bone is made of: HU of cortex and marrow, cortical thickness, grain."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Material:
    """A kind of bone.

    Parameters
    ----------
    cortex_hu, marrow_hu : float
        Mean values. [HU]
    cortex_mm : float
        Cortical thickness. [mm]
    grain_hu : float
        Standard deviation of the trabecular texture in the marrow. [HU]
    airy : float
        Share of the marrow that is air cells.
    """

    cortex_hu: float
    marrow_hu: float
    cortex_mm: float
    grain_hu: float
    airy: float = 0.0


VAULT, SPINE, PETROUS, CELLS, THIN, JAW, TOOTH, RIB, CARTILAGE, BASE, METAL, DENS = (float(kind) for kind in range(1, 13))

MATERIALS: dict[float, Material] = {
    VAULT: Material(1150, 480, 1.5, 150),
    SPINE: Material(760, 260, 0.9, 90),
    PETROUS: Material(1550, 1350, 2.5, 120),
    CELLS: Material(850, 520, 0.9, 120, airy=0.55),
    THIN: Material(620, 450, 0.7, 60),
    JAW: Material(1350, 330, 2.2, 130),
    TOOTH: Material(2300, 1700, 1.3, 60),
    RIB: Material(780, 200, 1.0, 80),
    CARTILAGE: Material(420, 160, 0.8, 60),
    BASE: Material(850, 300, 1.0, 110),
    METAL: Material(9000, 9000, 1.0, 0),
    DENS: Material(900, 420, 1.2, 90),
}


def material_table(rng: np.random.Generator, *, spread: float = 0.15) -> npt.NDArray[np.float32]:
    """One person's bone: rows by kind of (cortex HU, marrow HU, cortex mm, grain HU, air share), randomly denser or poorer."""
    table = np.zeros((int(max(MATERIALS)) + 1, 5), np.float32)
    density = np.exp(rng.normal(0.0, spread))
    for kind, bone in MATERIALS.items():
        factor = 1.0 if kind == METAL else density * np.exp(rng.normal(0, 0.06))
        table[int(kind)] = (bone.cortex_hu * factor, bone.marrow_hu * factor, bone.cortex_mm, bone.grain_hu * factor, bone.airy)
    return table
