"""From bytes on the network's grid to masks on the scan's own grid, where the scan's HU draw the edges."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL, dealt
from inference.network.engine import BONE, CALCIUM, VESSEL, Evidence
from inference.resample import nearest_indices

NOTHING, LUMEN, RIM, DENSE = range(4)
SOFT_TISSUE_HU = 50.0
REACH = 2  # voxels either way over which a lumen's own HU is averaged


@dataclass(frozen=True)
class EdgeRules:
    """How a voxel is decided.

    Parameters
    ----------
    edge_share : float
        An edge lies where HU has fallen to this share of the way from soft tissue to the lumen nearby.
    least_hu : float
        No voxel below this is lumen, however sure the network. [HU]
    rim_share : float
        A voxel on the edge of a lumen is given back to it if its vessel evidence is at least this share of vessel and bone together.
    least_vessel : int
        Evidence below this is never lumen, 0 to 255.
    bone_hu : float
        Bone evidence below this HU is marrow or nothing; it still counts inside bone. [HU]
    """

    edge_share: float = 0.475
    least_hu: float = 90.0
    rim_share: float = 0.6
    least_vessel: int = 90
    bone_hu: float = -80.0


@njit(nogil=NOGIL, parallel=True, cache=True, fastmath=True)
def _edge_map(hu, vessel, floor, share, out):  # type: ignore[no-untyped-def]
    depth, rows, columns = hu.shape
    for k in prange(depth):
        near = np.empty(columns + 2, np.uint8)
        for j in range(rows):
            near[:] = 0  # a cheap look first: most of a scan is far from any lumen
            for z in range(max(0, k - 1), min(depth, k + 2)):
                for y in range(max(0, j - 1), min(rows, j + 2)):
                    line = vessel[z, y]
                    for i in range(columns):
                        near[i + 1] = max(near[i + 1], line[i])
            for i in range(columns):
                if max(near[i], near[i + 1], near[i + 2]) < 64:
                    continue
                weight, total = 0.0, 0.0
                for z in range(max(0, k - REACH), min(depth, k + REACH + 1)):
                    for y in range(max(0, j - REACH), min(rows, j + REACH + 1)):
                        for x in range(max(0, i - REACH), min(columns, i + REACH + 1)):
                            v = float(vessel[z, y, x])
                            v = v * v * v
                            weight += v
                            total += v * hu[z, y, x]
                edge = SOFT_TISSUE_HU + share * (total / max(weight, 1.0) - SOFT_TISSUE_HU)
                out[k, j, i] = max(floor, edge)


def edge_map(hu: npt.NDArray[np.int16], vessel: npt.NDArray[np.uint8], rules: EdgeRules) -> npt.NDArray[np.int16]:
    """HU of the edge of the nearest lumen, on the network's grid; 0 far from any. [HU]"""
    out = np.zeros(hu.shape, np.int16)
    _edge_map(hu, vessel, rules.least_hu, rules.edge_share, out)
    return out


@njit(nogil=True, inline="always")
def _mix(field, k0, k1, wk, j0, j1, wj, i0, i1, wi):  # type: ignore[no-untyped-def]
    near = (field[k0, j0, i0] * (1 - wi) + field[k0, j0, i1] * wi) * (1 - wj) + (field[k0, j1, i0] * (1 - wi) + field[k0, j1, i1] * wi) * wj
    far = (field[k1, j0, i0] * (1 - wi) + field[k1, j0, i1] * wi) * (1 - wj) + (field[k1, j1, i0] * (1 - wi) + field[k1, j1, i1] * wi) * wj
    return near * (1 - wk) + far * wk


@njit(nogil=NOGIL, parallel=True, cache=True)
def _spans(edges, bone, out):  # type: ignore[no-untyped-def]
    """First and last column of every row where there is an edge of lumen or evidence of bone."""
    for k in prange(edges.shape[0]):
        for j in range(edges.shape[1]):
            out[k, j, 0], out[k, j, 1] = edges.shape[2], -1
            for i in range(edges.shape[2]):
                if edges[k, j, i] != 0 or bone[k, j, i] >= 64:
                    out[k, j, 0], out[k, j, 1] = min(out[k, j, 0], i), i


@njit(nogil=NOGIL, parallel=True, cache=True, fastmath=True)
def _decide(hu, turns, maps, edges, spans, tables, weights, ceiling, rim_share, least, bone_hu, out):  # type: ignore[no-untyped-def]
    vessel, bone, calcium = maps[VESSEL], maps[BONE], maps[CALCIUM]
    for turn in prange(hu.shape[0]):
        k = turns[turn]
        k0, k1, wk = tables[0][0, k], tables[0][1, k], weights[0][k]
        for j in range(hu.shape[1]):
            j0, j1, wj = tables[1][0, j], tables[1][1, j], weights[1][j]
            first, last = min(spans[k0, j0, 0], spans[k1, j1, 0]), max(spans[k0, j0, 1], spans[k1, j1, 1])
            begin, end = np.searchsorted(tables[2][1], first), np.searchsorted(tables[2][0], last + 1)
            for i in range(begin, end):
                i0, i1, wi = tables[2][0, i], tables[2][1, i], weights[2][i]
                near = max(k0, k1), max(j0, j1), max(i0, i1)
                value = hu[k, j, i]
                edge = max(edges[k0, j0, i0], edges[near[0], near[1], near[2]])
                if value < bone_hu:
                    continue
                if edge == 0 and bone[k0, j0, i0] < 64 and bone[near[0], near[1], near[2]] < 64:
                    continue
                v = _mix(vessel, k0, k1, wk, j0, j1, wj, i0, i1, wi)
                b = _mix(bone, k0, k1, wk, j0, j1, wj, i0, i1, wi)
                c = _mix(calcium, k0, k1, wk, j0, j1, wj, i0, i1, wi)
                if c > 100 and c >= v and c >= b:
                    out[k, j, i] = DENSE
                elif edge > 0 and value >= edge and v >= least and v >= b and not (value > ceiling and v < 200):
                    out[k, j, i] = LUMEN
                elif edge > 0 and value >= edge and value <= ceiling and v >= rim_share * (v + b) and v >= 12:
                    out[k, j, i] = RIM
                elif b > 110 and b >= v:
                    out[k, j, i] = DENSE + 1


