"""Send DICOM files to an AE title by C-STORE."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.errors import MissingPart, RejectedInput, StudyError

WARNINGS = {0xB000, 0xB006, 0xB007}


@dataclass(frozen=True)
class Sent:
    """Files sent, and those refused with the reason."""

    sent: int
    refused: dict[str, str]


def send_folder(folder: Path, *, aet: str, host: str, port: int, calling: str = "GILBRETH", told: Callable[[str], None]) -> Sent:
    """Send every DICOM file below a folder.

    Raises
    ------
    RejectedInput
        If there is no DICOM file.
    StudyError
        If the association is refused or nobody answers.
    """
    try:
        from pynetdicom import AE
    except ModuleNotFoundError as error:
        raise MissingPart("C-STORE is not installed; pip install 'gilbreth[dicom]'") from error
    files = _dicom_files(folder)
    entity = AE(ae_title=calling)
    entity.connection_timeout = entity.acse_timeout = 15
    for sop_class, syntax in sorted({(item[1], item[2]) for item in files})[:128]:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate(host, port, ae_title=aet)
    if not association.is_established:
        raise StudyError(
            f"{aet} at {host}:{port} does not accept an association; check AE title, address and the PACS's list of known senders"
        )
    try:
        return _send(association, files, told)
    finally:
        association.release()


def _dicom_files(folder: Path) -> list[tuple[Path, str, str]]:
    import pydicom

    paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    found = []
    for path in paths:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
            found.append((path, str(header.SOPClassUID), str(header.file_meta.TransferSyntaxUID)))
        except (pydicom.errors.InvalidDicomError, AttributeError, OSError):
            continue
    if not found:
        raise RejectedInput("no_dicom", f"{folder} holds no DICOM file", "give the folder that reconstruct wrote, or one with .dcm files")
    return found


def _send(association: Any, files: list[tuple[Path, str, str]], told: Callable[[str], None]) -> Sent:
    refused: dict[str, str] = {}
    for path, _, _ in files:
        try:
            status = association.send_c_store(path)
            code = int(status.Status) if "Status" in status else None
        except (ValueError, RuntimeError) as error:
            code, refused[path.name] = None, str(error)
        if code is None:
            refused.setdefault(path.name, "the connection was lost")
        elif code and code not in WARNINGS:
            refused[path.name] = f"status 0x{code:04X}"
        told(f"{path.name}: {refused.get(path.name, 'stored')}")
    return Sent(len(files) - len(refused), refused)
