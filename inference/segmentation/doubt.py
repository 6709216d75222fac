"""Pieces of the network's vessel that are bone, or blood without contrast, after all: by place, brightness and shape."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from inference.indices import bounding_box, indices
from inference.segmentation.filters import box_mean
from inference.segmentation.lumen import SOFT_TISSUE_HU
from inference.segmentation.morphology import BoolMask, Spacing, dilated, label
from inference.segmentation.result import Mask, Segmentation

Scan = npt.NDArray[np.int16]
FACE_STEPS = 1.01  # a little more than the longest edge of a voxel: what shares a face
AROUND_CELLS = 9  # of the network's grid: about 6 mm


@dataclass(frozen=True)
class PieceRules:
    """Which pieces are doubted.

    Parameters
    ----------
    certain_mm3 : float
        Pieces of the network's vessel from this size on stay vessel even where the threshold method calls them bone: it takes whole
        veins, dimmer than arteries, for bone. [mm³]
    least_outside, most_outside, most_passing_hu : float
        So do pieces that go on outside that bone, as a vessel in its canal does: between these shares of a piece touch the network's
        vessel there, and on average it is no brighter than the lumen by this factor. What touches it over more is a rim.
    dense_hu, least_dense_mm3, most_dense_mm3, dense_rim_mm : float
        In that bone, clots of voxels brighter than the lumen by this factor, between these sizes, are bone, and what lies this near to
        them; smaller ones are noise, larger ones the inflow of a bolus. [mm³, mm]
    loose_mm3 : float
        A loose piece is no larger. [mm³]
    near_bone_share, reach_mm : float
        A loose piece of which more than this share lies within this reach of bone is bone ... [mm]
    in_bone_share : float
        ... and one of which the threshold method calls at least this share bone ...
    longest_mm, most_slender : float
        ... unless it is longer than this, or than so many times its width: an artery cut off by a narrow place. [mm]
    filled_share : float
        A loose piece with less than this share of the way from soft tissue to the lumen is no vessel.
    unfilled_hu : float
        Nor is anything with less than this on average, within 3 mm, for that is blood without contrast. Beside a weak bolus it is half
        of the way from soft tissue to the lumen, where that is less. [HU]
    """

    certain_mm3: float = 3000.0
    least_outside: float = 0.04
    most_outside: float = 0.45
    most_passing_hu: float = 1.05
    dense_hu: float = 1.3
    least_dense_mm3: float = 25.0
    most_dense_mm3: float = 1000.0
    dense_rim_mm: float = 0.95
    loose_mm3: float = 3000.0
    near_bone_share: float = 0.2
    reach_mm: float = 0.9
    in_bone_share: float = 0.9
    longest_mm: float = 40.0
    most_slender: float = 5.5
    filled_share: float = 0.2
    unfilled_hu: float = 110.0


def doubtful_bone(
    rival: Segmentation, vessel: Mask, hu: Scan, *, lumen_hu: float, spacing_mm: Spacing, rules: PieceRules
) -> npt.NDArray[np.uint8]:
    """The threshold method's bone in which the network's vessel is not believed.

    Only the clots brighter than lumen where that method had to tell the contrast by thin tubes: then it takes too much of the arteries
    beside bone for bone.

    Parameters
    ----------
    rival : Segmentation
        What the threshold method found.
    vessel : numpy.ndarray
        What the network found, 0/1 (z, y, x).
    hu : numpy.ndarray
        int16 (z, y, x). [HU]
    lumen_hu : float
        What certain lumen of the scan has. [HU]
    """
    doubtful = rival.bone.copy() if rival.notes.get("wide", True) else np.zeros_like(rival.bone)
    box = bounding_box(vessel)
    if box is None:
        return doubtful
    ours, hu = vessel[box] > 0, hu[box]
    both = ours & (rival.bone[box] > 0)
    dense = _dense(both, hu, lumen_hu, spacing_mm, rules)
    if not rival.notes.get("wide", True):
        doubtful[box] = dense
        return doubtful
    parts = label(both & ~dense, connectivity=26)
    outside = parts.share(dilated(ours & ~both, FACE_STEPS * max(spacing_mm), spacing_mm))
    passes = (outside >= rules.least_outside) & (outside <= rules.most_outside) & (parts.mean(hu) <= rules.most_passing_hu * lumen_hu)
    doubtful[box] &= ~parts.choose(passes | (parts.counts * float(np.prod(spacing_mm)) >= rules.certain_mm3))
    return doubtful


def _dense(both: BoolMask, hu: Scan, lumen_hu: float, spacing_mm: Spacing, rules: PieceRules) -> BoolMask:
    """Clots of bone in a mask, with their rims."""
    parts = label(both & (hu > rules.dense_hu * lumen_hu), connectivity=6)
    size_mm3 = parts.counts * float(np.prod(spacing_mm))
    clots = parts.choose((size_mm3 >= rules.least_dense_mm3) & (size_mm3 <= rules.most_dense_mm3))
    return both & dilated(clots, rules.dense_rim_mm, spacing_mm) if clots.any() else clots


def take_loose(
    vessel: Mask, bone: Mask, hu: Scan, rival: Segmentation | None, *, lumen_hu: float, spacing_mm: Spacing, rules: PieceRules
) -> None:
    """Give loose pieces in and at bone back to it, and drop dim ones, in place.

    Parameters
    ----------
    vessel, bone : numpy.ndarray
        0/1 (z, y, x).
    rival : Segmentation or None
        What the threshold method found, if it is believed.
    """
    box = bounding_box(vessel)
    if box is None:
        return
    ours, theirs = vessel[box].view(np.bool_), bone[box].view(np.bool_)
    parts = label(ours, connectivity=26)
    loose = parts.counts * float(np.prod(spacing_mm)) <= rules.loose_mm3
    give = parts.share(dilated(bone > 0, rules.reach_mm, spacing_mm)[box]) > rules.near_bone_share
    if rival is not None:
        give |= parts.share(rival.bone[box] > 0) >= rules.in_bone_share
    length_mm, width_mm = parts.axes_mm(spacing_mm)
    give &= loose & (length_mm <= rules.longest_mm) & (length_mm <= rules.most_slender * width_mm)
    least_hu = max(_unfilled_hu(lumen_hu, rules), SOFT_TISSUE_HU + rules.filled_share * (lumen_hu - SOFT_TISSUE_HU))
    drop = loose & ~give & (parts.mean(hu[box]) < least_hu)
    parts.assign(ours, theirs, keep=~give & ~drop, give=give)


def _unfilled_hu(lumen_hu: float, rules: PieceRules) -> float:
    return min(rules.unfilled_hu, (SOFT_TISSUE_HU + lumen_hu) / 2)


def take_unfilled(vessel: Mask, hu: Scan, grid: tuple[int, ...], *, lumen_hu: float, rules: PieceRules) -> None:
    """Take blood without contrast out of the vessels, in place: averages are of what is called vessel, within 3 mm.

    Parameters
    ----------
    vessel : numpy.ndarray
        0/1 (z, y, x).
    grid : tuple of int
        Shape of the network's grid over the same field, on which averages are taken.
    """
    places = indices(vessel)
    if not len(places):
        return
    cells = places * np.array(grid) // np.array(vessel.shape)
    first = np.maximum(cells.min(axis=0) - AROUND_CELLS, 0)
    past = np.minimum(cells.max(axis=0) + AROUND_CELLS + 1, grid)
    count, total = _gathered(cells - first, hu[tuple(places.T)], tuple(past - first))
    here = tuple((cells - first).T)
    filled = box_mean(total, AROUND_CELLS)[here] >= _unfilled_hu(lumen_hu, rules) * box_mean(count, AROUND_CELLS)[here]
    vessel[tuple(places[~filled].T)] = 0


@njit(nogil=True, cache=True)
def _gathered(cells, values, shape):  # type: ignore[no-untyped-def]
    """How many values fall into each cell, and their sum."""
    count, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for n in range(len(cells)):
        z, y, x = cells[n]
        count[z, y, x] += 1
        total[z, y, x] += values[n]
    return count, total
