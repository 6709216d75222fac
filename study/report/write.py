"""A document onto disk, in the formats asked for; a file is there whole or not at all."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from study.errors import WrongUsage
from study.report.document import Document


def write_report(
    document: Document, folder: Path, *, formats: Iterable[str] = ("html", "pdf", "docx"), step: Callable[[str], None] | None = None
) -> list[Path]:
    """Write `report.html`, `report.pdf`, `report.docx`.

    Parameters
    ----------
    document : Document
    folder : Path
        Made when absent.
    formats : iterable of {"html", "pdf", "docx"}
    step : callable, optional
        Told the name of each file when it is there.

    Returns
    -------
    list of Path
    """
    chosen = parse_formats(formats)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in chosen:
        path = folder / f"report.{name}"
        unfinished = path.with_suffix(f".{name}.part")
        unfinished.write_bytes(_content(document, name))
        os.replace(unfinished, path)
        written.append(path)
        if step:
            step(path.name)
    return written


def parse_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """Formats without doubles, in the order given.

    Examples
    --------
    >>> parse_formats("html, pdf,html".split(","))
    ('html', 'pdf')
    """
    chosen = tuple(dict.fromkeys(name.strip().lower() for name in formats if name.strip()))
    unknown = [name for name in chosen if name not in ("html", "pdf", "docx")]
    if unknown or not chosen:
        raise WrongUsage(f"expected formats among html, pdf, docx, got {', '.join(unknown) or 'none'}; give --format html,pdf,docx")
    return chosen


def _content(document: Document, name: str) -> bytes:
    if name == "html":
        from study.report.page import html_page

        return html_page(document).encode()
    if name == "pdf":
        from study.report.paper import pdf_paper

        return pdf_paper(document)
    from study.report.word import word_file

    return word_file(document)
