"""The flow of cases, counted from the records and drawn as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

import pandas as pd

from study.report.material import Material
from study.report.wording import ARMS, plain

WIDTH, BOX, GAP, SIDE = 820, 330, 34, 250
LINE, PAD, LETTERS = 16, 10, 42


@dataclass(frozen=True)
class Box:
    """One box: a heading with its number, then lines."""

    title: str
    lines: tuple[str, ...] = ()

    def rows(self, letters: int = LETTERS) -> list[str]:
        """Lines wrapped to the box."""
        return [row for text in (self.title, *self.lines) for row in (wrap(text, letters, subsequent_indent="  ") or [""])]

    def height(self, letters: int = LETTERS) -> int:
        """Height in pixels."""
        return 2 * PAD + LINE * len(self.rows(letters))


@dataclass(frozen=True)
class Flow:
    """Enrolment down to allocation with what left on the way; then a column per arm."""

    trunk: tuple[Box, ...]
    aside: tuple[Box | None, ...]
    arms: tuple[tuple[Box, ...], tuple[Box, ...]]
    end: Box


def flow(material: Material) -> Flow:
    """Count the cases of a study at every step.

    Notes
    -----
    CONSORT's steps (Hopewell et al. 2025, doi 10.1136/bmj-2024-081123); in a paired study a case appears in both columns. A step
    that the records are silent about says so.
    """
    trunk, aside = _enrolment(material)
    columns = tuple(_column(material, arm) for arm in ("manual", "ai"))
    return Flow(trunk, aside, (columns[0], columns[1]), _end(material))


def _enrolment(material: Material) -> tuple[tuple[Box, ...], tuple[Box | None, ...]]:
    cases, planned = material.cases, material.tasks["case"].nunique()
    if cases is None or cases["eligible"].isna().all():
        known = planned if cases is None else len(cases)
        return (Box("Exams screened: not recorded"), Box(f"Cases in the study (n = {known})")), (None, None)
    real = cases[~cases["training"].astype(bool)]
    out = real[real["eligible"].eq(False)]
    reasons = out["reasons"].explode().dropna().map(plain).value_counts(sort=False).sort_index()
    excluded = Box(f"Excluded (n = {len(out)})", tuple(f"{reason}: {number}" for reason, number in reasons.items())) if len(out) else None
    eligible = real[real["eligible"].eq(True)]
    withdrawn = int((eligible["state"] == "withdrawn").sum())
    allocated = int(eligible["sequence"].notna().sum())
    waiting = len(eligible) - allocated
    left = [f"not allocated: {waiting}"] * bool(waiting) + [f"withdrawn: {withdrawn}"] * bool(withdrawn)
    note = () if allocated else ("allocation: not recorded",)
    lines = tuple(f"{_order(str(name))}: {n}" for name, n in eligible["sequence"].value_counts(sort=False).sort_index().items())
    trunk = (
        Box(f"Exams screened (n = {len(real)})"),
        Box(f"Eligible (n = {len(eligible)})"),
        Box(f"Allocated (n = {allocated})", (*lines, *note)),
    )
    return trunk, (excluded, Box(f"Left before processing (n = {waiting + withdrawn})", tuple(left)) if left else None, None)


def _order(sequence: str) -> str:
    return " then ".join(ARMS.get(part, part) for part in sequence.split("-"))


def _column(material: Material, arm: str) -> tuple[Box, ...]:
    tasks = material.tasks[material.tasks["arm"] == arm]
    finished = tasks["hands_on_seconds"].notna()
    why = tasks.loc[~finished, "missing_reason"].fillna("").replace("", "no reason recorded").value_counts(sort=False).sort_index()
    rated = material.data.verdicts
    number = int((rated["arm"] == arm).sum()) if len(rated) else 0
    return (
        Box(f"{material_label(material, arm)}", (f"tasks planned: {len(tasks)}, of {tasks['case'].nunique()} cases",)),
        Box(f"Processed (n = {int(finished.sum())})", tuple(f"not finished, {reason}: {n}" for reason, n in why.items())),
        Box(f"Rated by readers (n = {number})" if number else "Rated by readers: none"),
    )


def material_label(material: Material, arm: str) -> str:
    """The arm's name in the protocol."""
    return str(getattr(material.protocol.arms, arm).label)


