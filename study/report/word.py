"""The report as a Word file, for those who edit: real tables, figures as pictures, captions that can be moved."""

import io
import zipfile
from typing import Any

from study.errors import MissingPart
from study.report.document import Block, Bullets, Chart, Document, Drawing, Paragraph, Table
from study.report.paper import INSTALL, picture_of_svg
from study.report.still import still

TEXT_WIDTH_CM = 17.0
EPOCH = (1980, 1, 1, 0, 0, 0)


def word_file(document: Document) -> bytes:
    """The report as DOCX.

    Returns
    -------
    bytes
        The same for the same document: times inside the archive are fixed.

    Raises
    ------
    MissingPart
        Without python-docx.
    """
    try:
        import docx
    except ImportError as error:
        raise MissingPart(f"DOCX needs python-docx; install it with {INSTALL}") from error
    paper = docx.Document()
    _properties(paper, document)
    _margins(paper, document)
    paper.add_heading(document.title, 0)
    paper.add_paragraph(f"{document.subtitle}. Made on {document.made_at:%Y-%m-%d}.")
    paper.add_paragraph().add_run(document.notice).bold = True
    if document.simulated:
        paper.add_paragraph().add_run("SIMULATED DATA: drawn by a computer, nobody was examined").bold = True
    _table(paper, Table(("Provenance", ""), document.facts, weights=(1, 4)))
    numbers = {"Table": 0, "Figure": 0}
    for section in document.sections:
        paper.add_heading(section.title, 1)
        for block in section.blocks:
            _block(paper, block, numbers)
    out = io.BytesIO()
    paper.save(out)
    return _timeless(out.getvalue())


def _properties(paper: Any, document: Document) -> None:
    made = document.made_at.replace(tzinfo=None)
    core = paper.core_properties
    core.title, core.subject, core.author, core.comments = document.title[:250], document.subtitle[:250], "Gilbreth", document.notice
    core.created = core.modified = core.last_printed = made
    core.last_modified_by, core.revision, core.keywords = "Gilbreth", 1, ", ".join(document.keywords)


def _margins(paper: Any, document: Document) -> None:
    from docx.shared import Cm, Pt

    page = paper.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2)
    words = f"{'SIMULATED DATA. ' if document.simulated else ''}{document.notice}"
    page.header.paragraphs[0].text = words
    paper.styles["Normal"].font.size = Pt(10)


def _block(paper: Any, block: Block, numbers: dict[str, int]) -> None:
    match block:
        case Paragraph():
            line = paper.add_paragraph()
            line.add_run(block.lead).bold = True
            line.add_run(block.text)
        case Bullets():
            for item in block.items:
                paper.add_paragraph(item, style="List Number" if block.numbered else "List Bullet")
        case Table():
            _caption(paper, "Table", block.caption, numbers)
            _table(paper, block)
        case Chart():
            _picture(paper, still(block.figure, kind="png"), TEXT_WIDTH_CM)
            _caption(paper, "Figure", block.caption, numbers)
        case Drawing():
            _picture(paper, picture_of_svg(block.svg), min(TEXT_WIDTH_CM, block.width / 52))
            _caption(paper, "Figure", block.caption, numbers)


def _picture(paper: Any, png: bytes, width_cm: float) -> None:
    from docx.shared import Cm

    paper.add_picture(io.BytesIO(png), width=Cm(width_cm))


def _caption(paper: Any, word: str, text: str, numbers: dict[str, int]) -> None:
    numbers[word] += 1
    line = paper.add_paragraph(style="Caption")
    line.add_run(f"{word} {numbers[word]}. ").bold = True
    line.add_run(text)
    line.paragraph_format.keep_with_next = word == "Table"


def _table(paper: Any, block: Table) -> None:
    from docx.shared import Cm, Pt, RGBColor

    grid = paper.add_table(rows=1, cols=len(block.header), style="Light List Accent 1")
    grid.autofit = False
    weights = block.weights or (1.0,) * len(block.header)
    widths = [Cm(TEXT_WIDTH_CM * weight / sum(weights)) for weight in weights]
    size = Pt(7 if len(block.header) > 6 else 8.5)
    for index, row in enumerate((block.header, *block.rows)):
        cells = grid.rows[0].cells if index == 0 else grid.add_row().cells
        for cell, text, width in zip(cells, row, widths, strict=True):
            cell.width = width
            run = cell.paragraphs[0].add_run(text)
            run.font.size = size
            if index - 1 in block.muted:
                run.font.color.rgb = RGBColor(0xA3, 0x48, 0x00)
    paper.add_paragraph()


def _timeless(content: bytes) -> bytes:
    """The archive again with one fixed time for every member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return out.getvalue()
