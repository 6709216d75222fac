"""What the network is punished for: overlap, borders between vessel and bone, broken centrelines, artery taken for vein."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from inference.network.crops.generator import ARTERY, BONE, CALCIUM, CENTRELINE_BIT, CLASS_BITS, CONTACT_BIT, RIM_BIT, VEIN

GROUP_WEIGHTS = (1.0, 2.0, 1.5, 2.0)  # background, vessel, bone, calcium


@dataclass(frozen=True)
class LossParts:
    """The loss and its parts, for the log."""

    total: torch.Tensor
    border_entropy: torch.Tensor
    vessel_dice: torch.Tensor
    bone_dice: torch.Tensor
    centreline_miss: torch.Tensor
    side_entropy: torch.Tensor


def grouped(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of background, vessel (artery or vein), bone and calcium, (n, 4, z, y, x)."""
    log = F.log_softmax(logits, dim=1)
    vessel = torch.logaddexp(log[:, ARTERY], log[:, VEIN])
    return torch.stack([log[:, 0], vessel, log[:, BONE], log[:, CALCIUM]], dim=1)


def _group_of(classes: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0, 1, 1, 2, 3], device=classes.device)[classes]


def border_weight(labels: torch.Tensor) -> torch.Tensor:
    """1, on the rim of a lumen 2, and 2 more where vessel and bone are within two voxels of each other."""
    rim, contact = (labels & RIM_BIT) > 0, (labels & CONTACT_BIT) > 0
    return 1 + rim.float() + 2 * contact.float()


def _soft_dice(probability: torch.Tensor, mask: torch.Tensor, smooth: float = 50.0) -> torch.Tensor:
    return (2 * (probability * mask).sum() + smooth) / (probability.sum() + mask.sum() + smooth)


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> LossParts:
    """Loss of a batch.

    Parameters
    ----------
    logits : torch.Tensor
        (n, 5, z, y, x).
    labels : torch.Tensor
        Integers (n, z, y, x): class plus the bits of `Crop.labels`.

    Notes
    -----
    Cross-entropy weighted towards borders of vessel with bone, soft Dice of vessel and of bone over the batch, recall on
    the centreline (Kirchhoff et al. 2024, doi:10.48550/arXiv.2404.03010), and a small cross-entropy of artery against
    vein inside the lumen, kept apart so that a doubtful side never costs the vessel itself.

    Examples
    --------
    >>> labels = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    >>> labels[:, 2:6, 2:6] = 1
    >>> right = torch.nn.functional.one_hot(labels, 5).movedim(-1, 1) * 20.0
    >>> bool(segmentation_loss(right, labels).total < segmentation_loss(-right, labels).total)
    True
    """
    classes, centre = labels & CLASS_BITS, (labels & CENTRELINE_BIT) > 0
    groups = _group_of(classes)
    log_groups = grouped(logits.float())
    weights = torch.tensor(GROUP_WEIGHTS, device=logits.device)[groups] * border_weight(labels)
    entropy = (F.nll_loss(log_groups, groups, reduction="none") * weights).sum() / weights.sum()
    probability = log_groups.exp()
    vessel_dice = _soft_dice(probability[:, 1], (groups == 1).float())
    bone_dice = _soft_dice(probability[:, 2], (groups == 2).float())
    miss = 1 - (probability[:, 1] * centre).sum().add(20) / centre.sum().add(20)
    sides = (classes == ARTERY) | (classes == VEIN)
    pair = F.log_softmax(torch.stack([logits[:, ARTERY], logits[:, VEIN]], dim=1).float(), dim=1)
    side = F.nll_loss(pair, (classes == VEIN).long(), reduction="none")
    side_entropy = (side * sides).sum() / sides.sum().clamp(min=1)
    total = entropy + 0.75 * (1 - vessel_dice) + 0.35 * (1 - bone_dice) + 0.3 * miss + 0.1 * side_entropy
    return LossParts(total, entropy, vessel_dice, bone_dice, miss, side_entropy)
