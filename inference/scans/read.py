"""Any path to a parsed scan: what it is is told by its first bytes, never by its name alone. Runs in the child process."""

import os
import stat
from pathlib import Path

from inference.scans.archive import unpack
from inference.scans.codes import rejected
from inference.scans.dicom_read import read_dicom
from inference.scans.headers import member_path
from inference.scans.limits import Limits
from inference.scans.metaimage import looks_metaimage, read_metaimage
from inference.scans.nifti import first_bytes, looks_nifti, read_nifti
from inference.scans.nrrd import read_nrrd
from inference.scans.parsed import Allocate, Parsed, Progress


def read(path: str, *, scratch: str, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    """Parse a file, a folder or a zip.

    Parameters
    ----------
    path : str
        What the user gave.
    scratch : str
        An empty folder that the caller removes; zips are unpacked there.
    limits, allocate, progress
        Bounds, where the array comes from, and who hears of `(done, total)`.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        raise rejected("not_found", "nothing is at the path given") from None
    if stat.S_ISDIR(mode):
        files, names = listing(path, limits)
        return _several(files, names, limits=limits, allocate=allocate, progress=progress)
    if not stat.S_ISREG(mode):
        raise rejected("not_an_image", "the path is neither a file nor a folder")
    try:
        with open(path, "rb") as file:
            first = file.read(512)
    except OSError:
        raise rejected("unreadable", "the file cannot be opened") from None
    if first[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        files, names = unpack(path, scratch, limits=limits, progress=progress)
        parsed = _several(files, names, limits=limits, allocate=allocate, progress=progress)
        inside = dict(zip(files, names, strict=True))
        parsed.files = [member_path(path, inside[file]) for file in parsed.files]
        return parsed
    if path.lower().endswith(".zip"):
        raise rejected("broken_archive", "the file has the name of a zip but is none")
    return _one(path, first, limits=limits, allocate=allocate, progress=progress)


def listing(folder: str, limits: Limits) -> tuple[list[str], list[str]]:
    """Regular files under a folder, sorted, with names relative to it. Linked folders are not entered."""
    root, files = Path(folder), []
    try:
        for base, folders, found in os.walk(folder, onerror=_unreadable):
            folders.sort()
            if len(Path(base).relative_to(root).parts) >= limits.depth:
                folders.clear()
            for name in sorted(found):
                path = os.path.join(base, name)
                if os.path.isfile(path):
                    files.append(path)
                if len(files) > limits.files:
                    raise rejected("too_many_files", f"the folder holds more than {limits.files} files")
    except OSError:
        raise rejected("unreadable", "the folder cannot be listed") from None
    if not files:
        raise rejected("empty_folder", "the folder holds no file")
    return files, [os.path.relpath(file, folder) for file in files]


def _unreadable(error: OSError) -> None:
    raise error


def kind_of(path: str, first: bytes) -> str:
    """`nifti`, `nrrd`, `metaimage`, `dicom` or an empty string, from the first 512 bytes."""
    if first.startswith(b"NRRD000"):
        return "nrrd"
    if first[128:132] == b"DICM" or first[:4] == b"DICM":
        return "dicom"
    if looks_nifti(first_bytes(path, 544) if first[:2] == b"\x1f\x8b" else first):
        return "nifti"
    return "metaimage" if looks_metaimage(first) else ""


def _one(path: str, first: bytes, *, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    if not first:
        raise rejected("truncated", "the file is empty")
    kind = kind_of(path, first)
    reader = {"nifti": read_nifti, "nrrd": read_nrrd, "metaimage": read_metaimage}.get(kind)
    if reader:
        return reader(path, limits=limits, allocate=allocate, progress=progress)
    if not kind and first[:2] == b"\x1f\x8b":
        cut = len(first_bytes(path, 544)) < 348
        raise rejected("truncated" if cut else "not_an_image", "the gzipped file holds no NIfTI image")
    if not kind and path.lower().endswith((".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")):
        raise rejected("damaged", "the file has the name of an image but not its header")
    return read_dicom([path], [Path(path).name], limits=limits, allocate=allocate, progress=progress)


def _several(files: list[str], names: list[str], *, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    """A folder is a DICOM series, unless it holds no DICOM and exactly one image of another kind."""
    images, heads = [], {}
    for number, path in enumerate(files):
        if path.lower().endswith((".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")):
            try:
                with open(path, "rb") as file:
                    heads[path] = file.read(512)
            except OSError:
                continue
            if kind_of(path, heads[path]) in ("nifti", "nrrd", "metaimage"):
                images.append(number)
    if images and any(_dicom(path) for path in files if path not in heads):
        images = []
    if len(images) == 1:
        return _one(files[images[0]], heads[files[images[0]]], limits=limits, allocate=allocate, progress=progress)
    if len(images) > 1:
        raise rejected("several_images", f"the folder holds {len(images)} images")
    return read_dicom(files, names, limits=limits, allocate=allocate, progress=progress)


def _dicom(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
