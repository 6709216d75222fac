"""The masks and the bone-removed volume after a correction; only the neighbourhood of the piece is touched."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import NUMBERS
from inference.bone_removal import BoneRemovalSettings, filled_in
from inference.correction.case import CorrectionCase
from inference.correction.previews import Preview
from inference.segmentation.morphology import dilated
from inference.segmentation.result import Repair, Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]
Box = tuple[slice, slice, slice]
AROUND_MM = 20.0
"""The filling looks this far around a piece. [mm]"""


@dataclass(frozen=True)
class Edited:
    """What a correction makes of a case: all masks by name, which of them changed, and the new bone-removed volume."""

    masks: dict[str, Array]
    changed: tuple[str, ...]
    bone_removed: Volume

    def segmentation(self, record: dict[str, Any]) -> Segmentation:
        """The masks with what the record tells about them."""
        repairs = tuple(
            Repair(tuple(item["start_mm"]), tuple(item["end_mm"]), item["length_mm"], item["artery"], item["reason"])
            for item in record.get("repairs", [])
        )
        return Segmentation(
            **{name: self.masks[name] for name in ("vessel", "veins", "bone", "arteries")}, repairs=repairs, notes=record["notes"]
        )


def edited(case: CorrectionCase, seen: Preview) -> Edited:
    """Carry a preview out in memory."""
    return _removed(case, seen) if seen.click.action == "remove" else _added(case, seen)


def _removed(case: CorrectionCase, seen: Preview) -> Edited:
    settings, volume, place = BoneRemovalSettings(), case.bone_removed, tuple(seen.where.T)
    masks = {name: case.mask(name) for name in ("vessel", "veins", "bone", "arteries")}
    changed = []
    for name in masks:
        value = 1 if name == "bone" and seen.becomes == "bone" else 0
        if (masks[name][place] != value).any():
            masks[name] = masks[name].copy()
            masks[name][place] = value
            changed.append(name)
    box = _box(seen.where, volume, AROUND_MM)
    piece = np.zeros(volume.array[box].shape, bool)
    piece[tuple((seen.where - [side.start for side in box]).T)] = True
    part = Volume(np.ascontiguousarray(volume.array[box]), volume.geometry.crop(_corner(box), _size(box)))
    kept = dilated(masks["vessel"][box] > 0, settings.vessel_margin_mm, volume.spacing_mm)
    rim = dilated(piece, settings.rim_mm, volume.spacing_mm) & (part.array > settings.rim_hu)
    array = volume.array.copy()
    array[box] = filled_in(part, (piece | rim) & ~(kept & ~piece), noise_hu=case.note("noise_hu", 10.0), seed=len(seen.where)).array
    return Edited(masks, tuple(changed), volume.with_array(array))


def _added(case: CorrectionCase, seen: Preview) -> Edited:
    volume, place = case.bone_removed, tuple(seen.where.T)
    masks = {name: case.mask(name) for name in ("vessel", "veins", "bone", "arteries")}
    changed = [name for name, value in (("vessel", 1), ("bone", 0), ("veins", 0)) if (masks[name][place] != value).any()]
    for name in changed:
        masks[name] = masks[name].copy()
        masks[name][place] = 1 if name == "vessel" else 0
    box = _box(seen.where, volume, 4.0)
    piece = np.zeros(volume.array[box].shape, bool)
    piece[tuple((seen.where - [side.start for side in box]).T)] = True
    shown = dilated(piece, BoneRemovalSettings().vessel_margin_mm, volume.spacing_mm)
    array = volume.array.copy()
    if case.scan is not None:
        array[box] = np.where(shown, case.scan.array[box], array[box])
    masks["arteries"] = _named(case, masks, volume.with_array(array), place)
    return Edited(masks, (*changed, "arteries"), volume.with_array(array))


def _named(case: CorrectionCase, masks: dict[str, Array], volume: Volume, place: tuple[Array, ...]) -> Array:
    """Labels with the added voxels named as the whole tree now says; what was named before keeps its name."""
    from inference.naming import name_arteries

    arteries = masks["arteries"].copy()
    arteries[place] = NUMBERS["unnamed"]
    if ((arteries > 0) & (arteries != NUMBERS["unnamed"])).any():
        named = name_arteries(Segmentation(masks["vessel"], masks["veins"], masks["bone"], arteries), volume).arteries
        arteries[place] = np.where(named[place] > 0, named[place], NUMBERS["unnamed"])
    return arteries


def _corner(box: Box) -> tuple[int, int, int]:
    return box[0].start, box[1].start, box[2].start


def _size(box: Box) -> tuple[int, int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start


def _box(where: Array, volume: Volume, around_mm: float) -> Box:
    margin = [int(np.ceil(around_mm / step)) for step in volume.spacing_mm]
    low, high = where.min(axis=0), where.max(axis=0) + 1
    z, y, x = (
        slice(max(int(a) - more, 0), min(int(b) + more, count)) for a, b, more, count in zip(low, high, margin, volume.shape, strict=True)
    )
    return z, y, x
