"""One page that says what was made of a scan: key pictures, verdict, vessels, timings, model. HTML, and PDF through Typst."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.pictures.marks import GRAVITY
from inference.pictures.window import Picture, png_bytes
from inference.stages import wall_seconds

if TYPE_CHECKING:
    from inference.reconstruction import Reconstruction

Row = tuple[str, ...]

MOST_FINDINGS = 14
"""More would not fit on one page."""

KEY_PICTURES = ("mip/rotate_000.png", "mip/rotate_090.png", "vr/rotate_000.png", "vr/rotate_040.png")

MARKED = {"mip/rotate_000.png": "qc/findings_000.png", "mip/rotate_090.png": "qc/findings_090.png"}
"""With findings, these take the place of the plain pictures."""

STYLE = """
:root { color-scheme: light } * { box-sizing: border-box }
body { font: 14px/1.45 system-ui, sans-serif; color: #1c2430; max-width: 1040px; margin: 24px auto; padding: 0 20px }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 2px solid #1c2430 }
h1 { font-size: 22px; margin: 0 0 8px } h2 { font-size: 15px; margin: 20px 0 6px }
.verdict { padding: 3px 14px; border-radius: 4px; color: #fff; font-weight: 600 }
.accept { background: #1d7a46 } .review { background: #a86400 } .reject { background: #a3242b }
.pictures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; margin-top: 14px }
.pictures img { width: 100%; height: 300px; object-fit: contain; background: #000; border-radius: 3px }
figure { margin: 0 } figcaption { font-size: 12px; color: #566070 }
.columns { display: grid; grid-template-columns: 3fr 2fr; gap: 28px }
table { border-collapse: collapse; width: 100%; font-size: 13px } td, th { padding: 2px 8px 2px 0; text-align: left }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums } tr + tr { border-top: 1px solid #e3e7ec }
footer { margin-top: 22px; font-size: 12px; color: #566070; border-top: 1px solid #c9d0d8; padding-top: 6px }
@media print { body { margin: 0 } .pictures img { height: 230px } }
"""


def write_case_sheet(reconstruction: "Reconstruction", folder: Path, *, pdf: bool = False) -> list[Path]:
    """Write `case_sheet.html`, and `case_sheet.pdf` where Typst is installed.

    Parameters
    ----------
    reconstruction : Reconstruction
        What to tell about; nothing in it names a patient.
    folder : Path
        Where the sheet goes.
    pdf : bool
        Write the PDF as well.

    Returns
    -------
    list of Path
        The files written.
    """
    record = reconstruction.record()
    chosen = [MARKED.get(name, name) if MARKED.get(name) in reconstruction.pictures else name for name in KEY_PICTURES]
    pictures = {name: reconstruction.pictures[name] for name in chosen if name in reconstruction.pictures}
    sheet = folder / "case_sheet.html"
    sheet.write_text(case_sheet_html(record, pictures), encoding="utf-8")
    return [sheet, *(_write_pdf(record, pictures, folder / "case_sheet.pdf") if pdf else [])]


def case_sheet_html(record: dict[str, Any], pictures: dict[str, Picture]) -> str:
    """The sheet as one self-contained HTML page."""
    verdict = record["qc"]["verdict"]
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{_jpeg(picture)}" alt="{_title(name)}"><figcaption>{_title(name)}</figcaption></figure>'
        for name, picture in pictures.items()
    )
    findings = finding_rows(record) or [("", "", "Nothing was found wrong.")]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Case sheet</title><style>{STYLE}</style></head>
<body><header><h1>Reconstruction {record["input"]["sha256"][:12]}</h1><span class="verdict {verdict}">{verdict}</span></header>
<div class="pictures">{figures}</div>
<div class="columns"><section><h2>Findings</h2>{_table(("", "", "finding"), findings)}
<h2>Vessels</h2>{_table(*vessel_rows(record), numbers=True)}</section>
<section><h2>How it was made</h2>{_table(("", ""), made_rows(record))}
<h2>Stages</h2>{_table(("stage", "seconds", "peak MiB"), stage_rows(record), numbers=True)}</section></div>
<footer>{html.escape(record["disclaimer"])}. Diameters are measurements for research.</footer></body></html>
"""


def finding_rows(record: dict[str, Any]) -> list[Row]:
    """Number, severity and sentence of the gravest findings; the number is that of its mark in the pictures, if it has a place."""
    findings = list(enumerate(record["qc"]["findings"], start=1))
    ranked = sorted(findings, key=lambda item: (GRAVITY.index(item[1]["severity"]), item[0]))
    shown = sorted(ranked[:MOST_FINDINGS], key=lambda item: item[0])
    rows: list[Row] = [(str(number) if finding.get("points_mm") else "", finding["severity"], finding["text"]) for number, finding in shown]
    left = len(findings) - len(shown)
    return rows + ([("", "", f"{left} more in case.json, none of them graver.")] if left else [])


def vessel_rows(record: dict[str, Any]) -> tuple[Row, list[Row]]:
    """Head and rows of the vessel table: name, length, mean and least diameter, volume."""
    head = ("artery", "length [mm]", "mean diameter [mm]", "least diameter [mm]", "volume [ml]")
    rows: list[Row] = [
        (
            vessel["name"].replace("_", " "),
            _number(vessel.get("length_mm"), 0),
            _number(_twice(vessel.get("mean_radius_mm")), 1),
            _number(_twice(vessel.get("least_radius_mm")), 1),
            _number(vessel.get("volume_ml"), 2),
        )
        for vessel in record["vessels"]
    ]
    return head, rows or [("none was named", "", "", "", "")]


def made_rows(record: dict[str, Any]) -> list[Row]:
    """Method, model, device and grid, as name and value."""
    geometry, model = record["geometry"], record["model"]
    shape, spacing = geometry["shape"], geometry["spacing_mm"]
    return [
        ("method", record["method"]),
        ("model", f"{model['name']} {model['version']} ({str(model['sha256'])[:12]})"),
        ("device", f"{record['device']}, {record['engine']}"),
        ("grid", f"{shape[2]} × {shape[1]} × {shape[0]} voxels"),
        ("spacing", f"{spacing[2]:.2f} × {spacing[1]:.2f} × {spacing[0]:.2f} mm"),
        ("lumen", f"{record['notes'].get('lumen_hu') or 0:.0f} HU"),
        ("repairs", str(len(record["repairs"]))),
        ("made at", record["made_at"]),
        ("version", record["gilbreth"]),
    ]


def stage_rows(record: dict[str, Any]) -> list[Row]:
    """Name, seconds and peak memory of each stage, and the sum of the seconds."""
    rows = [(stage["name"], f"{stage['seconds']:.2f}", f"{stage['peak_rss_mb']:.0f}") for stage in record["stages"]]
    return [*rows, ("all", f"{wall_seconds(record['stages']):.2f}", "")]


def _write_pdf(record: dict[str, Any], pictures: dict[str, Picture], path: Path) -> list[Path]:
    """Through Typst, whose input is data: no text of the record is ever read as markup."""
    import importlib.util
    import json
    import tempfile

    if importlib.util.find_spec("typst") is None:
        return []
    import typst

    data = {
        "title": f"Reconstruction {record['input']['sha256'][:12]}",
        "verdict": record["qc"]["verdict"],
        "findings": [
            ": ".join(part for part in (f"{number} {severity}".strip(), text) if part) for number, severity, text in finding_rows(record)
        ],
        "vessels": [list(row) for row in vessel_rows(record)[1]],
        "made": [list(row) for row in made_rows(record)],
        "stages": [list(row) for row in stage_rows(record)],
        "pictures": [{"file": name.replace("/", "_"), "title": _title(name)} for name in pictures],
        "disclaimer": f"{record['disclaimer']}. Diameters are measurements for research.",
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, picture in pictures.items():
            (place / name.replace("/", "_")).write_bytes(png_bytes(picture))
        (place / "data.json").write_text(json.dumps(data), encoding="utf-8")
        (place / "sheet.typ").write_text(TYPST, encoding="utf-8")
        typst.compile(str(place / "sheet.typ"), output=str(path))
    return [path]


TYPST = """
#let d = json("data.json")
#set page(paper: "a4", margin: 14mm)
#set text(size: 8.5pt)
#set table(stroke: (x, y) => (bottom: 0.4pt + luma(205)), inset: (x: 2pt, y: 2.6pt))
#let colours = (accept: rgb("#1d7a46"), review: rgb("#a86400"), reject: rgb("#a3242b"))
#grid(columns: (1fr, auto), text(size: 15pt, weight: "bold", d.title),
  box(fill: colours.at(d.verdict), inset: 5pt, radius: 2pt, text(fill: white, weight: "bold", d.verdict)))
#line(length: 100%)
#grid(columns: calc.max(d.pictures.len(), 1) * (1fr,), gutter: 4pt,
  ..d.pictures.map(p => stack(spacing: 3pt, box(fill: black, width: 100%, height: 58mm,
    align(center + horizon, image(p.file, height: 58mm, fit: "contain"))), text(size: 7pt, p.title))))
#grid(columns: (3fr, 2fr), gutter: 8mm, [
  == Findings
  #if d.findings.len() == 0 [Nothing was found wrong.] else { list(..d.findings.map(f => [#f])) }
  == Vessels
  #table(columns: (1fr, auto, auto, auto, auto), align: (x, y) => if x == 0 { left } else { right },
    table.header(..([artery], [length mm], [mean ø mm], [least ø mm], [ml]).map(strong)),
    ..d.vessels.flatten().map(c => [#c]))
], [
  == How it was made
  #table(columns: (auto, 1fr), ..d.made.flatten().map(c => [#c]))
  == Stages
  #table(columns: (1fr, auto, auto), align: (x, y) => if x == 0 { left } else { right },
    table.header(..([stage], [seconds], [peak MiB]).map(strong)), ..d.stages.flatten().map(c => [#c]))
])
#v(1fr)
#text(size: 7.5pt, fill: luma(90), d.disclaimer)
"""


def _table(head: Row, rows: Sequence[Row], *, numbers: bool = False) -> str:
    def cells(row: Row, tag: str) -> str:
        kinds = [' class="number"' if numbers and index else "" for index in range(len(row))]
        return "".join(f"<{tag}{kind}>{html.escape(str(cell))}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    top = f"<tr>{cells(head, 'th')}</tr>" if any(head) else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def _title(name: str) -> str:
    kind, angle = name.split("/")[0].upper(), int(name.rsplit("_", 1)[1].split(".")[0])
    view = {0: "from the front", 90: "from the left", 180: "from the back", 270: "from the right"}.get(angle, f"at {angle}°")
    return f"MIP with findings, {view}" if kind == "QC" else f"{kind}, bone removed, {view}"


def _jpeg(picture: Picture) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((640, 640))
    image.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode()


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _twice(value: float | None) -> float | None:
    return None if value is None else 2.0 * value
