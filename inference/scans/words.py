"""Text from files is never shown raw: control characters go, lengths are capped, names that may name a patient are hidden."""

import re
from pathlib import PurePath

_WORDS = frozenset(
    {"im", "img", "image", "i", "ct", "cta", "ser", "series", "slice", "frame", "dicom", "dcm", "vol", "volume", "scan", "mask"}
    | {"label", "head", "neck", "file", "in", "out", "localizer", "scout", "report", "sr"}
)
_KNOWN = {"DICOMDIR", "DIRFILE", "README", "LICENSE", "AUTORUN.INF", ".DS_STORE", "THUMBS.DB"}
_SUFFIXES = (
    *(".nii.gz", ".dcm", ".ima", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".raw", ".zraw"),
    *(".img", ".hdr", ".zip", ".txt", ".pdf", ".json"),
)


def clean(text: object, *, length: int = 60) -> str:
    """Printable ASCII of at most `length` characters; anything else becomes a question mark.

    Examples
    --------
    >>> clean("CT\\x1b[31m\\n<b>")
    'CT?[31m?<b>'
    """
    kept = "".join(c if " " <= c <= "~" else "?" for c in str(text)[: length + 1])
    return kept if len(kept) <= length else kept[: length - 1] + "~"


def shown(name: str) -> str:
    """A file name for the list of what was left out: as it is, without what is not printable.

    Examples
    --------
    >>> shown("übersicht\x1b[2J.txt")
    'übersicht?[2J.txt'
    """
    return "".join(c if c.isprintable() else "?" for c in name[:200])


def safe_name(path: str | PurePath, *, number: int | None = None) -> str:
    """A file name for messages: technical names are shown, any other is hidden, for it may hold a patient's name or number.

    Examples
    --------
    >>> safe_name("/data/IM-0001-0023.dcm"), safe_name("/data/DIRFILE"), safe_name("/data/Smith_Anna.dcm", number=3)
    ('IM-0001-0023.dcm', 'DIRFILE', 'file 3 (*.dcm)')
    """
    name = PurePath(path).name
    suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), "")
    stem = name[: len(name) - len(suffix)] if suffix else name
    if name.upper() in _KNOWN or _technical(stem):
        return clean(name)
    return ("a file" if number is None else f"file {number}") + (f" (*{suffix})" if suffix else "")


def _technical(stem: str) -> bool:
    parts = re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]+", stem)
    words = all(p.lower() in _WORDS for p in parts if p.isalpha())
    plain = all(len(p) <= 5 if p.isdigit() else set(p) <= set("-_. ") for p in parts if not p.isalpha())
    return len(stem) <= 40 and words and plain and sum(c.isdigit() for c in stem) <= 12


def code_string(value: str) -> str:
    """A DICOM code string (CS): capitals, digits, space and underscore, 16 characters; anything else is not one."""
    short = value.strip()[:16]
    return short if re.fullmatch(r"[A-Z0-9_ ]*", short) else "?"
