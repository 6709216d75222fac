"""Cut branches where they turn back at the upper or lower face of the scan: there two vessels touch, not one that turns."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.graph import Edge, Node, Skeleton, VesselGraph

Array = npt.NDArray[Any]

AT_FACE_MM = 3.0
LEAST_MM = 8.0


def cut_at_faces(skeleton: Skeleton, low_mm: float, high_mm: float) -> Skeleton:
    """The skeleton with every branch cut that reaches a face of the field along z and comes back from it.

    Parameters
    ----------
    skeleton : Skeleton
        Graph with voxels.
    low_mm, high_mm : float
        z of the lower and the upper face. [mm]
    """
    nodes, edges, chains = list(skeleton.graph.nodes), [], []
    waiting = list(zip(skeleton.graph.edges, skeleton.chains, strict=True))
    while waiting:
        edge, chain = waiting.pop()
        place = _turn(edge.points_mm, low_mm, high_mm)
        if place is None:
            edges.append(edge)
            chains.append(chain)
            continue
        x, y, z = (float(value) for value in edge.points_mm[place])
        first, second = len(nodes), len(nodes) + 1
        nodes += [Node((x, y, z), 1, float(edge.radius_mm[place]))] * 2
        waiting.append((Edge(edge.start, first, edge.points_mm[: place + 1], edge.radius_mm[: place + 1]), chain[: place + 1]))
        waiting.append((Edge(second, edge.end, edge.points_mm[place:], edge.radius_mm[place:]), chain[place:]))
    return replace(skeleton, graph=VesselGraph(tuple(nodes), tuple(edges)), chains=tuple(chains))


def _turn(points: Array, low_mm: float, high_mm: float) -> int | None:
    """Place inside a branch, away from its ends, that lies at a face."""
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    inner = (arc > LEAST_MM) & (arc < arc[-1] - LEAST_MM)
    depth = np.minimum(points[:, 2] - low_mm, high_mm - points[:, 2])
    depth = np.where(inner, depth, np.inf)
    place = int(depth.argmin())
    ends_lie_deeper = min(points[0, 2] - low_mm, high_mm - points[0, 2], points[-1, 2] - low_mm, high_mm - points[-1, 2]) > AT_FACE_MM
    return place if depth[place] < AT_FACE_MM and ends_lie_deeper else None
