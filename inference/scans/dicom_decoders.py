"""Compressed frames to stored values, each syntax through a named decoder.

RLE: pydicom. JPEG 2000 and HTJ2K: pylibjpeg-openjpeg. JPEG-LS: pyjpegls. JPEG lossless and lossy: GDCM inside SimpleITK,
because the Python decoder for it is GPL. All of them run in the child process only.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.dicom_slice import Slice

RLE = frozenset({"1.2.840.10008.1.2.5"})
JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70))
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81))
KNOWN = RLE | JPEG_LS | JPEG_2000 | JPEG
_PACKAGES = (
    ("jpeg_ls", JPEG_LS, "pyjpegls"),
    ("openjpeg", JPEG_2000, "pylibjpeg and pylibjpeg-openjpeg"),
    ("SimpleITK", JPEG, "SimpleITK"),
)


def check_decoder(one: Slice) -> None:
    """Refuse a syntax nobody here can decode, naming the missing package where there is one."""
    from importlib.util import find_spec

    if one.syntax not in KNOWN:
        shown = one.syntax if len(one.syntax) <= 40 and set(one.syntax) <= set("0123456789.") else "of an unknown name"
        raise rejected("unsupported_syntax", f"the pixels are stored in transfer syntax {shown}")
    for module, syntaxes, package in _PACKAGES:
        if one.syntax in syntaxes and find_spec(module) is None:
            raise rejected("missing_decoder", f"transfer syntax {one.syntax} needs {package}", f"pip install {package.replace(' and', '')}")


class Decoder:
    """Decodes frames; keeps the file opened last, since frames of one file come in turn."""

    def __init__(self) -> None:
        self._path: str = ""
        self._data: Any = None

    def frame(self, path: str, one: Slice) -> npt.NDArray[Any]:
        """The stored values of one frame."""
        check_decoder(one)
        try:
            stored = self._jpeg(path, one) if one.syntax in JPEG else self._pydicom(path, one)
        except MemoryError:
            raise
        except Exception:
            raise rejected("damaged", "the compressed pixels of a slice cannot be decoded") from None
        if stored.shape != (one.rows, one.columns):
            raise rejected("damaged", "the compressed pixels of a slice have another size than its header says")
        wanted = np.dtype(f"{'i' if one.signed else 'u'}{one.allocated // 8}")
        return np.ascontiguousarray(stored).astype(wanted, copy=False)

    def _dataset(self, path: str) -> Any:
        import pydicom

        if self._path != path:
            self._data, self._path = pydicom.dcmread(path, force=True), path
        return self._data

    def _pydicom(self, path: str, one: Slice) -> npt.NDArray[Any]:
        from pydicom.pixels.utils import pixel_array

        return np.asarray(pixel_array(self._dataset(path), index=one.frame, raw=True))

    def _jpeg(self, path: str, one: Slice) -> npt.NDArray[Any]:
        """GDCM rescales by itself, so it is given a copy of the frame without rescale values."""
        import pydicom
        import SimpleITK as sitk
        from pydicom.encaps import encapsulate, get_frame
        from pydicom.uid import CTImageStorage, generate_uid

        source = self._dataset(path)
        copy = pydicom.Dataset()
        copy.SOPClassUID, copy.SOPInstanceUID, copy.Modality = CTImageStorage, generate_uid(), "CT"
        for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
            setattr(copy, name, getattr(source, name))
        copy.SamplesPerPixel, copy.PhotometricInterpretation = 1, "MONOCHROME2"
        copy.PixelData = encapsulate([get_frame(source.PixelData, one.frame, number_of_frames=one.frames)])
        copy["PixelData"].is_undefined_length = True
        copy.file_meta = pydicom.dataset.FileMetaDataset()
        copy.file_meta.TransferSyntaxUID = pydicom.uid.UID(one.syntax)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "frame.dcm"
            copy.save_as(file, enforce_file_format=True)
            reader = sitk.ImageFileReader()
            reader.SetImageIO("GDCMImageIO")
            reader.SetFileName(str(file))
            return np.asarray(sitk.GetArrayFromImage(reader.Execute())).reshape(one.rows, one.columns)
