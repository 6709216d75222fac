"""Labelled scans for fine-tuning, read from an nnU-Net folder (imagesTr, labelsTr, dataset.json)."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import RejectedScan
from inference.geometry import Geometry
from inference.network.crops.generator import ARTERY, BACKGROUND, BONE, CALCIUM, VEIN, Crop, mark_borders
from inference.resample import nearest, resample
from inference.volume import Volume

_WORDS: tuple[tuple[str, int], ...] = (
    (r"background|ignore", BACKGROUND),
    (r"(maxillary|frontal|ethmoid\w*|sphenoid\w*|paranasal)[\W_]+sinus|sinus\w*[\W_](maxill|front|ethmoid|sphenoid)", BACKGROUND),  # air
    (r"calci|plaque|stent|metal|clip|coil", CALCIUM),
    (r"vein|vena|venous|jugular|sinus", VEIN),
    (r"bone|skull|mandible|maxilla(e|$|_)|zygomatic_arch|styloid_process", BONE),
    (r"vertebra(e|$|_[a-z]\d|l_bod)|clavic|(?<!levator_)scapula(e|$|_)|sternum|humerus|rib|hyoid|tooth|teeth", BONE),
    (r"arter|vessel|lumen|aort|carotid|(?<![a-z])vertebral|basilar|(anterior|middle|posterior)[\W_]cerebral", ARTERY),
    (r"communicating|subclavian|brachiocephalic|unnamed", ARTERY),
)


def class_of(name: str) -> int | None:
    """Class that a label's name stands for, or None.

    Examples
    --------
    >>> [class_of(name) for name in ("background", "vertebral_r", "vertebrae_C1", "jugular_l", "plaque", "spleen")]
    [0, 1, 3, 2, 4, None]
    >>> [class_of(name) for name in ("sinus_maxillary", "sigmoid_sinus", "superior_vena_cava", "maxilla", "maxillary_artery")]
    [0, 2, 2, 3, 1]
    >>> [class_of(name) for name in ("middle_cerebral_l", "intracerebral_hemorrhage", "intervertebral_discs", "levator_scapulae")]
    [1, None, None, None]
    """
    for words, number in _WORDS:
        if re.search(words, name.lower()):
            return number
    return None


@dataclass(frozen=True)
class LabelledCases:
    """The cases of an nnU-Net folder, read when they are first wanted.

    Parameters
    ----------
    images, labels : tuple of Path
        Pairs of files.
    table : numpy.ndarray
        Class of every label value.
    spacing_mm : float
        Spacing that crops are given at. [mm]
    """

    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    table: npt.NDArray[np.uint8]
    spacing_mm: float

    def __len__(self) -> int:
        return len(self.images)

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        """A random cube, more often than not round something labelled; padded with air where the scan is smaller."""
        number = int(rng.integers(len(self)))
        hu, labels = _read_case(self.images[number], self.labels[number], self.table.tobytes(), self.spacing_mm)
        where = np.argwhere((labels[::4, ::4, ::4] == ARTERY) | (labels[::4, ::4, ::4] == VEIN))
        shape = np.array(hu.shape)
        middle = where[rng.integers(len(where))] * 4 if len(where) and rng.random() < 0.75 else rng.integers(0, shape)
        start = np.clip(middle - rng.integers(size // 4, size - size // 4, 3), 0, np.maximum(shape - size, 0))
        box = tuple(slice(int(a), int(a) + size) for a in start)
        pad = [(0, size - n) for n in hu[box].shape]
        cut = np.pad(labels[box], pad)
        return Crop(np.pad(hu[box], pad, constant_values=-1000), mark_borders(cut), self.spacing_mm)


def open_nnunet_folder(folder: Path, *, spacing_mm: float) -> LabelledCases:
    """Find the cases of a folder.

    Raises
    ------
    RejectedScan
        If files are missing, or a label's name says neither artery, vein, bone nor calcium.
    """
    description = folder / "dataset.json"
    if not description.is_file():
        raise RejectedScan("not_nnunet", f"no dataset.json in {folder.name}", "give an nnU-Net folder: imagesTr, labelsTr, dataset.json")
    labels: dict[str, Any] = json.loads(description.read_text()).get("labels", {})
    if all(key.isdigit() for key in labels):  # nnU-Net v1 wrote number: name
        labels = {name: int(number) for number, name in labels.items()}
    table = np.zeros(256, np.uint8)
    for name, value in labels.items():
        number = class_of(name)
        if number is None:
            known = "use names with artery, vein, bone or calcium in them"
            raise RejectedScan("unknown_label", f"label {name!r} of dataset.json stands for no class", known)
        table[int(value)] = number
    truths = sorted((folder / "labelsTr").glob("*.nii.gz"))
    images = [folder / "imagesTr" / truth.name.replace(".nii.gz", "_0000.nii.gz") for truth in truths]
    missing = [path.name for path in images if not path.is_file()]
    if missing or not truths:
        raise RejectedScan("missing_images", f"{len(truths)} labels, {len(missing)} without image", "name images CASE_0000.nii.gz")
    return LabelledCases(tuple(images), tuple(truths), table, spacing_mm)


@lru_cache(maxsize=4)
def _read_case(image: Path, truth: Path, table: bytes, spacing_mm: float) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    import SimpleITK as sitk

    picture = sitk.ReadImage(str(image))
    array = np.clip(sitk.GetArrayFromImage(picture), -1024, 3071).astype(np.int16)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(truth))).astype(np.uint8)
    if labels.shape != array.shape:
        raise RejectedScan("shape_differs", f"{truth.name} is {labels.shape}, its image {array.shape}", "put both on one grid")
    z, y, x = (float(step) for step in picture.GetSpacing()[::-1])
    volume = Volume(array, Geometry((array.shape[0], array.shape[1], array.shape[2]), (z, y, x)))
    working = resample(volume, (spacing_mm,) * 3)
    return np.asarray(working.array), np.frombuffer(table, np.uint8)[nearest(labels, working.shape)]
