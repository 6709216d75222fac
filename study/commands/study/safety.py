"""verify, backup, restore, upgrade."""

from pathlib import Path
from typing import Annotated

import typer

from study.commands.study.options import As, Home, Json


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    group.command("verify")(verify)
    group.command("backup")(backup)
    group.command("restore")(restore)
    group.command("upgrade")(upgrade)


def verify(
    head: Annotated[str | None, typer.Option(help="A head of the audit noted earlier, which must still be a link.")] = None,
    home: Home = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Check the audit chain, its anchor, every table against the audit, and every signature. Example: gilbreth study verify"""
    from sqlmodel import select

    from db.engine import snapshot
    from db.tables import Study
    from db.verify import verify as check
    from study.console import answer, home_directory, say
    from study.home import open_home
    from study.signature_check import broken_signatures
    from study.studies import find_study

    opened = open_home(home_directory(home))
    with snapshot(opened.engine) as db_session:
        if db_session.exec(select(Study.id).limit(1)).first() is None:  # a wrong path more often than a sound audit
            find_study(db_session)
    found = check(opened.engine, expected_head=head)
    with snapshot(opened.engine) as db_session:
        for problem in broken_signatures(db_session):
            found.add(problem)
    for problem in found.problems:
        say(problem)
    result = {
        "ok": found.ok,
        "entries": found.entries,
        "rows": found.rows,
        "head": found.head,
        "problems": found.problems,
        "found": found.found,
    }
    state = "intact" if found.ok else f"BROKEN, {found.found} problems"
    answer(result, as_json=as_json, lines=[f"audit {state}: {found.entries} entries, {found.rows} rows compared, head {found.head}"])
    return 0 if found.ok else 1


def backup(
    file: Annotated[Path, typer.Argument(help="Zip file to write.")], home: Home = None, as_: As = None, as_json: Json = False
) -> int:
    """Copy the home into one checked file while it is in use; keys are left out. Example: gilbreth study backup monday.zip"""
    from db.audit import record
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.archive import make_backup
    from study.console import answer, home_directory
    from study.home import open_home
    from study.permissions import require

    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="administrator", now=utc_now())
    with transaction(opened.engine, actor=actor) as db_session:
        require(db_session, actor=actor, operation="backup.make")
        record(db_session, operation="backup", entity="home", entity_id="home")
    done = make_backup(opened, target=file, now=utc_now())
    result = {"file": str(file), "files": done.files, "audit_entries": done.entries, "audit_head": done.head}
    answer(
        result,
        as_json=as_json,
        lines=[f"{file}: {done.files} files, audit {done.entries} entries, head {done.head[:16]}", "keys are not in it"],
    )
    return 0


def restore(file: Annotated[Path, typer.Argument(help="A backup.")], home: Home = None, as_json: Json = False) -> int:
    """Unpack a backup into an empty home and verify it. Example: gilbreth study restore monday.zip --home new-home"""
    from study.archive import restore_backup
    from study.console import answer, home_directory
    from study.home import open_home

    path = home_directory(home)
    done = restore_backup(path, source=file)
    open_home(path).close()
    result = {"home": str(path), "files": done.files, "audit_entries": done.entries, "audit_head": done.head}
    answer(result, as_json=as_json, lines=[f"{path}: {done.files} files restored, audit {done.entries} entries, head {done.head[:16]}"])
    return 0


def upgrade(
    to: Annotated[str | None, typer.Option(help="A revision to go to: an older one, before an older program is installed.")] = None,
    home: Home = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Bring the database to this program's revision (SQLite does it by itself, with a copy kept). Example: gilbreth study upgrade"""
    from db.engine import database_url, open_engine
    from db.migrate import current, downgrade, is_known, newest
    from db.migrate import upgrade as migrate
    from study.console import answer, home_directory
    from study.errors import RejectedInput

    if to is not None and not is_known(to):
        raise RejectedInput("no_such_revision", f"this program has no revision {to!r}", f"the newest is {newest()}")
    engine = open_engine(database_url(home_directory(home)))
    before = current(engine)
    if to is not None and before is not None and to < before:
        downgrade(engine, revision=to)
    else:
        migrate(engine, revision=to or "head")
    after = current(engine)
    answer({"before": before, "after": after}, as_json=as_json, lines=[f"revision {before or 'none'} → {after}"])
    return 0
