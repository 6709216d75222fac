"""The lumen along a centreline: diameters, the narrowest point, and a NASCET-style percentage. A measurement for research."""

# mypy: disable-error-code="no-any-return"

from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.centrelines.centreline import Centreline
from inference.reformat.curved import sample_hu
from inference.reformat.frames import frames_of
from inference.volume import Volume

Array = npt.NDArray[Any]

STEP_MM = 0.5
PIXEL_MM = 0.25
PLAQUE_ABOVE_HU = 170.0
"""What is this much brighter than the lumen is calcium or metal, not lumen."""

TISSUE_HU = 50.0
SOFT_HU = 60.0
DIM_SHARE, PEAK_SHARE = 0.3, 0.06

OWN_REACH_MM = 1.2
"""Blur carries a lumen's contrast about this far beyond its mask."""
REFERENCE_FROM_MM, REFERENCE_TO_MM = 10.0, 40.0
"""The reference of NASCET is the normal vessel beyond the narrowing; here the median from 10 to 40 mm beyond."""

LEAST_PERCENT = 30.0
"""Smaller losses of diameter are not told as narrowings: vessels taper and fork. [%]"""

NOTE = "measurement for research; checked on phantoms only; not for diagnosis"


@dataclass(frozen=True)
class Stenosis:
    """A narrowing of a vessel.

    Parameters
    ----------
    percent : float
        100 · (1 − narrowest / reference diameter). [%]
    uncertainty_percent : float
        Half width of a 95 % interval from the voxel size and the spread of the reference. [%]
    at_mm : float
        Distance of the narrowest point from the line's beginning. [mm]
    point_mm : tuple of float
        Its LPS position. [mm]
    diameter_mm, reference_mm : float
        Narrowest and reference diameter. [mm]
    occluded : bool
        No lumen is seen there: an occlusion, or a gap of the scan or of the line.
    note : str
        What the figure may be used for.
    """

    percent: float
    uncertainty_percent: float
    at_mm: float
    point_mm: tuple[float, float, float]
    diameter_mm: float
    reference_mm: float
    occluded: bool
    note: str = NOTE


