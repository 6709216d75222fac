"""Everything a reconstruction gives to the PACS, written into one folder: SEG, bone-removed CT, MIP, CPR and VR series."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.beside import Beside
from inference.dicom.captures import write_colour_frames
from inference.dicom.common import Series
from inference.dicom.identity import identity_of
from inference.dicom.planes import projection_plane, write_planes, write_slices
from inference.dicom.segmentation import write_segmentation
from inference.errors import MissingPart
from inference.pictures.image_sets import VIEWS
from inference.pictures.mip import HuPicture, angles, pixel_size, rotating
from inference.volume import Volume

if TYPE_CHECKING:
    from inference.reconstruction import Reconstruction

FIRST_NUMBER = 9000


def write_dicom(
    reconstruction: "Reconstruction", folder: Path, *, scan: Path | None = None, recipe: str | None = None, binary: bool = False
) -> list[Path]:
    """Write a reconstruction as DICOM series of the source's own study.

    Parameters
    ----------
    reconstruction : Reconstruction
        Masks, bone-removed volume and pictures.
    folder : Path
        `seg/`, `bone_removed/`, `mip/`, `cpr/`, `vr/` are made in it.
    scan : Path, optional
        What the scan was read from, for the patient's attributes; without it results get a research identity.
    recipe : {"standard", "full"}, optional
        `standard` writes SEG and the VR capture; `full` also the bone-removed slices, the MIPs and the curved reformats as
        CT images that keep HU.
    binary : bool
        Binary SEG for PACS that know no label maps.

    Returns
    -------
    list of Path
        The files written, `.dcm`.

    Notes
    -----
    Same StudyInstanceUID and FrameOfReferenceUID as the source; series and instance UIDs follow from input, model and method, so the
    same reconstruction always carries the same UIDs.
    """
    try:
        import highdicom  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPart("DICOM output is not installed; pip install 'gilbreth[dicom]'") from error
    kind = recipe or reconstruction.request.recipe
    make = _SeriesMaker(reconstruction, scan)
    with Beside() as beside:
        projecting = beside.start(_projected, reconstruction.bone_removed) if kind == "full" else None
        masking = beside.start(_masks, reconstruction, make, folder, binary=binary)
        paths: list[Path] = []
        if projecting is not None:
            paths += _bone_removed(reconstruction, make, folder)
            paths += _projections(reconstruction, make, folder, *projecting())
            paths += _curved(reconstruction, make, folder)
        paths += _volume_rendering(reconstruction, make, folder)
        return [*paths, *masking()]


class _SeriesMaker:
    """Series of one reconstruction: one identity, one key, one time."""

    def __init__(self, reconstruction: "Reconstruction", scan: Path | None) -> None:
        request, model = reconstruction.request, reconstruction.engine.get("model") or {}
        self.identity = identity_of(reconstruction.volume, scan)
        made_by = (str(request.method), str(model.get("sha256", "")), str(model.get("version", "")))
        self._key = (request.input_sha256, *made_by, *(() if request.bridges else ("without bridges",)))
        now = datetime.now(UTC)
        self._date, self._time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")

    def __call__(self, name: str, offset: int, description: str) -> Series:
        return Series(self.identity, self._key, name, FIRST_NUMBER + offset, description, self._date, self._time)


def _bone_removed(reconstruction: "Reconstruction", make: _SeriesMaker, folder: Path) -> list[Path]:
    series = make("bone_removed", 1, "AI CTA bone removed (research)")
    kilovolts = reconstruction.volume.source.header.get("kvp")
    voltage = float(kilovolts) if isinstance(kilovolts, (int, float)) else None
    volume = reconstruction.bone_removed
    volume = volume if volume.array.dtype == np.int16 else volume.with_array(np.clip(np.rint(volume.array), -32768, 32767).astype(np.int16))
    return write_slices(volume, series, folder / "bone_removed", source=reconstruction.volume, kilovolts=voltage)


def _projected(volume: Volume) -> tuple[list[HuPicture], float]:
    """Rotating MIPs down to fat, for whoever sets another window, and their pixel edge. [HU, mm]"""
    pixel_mm = pixel_size(volume)
    return rotating(volume, angles(VIEWS), above_hu=-200, pixel_mm=pixel_mm), pixel_mm


def _projections(
    reconstruction: "Reconstruction", make: _SeriesMaker, folder: Path, frames: list[HuPicture], pixel_mm: float
) -> list[Path]:
    geometry = reconstruction.bone_removed.geometry
    planes = [
        projection_plane(geometry, angle_degrees=angle, rows=frame.shape[0], columns=frame.shape[1], pixel_mm=pixel_mm)
        for angle, frame in zip(angles(VIEWS), frames, strict=True)
    ]
    series = make("mip", 2, f"AI MIP bone removed {VIEWS}x{360 // VIEWS} deg (research)")
    return write_planes(frames, series, folder / "mip", planes=planes, source=reconstruction.volume, image_type=("PROJECTION", "MIP"))


def _curved(reconstruction: "Reconstruction", make: _SeriesMaker, folder: Path) -> list[Path]:
    from inference.dicom.curved import write_curved

    series = make("cpr", 5, "AI CPR (research)")
    return write_curved(reconstruction.centrelines, series, folder / "cpr", source=reconstruction.volume)


def _volume_rendering(reconstruction: "Reconstruction", make: _SeriesMaker, folder: Path) -> list[Path]:
    frames = [picture for name, picture in sorted(reconstruction.pictures.items()) if name.startswith("vr/rotate_")]
    if not frames:
        return []
    series = make("vr", 3, "AI VR bone removed, rotating (research)")
    return [write_colour_frames(frames, series, folder / "vr" / "rotate.dcm", source=reconstruction.volume)]


def _masks(reconstruction: "Reconstruction", make: _SeriesMaker, folder: Path, *, binary: bool) -> list[Path]:
    series = make("seg", 4, "AI vessels and bone (research)")
    images = list(_images(reconstruction, make))
    model: dict[str, Any] = reconstruction.engine.get("model") or {}
    words = {key: str(model.get(key, "")) for key in ("name", "version")}
    path = folder / "seg" / "segmentation.dcm"
    found = write_segmentation(
        reconstruction.segmentation, series, path, images=images, volume=reconstruction.volume, model=words, binary=binary
    )
    return [found] if found else []


def _images(reconstruction: "Reconstruction", make: _SeriesMaker) -> list[Any]:
    """Headers of the slices that the masks lie on: the source's own UIDs where there are any."""
    from inference.dicom.common import new_instance
    from inference.dicom.planes import CT_IMAGE

    volume = reconstruction.volume
    series = make("bone_removed", 1, "AI CTA bone removed (research)")
    uids = volume.source.instance_uids if len(volume.source.instance_uids) == volume.shape[0] else ()
    origins = volume.geometry.points(np.array([[k, 0, 0] for k in range(volume.shape[0])]))
    d = volume.geometry.direction
    images = []
    for index, origin in enumerate(origins):
        header: Any = new_instance(series, index=index + 1, sop_class=volume.source.sop_class_uid or CT_IMAGE)
        if uids:
            header.SOPInstanceUID, header.SeriesInstanceUID = uids[index], volume.source.series_uid
        header.Rows, header.Columns = volume.shape[1:]
        header.ImageOrientationPatient = [d[0], d[3], d[6], d[1], d[4], d[7]]
        header.ImagePositionPatient = [float(x) for x in origin]
        header.PixelSpacing, header.SliceThickness = list(volume.spacing_mm[1:]), volume.spacing_mm[0]
        images.append(header)
    return images
