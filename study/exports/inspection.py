"""The full inspection copy: every table as CSV, the audit in words, the protocols, signatures and a page to start from."""

import csv
import hashlib
from pathlib import Path

from sqlalchemy import select as sql_select
from sqlmodel import Session, SQLModel, col, select

from db.audit import plain
from db.tables import AuditEntry, ProtocolVersion, Study
from db.verify import Verification
from study.exports.csv_safe import defuse

LEFT_OUT = frozenset({"login_session", "lease", "task_token", "job", "alembic_version"})


def write_inspection(db_session: Session, folder: Path, *, study: Study, verification: Verification) -> list[Path]:
    """Write `tables/*.csv`, `audit.csv`, `protocol_*.toml`, `README.txt` and `SHA256SUMS` under a folder."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    files = [
        _table(db_session, folder / "tables" / f"{name}.csv", name) for name in sorted(SQLModel.metadata.tables) if name not in LEFT_OUT
    ]
    for version in db_session.exec(select(ProtocolVersion).where(ProtocolVersion.study_id == study.id)).all():
        path = folder / f"protocol_{version.number}.toml"
        path.write_text(version.toml, encoding="utf-8")
        files.append(path)
    files.append(_audit(db_session, folder / "audit.csv"))
    files.append(_start(folder / "README.txt", study, verification))
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}\n" for file in files))
    return [*files, sums]


def _table(db_session: Session, path: Path, name: str) -> Path:
    table = SQLModel.metadata.tables[name]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [column.name for column in table.columns]
        writer.writerow(names)
        for row in db_session.execute(sql_select(table).order_by(*table.primary_key).execution_options(yield_per=1000)).mappings():
            writer.writerow([defuse(plain(name, column, row[column])) for column in names])
    return path


def _audit(db_session: Session, path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", "at_utc", "account", "role", "what", "of", "id", "from", "to", "why", "sha256"])
        for entry in db_session.exec(select(AuditEntry).order_by(col(AuditEntry.id)).execution_options(yield_per=1000)):
            cells = [entry.id, entry.at.isoformat(), entry.account, entry.role, entry.operation, entry.entity, entry.entity_id]
            writer.writerow([defuse(cell) for cell in [*cells, _words(entry.old), _words(entry.new), entry.reason, entry.sha256]])
    return path


def _words(values: dict[str, object] | None) -> str:
    return "; ".join(f"{name} = {value}" for name, value in (values or {}).items() if value is not None)


def _start(path: Path, study: Study, verification: Verification) -> Path:
    state = "intact" if verification.ok else f"BROKEN: {verification.found} problems, first: {verification.problems[0]}"
    path.write_text(
        f"Inspection copy of the study {study.name} ({study.title})\n"
        f"State: {study.state}{', simulated data' if study.simulated else ''}\n"
        f"Audit: {verification.entries} entries, chain {state}, head {verification.head}\n\n"
        "tables/    every table as CSV, one row per record, times in UTC\n"
        "audit.csv  who did what, when, in which role, from what to what, and why\n"
        "protocol_N.toml  every version of the protocol\n"
        "SHA256SUMS check with: sha256sum -c SHA256SUMS\n\n"
        "Research use; not a medical device.\n",
        encoding="utf-8",
    )
    return path