@dataclass(frozen=True)
class LumenProfile:
    """Diameter along a vessel.

    Parameters
    ----------
    name : str
        Name of the line.
    arc_mm, diameter_mm : numpy.ndarray
        Distance from the beginning and diameter of the circle with the lumen's area (n,). [mm]
    points_mm : numpy.ndarray
        LPS points (n, 3). [mm]
    voxel_mm : float
        Mean voxel spacing of the scan, for the uncertainty. [mm]
    """

    name: str
    arc_mm: Array
    diameter_mm: Array
    points_mm: Array
    voxel_mm: float

    def reference_mm(self, place: int) -> tuple[float, float]:
        """Median and spread (scaled MAD) of the diameters beyond a place, before it where the line ends too soon. [mm]"""
        arc, here = self.arc_mm, self.arc_mm[place]
        beyond = (arc >= here + REFERENCE_FROM_MM) & (arc <= here + REFERENCE_TO_MM) & (arc <= arc[-1] - 3.0)
        before = (arc <= here - REFERENCE_FROM_MM) & (arc >= here - REFERENCE_TO_MM) & (arc >= 3.0)
        chosen = beyond if np.count_nonzero(beyond) * STEP_MM >= 8.0 else before
        if not chosen.any():
            return float("nan"), float("nan")
        values = self.diameter_mm[chosen]
        middle = float(np.median(values))
        return middle, 1.4826 * float(np.median(np.abs(values - middle)))

    def stenosis(self) -> Stenosis | None:
        """The place with the greatest loss of diameter against its reference; None for lines too short to have one."""
        inner, loss, reference = self._losses()
        if not np.isfinite(loss).any():
            return None
        best = int(loss.argmax())
        return self._narrowing(int(inner[best]), float(loss[best]), *reference[best])

    def narrowings(self, *, least_percent: float = LEAST_PERCENT) -> tuple[Stenosis, ...]:
        """Every narrowing, in the order along the line: an occlusion hides no second stenosis.

        Parameters
        ----------
        least_percent : float
            Smallest loss of diameter that is told. Two narrowings are two when the vessel widens to within half of that, or
            to 20 %, of its reference between them. [%]
        """
        inner, loss, reference = self._losses()
        open_again = min(0.2, least_percent / 200.0)
        found, start = [], 0
        narrow = np.append(loss > open_again, False)
        for place in np.flatnonzero(np.diff(narrow.astype(int), prepend=0)):
            if narrow[place]:
                start = int(place)
                continue
            worst = start + int(loss[start:place].argmax())
            if 100.0 * loss[worst] >= least_percent:
                found.append(self._narrowing(int(inner[worst]), float(loss[worst]), *reference[worst]))
        return tuple(found)

    def _losses(self) -> tuple[Array, Array, Array]:
        """Places away from the ends, the loss of diameter there (−∞ without a reference), and the references."""
        inner = np.flatnonzero((self.arc_mm >= 4.0) & (self.arc_mm <= self.arc_mm[-1] - 4.0))
        reference = np.array([self.reference_mm(int(place)) for place in inner]).reshape(-1, 2)
        usable = np.isfinite(reference[:, 0]) & (reference[:, 0] > 0.5)
        return inner, np.where(usable, 1.0 - self.diameter_mm[inner] / np.where(usable, reference[:, 0], 1.0), -np.inf), reference

    def _narrowing(self, place: int, loss: float, middle_mm: float, spread_mm: float) -> Stenosis:
        narrow = float(self.diameter_mm[place])
        error = 0.2 * self.voxel_mm
        share = np.hypot(error / middle_mm, narrow * np.hypot(spread_mm / 2.0, error) / middle_mm**2)
        x, y, z = (round(float(value), 2) for value in self.points_mm[place])
        return Stenosis(
            percent=round(float(np.clip(100.0 * loss, 0.0, 100.0)), 1),
            uncertainty_percent=round(float(196.0 * share), 1),
            at_mm=round(float(self.arc_mm[place]), 1),
            point_mm=(x, y, z),
            diameter_mm=round(narrow, 2),
            reference_mm=round(float(middle_mm), 2),
            occluded=narrow < 0.15 * float(middle_mm),
        )

    def to_dict(self) -> dict[str, Any]:
        """Curve, worst narrowing and all narrowings, ready for JSON."""
        worst = self.stenosis()
        return {
            "name": self.name,
            "arc_mm": self.arc_mm.round(2).tolist(),
            "diameter_mm": self.diameter_mm.round(3).tolist(),
            "stenosis": None if worst is None else worst.__dict__,
            "narrowings": [narrowing.__dict__ for narrowing in self.narrowings()],
            "note": NOTE,
        }


def lumen_profile(volume: Volume, line: Centreline, *, own: Array | None = None, excluded: Array | None = None) -> LumenProfile:
    """Diameters along a vessel from the scan's own intensities.

    The area of each section is the sum of what its pixels share of the way from tissue to lumen HU, so that blur moves
    contrast about but takes none away, and a lumen narrower than a voxel is still measured. What is far brighter than the
    lumen (wall calcium) and what lies in `excluded` does not count.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    line : Centreline
        Vessel to measure.
    own : numpy.ndarray, optional
        Not zero in the vessel itself (z, y, x); only what lies within 1.2 mm of it or close to the line is measured, which
        keeps veins and branches beside it out.
    excluded : numpy.ndarray, optional
        Not zero in bone and other vessels (z, y, x).

    Returns
    -------
    LumenProfile
        Smoothed over three sections.
    """
    frames = frames_of(line, step_mm=STEP_MM)
    calibre = _calibre(frames.radius_mm)
    reach = float(1.5 * calibre.max() + 1.5)
    count = int(np.ceil(reach / PIXEL_MM))
    grid = np.arange(-count, count + 1) * PIXEL_MM
    u, v = np.meshgrid(grid, grid, indexing="ij")
    away = np.hypot(u, v).ravel()
    offsets = u.ravel()[:, None] * frames.first[:, None] + v.ravel()[:, None] * frames.second[:, None]
    places = frames.points_mm[:, None] + offsets
    hu = sample_hu(volume, places)
    beyond = _beyond(volume, own, places)
    # what lies nearer to bone or to another vessel than to this one is lit by that one's blur
    open_ = np.ones(hu.shape, bool) if excluded is None else _beyond(volume, excluded, places) > np.minimum(beyond, 1.5)
    lumen_hu, tissue_hu = _levels(hu, open_, away, frames.radius_mm, calibre, beyond)
    share = (hu - tissue_hu[:, None]) / np.maximum(lumen_hu - tissue_hu, 60.0)[:, None]
    near = (away[None] <= (0.6 * calibre)[:, None]) | (beyond <= OWN_REACH_MM)
    counts = open_ & near & (away[None] <= (1.5 * calibre + 0.8)[:, None]) & (hu < (lumen_hu + PLAQUE_ABOVE_HU)[:, None])
    area = (np.clip(share, -0.5, 1.3) * counts).sum(axis=1) * PIXEL_MM**2
    area = np.where(_unseen(hu, away, lumen_hu), 0.0, area)
    diameter = 2.0 * np.sqrt(np.maximum(area, 0.0) / np.pi)
    arc = np.arange(len(diameter)) * STEP_MM
    return LumenProfile(line.name, arc, ndimage.median_filter(diameter, 3, mode="nearest"), frames.points_mm, _voxel(volume))


