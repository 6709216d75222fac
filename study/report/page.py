"""The report as one HTML file that needs nothing else: Plotly is inside it once, nothing is fetched."""

import json
from functools import cache
from html import escape
from importlib.resources import files

from study.report.document import Block, Bullets, Chart, Document, Drawing, Paragraph, Section, Table

# Nothing may be fetched or sent, whatever text the study holds.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}


def html_page(document: Document) -> str:
    """The report as HTML.

    Returns
    -------
    str
        Byte for byte the same for the same document.
    """
    banner = '<div class="simulated">SIMULATED DATA: drawn by a computer, nobody was examined</div>' if document.simulated else ""
    watermark = ' class="is-simulated"' if document.simulated else ""
    numbers = _Numbers()
    body = "".join(_section(section, index, numbers) for index, section in enumerate(document.sections, 1))
    contents = "".join(f'<li><a href="#s{index}">{escape(section.title)}</a></li>' for index, section in enumerate(document.sections, 1))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in document.facts)
    head = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>{escape(document.title)}</title>'
        f"<style>{_style()}</style><script>{_plotly()}</script></head>"
    )
    title = (
        f'<header><p class="kicker">{escape(document.subtitle)}</p><h1>{escape(document.title)}</h1>'
        f'<p class="made">Made on {document.made_at:%Y-%m-%d}</p><p class="notice">{escape(document.notice)}</p><dl>{facts}</dl></header>'
    )
    footer = f"<footer>{escape(document.notice)}</footer>"
    return f"{head}<body{watermark}>{banner}<nav><ol>{contents}</ol></nav><main>{title}{body}{footer}</main></body></html>\n"


class _Numbers:
    """Running numbers of figures and tables."""

    def __init__(self) -> None:
        self.figures = self.tables = 0

    def figure(self) -> int:
        self.figures += 1
        return self.figures

    def table(self) -> int:
        self.tables += 1
        return self.tables


def _section(section: Section, index: int, numbers: _Numbers) -> str:
    blocks = "".join(_block(block, numbers) for block in section.blocks)
    return f'<section id="s{index}"><h2>{escape(section.title)}</h2>{blocks}</section>'


def _block(block: Block, numbers: _Numbers) -> str:
    match block:
        case Paragraph():
            lead = f"<strong>{escape(block.lead)}</strong>" if block.lead else ""
            return f"<p>{lead}{escape(block.text)}</p>"
        case Bullets():
            tag = "ol" if block.numbered else "ul"
            return f"<{tag}>{''.join(f'<li>{escape(item)}</li>' for item in block.items)}</{tag}>"
        case Table():
            return _table(block, numbers.table())
        case Chart():
            return _figure(_plot(block), block.caption, numbers.figure(), narrow=block.narrow)
        case Drawing():
            return _figure(f'<div class="drawing">{block.svg}</div>', block.caption, numbers.figure())


def _table(block: Table, number: int) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in block.header)
    rows = "".join(
        f"<tr{_muted(index in block.muted)}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for index, row in enumerate(block.rows)
    )
    caption = f"<caption><b>Table {number}.</b> {escape(block.caption)}</caption>"
    total = sum(block.weights)
    widths = "".join(f'<col style="width:{100 * weight / total:.1f}%">' for weight in block.weights)
    inside = f"{caption}<colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def _muted(gap: bool) -> str:
    return ' class="gap"' if gap else ""


def _figure(inside: str, caption: str, number: int, *, narrow: bool = False) -> str:
    return f"<figure{' class=narrow' if narrow else ''}>{inside}<figcaption><b>Figure {number}.</b> {escape(caption)}</figcaption></figure>"


def _plot(block: Chart) -> str:
    content = json.loads(block.figure.to_json())
    content["layout"].pop("template", None)
    content["layout"].pop("title", None)
    content["layout"]["margin"] = {"l": 10, "r": 16, "t": 28, "b": 10}
    content["layout"]["font"] = {"family": "system-ui, sans-serif", "color": "#1a1a1a"}
    # "<" is escaped so that no text of the study can close the script.
    payload = json.dumps({**content, "config": CONFIG}, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
    name = f"plot-{block.name}"
    height = content["layout"].get("height", 340)
    return f'<div id="{name}" class="plot" style="height:{height}px"></div><script>Plotly.newPlot("{name}",{payload})</script>'


@cache
def _style() -> str:
    return files("study.report").joinpath("page.css").read_text("utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
