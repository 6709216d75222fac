"""What a crop is built in: soft tissue first, bone and air laid over it, vessels last."""

from dataclasses import dataclass

import numpy as np

from inference.network.crops.fields import Field, ramp, smooth_field


@dataclass
class Scene:
    """A cube under construction; fractions are 0..1, values in HU.

    Parameters
    ----------
    size : int
        Edge. [voxels]
    spacing_mm : float
        Voxel edge. [mm]
    lumen_hu : float
        Contrast of the arteries in this crop. [HU]
    match_bone : bool
        Whether bone is drawn near the lumen's HU, so that HU tells nothing.
    """

    size: int
    spacing_mm: float
    lumen_hu: float
    match_bone: bool
    tissue: Field
    bone: Field
    bone_hu: Field
    air: Field

    def lay_bone(self, fraction: Field, hu: Field) -> None:
        """Lay bone over what is there; the newer bone wins where they overlap."""
        total = self.bone * (1 - fraction) + fraction
        self.bone_hu = (self.bone_hu * self.bone * (1 - fraction) + hu * fraction) / np.maximum(total, np.float32(1e-3))
        self.bone = np.maximum(self.bone, fraction)

    def picture(self) -> Field:
        """HU of tissue, air and bone together."""
        air_hu = np.float32(-990)
        soft = self.tissue * (1 - self.air) + air_hu * self.air
        picture: Field = soft * (1 - self.bone) + self.bone_hu * self.bone
        return picture


def start_scene(rng: np.random.Generator, *, size: int, spacing_mm: float, match_share: float = 0.5) -> Scene:
    """Soft tissue: muscle or brain with fat, fluid, enhanced glands and mucosa, and faint texture."""
    shape = (size, size, size)
    lumen = rng.uniform(180, 650) if rng.random() < 0.85 else rng.uniform(150, 250)
    base = rng.choice([rng.uniform(20, 45), rng.uniform(40, 80)])
    tissue = np.full(shape, base, np.float32)
    layer = smooth_field(rng, size, rng.integers(5, 12))
    tissue[layer > rng.choice([9, 9, 1.3, 0.5])] = rng.uniform(-120, -50)
    tissue[layer < -rng.choice([9, 1.2, 1.8])] = rng.uniform(-5, 15)
    other = smooth_field(rng, size, rng.integers(5, 14))
    tissue[other > rng.choice([9, 0.8, 1.5])] = rng.uniform(0, 75)
    if rng.random() < 0.5:  # thyroid, mucosa, parotid, spleen, heart muscle: bright, but never as bright as the lumen
        gland = smooth_field(rng, size, rng.integers(5, 16))
        share = ramp((gland - np.float32(rng.uniform(0.6, 2.2))) * np.float32(rng.uniform(2, 12)))
        tissue += share * (np.float32(min(rng.uniform(70, 220), 0.62 * lumen)) - tissue)
    tissue += smooth_field(rng, size, rng.integers(10, 40), rng.uniform(0, 6))
    zeros = np.zeros(shape, np.float32)
    return Scene(size, spacing_mm, float(lumen), bool(rng.random() < match_share), tissue, zeros, zeros.copy(), zeros.copy())
