"""The full header of a slice that was already accepted, for writers whose results go back into the same study."""

import io
import zipfile
from typing import Any

from inference.scans.codes import rejected

_MARK, _MOST_BYTES = "!", 64 << 20


def member_path(archive: str, member: str) -> str:
    """How `Source.files` names a file inside a zip.

    Examples
    --------
    >>> member_path("scan.zip", "a/IM1.dcm")
    'scan.zip!a/IM1.dcm'
    """
    return f"{archive}{_MARK}{member}"


def read_source_header(file: str) -> Any:
    """The header of one of `volume.source.files` as a pydicom data set, without pixels.

    Parameters
    ----------
    file : str
        A path, or `archive.zip!member`.

    Raises
    ------
    RejectedScan
        `not_found`, `too_nested` or `damaged`.

    Notes
    -----
    The file has been accepted before by the reader in the child process. The data set names the patient: it must not be logged or
    stored beside study data.
    """
    import pydicom

    try:
        if (split := _split(file)) is None:
            return pydicom.dcmread(file, stop_before_pixels=True, force=True)
        with zipfile.ZipFile(split[0]) as archive, archive.open(split[1]) as source:
            return pydicom.dcmread(io.BytesIO(source.read(_MOST_BYTES)), stop_before_pixels=True, force=True)
    except (FileNotFoundError, KeyError):
        raise rejected("not_found", "a slice of the scan is no longer where it was read from", "keep the scan in place") from None
    except RecursionError:
        raise rejected("too_nested", "the header of a slice nests deeper than the reader follows") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise rejected("damaged", "the header of a slice can no longer be read") from None


def _split(file: str) -> tuple[str, str] | None:
    """Archive and member; an archive's own name may hold the mark, so the longest part that is a zip counts."""
    position = file.find(".zip" + _MARK)
    if position < 0:
        parts = file.split(_MARK)
        for cut in range(len(parts) - 1, 0, -1):
            if zipfile.is_zipfile(_MARK.join(parts[:cut])):
                return _MARK.join(parts[:cut]), _MARK.join(parts[cut:])
        return None
    return file[: position + 4], file[position + 5 :]
