"""The report before it is a page, a PDF or a Word file: sections of paragraphs, tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import plotly.graph_objects as go


@dataclass(frozen=True)
class Paragraph:
    """Plain text; `lead` stands before it in bold."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of plain texts; numbered where the order is referred to."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Parameters
    ----------
    header : tuple of str
    rows : tuple of tuple of str
        Each as long as the header.
    caption : str
    weights : tuple of float
        Relative widths of the columns; equal where empty.
    muted : frozenset of int
        Rows shown as gaps ("not recorded").
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    weights: tuple[float, ...] = ()
    muted: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        uneven = [row for row in self.rows if len(row) != len(self.header)]
        if uneven:
            raise ValueError(f"expected {len(self.header)} cells in every row, got {uneven[0]}; fill the row")


@dataclass(frozen=True)
class Chart:
    """A Plotly figure: interactive in HTML, drawn as SVG elsewhere. Two narrow ones in a row stand side by side."""

    name: str
    figure: go.Figure
    caption: str
    narrow: bool = False


@dataclass(frozen=True)
class Drawing:
    """A finished SVG, shown the same everywhere."""

    name: str
    svg: str
    caption: str
    width: float
    height: float


Block = Paragraph | Bullets | Table | Chart | Drawing


@dataclass(frozen=True)
class Section:
    """A titled run of blocks."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole report.

    Parameters
    ----------
    title, subtitle : str
    made_at : datetime
        Given, never taken from the clock: the only thing in which two reports of the same data differ.
    simulated : bool
        Marked on every page.
    notice : str
        What the software is not.
    facts : tuple of (str, str)
        Study, protocol, hashes: printed under the title.
    sections : tuple of Section
    """

    title: str
    subtitle: str
    made_at: datetime
    simulated: bool
    notice: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    keywords: tuple[str, ...] = field(default=())


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], **options: Any) -> Table:
    """A table from anything that prints.

    Examples
    --------
    >>> table(["a", "b"], [[1, "x"]]).rows
    (('1', 'x'),)
    """
    return Table(tuple(header), tuple(tuple(str(cell) for cell in row) for row in rows), **options)
