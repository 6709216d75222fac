"""What was found: the answer in plain words, the table of the endpoints, the forest, the distributions and the slopes."""

from collections.abc import Iterable

import pandas as pd

from study import charts
from study.analysis.finding import Finding
from study.report.document import Block, Chart, Paragraph, Section, Table, table
from study.report.material import Material
from study.report.wording import (
    ARMS,
    arms,
    count_words,
    decimals,
    design_words,
    effect_words,
    figure,
    p_words,
    plain,
    sentence,
    share_words,
)

HEADER = ("Endpoint", "Effect", "Estimate", "Interval", "p", "n", "Goal reached")
SAID = {True: "yes", False: "no", None: "–"}


def summary(material: Material) -> Section:
    """The abstract: question, what was done, what was found, what may be claimed."""
    protocol, counts = material.protocol, material.result.counts
    people = count_words(counts["technologists"], "technologist")
    rated = f", image sets rated by {count_words(counts['readers'], 'reader')}" if counts["readers"] else ""
    each = ", each planned in both arms" if material.paired else ""
    done = f"{sentence(design_words(protocol.design))} study of {count_words(counts['cases'], 'case')}{each}, processed by {people} at "
    done += f"{count_words(counts['sites'], 'site')}{rated}."
    found = " ".join(_found(material))
    blocks: list[Block] = []
    if protocol.study.question:
        blocks.append(Paragraph(protocol.study.question, lead="Question. "))
    blocks += [
        Paragraph(done, lead="What was done. "),
        Paragraph(found, lead="What was found. "),
        Paragraph(material.result.decision.words, lead="What may be claimed. "),
    ]
    if material.result.guardrails:
        blocks.append(Paragraph(" ".join(material.result.guardrails), lead="Limits. "))
    return Section("Summary", tuple(blocks))


def _found(material: Material) -> Iterable[str]:
    for column, name, unit in (("minutes", "Hands-on time per case", "min"), ("clicks", "Clicks per case", "clicks")):
        words = _means(material, column, unit)
        if words:
            yield f"{name}: {words}.{_own(material, 'hands_on_minutes' if column == 'minutes' else 'clicks')}"
    yield _pass_words(material)


def _means(material: Material, column: str, unit: str) -> str:
    found = []
    for arm, label in ARMS.items():
        rows = material.data.finished
        values = rows.loc[rows["arm"] == arm, column].dropna().astype(float)
        if len(values):
            spread = f" (SD {values.std(ddof=1):.2f}, n = {len(values)})" if values.nunique() > 1 else f" in every task (n = {len(values)})"
            found.append(f"{label.lower() if arm == 'manual' else label} {values.mean():.2f} {unit}{spread}")
    return " against ".join(found)


def _own(material: Material, measure: str) -> str:
    names = [endpoint.name for endpoint in material.protocol.endpoints if endpoint.measure == measure]
    lines = [line for line in material.result.findings if line.endpoint in names and line.role in ("primary", "secondary", "exploratory")]
    return "".join(f" {sentence(arms(line.effect))}: {effect_words(line)}{_p(line)}." for line in lines)


def _p(line: Finding) -> str:
    if line.p_value is None:
        return ""
    words = p_words(line.p_value)
    return f", p {words}" if words.startswith("<") else f", p = {words}"


def _pass_words(material: Material) -> str:
    verdicts = material.data.verdicts
    if not len(verdicts):
        return "Nothing was rated: nothing can be said about quality."
    shares = []
    for arm, label in ARMS.items():
        passed = verdicts.loc[verdicts["arm"] == arm, "passed"].astype(bool)
        if len(passed):
            shares.append(f"{label} {share_words(int(passed.sum()), len(passed))}")
    words = f"Rated as passed by most readers: {', '.join(shares)}."
    if len(shares) < 2:
        return f"{words} Without pass rates of both arms no quality comparison is possible."
    return words + _own(material, "pass")


def results(material: Material) -> Section:
    """Tables and figures of the plan's findings."""
    lines = material.result.findings
    main = [line for line in lines if line.role in ("primary", "secondary", "exploratory")]
    beside = [line for line in lines if line.role == "supporting"]
    blocks: list[Block] = [Paragraph(material.result.decision.words, lead="Decision. "), _described(material)]
    blocks.append(
        _findings(
            main,
            then=material.result.decision.then,
            caption="Endpoints as the protocol names them. Difference = AI − manual, ratio = AI / manual.",
        )
    )
    blocks += _forests(material, main, beside)
    blocks += _pictures(material)
    if beside:
        blocks.append(_findings(beside, caption="The same questions by other methods."))
    return Section("Results", tuple(blocks))


def sensitivity(material: Material) -> Section:
    """The questions again under the other rules of the protocol."""
    lines = material.result.sensitivity
    if not lines:
        return Section("Sensitivity analyses", (Paragraph("The protocol asks for none."),))
    return Section(
        "Sensitivity analyses", (_findings(lines, caption="The endpoints that must hold, under the other rules of the protocol."),)
    )


