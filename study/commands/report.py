"""`gilbreth report`: the report of a study of this home, or of tables from elsewhere, as HTML, PDF and DOCX."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.report import Material


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("report")(report)


def report(
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.pdf, report.docx; made when absent.")],
    study: Annotated[str | None, typer.Option(help="Study of this home, by id or name.")] = None,
    tasks: Annotated[Path | None, typer.Option(help="tasks.csv of a study done elsewhere.")] = None,
    readings: Annotated[Path | None, typer.Option(help="readings.csv of that study.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol of those tables: a TOML file or the name of one that comes along.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Which files to write, separated by commas.")] = "html,pdf,docx",
    home: Annotated[Path | None, typer.Option(help="Home of the study; GILBRETH_HOME otherwise.")] = None,
    as_name: Annotated[str | None, typer.Option("--as", help="Account that looks; its password in GILBRETH_PASSWORD.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Write the report: summary, flow diagram, results, quality, agreement, checklists, methods, references, hashes.

    A study of this home has to be unblinded first. The same data give the same bytes, but for the date.

    Example: `gilbreth report --study head_neck_cta --out report --format html,pdf`
    """
    from db.base import utc_now
    from study.console import DISCLAIMER, answer, progress
    from study.errors import WrongUsage
    from study.report import build_report, parse_formats, write_report

    if (study is None) == (tasks is None):
        raise WrongUsage("give either --study ID or --tasks CSV")
    if study is not None and (protocol or readings):
        raise WrongUsage("a study of this home brings its own protocol and readings; leave out --protocol and --readings")
    chosen = parse_formats(formats.split(","))
    material = _from_tables(tasks, readings, protocol) if tasks is not None else _from_home(study or "", home, as_name)
    document = build_report(material, now=utc_now())
    with progress("Writing", total=len(chosen)) as step:
        files = write_report(document, out, formats=chosen, step=step)
    result = {
        "files": [str(path) for path in files],
        "simulated": document.simulated,
        "data_sha256": material.data_sha256,
        "protocol_sha256": material.result.protocol_sha256,
        "decision": material.result.decision.to_dict(),
        "disclaimer": DISCLAIMER,
    }
    simulated = ["SIMULATED DATA"] if document.simulated else []
    answer(result, as_json=as_json, lines=[*(str(path) for path in files), *simulated, material.result.decision.words, DISCLAIMER])
    return 0


def _from_tables(tasks: Path, readings: Path | None, protocol: str | None) -> "Material":
    from study.analysis import read_readings, read_tasks
    from study.errors import WrongUsage
    from study.protocol import load_protocol
    from study.report import from_tables

    if protocol is None:
        raise WrongUsage("tables need the protocol they were made under; give --protocol TOML")
    return from_tables(load_protocol(protocol), read_tasks(tasks), read_readings(readings) if readings else None)


def _from_home(study: str, home: Path | None, as_name: str | None) -> "Material":
    from db.base import utc_now
    from study.acting import cli_actor
    from study.console import home_directory
    from study.home import open_home
    from study.outcomes import permit_outcomes
    from study.report import from_home

    place = open_home(home_directory(home))
    try:
        actor, _ = cli_actor(place.engine, name=as_name, role="investigator", now=utc_now())
        permit_outcomes(place.engine, actor=actor, study_id=study)
        return from_home(place.engine, study_id=study)
    finally:
        place.close()