def _table(new: int, old: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    low = np.minimum(position.astype(np.int64), max(old - 2, 0))
    return np.stack([low, np.minimum(low + 1, old - 1)]), (position - low).astype(np.float32)


HARD_BONE = DENSE + 1


def decide(
    hu: npt.NDArray[np.int16],
    maps: Evidence,
    edges: npt.NDArray[np.int16],
    *,
    ceiling_hu: float,
    rules: EdgeRules,
) -> npt.NDArray[np.uint8]:
    """Decide every voxel of a scan.

    Parameters
    ----------
    hu : numpy.ndarray
        int16 (z, y, x), the scan's own grid. [HU]
    maps, edges : numpy.ndarray
        Evidence and `edge_map` on the network's grid over the same field.
    ceiling_hu : float
        Brighter than any lumen of this scan: bone, unless the network is certain. [HU]

    Returns
    -------
    numpy.ndarray
        uint8: `NOTHING`, `LUMEN`, `RIM` (lumen if it touches lumen), `DENSE` (calcium or metal), `HARD_BONE`.
    """
    pairs = [_table(new, old) for new, old in zip(hu.shape, edges.shape, strict=True)]
    tables, weights = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    spans = np.empty((*edges.shape[:2], 2), np.int32)
    _spans(edges, maps[BONE], spans)
    out = np.zeros(hu.shape, np.uint8)
    _decide(hu, dealt(len(hu)), maps, edges, spans, tables, weights, ceiling_hu, rules.rim_share, rules.least_vessel, rules.bone_hu, out)
    return out


@njit(nogil=NOGIL, parallel=True, cache=True)
def _touch(decided, lumen, touching):  # type: ignore[no-untyped-def]
    depth, rows, columns = decided.shape
    for k in prange(depth):
        for j in range(rows):
            above, below = decided[max(k - 1, 0), j], decided[min(k + 1, depth - 1), j]
            before, behind, line = decided[k, max(j - 1, 0)], decided[k, min(j + 1, rows - 1)], decided[k, j]
            for i in range(columns):
                along = (line[max(i - 1, 0)] == LUMEN) | (line[min(i + 1, columns - 1)] == LUMEN) | (line[i] == LUMEN)
                near = along | (above[i] == LUMEN) | (below[i] == LUMEN) | (before[i] == LUMEN) | (behind[i] == LUMEN)
                touching[k, j, i] = near
                lumen[k, j, i] = (line[i] == LUMEN) | ((line[i] == RIM) & near)


def touched(decided: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Lumen with the rims that touch it, and what touches lumen along an axis or is lumen.

    Examples
    --------
    >>> lumen, touching = touched(np.array([[[LUMEN, RIM, RIM, DENSE, LUMEN]]], np.uint8))
    >>> lumen.tolist(), touching.tolist()
    ([[[True, True, False, False, True]]], [[[True, True, False, True, True]]])
    """
    lumen, touching = np.empty(decided.shape, np.bool_), np.empty(decided.shape, np.bool_)
    _touch(decided, lumen, touching)
    return lumen, touching


@njit(nogil=NOGIL, parallel=True, cache=True)
def _settle(hu, vessel, bone, rival_vessel, rival_bone, maps, edges, least, z, y, x):  # type: ignore[no-untyped-def]
    seen_vessel, seen_bone = maps[VESSEL], maps[BONE]
    for k in prange(hu.shape[0]):
        for j in range(hu.shape[1]):
            for i in range(hu.shape[2]):
                ours, theirs, doubtful = vessel[k, j, i] > 0, rival_vessel[k, j, i] > 0, rival_bone[k, j, i] > 0
                if ours and not doubtful:
                    bone[k, j, i] = 0
                elif theirs and not (
                    seen_vessel[z[k], y[j], x[i]] < least[seen_bone[z[k], y[j], x[i]]] or hu[k, j, i] < edges[z[k], y[j], x[i]]
                ):
                    vessel[k, j, i], bone[k, j, i] = 1, 0
                elif ours:
                    vessel[k, j, i], bone[k, j, i] = 0, 1


def settle(
    hu: npt.NDArray[np.int16],
    ours: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
    theirs: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
    maps: Evidence,
    edges: npt.NDArray[np.int16],
    *,
    veto_share: float,
) -> None:
    """Settle, in our masks, what we and a rival see differently.

    Vessel of ours stays unless the rival calls it bone, and is bone then. Vessel of the rival's alone is taken, unless the
    network gives vessel less than a share of vessel and bone there, or the voxel lies below the edge of lumen nearby.

    Parameters
    ----------
    hu : numpy.ndarray
        int16 (z, y, x). [HU]
    ours, theirs : tuple of numpy.ndarray
        0/1 masks of vessel and bone on that grid; ours are changed.
    maps, edges : numpy.ndarray
        Evidence and `edge_map` on the network's grid over the same field.
    veto_share : float
        The share.
    """
    # vessel < share × (vessel + bone), with the least vessel for each value of bone
    least = np.ceil(veto_share / (1 - veto_share) * np.arange(256)).clip(0, 255).astype(np.uint8)
    _settle(hu, *ours, *theirs, maps, edges, least, *nearest_indices(edges.shape, hu.shape))