def _described(material: Material) -> Table:
    rows = []
    for column, label in (("minutes", "Hands-on minutes"), ("ai_wait_minutes", "AI wait, minutes"), ("clicks", "Clicks")):
        frame = material.data.finished
        frame = frame.assign(ai_wait_minutes=pd.to_numeric(frame["ai_wait_seconds"], errors="coerce") / 60)
        for arm, name in ARMS.items():
            values = frame.loc[frame["arm"] == arm, column].dropna().astype(float)
            if column == "ai_wait_minutes" and arm == "manual":
                continue
            if values.empty:
                rows.append([label, name, "0", "–", "–", "–"])
                continue
            low, middle, high = values.quantile([0.25, 0.5, 0.75])
            spread = figure(float(values.std(ddof=1))) if len(values) > 1 else "–"
            rows.append([label, name, str(len(values)), figure(float(values.mean())), spread, f"{middle:.2f} ({low:.2f} to {high:.2f})"])
    caption = "Finished tasks by arm. Machine time is kept apart from hands-on time and never added to it."
    return table(["Measure", "Arm", "Tasks", "Mean", "SD", "Median (quartiles)"], rows, caption=caption, weights=(2, 1, 1, 1, 1, 2))


def _findings(lines: Iterable[Finding], *, caption: str, then: dict[str, str] | None = None) -> Table:
    rows, notes = [], []
    for line in lines:
        adjusted = f" (adjusted {p_words(line.adjusted_p)})" if line.adjusted_p is not None else ""
        p = "–" if line.p_value is None else f"{p_words(line.p_value)}{adjusted}"
        both = [figure(value, decimals=decimals(line)) for value in (line.low, line.high)]
        interval = f"{both[0]} to {both[1]}" if both != ["–", "–"] else "–"
        unit = {"points": " points", "ratio": "", "probability": ""}.get(line.unit, f" {line.unit}")
        estimate = "not computed" if line.estimate is None else f"{figure(line.estimate, decimals=decimals(line))}{unit}"
        rows.append([f"{plain(line.endpoint)} ({line.role})", arms(line.effect), estimate, interval, p, line.n, _reached(line, then or {})])
        notes.append(arms(f"{line.method}. {sentence('; '.join(line.notes))}" if line.notes else line.method))
    full = [(*(str(cell) for cell in row), note) for row, note in zip(rows, notes, strict=True)]
    level = next((line.level for line in lines), 0.95)
    header = (*HEADER[:3], f"{100 * level:g} % interval", *HEADER[4:], "Method and notes")
    return Table(
        header,
        tuple(full),
        caption,
        (1.5, 2, 1.2, 1.5, 0.9, 0.6, 0.8, 3.6),
        frozenset(i for i, r in enumerate(full) if r[2] == "not computed"),
    )


def _reached(line: Finding, then: dict[str, str]) -> str:
    """Whether the goal was reached; a later endpoint is not tested, whatever its p value, while the gate is shut."""
    return then.get(line.endpoint, SAID[line.holds]) if line.role == "secondary" else SAID[line.holds]


def _forests(material: Material, main: list[Finding], beside: list[Finding]) -> list[Block]:
    blocks: list[Block] = []
    compared = {item.name for item in material.protocol.endpoints}
    wanted = (
        ("ratio", 1.0, "AI / manual", "Ratios. Left of 1: less with AI."),
        ("points", 0.0, "AI − manual [percentage points]", "Differences of pass rates. Left of 0: fewer pass with AI."),
    )
    for unit, neutral, label, caption in wanted:
        rows = [
            (f"{plain(line.endpoint)}: {_method_word(line)}", line.estimate, line.low, line.high)
            for line in (*main, *beside)
            if line.endpoint in compared
            and line.unit == unit
            and line.estimate is not None
            and line.low is not None
            and line.high is not None
        ]
        if rows:
            margin = _margin(material) if unit == "points" else None
            caption += " Dashed: the non-inferiority margin." if margin is not None else ""
            chart = charts.ratio_forest(rows, title="", label=label, neutral=neutral, margin=margin)  # type: ignore[arg-type]
            blocks.append(Chart(f"forest-{unit}", chart, f"{caption} Squares with intervals; methods are in the tables."))
    return blocks


def _margin(material: Material) -> float | None:
    """Where the limit of the pass rate's interval must not go, in percentage points."""
    margins = [item.margin for item in material.protocol.endpoints if item.measure == "pass" and item.margin]
    return -100 * margins[0] if margins else None


def _method_word(line: Finding) -> str:
    for word in ("Tango", "Newcombe", "Miettinen", "Obuchowski", "Wilson", "REML", "paired t", "negative-binomial", "binomial"):
        if word.lower() in line.method.lower():
            return {"REML": "mixed model", "Miettinen": "Miettinen–Nurminen", "Obuchowski": "Obuchowski–Rockette"}.get(word, word)
    return line.role


def _pictures(material: Material) -> list[Block]:
    blocks: list[Block] = []
    rows = material.data.finished
    for column, word, unit in (("minutes", "Hands-on time", "minutes"), ("clicks", "Clicks", "clicks")):
        values = {arm: rows.loc[rows["arm"] == arm, column] for arm in ARMS}
        if all(series.dropna().empty for series in values.values()):
            continue
        chart = charts.arm_distribution(values, title="", unit=f"{word} per case [{unit}]")
        caption = f"{word} by arm: median, quartiles, whiskers to the last task within 1.5 interquartile ranges, single tasks as dots."
        blocks.append(Chart(f"distribution-{column}", chart, caption, narrow=True))
        pairs = material.data.pairs(column) if material.paired else pd.DataFrame()
        if len(pairs):
            slopes = charts.paired_slopes(pairs, title="", unit=f"{word} per case [{unit}]")
            drawn = "" if len(pairs) <= 200 else f" An even sample of at most 200 of {len(pairs)} cases is drawn."
            text = f"{word} of each case, manual to AI; the thick line joins the means.{drawn}"
            blocks.append(Chart(f"slopes-{column}", slopes, text, narrow=True))
    return blocks
