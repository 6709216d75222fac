"""A CSV file as rows of text, with the user's own column names mapped onto ours, and faults by row."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from study.errors import RejectedInput
from study.exports.csv_safe import plain_again

LARGEST_BYTES = 500_000_000


@dataclass(frozen=True)
class RowFault:
    """One fault; rows are counted as a spreadsheet does, the header being row 1."""

    row: int
    column: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.found}; {self.remedy}"


class FaultyTable(RejectedInput):
    """A table with faults, all of them in `faults`; its own words name the first ones."""

    def __init__(self, name: str, faults: Sequence[RowFault]) -> None:
        self.faults = tuple(faults)
        shown = " | ".join(str(fault) for fault in faults[:5])
        more = f" | and {len(faults) - 5} more" if len(faults) > 5 else ""
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("faulty_table", f"{name} has {count}: {shown}{more}", "nothing was taken in; mend them and import again")


@dataclass(frozen=True)
class Table:
    """Rows of text under our column names, and the hash of the file they came from; `ragged` are rows with more or fewer cells."""

    name: str
    sha256: str
    rows: tuple[dict[str, str], ...]
    mapping: dict[str, str]
    ragged: tuple[RowFault, ...] = ()


def read_table(path: Path, *, columns: Sequence[str], required: Sequence[str], mapping: Mapping[str, str] | None = None) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    columns, required : sequence of str
        Our columns, and those that must be there.
    mapping : mapping
        Our column to the file's own name for it.

    Raises
    ------
    RejectedInput
        When the file is missing, is no CSV, or lacks a column.
    """
    if not path.is_file():
        raise RejectedInput("no_such_file", f"{path} {'is a folder' if path.is_dir() else 'does not exist'}", "give the path of a CSV file")
    if path.stat().st_size > LARGEST_BYTES:
        raise RejectedInput("too_large", f"{path.name} has {path.stat().st_size} bytes", "split it")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RejectedInput("not_text", f"{path.name} is not UTF-8 text (byte {error.start})", "save it as CSV UTF-8") from error
    theirs = {ours: (mapping or {}).get(ours, ours) for ours in columns}
    if unknown := sorted(set(mapping or {}) - set(columns)):
        raise RejectedInput("no_such_column", f"--map names {', '.join(unknown)}", f"use {', '.join(columns)}")
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        header = list(reader.fieldnames or [])
        if len(header) == 1 and header[0].count(";") > 1:
            raise RejectedInput("not_csv", f"{path.name} has semicolons between its cells", "save it as CSV with commas")
        missing = [ours for ours in required if theirs[ours] not in header]
        if missing:
            raise RejectedInput(
                "missing_columns",
                f"{path.name} lacks {', '.join(missing)}; it has {', '.join(header) or 'nothing'}",
                "map them with --map ours=theirs",
            )
        if twice := sorted({name for name in theirs.values() if header.count(name) > 1}):
            raise RejectedInput("repeated_columns", f"{path.name} has the column {', '.join(twice)} twice", "remove or rename one")
        given = tuple(reader)
    except csv.Error as error:
        raise RejectedInput("not_csv", f"{path.name} is not CSV: {error}", "save it as CSV with commas") from error
    if not given:
        raise RejectedInput("empty_table", f"{path.name} has no rows", "give a table with data")
    rows = tuple({ours: plain_again((row.get(name) or "").strip()) for ours, name in theirs.items()} for row in given)
    renamed = {ours: name for ours, name in theirs.items() if ours != name}
    return Table(path.name, hashlib.sha256(content).hexdigest(), rows, renamed, _ragged(given, len(header)))


def _ragged(given: Sequence[dict[str | None, Any]], columns: int) -> tuple[RowFault, ...]:
    """Rows with more or fewer cells than the header: their values may stand in the wrong columns."""
    faults = []
    for place, row in enumerate(given, start=2):
        cells = columns + len(row.get(None) or ()) - sum(value is None for value in row.values())
        if cells != columns:
            faults.append(RowFault(place, "(row)", f"has {cells} cells, the header has {columns}", "look for a comma too many or too few"))
    return tuple(faults)


def number(row: dict[str, str], column: str, place: int, faults: list[RowFault], *, whole: bool = False) -> float | None:
    """A number that is zero or more, or None when the cell is empty."""
    text = row[column]
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (0 <= value < 1e9) or (whole and value != int(value)):
        faults.append(
            RowFault(place, column, f"is {text!r}", "give a whole number from 0 up" if whole else "give a number from 0 up, with a point")
        )
        return None
    return value


def moment(row: dict[str, str], column: str, place: int, faults: list[RowFault]) -> datetime | None:
    """An ISO-8601 time with its zone, or None when the cell is empty."""
    text = row[column]
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        faults.append(RowFault(place, column, f"is {text!r}", "give a time such as 2027-01-04T08:00:00+01:00"))
        return None
    if value.tzinfo is None:
        faults.append(RowFault(place, column, f"is {text!r}, without a zone", "add the zone, such as +01:00 or Z"))
        return None
    return value


def choice(row: dict[str, str], column: str, place: int, faults: list[RowFault], allowed: Sequence[str]) -> str:
    """One of the allowed words."""
    if row[column] not in allowed:
        shown = list(allowed) if len(allowed) < 20 else [*list(allowed)[:20], "..."]
        faults.append(RowFault(place, column, f"is {row[column]!r}", f"use {', '.join(shown)}"))
    return row[column]


def text_of(row: dict[str, str], column: str, place: int, faults: list[RowFault], *, longest: int = 40) -> str:
    """A word that must be there."""
    if not row[column]:
        faults.append(RowFault(place, column, "is empty", "fill it in"))
    elif len(row[column]) > longest:
        faults.append(RowFault(place, column, f"has {len(row[column])} characters", f"use at most {longest}"))
    return row[column]
