"""Zips, unpacked with names of our own: nothing an archive says decides where a byte is written."""

import errno
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from inference.scans.codes import rejected
from inference.scans.limits import Limits
from inference.scans.parsed import Progress

_SKIP = ("__MACOSX/",)
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(\.nii|\.nii\.gz|\.nrrd|\.nhdr|\.mha|\.mhd|\.raw|\.raw\.gz|\.zraw|\.img|\.hdr)", re.I)
_INNER = (b"PK\x03\x04", b"\x1f\x8b\x08", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zX")


def unpack(path: str, folder: str, *, limits: Limits, progress: Progress) -> tuple[list[str], list[str]]:
    """Unpack into `folder` as `0.bin`, `1.bin`, ...; plain names of NIfTI, NRRD and MetaImage files are kept.

    Returns
    -------
    tuple of two lists
        Paths written, and the names they had in the archive.

    Raises
    ------
    RejectedScan
        `broken_archive`, `archive_traversal`, `archive_link`, `archive_bomb`, `archive_nested`, `archive_encrypted`,
        `too_many_files`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and not entry.filename.startswith(_SKIP)]
            _check(entries, os.path.getsize(path), limits)
            written, total = [], 0
            for number, entry in enumerate(entries):
                target = str(Path(folder) / _name(entry.filename, number))
                progress(number, len(entries))
                total += _extract(archive, entry, target, limits.archive_bytes - total, partial(progress, number, len(entries)))
                written.append(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, OverflowError, FileExistsError):
        raise rejected("broken_archive", "the zip cannot be read to its end") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise rejected("too_large", "the folder for temporary files is full", "free space there and try again") from None
        raise rejected("broken_archive", "the zip cannot be read to its end") from None
    if not written:
        raise rejected("empty_folder", "the zip holds no file")
    return written, [entry.filename for entry in entries]


def _check(entries: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    if len(entries) > limits.archive_entries:
        raise rejected("too_many_files", f"the zip holds {len(entries)} files; at most {limits.archive_entries} are read")
    if sum(entry.file_size for entry in entries) > limits.archive_bytes:
        raise rejected("archive_bomb", f"the zip unpacks to more than {limits.archive_bytes >> 20} MiB")
    if sum(entry.compress_size for entry in entries) > packed:
        raise rejected("archive_bomb", "the entries of the zip overlap")
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        if name.startswith("/") or ".." in PurePosixPath(name).parts or name[1:2] == ":" or "\0" in name:
            raise rejected("archive_traversal", "an entry of the zip names a place outside its own folder")
        kind = entry.external_attr >> 16
        if kind and stat.S_IFMT(kind) not in (0, stat.S_IFREG):
            raise rejected("archive_link", "an entry of the zip is a link or a device")
        if entry.flag_bits & 1:
            raise rejected("archive_encrypted", "the zip is encrypted")
        if entry.file_size > 1 << 20 and entry.file_size > limits.archive_ratio * max(1, entry.compress_size):
            raise rejected("archive_bomb", f"an entry of the zip unpacks to over {limits.archive_ratio} times its size")


def _name(name: str, number: int) -> str:
    """`12.bin`; a header and its data file keep their plain names, since the one names the other."""
    base = PurePosixPath(name.replace("\\", "/")).name
    if _IMAGE.fullmatch(base):
        return base
    return f"{number}.nii.gz" if base.lower().endswith(".nii.gz") else f"{number}.bin"


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: str, room: int, moved: Callable[[], None]) -> int:
    """Copy one entry, never more than it said and never more than there is room for."""
    count = 0
    with archive.open(entry) as source, open(target, "xb") as sink:
        while piece := source.read(1 << 20):
            if count == 0 and piece.startswith(_INNER) and not target.endswith(".gz"):
                raise rejected("archive_nested", "the zip holds another archive")
            moved()
            count += len(piece)
            if count > room or count > entry.file_size:
                raise rejected("archive_bomb", "an entry of the zip unpacks to more than it says")
            sink.write(piece)
    return count
