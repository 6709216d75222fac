"""`gilbreth model ..`: which versions there are, corrected cases to train the next one on, and making one the default."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="Home of this installation; GILBRETH_HOME when absent.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Versions of the segmentation model. Example: gilbreth model list", no_args_is_help=True)
    group.command("list")(list_)
    group.command("promote")(promote)
    group.command("corrections")(corrections)
    app.add_typer(group, name="model")


def list_(home: Home = None, as_json: Json = False) -> int:
    """List the models that ship and the versions promoted here; the one in use is marked. Example: gilbreth model list"""
    from inference.network.models import DEFAULT, list_models, open_model
    from study.console import answer, home_directory
    from study.model_versions import promotions

    made = promotions(home_directory(home))
    rows = [
        {"name": one.name, "version": one.version, "sha256": one.sha256, "where": "promoted", "why": one.reason, "by": one.by, "at": one.at}
        for one in made
    ]
    shipped = [(name, open_model(name)) for name in list_models()]
    rows = [{"name": name, "version": model.version, "sha256": model.sha256, "where": "shipped"} for name, model in shipped] + rows
    for row in rows:
        row["in_use"] = row is rows[-1] if made else row["name"] == DEFAULT  # type: ignore[assignment]
    lines = [f"{'*' if row['in_use'] else ' '} {row['name']:<16} {row['version']:<16} {row['sha256'][:12]}  {row['where']}" for row in rows]
    answer({"models": rows}, as_json=as_json, lines=lines)
    return 0


def promote(
    source: Annotated[str, typer.Argument(help="Folder that `gilbreth train` wrote.")],
    figures: Annotated[Path, typer.Option(help="What `gilbreth evaluate LIST.csv --model .. --save FILE` wrote.")],
    why: Annotated[str, typer.Option(help="Reason, for the audit.")],
    as_: Annotated[str | None, typer.Option("--as", help="Scientist who decides; password from GILBRETH_PASSWORD or asked for.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Make a version the default of this installation. The act, its reason and its figures go into the audit.

    A study that runs keeps the version it started with; results made with another one are refused.

    Example: gilbreth model promote runs/next --figures figures.json --why "finds the siphon" --as kim
    """
    import json
    from dataclasses import asdict

    from db.base import utc_now
    from db.engine import transaction
    from study import model_versions
    from study.acting import cli_actor
    from study.console import answer, home_directory
    from study.errors import RejectedInput
    from study.home import open_home
    from study.permissions import require

    try:
        judged = json.loads(figures.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RejectedInput("unreadable_figures", f"{figures.name}: {error}", "give what gilbreth evaluate --save wrote") from error
    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="scientist", now=utc_now())
    with transaction(opened.engine, actor=actor) as db_session:
        require(db_session, actor=actor, operation="model.manage")
        made = model_versions.promote(
            db_session, home=opened.path, source=source, figures=judged, reason=why, by=actor.account, now=utc_now()
        )
    answer(asdict(made), as_json=as_json, lines=[f"{made.name} {made.version} ({made.sha256[:12]}) is the default from now on"])
    return 0


def corrections(
    out: Annotated[Path, typer.Argument(help="Folder of the data set, for `gilbreth train --dataset`.")],
    case: Annotated[list[str], typer.Option(help="FOLDER=SCAN: a result folder and the scan it was made from; repeat.")],
    unconfirmed: Annotated[bool, typer.Option("--unconfirmed", help="Also cases that nobody confirmed after correcting.")] = False,
    as_json: Json = False,
) -> int:
    """Gather corrected cases as an nnU-Net data set. They are the machine's masks with people's corrections, not a reference standard.

    Example: gilbreth model corrections training/Dataset001 --case out/case1=scans/case1 --case out/case2=scans/case2

    Status 1 when no case could be used.
    """
    from inference.correction import export_corrections
    from study.console import answer, say
    from study.errors import RejectedInput

    scans = dict[str, str]()
    folders = list[str]()
    for item in case:
        folder, equals, scan = item.partition("=")
        if not equals or not (Path(folder) / "case.json").is_file():
            remedy = "give the folder that gilbreth reconstruct wrote, an equals sign, and the scan"
            raise RejectedInput("no_result_folder", f"--case {item}", remedy)
        if (name := Path(folder).name) in scans:
            raise RejectedInput("name_twice", f"two result folders are called {name}", "the data set names cases after them: rename one")
        scans[name] = scan
        folders.append(folder)
    say(f"reading {len(folders)} case{'s' if len(folders) > 1 else ''}")
    made = export_corrections(folders, out, scans=scans, confirmed_only=not unconfirmed)
    lines = [f"{name}: in" for name in made["cases"]] + [f"{name}: left out, {why}" for name, why in made["left_out"].items()]
    lines.append(f"{out}: {len(made['cases'])} of {len(folders)} cases")
    answer({"out": str(out), **made}, as_json=as_json, lines=lines)
    return 0 if made["cases"] else 1