def _voxel(volume: Volume) -> float:
    return float(np.mean(volume.spacing_mm))


def _calibre(radius_mm: Array) -> Array:
    """Radius of the vessel as if nothing narrowed it: a running upper quartile over 20 mm. [mm]"""
    size = min(len(radius_mm), int(20.0 / STEP_MM) | 1)
    return np.maximum(ndimage.percentile_filter(radius_mm, 75, size=size, mode="nearest"), 0.6)


def _beyond(volume: Volume, mask: Array | None, places: Array) -> Array:
    """Distance of LPS points to a mask, 0 inside; 0 everywhere without one. [mm]"""
    if mask is None:
        return np.zeros(places.shape[:-1], np.float32)
    index = volume.geometry.indices(places.reshape(-1, 3))
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - 6, 0, np.array(mask.shape) - 1)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 7, 1, mask.shape)
    part = mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] == 0
    if part.all() or not part.size:
        return np.full(places.shape[:-1], 1e3 if part.size else 0.0, np.float32)
    away = edt.edt(np.ascontiguousarray(part), anisotropy=volume.spacing_mm, parallel=1)
    index = index - low
    distance = ndimage.map_coordinates(away, index.T, output=np.float32, order=1, mode="constant", cval=1e3)
    return distance.reshape(places.shape[:-1])


def _unseen(hu: Array, away: Array, lumen_hu: Array) -> Array:
    """Whether a section shows no lumen: its middle is dim, and no brighter than what lies 1 to 1.8 mm beside it."""
    contrast = lumen_hu - SOFT_HU
    middle, beside = hu[:, away <= 0.55].mean(axis=1), hu[:, (away >= 1.0) & (away <= 1.8)].mean(axis=1)
    return (middle < SOFT_HU + DIM_SHARE * contrast) & (middle - beside < PEAK_SHARE * contrast)


def _levels(hu: Array, open_: Array, away: Array, radius_mm: Array, calibre: Array, beyond: Array) -> tuple[Array, Array]:
    """HU of the open lumen and of the tissue around it along the line, each the running median of sections.

    Tissue is what lies 1.2 to 3 mm beyond the vessel's own mask where there is one, else a ring beyond the usual calibre.
    """
    core = open_ & (away[None] <= np.maximum(0.5 * radius_mm, 0.3)[:, None])
    if beyond.any():
        ring = open_ & (beyond > OWN_REACH_MM) & (beyond < 3.0)
    else:
        ring = open_ & (away[None] >= (1.25 * calibre + 0.4)[:, None]) & (away[None] <= (1.5 * calibre + 1.2)[:, None])
    inner = np.array([np.median(row[use]) if use.any() else np.nan for row, use in zip(hu, core, strict=True)])
    outer = np.array([np.percentile(row[use], 30) if use.sum() > 8 else np.nan for row, use in zip(hu, ring, strict=True)])
    wide = radius_mm >= 0.8 * calibre
    lumen = _running(np.where(wide & (inner > 100.0), inner, np.nan), 60.0, 300.0)
    return lumen, np.clip(_running(outer, 20.0, TISSUE_HU), -120.0, 110.0)


def _running(values: Array, window_mm: float, otherwise: float) -> Array:
    """Running median that passes over missing values."""
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, otherwise)
    places = np.arange(len(values))
    filled = np.interp(places, places[known], values[known])
    return ndimage.median_filter(filled, min(len(values), int(window_mm / STEP_MM) | 1), mode="nearest")
