"""CSV that no spreadsheet takes for a formula: text that starts like one gets a leading apostrophe; numbers stay numbers."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd

STARTERS = ("=", "+", "-", "@", "\t", "\r", "\0")


def defuse(value: Any) -> Any:
    """A cell as it may be written.

    Examples
    --------
    >>> defuse("=1+1"), defuse(-3.5), defuse("-3.5"), defuse("plain")
    ("'=1+1", -3.5, '-3.5', 'plain')
    """
    if not isinstance(value, str):
        return value
    plain = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")  # a bare CR would end the row for some readers
    if not value.startswith(STARTERS):
        return plain
    try:
        float(plain)
    except ValueError:
        return "'" + plain
    return plain


def plain_again(cell: str) -> str:
    """A cell as it was before `defuse`: what we write is what we read.

    Examples
    --------
    >>> plain_again("'=1+1"), plain_again("'tis"), plain_again("plain")
    ('=1+1', "'tis", 'plain')
    """
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(STARTERS) else cell


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table: times ISO-8601 with zone, missing cells empty, booleans true and false, seconds to the millisecond."""
    shown = frame.copy()
    for column in shown.columns:
        if isinstance(shown[column].dtype, pd.DatetimeTZDtype):
            shown[column] = shown[column].map(lambda at: at.isoformat() if pd.notna(at) else None)
        elif any(isinstance(value, bool) for value in shown[column].head(1000)) or shown[column].dtype == bool:
            shown[column] = shown[column].map({True: "true", False: "false"})
        elif str(column).endswith("_seconds"):
            shown[column] = shown[column].astype(float).round(3)
        elif shown[column].dtype == float and (shown[column].dropna() % 1 == 0).all():
            shown[column] = shown[column].astype("Int64")
        else:
            shown[column] = shown[column].map(defuse)
    shown.to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
