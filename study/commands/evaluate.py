"""`gilbreth evaluate`: score masks against references."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from inference.volume import Volume

COLUMNS = ("dice", "cldice", "recall", "precision", "hd95", "betti0_error", "vessel_weighted")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


def evaluate(
    prediction: Annotated[Path, typer.Argument(help="Mask or label map; or a CSV list with the columns case,prediction,reference.")],
    reference: Annotated[Path | None, typer.Argument(help="Mask or label map on the same grid; left out for a list.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Segment the list's images with this model; repeat to compare versions.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the figures of --model to this file, for `gilbreth model promote`.")] = None,
    ignore_label: Annotated[int | None, typer.Option(help="Reference voxels with this label count for nothing.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Score a segmentation: Dice, clDice, recall, precision, HD95 [mm], Betti-0 error and the vessel-weighted score.

    Per label, per region and for all foreground; the definitions are those of TopCoW and TopBrain. A list may have a
    column `stratum` (artefact, occlusion, ..), and its cases are then summed up by it. With --model the list has the columns
    case,image,reference; each later model is compared with the first, case by case, with 95 % intervals.

    Example: gilbreth evaluate out/masks/vessel.nii.gz truth/vessel.nii.gz

    Versions: gilbreth evaluate frozen.csv --model vessel-bone --model runs/next --save figures.json
    """
    from study.errors import WrongUsage

    if model:
        return _versions(prediction, model, save=save, as_json=as_json)

    if reference is None and prediction.suffix.lower() == ".csv":
        return _list(prediction, ignore_label=ignore_label, as_json=as_json)
    if reference is None:
        raise WrongUsage("give PREDICTION and REFERENCE, or one LIST.csv with the columns case,prediction,reference")
    return _pair(prediction, reference, ignore_label=ignore_label, as_json=as_json)


def _pair(prediction: Path, reference: Path, *, ignore_label: int | None, as_json: bool) -> int:
    from study.console import answer

    result = _score(prediction, reference, ignore_label)
    rows = [result["foreground"], *result["labels"], *result["regions"]]
    answer(result, as_json=as_json, lines=_table(rows))
    return 0


def _list(path: Path, *, ignore_label: int | None, as_json: bool) -> int:
    from study.console import answer, progress, say

    cases, failed = [], 0
    entries = _read_list(path)
    with progress("evaluate", total=len(entries)) as step:
        for entry in entries:
            step(entry["case"])
            try:
                result = _score(path.parent / entry["prediction"], path.parent / entry["reference"], ignore_label)
            except Exception as error:
                if getattr(error, "exit_status", None) is None:
                    raise
                failed += 1
                say(f"{entry['case']}: {error}")
                continue
            cases.append({"case": entry["case"], "stratum": entry.get("stratum") or "all", **result})
    summary = _summary(cases)
    rows = [{**case["foreground"], "name": case["case"]} for case in cases] + summary
    answer({"cases": cases, "summary": summary, "failed": failed}, as_json=as_json, lines=_table(rows))
    return 1 if failed else 0


def _versions(path: Path, models: list[str], *, save: Path | None, as_json: bool) -> int:
    """Score model versions on a list of images, and the later ones against the first."""
    import hashlib
    import json
    from dataclasses import asdict

    from inference.network.models import open_model
    from study.console import answer, progress
    from study.model_versions import compare, score_versions

    entries = _read_list(path, columns=("case", "image", "reference"))
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in models}
    with progress("evaluate", total=len(entries) * len(scores)) as step:
        for _, name, found in score_versions(entries, list(scores), folder=path.parent, step=step):
            scores[name].append(found)
    first, *others = scores
    opened = {name: open_model(name) for name in scores}
    result: dict[str, Any] = {
        "list": path.name,
        "list_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "cases": [entry["case"] for entry in entries],
        "models": [
            {"model": name, "version": opened[name].version, "sha256": opened[name].sha256, "scores": scores[name]} for name in scores
        ],
        "against_first": {name: [asdict(each) for each in compare(scores[first], scores[name])] for name in others},
    }
    if save:
        save.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    means = [
        {"name": f"{name} ({opened[name].version})", **{key: sum(case[key] for case in scores[name]) / len(entries) for key in COLUMNS}}
        for name in scores
    ]
    lines = _table(means) + [_difference_line(name, row) for name, rows in result["against_first"].items() for row in rows]
    answer(result, as_json=as_json, lines=lines)
    return 0


def _difference_line(name: str, row: dict[str, Any]) -> str:
    interval = "no interval" if row["interval"] is None else f"95 % {row['interval'][0]:+.4f} to {row['interval'][1]:+.4f}"
    return f"{name} against the first, {row['measure']}: {row['difference']:+.4f} ({interval})"


def _read_list(path: Path, columns: tuple[str, ...] = ("case", "prediction", "reference")) -> list[dict[str, str]]:
    import csv

    from study.errors import RejectedInput

    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            entries = [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RejectedInput("unreadable_list", f"{path.name}: {error}", f"give a CSV file with the columns {','.join(columns)}") from error
    missing = set(columns) - set(entries[0] if entries else ())
    if missing:
        found = f"{path.name} has no {'rows' if not entries else 'column ' + ', '.join(sorted(missing))}"
        raise RejectedInput("faulty_list", found, f"give the columns {','.join(columns)} and one row per case")
    return entries


def _score(prediction: Path, reference: Path, ignore_label: int | None) -> dict[str, Any]:
    from inference.evaluation import evaluate

    return evaluate(_labels(prediction), _labels(reference), ignore_label=ignore_label).to_dict()


def _labels(path: Path) -> "Volume":
    from inference import load

    return load(path)


def _summary(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean of the foreground scores over the cases of each stratum, and over all."""
    strata = sorted({case["stratum"] for case in cases} - {"all"})
    rows = []
    for stratum in [*strata, "all"]:
        chosen = [case["foreground"] for case in cases if stratum in ("all", case["stratum"])]
        if chosen:
            means = {name: round(sum(scores[name] for scores in chosen) / len(chosen), 6) for name in COLUMNS}
            rows.append({"name": f"mean of {stratum}", "cases": len(chosen), **means})
    return rows


def _table(rows: list[dict[str, Any]]) -> list[str]:
    width = max([len(row["name"]) for row in rows] + [4])
    lines = [" ".join([f"{'':{width}}", *[f"{name:>15}" for name in COLUMNS]])]
    return lines + [" ".join([f"{row['name']:{width}}", *[f"{row[name]:>15.4f}" for name in COLUMNS]]) for row in rows]
