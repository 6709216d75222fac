"""Scores of a segmentation against a reference: per label, per region, for all foreground, for one case or a list.

The vessel-weighted score is ours, in the spirit of the score the paper calls V and whose formula it does not give: the mean
over the reference's skeleton voxels, each weighted by one over the vessel's radius there, of whether the prediction holds
that voxel, times the precision:

    score = precision · Σ hit_i / r_i  /  Σ 1 / r_i

where i runs over the voxels of the reference's skeleton, r_i is the distance to the reference's edge there [mm] and hit_i is
1 if the prediction holds voxel i. A lost distal branch so costs as much as a lost stretch of aorta of the same length, and
more the thinner it is; overcalling costs in proportion.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, REGIONS
from inference.errors import GeometryMismatch
from inference.metrics import METRICS, BoolMask, precision, skeleton
from inference.volume import Volume

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Scores:
    """Scores of one label, region or foreground.

    Parameters
    ----------
    name : str
        Label, region or `foreground`.
    values : dict
        Every metric of `inference.metrics.METRICS`, and `vessel_weighted`.
    reference_voxels, prediction_voxels : int
        Size of either mask.
    """

    name: str
    values: dict[str, float]
    reference_voxels: int
    prediction_voxels: int

    def to_dict(self) -> dict[str, Any]:
        """Flat and JSON-ready."""
        sizes = {"reference_voxels": self.reference_voxels, "prediction_voxels": self.prediction_voxels}
        return {"name": self.name, **self.values, **sizes}


@dataclass(frozen=True)
class Evaluation:
    """All scores of one case.

    Parameters
    ----------
    foreground : Scores
        Every label merged.
    labels, regions : tuple of Scores
        One for each label, and each rating region, that either mask holds.
    """

    foreground: Scores
    labels: tuple[Scores, ...]
    regions: tuple[Scores, ...]

    @property
    def mean(self) -> dict[str, float]:
        """Class average over the labels, as the challenges take it; empty where there are none."""
        return {name: float(np.mean([scores.values[name] for scores in self.labels])) for name in _names()} if self.labels else {}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "foreground": self.foreground.to_dict(),
            "labels": [scores.to_dict() for scores in self.labels],
            "regions": [scores.to_dict() for scores in self.regions],
            "mean": self.mean,
        }


def evaluate(prediction: Volume, reference: Volume, *, ignore_label: int | None = None) -> Evaluation:
    """Score a mask or label map against a reference on the same grid.

    Parameters
    ----------
    prediction, reference : Volume
        0/1 masks, or labels of `inference.anatomy.LABELS`. If only one of them has several labels, foreground alone is
        scored.
    ignore_label : int, optional
        Reference voxels with this label count for nothing, whatever the prediction says there.

    Returns
    -------
    Evaluation
        Scores per label, per region and for all foreground.

    Raises
    ------
    GeometryMismatch
        If the grids differ.

    Examples
    --------
    >>> from inference import Geometry
    >>> grid = Geometry((1, 1, 4), (1.0, 1.0, 1.0))
    >>> first, second = (Volume(np.array([[row]], np.uint8), grid) for row in ([1, 1, 0, 9], [1, 1, 0, 0]))
    >>> evaluate(second, first, ignore_label=9).foreground.values["dice"]
    1.0
    """
    reference.require_same_grid(prediction)
    first, second = _whole_numbers(prediction), _whole_numbers(reference)
    if ignore_label is not None:
        ignored = second == ignore_label
        first, second = np.where(ignored, 0, first), np.where(ignored, 0, second)
    spacing = reference.spacing_mm
    found = [set(np.unique(array[array > 0]).tolist()) for array in (first, second)]
    several = all(len(numbers) > 1 for numbers in found) or found[0] == found[1]
    labels = sorted(found[0] | found[1]) if several and found[0] | found[1] != {1} else []
    regions = {name: numbers for name, numbers in REGIONS.items() if set(numbers) & set(labels)}
    return Evaluation(
        score("foreground", first > 0, second > 0, spacing_mm=spacing),
        tuple(score(label_name(number), first == number, second == number, spacing_mm=spacing) for number in labels),
        tuple(score(name, np.isin(first, numbers), np.isin(second, numbers), spacing_mm=spacing) for name, numbers in regions.items()),
    )


def score(name: str, prediction: BoolMask, reference: BoolMask, *, spacing_mm: tuple[float, float, float]) -> Scores:
    """Every metric for one pair of masks, worked out in the box that holds both."""
    box = _box(prediction | reference)
    first, second = prediction[box], reference[box]
    values = {key: round(metric(first, second, spacing_mm=spacing_mm), 6) for key, metric in METRICS.items()}
    values["vessel_weighted"] = round(vessel_weighted_score(first, second, spacing_mm=spacing_mm), 6)
    return Scores(name, values, int(np.count_nonzero(second)), int(np.count_nonzero(first)))


def vessel_weighted_score(prediction: BoolMask, reference: BoolMask, *, spacing_mm: tuple[float, ...]) -> float:
    """Recall along the reference's skeleton, thin vessels weighing more, times precision; 0 if either mask is empty.

    Notes
    -----
    `precision · Σ hit_i / r_i / Σ 1 / r_i` over the skeleton's voxels i; the formula is ours, see the module.

    Examples
    --------
    >>> tube = np.zeros((9, 5, 5), bool)
    >>> tube[:, 1:4, 1:4] = True
    >>> half = tube.copy()
    >>> half[5:] = False
    >>> vessel_weighted_score(tube, tube, spacing_mm=(1, 1, 1))
    1.0
    >>> 0.3 < vessel_weighted_score(half, tube, spacing_mm=(1, 1, 1)) < 0.7
    True
    """
    import edt

    first, second = np.asarray(prediction) != 0, np.asarray(reference) != 0
    if not first.any() or not second.any():
        return 0.0
    depth = edt.edt(second, anisotropy=spacing_mm, black_border=True)
    line = skeleton(second)
    if not line.any():  # thinning can erase a small block; its deepest voxels stand for it
        line = depth == depth.max()
    weight = 1.0 / np.maximum(depth[line], min(spacing_mm) / 2)
    return float((weight * first[line]).sum() / weight.sum() * precision(first, second, spacing_mm=spacing_mm))


def label_name(number: int) -> str:
    """The artery's name, or `label_N` for a number that has none.

    Examples
    --------
    >>> label_name(13), label_name(40)
    ('basilar', 'label_40')
    """
    return LABELS.get(int(number), f"label_{int(number)}")


def _names() -> list[str]:
    return [*METRICS, "vessel_weighted"]


def _whole_numbers(volume: Volume) -> Labels:
    array = volume.array
    if not np.issubdtype(array.dtype, np.integer):
        rounded = np.rint(array)
        if not np.array_equal(rounded, array):
            raise GeometryMismatch(
                "a mask or label map of whole numbers", f"values such as {float(array.flat[int(np.argmax(rounded != array))])}"
            )
        array = rounded.astype(np.int32)
    return array


def _box(mask: BoolMask) -> tuple[slice, ...]:
    if not mask.any():
        return (slice(0, 1),) * mask.ndim
    sides = []
    for axis in range(mask.ndim):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        sides.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(sides)
