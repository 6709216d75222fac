"""What the data do not allow anybody to say, in words that go into the report."""

from study.analysis.data import PlanData

FEW_READERS = 3
FEW_TECHNOLOGISTS = 2


def guardrails(data: PlanData) -> tuple[str, ...]:
    """Warnings about the design's reach, whatever the figures are."""
    found = [*_people(data), *_arms(data), *_pairs(data)]
    return tuple(found)


def _people(data: PlanData) -> list[str]:
    words = []
    if len(data.readings) and data.readers < FEW_READERS:
        words.append(f"{data.readers} reader(s): quality findings hold for these readers, not for readers in general.")
    if len(data.tasks) and data.tasks["technologist"].nunique() < FEW_TECHNOLOGISTS:
        words.append("One technologist: time findings hold for this person, not for technologists in general.")
    return words


def _arms(data: PlanData) -> list[str]:
    words = []
    for measure in ("minutes", "clicks"):
        spread = data.finished.dropna(subset=[measure]).groupby("arm")[measure].std() if len(data.finished) else None
        if spread is None or not {"manual", "ai"} <= set(spread.index):
            continue
        for arm in ("manual", "ai"):
            if spread[arm] == 0:
                words.append(f"The {arm} arm's {measure} never vary: no test and no correlation is given within that arm.")
        low, high = sorted((float(spread["manual"]), float(spread["ai"])))
        if low > 0 and high / low > 2:
            words.append(f"The arms' {measure} differ in spread (SD ratio {high / low:.1f}): no pooled-variance test is used.")
    if len(data.readings) and len(set(data.verdicts["arm"])) == 1:
        words.append(
            f"Only the {data.verdicts['arm'].iloc[0]} arm was rated: a pass rate without a comparator says nothing about quality kept."
        )
    return words


def _pairs(data: PlanData) -> list[str]:
    if data.protocol.design not in ("paired", "multi_reader") or not len(data.finished):
        return []
    arms = data.finished.groupby("case")["arm"].nunique()
    single = int((arms < 2).sum())
    return [f"{single} of {len(arms)} cases have a finished task in one arm only."] if single else []
