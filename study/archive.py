"""Backup of a whole home into one file while it is in use, and back again, verified on both ways."""

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from db.backup import copy_sqlite
from db.engine import database_url, open_engine
from db.migrate import current
from db.verify import verify
from study.errors import MissingPart, RejectedInput, StudyError
from study.home import Home, anchor_path

MANIFEST = "manifest.json"
DATABASE = "gilbreth.sqlite"
LARGEST_ENTRY = 200 * 2**30


@dataclass(frozen=True)
class Backup:
    """What a backup holds: files with their hashes, audit entries, the head of the chain."""

    path: Path
    files: int
    entries: int
    head: str


def make_backup(home: Home, *, target: Path, now: datetime, with_images: bool = True) -> Backup:
    """Write one zip: the database as of one moment, images, and the anchored head; keys are left out on purpose.

    The backup is checked (integrity, audit chain) before it gets its name. Keys are copied by whoever holds them.
    """
    if home.engine.dialect.name != "sqlite":
        raise MissingPart(
            "a PostgreSQL database is backed up by its own tools: pg_dump --format=custom; images lie in the home's images folder"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        copy = Path(folder) / DATABASE
        copy_sqlite(home.engine, copy)
        checked = open_engine(f"sqlite:///{copy}")
        verification = verify(checked, replay=False)
        checked.dispose()
        if not verification.ok:
            raise StudyError(f"the audit chain is broken, no backup was made: {verification.problems[0]}; run gilbreth study verify")
        sources = {DATABASE: copy} | (_images(home) if with_images else {})
        manifest = {
            "made_at": now.isoformat(), "entries": verification.entries, "head": verification.head,
            "files": {name: _sha256(path) for name, path in sources.items()},
        }  # fmt: skip
        partial = Path(folder) / "backup.zip"
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, path in sources.items():
                archive.write(path, name)
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    return Backup(target, len(sources), verification.entries, verification.head)


def _images(home: Home) -> dict[str, Path]:
    if not home.images.is_dir():
        return {}
    return {path.relative_to(home.path).as_posix(): path for path in sorted(home.images.rglob("*")) if path.is_file()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def restore_backup(home: Path, *, source: Path) -> Backup:
    """Unpack a backup into a home that has no database yet, and verify it.

    Raises
    ------
    RejectedInput
        When the file is no backup, was damaged, or the home has a database already.
    """
    if make_url(database_url(home)).get_backend_name() != "sqlite":
        raise MissingPart("restore a PostgreSQL database with pg_restore")
    if (home / DATABASE).exists():
        raise RejectedInput("home_in_use", f"{home} has a database already", "restore into an empty home, or move the old one away")
    if not source.is_file():
        raise RejectedInput("no_such_file", f"{source} does not exist", "give the path of a backup")
    home.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(source) as archive, tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as folder:
            manifest = json.loads(archive.read(MANIFEST))
            _unpack(archive, manifest["files"], Path(folder))
            verification = _check(Path(folder) / DATABASE, manifest)
            for name in sorted(manifest["files"], key=lambda name: name == DATABASE):  # the database last: then all is there
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).replace(home / name)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        if isinstance(error, RejectedInput):
            raise
        raise RejectedInput("not_a_backup", f"{source.name} is no backup or is damaged ({error})", "use another copy") from error
    anchor = anchor_path(home)
    if not anchor.exists():
        from db.anchor import write_anchor

        write_anchor(anchor, number=verification[0], sha256=verification[1])
    return Backup(source, len(manifest["files"]), *verification)


def _unpack(archive: zipfile.ZipFile, files: dict[str, str], folder: Path) -> None:
    for name, sha256 in files.items():
        target = (folder / name).resolve()
        if not target.is_relative_to(folder.resolve()) or archive.getinfo(name).file_size > LARGEST_ENTRY:
            raise RejectedInput("not_a_backup", f"the backup holds {name!r}, which leads outside", "use another copy")
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as packed, target.open("wb") as file:
            while chunk := packed.read(1 << 20):
                file.write(chunk)
        if _sha256(target) != sha256:
            raise RejectedInput("damaged_backup", f"{name} does not match its hash", "use another copy")


def _check(database: Path, manifest: dict[str, object]) -> tuple[int, str]:
    engine = open_engine(f"sqlite:///{database}")
    try:
        if current(engine) is None:
            raise RejectedInput("not_a_backup", "the database in it is empty", "use another copy")
        verification = verify(engine, replay=False)
    finally:
        engine.dispose()
    if not verification.ok or verification.head != manifest["head"]:
        raise RejectedInput("damaged_backup", "the audit chain in it is broken", "use another copy")
    return verification.entries, verification.head