def _end(material: Material) -> Box:
    data = material.data
    if material.paired:
        pairs = len(_both(data.finished))
        return Box(
            "Analysed, pairs of the same case", (f"time and clicks: {pairs} cases", f"pass or fail: {len(data.paired_passes())} cases")
        )
    numbers = data.finished.groupby("arm")["case"].nunique()
    rated = data.verdicts.groupby("arm")["case"].nunique() if len(data.verdicts) else pd.Series(dtype=int)
    lines = [f"time and clicks: {', '.join(f'{ARMS[arm]} {int(numbers.get(arm, 0))}' for arm in ARMS)} cases"]
    lines.append(f"pass or fail: {', '.join(f'{ARMS[arm]} {int(rated.get(arm, 0))}' for arm in ARMS)} cases")
    return Box("Analysed as allocated" if material.protocol.design == "parallel" else "Analysed", tuple(lines))


def _both(finished: pd.DataFrame) -> list[str]:
    arms = finished.groupby("case")["arm"].nunique()
    return [str(case) for case in arms.index[arms == 2]]


def draw(chart: Flow) -> tuple[str, float, float]:
    """The diagram as SVG, with its width and height in pixels.

    Examples
    --------
    >>> arm = (Box("Manual"), Box("Processed (n = 2)"))
    >>> svg, width, height = draw(Flow((Box("Screened (n = 3)"),), (None,), (arm, arm), Box("Analysed (n = 2)")))
    >>> svg.count("<rect"), width
    (6, 820)
    """
    parts: list[str] = []
    y, centre = 8, WIDTH / 2
    for step, (box, side) in enumerate(zip(chart.trunk, chart.aside, strict=True)):
        parts.append(_box(box, centre - BOX / 2, y, BOX))
        bottom, last = y + box.height(), step == len(chart.trunk) - 1
        height = side.height(32) if side else 0
        following = max(bottom + GAP, bottom + height + 16) if side else bottom + GAP
        if side:
            middle = bottom + (following - bottom) / 2
            parts += [_line(centre, middle, WIDTH - SIDE - 8, middle, arrow=True)]
            parts.append(_box(side, WIDTH - SIDE - 8, middle - height / 2, SIDE, letters=32))
        if not last:
            parts.append(_line(centre, bottom, centre, following, arrow=True))
        y = int(following)
    return _arms(chart, parts, y)


def _arms(chart: Flow, parts: list[str], y: int) -> tuple[str, float, float]:
    left, right, centre = 8 + BOX / 2 + 30, WIDTH - 8 - BOX / 2 - 30, WIDTH / 2
    parts += [_line(centre, y - GAP, centre, y - 8), _line(left, y - 8, right, y - 8)]
    y += 12
    parts += [_line(x, y - 20, x, y, arrow=True) for x in (left, right)]
    for step, pair in enumerate(zip(*chart.arms, strict=True)):
        height = max(box.height() for box in pair)
        for x, box in zip((left, right), pair, strict=True):
            parts.append(_box(box, x - BOX / 2, y, BOX, height=height))
            if step + 1 < len(chart.arms[0]):
                parts.append(_line(x, y + height, x, y + height + GAP, arrow=True))
        y += height + GAP
    parts += [_line(x, y - GAP, x, y - 16) for x in (left, right)]
    parts += [_line(left, y - 16, right, y - 16), _line(centre, y - 16, centre, y + 4, arrow=True)]
    parts.append(_box(chart.end, centre - BOX / 2, y + 4, BOX))
    total = y + 4 + chart.end.height() + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" width="{WIDTH}" height="{total}" role="img" '
    style = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12.5">'
    return f"{head}{style}<title>Flow of cases</title>{''.join(parts)}</svg>", WIDTH, total


def _box(box: Box, x: float, y: float, width: float, *, height: int | None = None, letters: int = LETTERS) -> str:
    tall = height or box.height(letters)
    title = len(wrap(box.title, letters, subsequent_indent="  "))
    rows = [
        f'<text x="{x + 12:g}" y="{y + PAD + 12 + LINE * i:g}" fill="#1a1a1a"{_bold(i < title)}>{escape(row.strip())}</text>'
        for i, row in enumerate(box.rows(letters))
    ]
    frame = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{tall:g}" rx="3" fill="#f7f9fb" stroke="#4a5a6a"/>'
    return frame + "".join(rows)


def _bold(heading: bool) -> str:
    return ' font-weight="bold"' if heading else ""


def _line(x1: float, y1: float, x2: float, y2: float, *, arrow: bool = False) -> str:
    line = f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="#4a5a6a"/>'
    if not arrow:
        return line
    points: Sequence[tuple[float, float]]
    down = x1 == x2
    points = [(x2 - 4, y2 - 7), (x2 + 4, y2 - 7), (x2, y2)] if down else [(x2 - 7, y2 - 4), (x2 - 7, y2 + 4), (x2, y2)]
    return line + f'<polygon points="{" ".join(f"{x:g},{y:g}" for x, y in points)}" fill="#4a5a6a"/>'
