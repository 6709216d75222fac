"""Make a filled department larger without generating it again: its cases, tasks, events, runs and readings copied under new ids.

    python -m benchmarks.department fill HOME
    python -m benchmarks.department_copies HOME --times 5

For timing only: the copies are in no audit entry, so `gilbreth study verify` rightly refuses such a home.
"""

import argparse
import json
import time
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import Connection

from study.department import read_ahead
from study.home import open_home

LETTERS = "ghijklmnopqrstuvwxyz"  # ids are hexadecimal: another first letter makes a new one
# table, its columns that name a row of the department, and its columns that must not be the same twice
TABLES = (
    ("study_case", ("id",), ("number", "pseudonym")),
    ("task", ("id", "case_id"), ()),
    ("run", ("id", "case_id"), ()),
    ("image_set", ("id", "task_id"), ("path",)),
    ("reading", ("id", "image_set_id"), ()),
    ("rating", ("id", "reading_id"), ()),
    ("event", ("task_id",), ("key",)),
)


def copy(engine: Engine, letter: str) -> None:
    """One more of everything that was generated."""
    with engine.begin() as connection:
        for table, ids, unique in TABLES:
            _copy_table(connection, table, ids, unique, letter)


def _copy_table(connection: Connection, table: str, ids: tuple[str, ...], unique: tuple[str, ...], letter: str) -> None:
    names = [column["name"] for column in inspect(connection).get_columns(table)]
    if table == "event":
        names.remove("id")
    changed = {name: f"'{letter}' || SUBSTR({name}, 2)" for name in ids} | {name: f"'{letter}' || {name}" for name in unique}
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(changed.get(name, f'"{name}"') for name in names)
    generated = f"SUBSTR({ids[0]}, 1, 1) NOT IN ({', '.join(repr(other) for other in LETTERS)})"
    connection.execute(text(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {generated}"))


def main() -> None:
    """Copy, then read all figures anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--times", type=int, default=5, help="how large it shall be, as a multiple of now")
    options = parser.parse_args()
    home = open_home(options.home)
    for letter in LETTERS[: options.times - 1]:
        began = time.perf_counter()
        copy(home.engine, letter)
        print(json.dumps({"copy": letter, "seconds": round(time.perf_counter() - began, 1)}), flush=True)
    for path in (home.path / "cache").glob("*"):
        path.unlink()  # no audit entry tells of the copies, so that figures kept before would be gone on with
    began = time.perf_counter()
    read_ahead(home.engine, folder=home.path / "cache")
    print(json.dumps({"what": "reading all events", "seconds": round(time.perf_counter() - began, 1)}), flush=True)
    home.close()


if __name__ == "__main__":
    main()
