"""The list of a batch: `case,path[,unenhanced]`, checked as a whole before anything starts."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from study.errors import RejectedInput

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REMEDY = "give a CSV with the header case,path or case,path,unenhanced"


@dataclass(frozen=True)
class Entry:
    """One line of the list; relative paths are meant from the list's own folder."""

    case: str
    path: Path
    unenhanced: Path | None = None


def read_list(path: Path) -> tuple[Entry, ...]:
    """Read the list of a batch.

    Parameters
    ----------
    path : Path
        CSV with the columns `case`, `path` and, if wanted, `unenhanced`.

    Returns
    -------
    tuple of Entry

    Raises
    ------
    RejectedInput
        With the line, for a missing column, an unusable or repeated case name, or an empty list. A scan that is missing is
        no fault of the list: it becomes a failed case.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "list.csv"
    >>> _ = path.write_text("case,path\\nA1,scans/a1\\n")
    >>> [(entry.case, entry.path.name) for entry in read_list(path)]
    [('A1', 'a1')]
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
            header = rows and set(rows[0])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RejectedInput("no_list", f"{path} cannot be read as a list ({error})", REMEDY) from error
    if not rows:
        raise RejectedInput("empty_list", f"{path} lists no case", REMEDY)
    if not header or not {"case", "path"} <= header:
        raise RejectedInput("wrong_columns", f"{path} has the columns {', '.join(str(name) for name in rows[0])}", REMEDY)
    entries = tuple(_entry(row, number, path) for number, row in enumerate(rows, start=2))
    names = [entry.case.casefold() for entry in entries]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise RejectedInput("repeated_case", f"{path} lists {', '.join(repeated[:5])} more than once", "give every case a name of its own")
    return entries


def _entry(row: dict[str, str], number: int, source: Path) -> Entry:
    case, scan, second = (str(row.get(key) or "").strip() for key in ("case", "path", "unenhanced"))
    if not SAFE_NAME.fullmatch(case):
        remedy = "use letters, digits, dots, dashes and underscores"
        raise RejectedInput("unusable_name", f"{source} line {number}: case {case[:40]!r}", remedy)
    if not scan:
        raise RejectedInput("no_path", f"{source} line {number}: case {case} has no path", REMEDY)
    here = source.absolute().parent  # a worker on another machine stands in another folder
    return Entry(case, here / scan, here / second if second else None)
