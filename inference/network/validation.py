"""How a network does on crops it never saw: fixed seeds, far from those of training."""

from dataclasses import dataclass
from functools import lru_cache

import edt
import numpy as np
import torch

from inference.network.architecture import ResidualUNet, windowed
from inference.network.crops.generator import ARTERY, BONE, CALCIUM, CENTRELINE_BIT, CLASS_BITS, VEIN, Crop
from inference.network.engine import half_precision
from inference.network.losses import grouped
from inference.network.pool import CropRecipe

FIRST_SEED = 9_000_000_000


@dataclass(frozen=True)
class Score:
    """Figures over all validation crops together.

    Parameters
    ----------
    vessel_dice, near_bone_dice : float
        Dice of all lumen, and within 3 mm of bone.
    centreline_recall : float
        Share of centreline voxels found.
    bone_taken : float
        Share of bone called vessel.
    bone_dice : float
        Dice of bone.
    side_accuracy : float
        Share of found lumen whose side, artery or vein, is right.
    """

    vessel_dice: float
    near_bone_dice: float
    centreline_recall: float
    bone_taken: float
    bone_dice: float
    side_accuracy: float


@lru_cache(maxsize=4)
def _crops(recipe: CropRecipe, count: int) -> tuple[Crop, ...]:
    return tuple(recipe.make(FIRST_SEED + k) for k in range(count))


def validate(network: ResidualUNet, *, recipe: CropRecipe, device: torch.device, count: int = 10) -> Score:
    """Score a network on `count` unseen crops."""
    network.eval()
    sums = np.zeros(13)
    for crop in _crops(recipe, count):
        x = windowed(torch.from_numpy(crop.hu.astype(np.float32))[None].to(device), network.plan)
        with torch.no_grad(), half_precision(device):
            logits = network(x.contiguous(memory_format=torch.channels_last_3d)).float()
        group = grouped(logits).argmax(1)[0].cpu().numpy()
        vein = (logits[0, VEIN] > logits[0, ARTERY]).cpu().numpy()
        sums += _counts(crop, group, vein)
    both, found, true, near_both, near_found, near_true, line_hit, line, taken, bone, bone_both, bone_found, right = sums
    return Score(
        float(2 * both / max(found + true, 1)),
        float(2 * near_both / max(near_found + near_true, 1)),
        float(line_hit / max(line, 1)),
        float(taken / max(bone, 1)),
        float(2 * bone_both / max(bone_found + bone, 1)),
        float(right / max(both, 1)),
    )


def _counts(crop: Crop, group: np.ndarray, vein: np.ndarray) -> np.ndarray:
    classes = crop.labels & CLASS_BITS
    lumen, bone = (classes == ARTERY) | (classes == VEIN), classes == BONE
    ignored = classes == CALCIUM
    found = (group == 1) & ~ignored
    near = edt.edt(~bone, parallel=1) * crop.spacing_mm < 3 if bone.any() else np.zeros_like(bone)
    centre = (crop.labels & CENTRELINE_BIT) > 0
    both = found & lumen
    right = both & (vein == (classes == VEIN))
    all_vessel = (both, found, lumen)
    near_bone = tuple(mask & near for mask in all_vessel)
    line = (found & centre, centre)
    hard = (found & bone, bone, (group == 2) & bone, group == 2)
    masks = (*all_vessel, *near_bone, *line, *hard, right)
    return np.array([mask.sum() for mask in masks], float)
