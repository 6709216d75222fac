"""One call for every export: permitted by role and state, and audited with the hashes of what left the house."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine
from sqlmodel import func, select

from db import frames
from db.audit import Actor, record
from db.engine import snapshot, transaction
from db.tables import ProtocolVersion, Study
from db.verify import verify
from study.errors import MissingPart, RejectedInput
from study.exports.csv_safe import write_csv
from study.exports.dictionary import data_dictionary
from study.exports.inspection import write_inspection
from study.exports.odm import write_odm
from study.exports.redcap import write_redcap
from study.permissions import KNOWN, require
from study.protocol import Protocol
from study.studies import protocol_of

FORMATS = ("tidy", "parquet", "redcap", "odm", "inspection")


@dataclass(frozen=True)
class Exported:
    """Files that were written, with their hashes."""

    folder: Path
    files: dict[str, str]


def export_study(engine: Engine, *, study_id: str, folder: Path, formats: Sequence[str], actor: Actor, now: datetime) -> Exported:
    """Export a study.

    Parameters
    ----------
    formats : sequence of str
        Any of `FORMATS`.

    Raises
    ------
    Forbidden
        Before unblinding, for everybody but the monitor; the inspection copy, which tells every arm, is the monitor's,
        and after unblinding the administrator's, too.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise RejectedInput("no_such_format", f"{', '.join(unknown)} is no export format", f"use {', '.join(FORMATS)}")
    with transaction(engine, actor=actor) as db_session:
        study = db_session.get_one(Study, study_id)
        interim = actor.role == "monitor" and study.state not in KNOWN
        for name in formats:
            known = "export.inspection" if name == "inspection" else "export.data"
            require(db_session, actor=actor, operation="export.interim" if interim else known, study=study)
        record(db_session, operation="export_begun", entity="study", entity_id=study_id, new={"formats": list(formats)})
    folder.mkdir(parents=True, exist_ok=True)
    verification = verify(engine) if "inspection" in formats else None
    files: list[Path] = []
    with snapshot(engine) as db_session:
        protocol = protocol_of(db_session, study_id=study_id)
        number = db_session.exec(select(func.max(ProtocolVersion.number)).where(ProtocolVersion.study_id == study_id)).one()
        tasks, readings = frames.tasks(db_session, study_id=study_id), frames.readings(db_session, study_id=study_id)
        files += _tables(folder, formats, protocol, tasks, readings)
        if "odm" in formats:
            files.append(folder / "odm.xml")
            write_odm(
                files[-1], protocol=protocol, protocol_version=int(number or 1), tasks=tasks, readings=readings, now=now,
                software=metadata.version("gilbreth"),
            )  # fmt: skip
        if verification is not None:
            files += write_inspection(db_session, folder / "inspection", study=study, verification=verification)
    hashes = {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    with transaction(engine, actor=actor) as db_session:
        record(db_session, operation="export", entity="study", entity_id=study_id, new={"files": hashes})
    return Exported(folder, hashes)


def _tables(folder: Path, formats: Sequence[str], protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame) -> list[Path]:
    files: list[Path] = []
    if "tidy" in formats:
        files += [folder / "tasks.csv", folder / "readings.csv", folder / "dictionary.csv", folder / "protocol.toml"]
        write_csv(tasks, files[0])
        write_csv(readings, files[1])
        write_csv(data_dictionary(protocol), files[2])
        files[3].write_text(protocol.text, encoding="utf-8")
    if "parquet" in formats:
        for name, frame in (("tasks", tasks), ("readings", readings)):
            files.append(folder / f"{name}.parquet")
            try:
                frame.to_parquet(files[-1], index=False)
            except ImportError as error:
                raise MissingPart("Parquet needs pyarrow; pip install pyarrow") from error
    if "redcap" in formats:
        files += write_redcap(folder, protocol=protocol, tasks=tasks, readings=readings)
    return files
