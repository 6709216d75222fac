"""`tasks.csv` and `readings.csv`, read and checked; every fault is told with its line."""

from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import RejectedInput

TASKS = (
    "site", "case", "technologist", "arm", "period", "sequence", "started_at", "elapsed_seconds", "hands_on_seconds", "ai_wait_seconds",
    "clicks", "instrument", "missing_reason",
)  # fmt: skip
READINGS = ("case", "reader", "arm", "round", "region", "quality", "passed", "reason")
NEEDED_TASKS = ("case", "arm", "hands_on_seconds")
NEEDED_READINGS = ("case", "reader", "arm", "region", "passed")
ARMS = {"manual", "ai"}
TRUTH = {
    "true": True,
    "1": True,
    "1.0": True,
    "yes": True,
    "pass": True,
    "false": False,
    "0": False,
    "0.0": False,
    "no": False,
    "fail": False,
}


def read_tasks(path: Path) -> pd.DataFrame:
    """Read `tasks.csv`: one row per task.

    Raises
    ------
    RejectedInput
        For a missing file or column, an unknown arm, a number that is none, a negative time.
    """
    frame = _read(path, NEEDED_TASKS, TASKS)
    for column in ("elapsed_seconds", "hands_on_seconds", "ai_wait_seconds", "clicks", "period"):
        frame[column] = _numbers(frame[column], path)
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True, errors="coerce", format="ISO8601")
    frame["period"] = frame["period"].fillna(1)
    return _with_arms(frame, path)


def read_readings(path: Path) -> pd.DataFrame:
    """Read `readings.csv`: one row per rating; region `overall` is the verdict.

    Raises
    ------
    RejectedInput
        For a missing file or column, an unknown arm, a `passed` that is neither true nor false, a quality that is no number.
    """
    frame = _read(path, NEEDED_READINGS, READINGS)
    frame["round"] = _numbers(frame["round"], path).fillna(1).astype(int)
    frame["quality"] = _numbers(frame["quality"], path)
    words = frame["passed"].str.strip().str.lower()
    bad = words.ne("") & ~words.isin(list(TRUTH))
    if bad.any():
        raise _fault(path, frame, bad, "passed", "write true or false, or leave it empty where nothing was rated")
    frame["passed"] = words.map(TRUTH)
    return _with_arms(frame, path)


def _read(path: Path, needed: tuple[str, ...], known: tuple[str, ...]) -> pd.DataFrame:
    remedy = f"give a CSV with the columns {', '.join(known)}"
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RejectedInput("no_such_file", f"{path} does not exist", remedy) from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise RejectedInput("not_a_table", f"{path} cannot be read as CSV ({error})", remedy) from error
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise RejectedInput("missing_columns", f"{path} lacks {', '.join(missing)}", remedy)
    if frame.empty:
        raise RejectedInput("empty_table", f"{path} has no rows", remedy)
    for column in known:
        if column not in frame.columns:
            frame[column] = ""
    return frame[list(known)]


def _numbers(column: "pd.Series[Any]", path: Path) -> "pd.Series[Any]":
    text = column.astype(str).str.strip()
    numbers = pd.to_numeric(text.where(text != ""), errors="coerce")
    bad = text.ne("") & (numbers.isna() | (numbers < 0))
    if bad.any():
        raise _fault(path, column.to_frame(), bad, str(column.name), "give a number of 0 or more, or leave it empty")
    return numbers


def _with_arms(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    frame["arm"] = frame["arm"].str.strip().str.lower()
    bad = ~frame["arm"].isin(list(ARMS))
    if bad.any():
        raise _fault(path, frame, bad, "arm", "use the arms manual and ai")
    empty = frame["case"].str.strip() == ""
    if empty.any():
        raise _fault(path, frame, empty, "case", "give every row its case")
    return frame


def _fault(path: Path, frame: pd.DataFrame, bad: "pd.Series[bool]", column: str, remedy: str) -> RejectedInput:
    first = int(bad.to_numpy().argmax())
    shown = str(frame[column].iloc[first])[:40]
    return RejectedInput("bad_value", f"{path} line {first + 2}, column {column}: {shown!r} ({int(bad.sum())} such rows)", remedy)
