"""The report as PDF, set by typst from a fixed template and the document as data."""

import json
import tempfile
from datetime import UTC
from importlib.resources import files
from pathlib import Path
from typing import Any

from study.errors import MissingPart
from study.report.document import Block, Bullets, Chart, Document, Drawing, Paragraph, Table
from study.report.still import INCHES_WIDE, NARROW_INCHES, still

PAGE_WIDTH_POINTS = 481.0
INSTALL = "pip install 'gilbreth[report]'"


def pdf_paper(document: Document) -> bytes:
    """The report as PDF.

    Returns
    -------
    bytes
        The same for the same document: the date inside is the document's.

    Raises
    ------
    MissingPart
        Without typst or matplotlib.
    """
    typst = _typst()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "report.json").write_text(json.dumps(_content(document, folder), ensure_ascii=False), "utf-8")
        source = folder / "paper.typ"
        source.write_text(files("study.report").joinpath("paper.typ").read_text("utf-8"), "utf-8")
        # A fixed moment keeps the identifier inside the PDF from following the clock.
        made = document.made_at.astimezone(UTC)
        return bytes(typst.compile(str(source), root=str(folder), font_paths=[_fonts()], timestamp=int(made.timestamp())))


def picture_of_svg(svg: str, *, dots_per_inch: float = 200) -> bytes:
    """An SVG as PNG, for programs that take no SVG."""
    typst = _typst()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "drawing.svg").write_text(svg, "utf-8")
        (folder / "drawing.typ").write_text('#set page(width: auto, height: auto, margin: 2pt)\n#image("drawing.svg")\n', "utf-8")
        return bytes(typst.compile(str(folder / "drawing.typ"), root=str(folder), font_paths=[_fonts()], format="png", ppi=dots_per_inch))


def _typst() -> Any:
    try:
        import matplotlib  # noqa: F401
        import typst
    except ImportError as error:
        raise MissingPart(f"PDF and DOCX need typst, python-docx and matplotlib; install them with {INSTALL}") from error
    return typst


def _fonts() -> str:
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")


def _content(document: Document, folder: Path) -> dict[str, Any]:
    made = document.made_at
    sections = [
        {"title": section.title, "blocks": _paired([_block(block, folder) for block in section.blocks])} for section in document.sections
    ]
    return {
        "title": document.title, "subtitle": document.subtitle, "keywords": list(document.keywords), "made": f"{made:%Y-%m-%d}",
        "year": made.year, "month": made.month, "day": made.day, "notice": document.notice, "simulated": document.simulated,
        "facts": [list(pair) for pair in document.facts], "sections": sections,
    }  # fmt: skip


def _paired(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring narrow figures become one pair."""
    done: list[dict[str, Any]] = []
    for block in blocks:
        if block.get("narrow") and done and done[-1].get("narrow"):
            done[-1] = {"kind": "pair", "items": [done[-1], block]}
        else:
            done.append(block)
    return done


def _block(block: Block, folder: Path) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"kind": "paragraph", "lead": block.lead, "text": block.text}
        case Bullets():
            return {"kind": "bullets", "items": list(block.items), "numbered": block.numbered}
        case Table():
            weights = list(block.weights) or [1.0] * len(block.header)
            rows = [list(row) for row in block.rows]
            muted = sorted(block.muted)
            return {
                "kind": "table",
                "header": list(block.header),
                "rows": rows,
                "caption": block.caption,
                "weights": weights,
                "muted": muted,
            }
        case Chart():
            width = NARROW_INCHES if block.narrow else INCHES_WIDE
            (folder / f"{block.name}.svg").write_bytes(still(block.figure, width_inches=width))
            points = PAGE_WIDTH_POINTS / (2 if block.narrow else 1)
            return {"kind": "figure", "file": f"{block.name}.svg", "caption": block.caption, "width": points, "narrow": block.narrow}
        case Drawing():
            (folder / f"{block.name}.svg").write_text(block.svg, "utf-8")
            return {
                "kind": "figure",
                "file": f"{block.name}.svg",
                "caption": block.caption,
                "width": min(PAGE_WIDTH_POINTS, block.width * 0.56),
            }
