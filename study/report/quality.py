"""What readers said: pass rates by region, reasons for failure, agreement between readers, and whether they knew the arm."""

from typing import Any

import pandas as pd

from study import charts, statistics
from study.comparison import failure_reasons, region_rates
from study.report.document import Block, Chart, Paragraph, Section, table
from study.report.material import Material
from study.report.wording import ARMS, figure, plain, share_words
from study.statistics import StatisticsError

COEFFICIENTS = (
    ("percent", "unweighted", "Percent agreement"),
    ("ac1", "unweighted", "Gwet's AC1"),
    ("fleiss", "unweighted", "Fleiss' kappa"),
    ("cohen", "unweighted", "Cohen's kappa (Conger's for more than two)"),
)


def quality(material: Material) -> Section:
    """Heat map and table by region, reasons for failure."""
    readings = material.readings
    if not len(readings):
        return Section("Quality by region", (Paragraph("Nothing was rated."),))
    rates = _in_order(region_rates(readings.astype({"round": float})), [region.name for region in material.protocol.regions])
    blocks: list[Block] = []
    if len(rates):
        chart = charts.region_heat_map(rates, title="")
        low = 5 * int(min(85.0, float((100 * rates["passed"] / rates["total"]).min())) // 5)
        chart.update_traces(zmin=low)
        caption = "Ratings passed by region and arm, first round, all readers; n is the number of ratings."
        blocks.append(Chart("regions", chart, caption))
        blocks.append(_region_table(rates))
    reasons = failure_reasons(readings.astype({"round": float}))
    if len(reasons):
        blocks.append(Chart("reasons", charts.reason_bars(reasons, title=""), "Reasons for failed regions, first round, all readers."))
    if not blocks:
        blocks.append(Paragraph("Regions were not rated apart."))
    return Section("Quality by region", tuple(blocks))


def _in_order(rates: pd.DataFrame, regions: list[str]) -> pd.DataFrame:
    """Regions in the order of the protocol; others after them."""
    places = {region: place for place, region in enumerate(regions)}
    return rates.assign(place=rates["region"].map(lambda name: places.get(name, len(places)))).sort_values("place", kind="stable")


def _region_table(rates: pd.DataFrame) -> Block:
    rows = []
    for region in dict.fromkeys(rates["region"]):
        cells = [plain(region)]
        for arm in ARMS:
            found = rates[(rates["region"] == region) & (rates["arm"] == arm)]
            if found.empty:
                cells += ["not rated", "–"]
                continue
            passed, total = int(found["passed"].iloc[0]), int(found["total"].iloc[0])
            low, high = statistics.pass_rate(passed, total).interval(0.95)
            cells += [share_words(passed, total), f"{100 * low:.1f} to {100 * high:.1f}"]
        rows.append(cells)
    caption = (
        "Ratings passed by region, with Wilson intervals in per cent. Ratings of one image set by several readers are not independent: "
    )
    caption += "the intervals describe, they do not test."
    return table(["Region", "Manual", "95 % CI", "AI", "95 % CI"], rows, caption=caption, weights=(1.6, 2, 1.2, 2, 1.2))


def agreement(material: Material) -> Section:
    """Agreement of readers about pass or fail, in each arm apart."""
    if material.data.readers < 2:
        return Section("Reader agreement", (Paragraph("Fewer than two readers: agreement cannot be computed."),))
    rows = [row for arm in ARMS for row in _agreement_rows(material, arm)]
    caption = "Agreement of readers on the overall verdict, first round, by arm. The benchmark is the best word of Landis and Koch's scale "
    caption += "reached with 95 % certainty (Gwet). At high pass rates kappa falls although readers agree; it is never given alone."
    header = ["Arm", "Coefficient", "Estimate", "95 % CI", "Cases", "Readers", "Benchmark"]
    blocks: list[Block] = [table(header, rows, caption=caption, weights=(0.8, 2.6, 1, 1.4, 0.8, 0.8, 1.6))]
    again = _repeat_words(material)
    if again:
        blocks.append(Paragraph(again, lead="Each reader with themselves. "))
    return Section("Reader agreement", tuple(blocks))


def _agreement_rows(material: Material, arm: str) -> list[list[Any]]:
    overall = _overall(material.readings, arm)
    wide = overall.pivot_table(index="case", columns="reader", values="passed", aggfunc="first")
    grades = overall.dropna(subset=["quality"]).pivot_table(index="case", columns="reader", values="quality", aggfunc="first")
    rows = [_one(arm, wide, coefficient, weights, f"{label}, pass or fail") for coefficient, weights, label in COEFFICIENTS]
    if grades.shape[1] > 1:
        rows.append(_one(arm, grades, "ac2", "quadratic", "Gwet's AC2, quadratic weights, quality 1 to 5"))
    return rows


def _overall(readings: pd.DataFrame, arm: str) -> pd.DataFrame:
    chosen = readings[(readings["region"] == "overall") & (readings["arm"] == arm) & (readings["round"].astype(float) == 1)]
    rated = chosen.dropna(subset=["passed"])
    return rated.assign(passed=rated["passed"].astype(float))


def _one(arm: str, wide: pd.DataFrame, coefficient: str, weights: str, label: str) -> list[Any]:
    try:
        found = statistics.agreement(wide, coefficient=coefficient, weights=weights)
    except StatisticsError as error:
        return [ARMS[arm], label, "not computed", str(error), len(wide), wide.shape[1], "–"]
    low, high = found.interval(0.95)
    word = "–" if coefficient == "percent" else found.benchmark()
    return [ARMS[arm], label, figure(found.estimate, decimals=3), f"{figure(low)} to {figure(high)}", found.n, found.raters, word]


def _repeat_words(material: Material) -> str:
    overall = material.readings[material.readings["region"] == "overall"].dropna(subset=["passed"])
    rounds = overall.assign(round=overall["round"].astype(int), passed=overall["passed"].astype(float))
    if rounds["round"].max() < 2:
        return ""
    words = []
    for arm in ARMS:
        wide = rounds[rounds["arm"] == arm].pivot_table(index=["case", "reader"], columns="round", values="passed", aggfunc="first")
        both = wide.dropna(subset=[1, 2]) if {1, 2} <= set(wide.columns) else wide.iloc[:0]
        if len(both):
            words.append(f"{ARMS[arm]}: the same verdict in {share_words(int((both[1] == both[2]).sum()), len(both))} repeated readings.")
    return " ".join(words)


def blinding(material: Material) -> Section:
    """Bang's index of each arm, where readers were asked what they thought they saw."""
    guesses = material.guesses
    if guesses is None or guesses.empty:
        return Section("Blinding", (Paragraph("Guesses of the arm: not recorded. Whether readers were blinded in fact cannot be shown."),))
    try:
        found = statistics.blinding_index(guesses[["arm", "guess"]])
    except StatisticsError as error:
        return Section("Blinding", (Paragraph(f"The blinding index cannot be computed: {error}."),))
    rows = []
    for arm, part in found.by_arm.items():
        low, high = part.interval(0.95)
        interval = f"{figure(low)} to {figure(high)}" if part.standard_error else "–"
        rows.append([ARMS[arm], part.right, part.wrong, part.unsure, figure(part.estimate), interval])
    caption = "Guesses of the arm and Bang's blinding index: 0 is guessing at random, 1 complete unblinding, −1 always the wrong arm."
    return Section("Blinding", (table(["Arm", "Right", "Wrong", "Don't know", "Index", "95 % CI"], rows, caption=caption),))
