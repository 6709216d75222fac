"""The ranges of eight bits for a network, found on crops of its own kind."""

from inference.network.architecture import ResidualUNet
from inference.network.pool import CropRecipe
from inference.network.quantization import input_ranges
from inference.network.validation import FIRST_SEED

CROP, CROPS, MERGED_CROPS = 64, 12, 4
MERGED_SEED = FIRST_SEED + 100_000_000


def calibrated(network: ResidualUNet) -> dict[str, tuple[float, float]]:
    """`input_ranges` on crops that no training uses, some of them of merged voxels, as the coarse look has them; takes some seconds."""
    fine = CropRecipe(size=CROP, spacing_mm=network.plan.spacing_mm)
    merged = CropRecipe(size=CROP + CROP // 2, spacing_mm=network.plan.spacing_mm, pooling=2)
    crops = [fine.make(FIRST_SEED + k).hu for k in range(CROPS)] + [merged.make(MERGED_SEED + k).hu for k in range(MERGED_CROPS)]
    return input_ranges(network.eval(), crops)
