"""Replace several files as one: all or none after a crash, and back again byte for byte.

A step lies in `corrections/NNNN/`: `after/` holds the new files until they take their places, `before/` the old ones, and
`step.json` says what goes where. Once `step.json` is there the step will be finished, by whoever opens the folder next; a
folder without it is thrown away.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STEPS = "corrections"
DRAFT = ".partial-correction"


def steps_of(folder: Path) -> list[Path]:
    """Folders of the steps on record, the oldest first."""
    return sorted(path for path in (folder / STEPS).glob("[0-9][0-9][0-9][0-9]") if (path / "step.json").is_file())


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time change a result folder; others wait."""
    place = folder / STEPS
    place.mkdir(exist_ok=True)
    descriptor = os.open(place / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            import fcntl
        except ModuleNotFoundError:  # not on this system: the check that nothing changed meanwhile still holds
            yield
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def draft_of(folder: Path) -> Path:
    """An empty folder in which new files are prepared."""
    draft = folder / STEPS / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "after").mkdir(parents=True)
    return draft


def keep_copies(folder: Path, names: Iterable[str], place: Path) -> None:
    """Keep files under a second name in another folder, all or none."""
    draft = place.with_name(f".{place.name}.keeping")
    shutil.rmtree(draft, ignore_errors=True)
    for name in names:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(folder / name, draft / name)
    draft.rename(place)


def commit(folder: Path, draft: Path, *, withdrawn: Iterable[str]) -> Path:
    """Make a prepared step real: its `after/` files take their places, `withdrawn` ones leave; `case.json` goes last.

    Returns
    -------
    Path
        The step's folder.
    """
    number = max((int(path.name) for path in steps_of(folder)), default=0) + 1
    files = sorted(str(path.relative_to(draft / "after")) for path in (draft / "after").rglob("*") if path.is_file())
    _flush(draft / "after" / name for name in files)
    plan = {"files": files, "fresh": [name for name in files if not (folder / name).exists()], "withdrawn": sorted(withdrawn)}
    step = folder / STEPS / f"{number:04d}"
    draft.rename(step)
    _write_flushed(step / "step.json", plan)
    _carry_out(folder, step, plan)
    return step


def finish_interrupted(folder: Path) -> None:
    """Finish a step, or the taking back of one, that a crash cut off, and throw away what was only being prepared."""
    if not (folder / STEPS).is_dir():
        return
    with one_at_a_time(folder):
        for path in (folder / STEPS).iterdir():
            if path.name == DRAFT or (path.name.isdigit() and not (path / "step.json").is_file()):
                shutil.rmtree(path)
        for step in steps_of(folder):
            if (step / "undo.json").is_file():
                take_back(folder, step)
            elif not (step / "done").exists():
                _carry_out(folder, step, json.loads((step / "step.json").read_text(encoding="utf-8")))


def take_back(folder: Path, step: Path) -> None:
    """Put everything back as it was before a step, and forget the step."""
    plan = json.loads((step / "step.json").read_text(encoding="utf-8"))
    _write_flushed(step / "undo.json", {})
    for name in sorted([*plan["files"], *plan["withdrawn"]], key=_record_last):
        kept, place = step / "before" / name, folder / name
        if kept.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            kept.replace(place)
        elif name in plan["fresh"]:
            place.unlink(missing_ok=True)
    shutil.rmtree(step)


def _carry_out(folder: Path, step: Path, plan: dict[str, Any]) -> None:
    """Every move can be done again after a crash: the old file is kept before the new one takes its place."""
    for name in sorted([*plan["files"], *plan["withdrawn"]], key=_record_last):
        new, place, kept = step / "after" / name, folder / name, step / "before" / name
        waiting = new.is_file() if name in plan["files"] else place.is_file()
        if not waiting:
            continue
        kept.parent.mkdir(parents=True, exist_ok=True)
        if name in plan["withdrawn"]:
            place.replace(kept)
            continue
        if place.is_file() and not kept.exists():
            _link_or_copy(place, kept)
        place.parent.mkdir(parents=True, exist_ok=True)
        new.replace(place)
    (step / "done").touch()
    shutil.rmtree(step / "after", ignore_errors=True)


def _record_last(name: str) -> tuple[bool, str]:
    return name == "case.json", name


def _link_or_copy(old: Path, new: Path) -> None:
    """A second name for a file that is replaced, never written to; a copy where the file system has no links."""
    draft = new.with_name(f".{new.name}.keeping")
    draft.unlink(missing_ok=True)
    try:
        os.link(old, draft)
    except OSError:
        shutil.copy2(old, draft)
    draft.replace(new)


def _write_flushed(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.saving")
    draft.write_text(json.dumps(content), encoding="utf-8")
    _flush([draft])
    draft.replace(path)


def _flush(paths: Iterable[Path]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
