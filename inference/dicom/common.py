"""What every written instance carries: patient, study, series, equipment, and which slices it was made from."""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from inference.dicom.uids import stable_uid

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MANUFACTURER, MODEL = "Gilbreth", "Gilbreth research reconstruction"
CLAIM = "Research use; checked on phantoms and small real crops; not a medical device"


@dataclass(frozen=True)
class Series:
    """One new series of the study.

    Parameters
    ----------
    identity : pydicom.Dataset
        From `identity_of`.
    key : tuple of str
        What the series follows from: input hash, model hash, method.
    name : str
        Short name that tells the series of one reconstruction apart (`bone_removed`, `mip`, ...).
    number : int
        Series number.
    description : str
        What a radiologist reads in the list of series; at most 64 characters.
    date, time : str
        Content date and time.
    """

    identity: Any
    key: tuple[str, ...]
    name: str
    number: int
    description: str
    date: str
    time: str

    @property
    def uid(self) -> str:
        """Series instance UID."""
        return stable_uid(*self.key, self.name)

    def instance_uid(self, index: int) -> str:
        """SOP instance UID of the n-th instance, from 1."""
        return stable_uid(*self.key, self.name, index)


@cache
def software_version() -> str:
    """Version of this program."""
    return importlib.metadata.version("gilbreth")


def new_instance(series: Series, *, index: int, sop_class: str) -> "Dataset":
    """An instance with patient, study, series and equipment filled in, ready for pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset: Any = Dataset()
    dataset.update(series.identity)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, series.instance_uid(index)  # type: ignore[assignment]
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, series.instance_uid(index)
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = series.uid, series.number, index
    dataset.SeriesDescription, dataset.Modality = series.description[:64], "CT"
    dataset.BodyPartExamined = "HEADNECK"
    dataset.SeriesDate = dataset.ContentDate = dataset.InstanceCreationDate = series.date
    dataset.SeriesTime = dataset.ContentTime = dataset.InstanceCreationTime = series.time
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MODEL
    dataset.SoftwareVersions = software_version()
    dataset.DeviceSerialNumber = "none"
    dataset.ImageComments = CLAIM
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    found: Dataset = dataset
    return found


def refer_to(dataset: Any, *, sop_class: str, instances: Sequence[str]) -> None:
    """Name the source slices and say that this was derived from them."""
    from pydicom.dataset import Dataset

    if not instances:
        return
    purpose: Any = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = "121322", "DCM", "Source image for image processing operation"
    items = []
    for uid in instances:
        item: Any = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        item.PurposeOfReferenceCodeSequence = [purpose]
        items.append(item)
    dataset.SourceImageSequence = items
    dataset.DerivationDescription = "Vessels segmented, bone removed and projected by Gilbreth"


def decimal(value: float) -> str:
    """A DICOM decimal string: at most 16 characters, as exact as they allow.

    Examples
    --------
    >>> decimal(-123.456789012345678), len(decimal(-1 / 3)) <= 16
    ('-123.45678901235', True)
    """
    for digits in range(14, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    return "0"
