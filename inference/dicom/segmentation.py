"""Masks as DICOM Segmentation: a label map with bone, veins, named arteries and unnamed vessel; binary for older PACS."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np

from inference.anatomy import LABELS
from inference.compilation import NOGIL
from inference.dicom.colours import cielab_of
from inference.dicom.common import MANUFACTURER, MODEL, Series, software_version
from inference.dicom.run_length import compress
from inference.label_figures import label_counts
from inference.segmentation.result import Mask, Segmentation
from inference.volume import Volume

BONE, VEIN, OTHER_VESSEL = 30, 31, 32
# SNOMED CT codes; arteries without one of their own here are coded as artery and told apart by their label.
CODES = {
    "aortic_arch": ("57034009", "Aortic arch"),
    "brachiocephalic_trunk": ("12691009", "Brachiocephalic trunk"),
    "subclavian": ("36765005", "Subclavian artery"),
    "common_carotid": ("32062004", "Common carotid artery"),
    "internal_carotid": ("86117002", "Internal carotid artery"),
    "external_carotid": ("22286001", "External carotid artery"),
    "vertebral": ("85234005", "Vertebral artery"),
    "basilar": ("59011009", "Basilar artery"),
    "middle_cerebral": ("17232002", "Middle cerebral artery"),
    "anterior_cerebral": ("60176003", "Anterior cerebral artery"),
    "posterior_cerebral": ("70382005", "Posterior cerebral artery"),
    "anterior_communicating": ("8012006", "Anterior communicating artery"),
    "posterior_communicating": ("43119007", "Posterior communicating artery"),
}
ARTERY, VESSEL, VEIN_CODE, BONE_CODE = ("51114001", "Artery"), ("59820001", "Blood vessel"), ("29092000", "Vein"), ("272673000", "Bone")


def label_map(segmentation: Segmentation) -> Mask:
    """One label per voxel: 1 to 22 the named arteries, 30 bone, 31 vein, 32 vessel without a name."""
    labels = np.empty(segmentation.vessel.shape, np.uint8)
    _one_map(segmentation.bone, segmentation.vessel, segmentation.veins, segmentation.arteries, labels)
    return labels


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _one_map(bone, vessel, veins, arteries, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                artery = arteries[z, y, x]
                if artery > 0 and artery != 99:
                    out[z, y, x] = artery
                elif veins[z, y, x]:
                    out[z, y, x] = VEIN
                elif vessel[z, y, x]:
                    out[z, y, x] = OTHER_VESSEL
                else:
                    out[z, y, x] = BONE if bone[z, y, x] else 0


def segment_names(present: Sequence[int]) -> dict[int, tuple[str, tuple[str, str], bool]]:
    """Label, code and whether it is a vessel, for the labels that are present.

    Examples
    --------
    >>> segment_names([7, 30])[7][0]
    'internal_carotid_r'
    """
    fixed = {BONE: ("bone", BONE_CODE, False), VEIN: ("vein", VEIN_CODE, True), OTHER_VESSEL: ("vessel", VESSEL, True)}
    names = {number: (name, CODES.get(name.removesuffix("_r").removesuffix("_l"), ARTERY), True) for number, name in LABELS.items()}
    return {number: {**names, **fixed}[number] for number in present}


def write_segmentation(
    segmentation: Segmentation,
    series: Series,
    path: Path,
    *,
    images: Sequence[Any],
    volume: Volume,
    model: dict[str, str],
    binary: bool = False,
) -> Path | None:
    """Write the masks of a scan; None when there is nothing in them.

    Parameters
    ----------
    images : sequence of pydicom.Dataset
        The CT slices the masks lie on (header is enough), in volume order.
    volume : Volume
        The grid.
    model : dict
        `name`, `version`.
    binary : bool
        Write the older binary kind instead of a label map.
    """
    import highdicom as hd
    from highdicom.sr.coding import CodedConcept

    labels = label_map(segmentation)
    present = [int(value) for value in np.flatnonzero(label_counts(labels)) if value]
    if not present:
        return None
    algorithm = hd.AlgorithmIdentificationSequence(
        model.get("name") or "gilbreth", CodedConcept("123110", "DCM", "Artificial Intelligence"), model.get("version") or "1"
    )
    names = segment_names(present)
    renumbered = np.zeros(256, np.uint8)
    renumbered[present] = np.arange(1, len(present) + 1)
    descriptions = [
        hd.seg.SegmentDescription(
            number,
            names[old][0],
            CodedConcept("85756007", "SCT", "Tissue") if not names[old][2] else CodedConcept("91723000", "SCT", "Anatomical structure"),
            CodedConcept(names[old][1][0], "SCT", names[old][1][1]),
            hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm,
            display_color=hd.color.CIELabColor(*cielab_of(names[old][0])),
        )
        for number, old in enumerate(present, start=1)
    ]
    kind = hd.seg.SegmentationTypeValues.BINARY if binary else hd.seg.SegmentationTypeValues.LABELMAP
    d = volume.geometry.direction
    written = hd.seg.Segmentation(
        source_images=list(images),
        pixel_array=renumbered[labels],
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=series.uid,
        series_number=series.number,
        sop_instance_uid=series.instance_uid(1),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=software_version(),
        device_serial_number="none",
        series_description=series.description,
        pixel_measures=hd.PixelMeasuresSequence(
            pixel_spacing=list(volume.spacing_mm[1:]), slice_thickness=volume.spacing_mm[0], spacing_between_slices=volume.spacing_mm[0]
        ),
        plane_orientation=hd.PlaneOrientationSequence(
            hd.CoordinateSystemNames.PATIENT, image_orientation=(d[0], d[3], d[6], d[1], d[4], d[7])
        ),
        # positions are those of the slices: given once more, each would be compared with each
        omit_empty_frames=True,
    )
    if not binary:
        compress(written)
    path.parent.mkdir(parents=True, exist_ok=True)
    written.save_as(path, enforce_file_format=True)
    return path
