"""export and import."""

from pathlib import Path
from typing import Annotated, Any

import typer

from study.commands.study.options import As, Home, Json, Study

Formats = Annotated[str, typer.Option("--format", help="Any of tidy, parquet, redcap, odm, inspection, with commas.")]
Mapping = Annotated[list[str] | None, typer.Option("--map", help="Our column = the file's own name for it; repeat.")]


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    group.command("export")(export)
    group.command("import")(import_)


def export(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.")] = Path("export"),
    formats: Formats = "tidy",
    role: Annotated[str, typer.Option(help="Role in which to export: investigator, monitor or administrator.")] = "investigator",
    home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Write the study's data with a dictionary. Example: gilbreth study export --out export --format tidy,redcap"""
    from db.base import utc_now
    from db.engine import snapshot
    from study.acting import cli_actor
    from study.console import answer, home_directory
    from study.exports import export_study
    from study.home import open_home
    from study.studies import find_study

    opened = open_home(home_directory(home))
    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    acting = "administrator" if wanted == ["inspection"] and role == "investigator" else role
    actor, _ = cli_actor(opened.engine, name=as_, role=acting, now=utc_now())
    with snapshot(opened.engine) as db_session:
        found = find_study(db_session, study=study)
    done = export_study(opened.engine, study_id=found.id, folder=out, formats=wanted, actor=actor, now=utc_now())
    answer({"folder": str(out), "files": done.files}, as_json=as_json, lines=[str(out / name) for name in done.files])
    return 0


def import_(
    file: Annotated[Path, typer.Argument(help="CSV file of tasks or readings.")],
    kind: Annotated[str, typer.Option(help="tasks or readings; told from the columns when absent.")] = "",
    mapping: Mapping = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and take nothing in.")] = False,
    home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Take in tasks or readings recorded elsewhere. Example: gilbreth study import tasks.csv --map technologist=operator --dry-run"""
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.console import answer, home_directory
    from study.department import read_ahead
    from study.errors import WrongUsage
    from study.home import open_home
    from study.importing import FaultyTable, import_readings, import_tasks, read_table
    from study.importing import readings as of_readings
    from study.importing import tasks as of_tasks
    from study.studies import find_study

    if bad := [item for item in mapping or [] if "=" not in item]:
        raise WrongUsage(f"--map {bad[0]}: write ours=theirs")
    names = {ours: theirs for ours, _, theirs in (item.partition("=") for item in mapping or [])}
    kind = kind or _kind(file)
    if kind not in ("tasks", "readings"):
        raise WrongUsage(f"--kind {kind}: use tasks or readings")
    part = of_tasks if kind == "tasks" else of_readings
    table = read_table(file, columns=part.COLUMNS, required=part.REQUIRED, mapping=names)
    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    try:
        with transaction(opened.engine, actor=actor, reason=f"import of {file.name}") as db_session:
            found = find_study(db_session, study=study)
            take = import_tasks if kind == "tasks" else import_readings
            done = take(db_session, study=found, table=table, actor=actor, now=utc_now(), dry_run=dry_run)
    except FaultyTable as faulty:
        return _refused(faulty, as_json=as_json)
    if not dry_run:
        read_ahead(opened.engine, folder=opened.path / "cache")  # so that no page waits for a large import
    verb = "would be taken in" if dry_run else "taken in"
    answer({"study": found.name, "kind": kind, **done}, as_json=as_json, lines=[f"{done['rows']} {kind} {verb}, {done['cases']} cases"])
    return 0


def _refused(faulty: Any, *, as_json: bool) -> int:
    """Every fault on a line of its own, however many there are."""
    from study.console import answer, say

    for fault in faulty.faults:
        say(str(fault))
    say(f"rejected [{faulty.code}]: {len(faulty.faults)} fault{'s' if len(faulty.faults) > 1 else ''}; {faulty.remedy}")
    if as_json:
        faults = [vars(fault) for fault in faulty.faults]
        answer(
            {"accepted": False, "code": faulty.code, "reason": faulty.found, "remedy": faulty.remedy, "faults": faults},
            as_json=True,
            lines=[],
        )
    return int(faulty.exit_status)


def _kind(file: Path) -> str:
    """Readings have a column for the reader."""
    if not file.is_file():
        return "tasks"
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline().lower()
    return "readings" if "reader" in header and "region" in header else "tasks"
