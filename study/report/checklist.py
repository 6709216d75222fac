"""A reporting checklist filled from the records; what they do not hold is marked."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from study.report.document import Block, Paragraph, Section, table

NAMES = ("stamp", "consort_ai", "decide_ai")
GAP = "not recorded"


@dataclass(frozen=True)
class Item:
    """One item: its number in the source, a short paraphrase, and the fact that answers it."""

    area: str
    number: str
    text: str
    fact: str = ""


@dataclass(frozen=True)
class Checklist:
    """A published checklist."""

    title: str
    source: str
    doi: str
    items: tuple[Item, ...]


def load_checklist(name: str) -> Checklist:
    """A checklist of the package.

    Examples
    --------
    >>> [len(load_checklist(name).items) for name in NAMES]
    [32, 14, 38]
    """
    text = files("study.report.checklists").joinpath(f"{name}.toml").read_text("utf-8")
    content = tomllib.loads(text)
    return Checklist(content["title"], content["source"], content["doi"], tuple(Item(**item) for item in content["items"]))


def checklists(known: dict[str, str]) -> Section:
    """Every checklist as a table of item, paraphrase and answer.

    Parameters
    ----------
    known : dict
        From `study.report.facts.facts`.
    """
    words = "Filled from the records of the study. Items are paraphrased; read the sources before submission. An item marked "
    blocks: list[Block] = [Paragraph(f"{words}“{GAP}” has to be answered by the authors.")]
    for name in NAMES:
        chosen = load_checklist(name)
        rows = [[item.area, item.number, item.text, known.get(item.fact, GAP)] for item in chosen.items]
        gaps = frozenset(index for index, row in enumerate(rows) if row[3] == GAP)
        caption = f"{chosen.title} ({chosen.source}, doi {chosen.doi}): {len(rows) - len(gaps)} of {len(rows)} items answered."
        blocks.append(
            table(["Area", "Item", "What to report", "In this study"], rows, caption=caption, weights=(1.1, 0.7, 2.6, 4), muted=gaps)
        )
    return Section("Checklists", tuple(blocks))
