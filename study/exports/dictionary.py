"""What every column means, in its unit: the data dictionary that goes with each export."""

import pandas as pd

from study.protocol import Protocol

TASKS = {
    "site": ("text", "", "code of the site"),
    "case": ("text", "", "number of the case in the study"),
    "technologist": ("text", "", "code of the technologist"),
    "arm": ("manual | ai", "", "arm drawn for this task"),
    "period": ("integer", "", "1 or 2 in a crossover, else 1"),
    "sequence": ("text", "", "order of the arms of this case"),
    "started_at": ("time", "ISO 8601", "when the case was opened in the arm's first tool"),
    "elapsed_seconds": ("number", "s", "from start to finish"),
    "hands_on_seconds": ("number", "s", "elapsed - pauses - AI wait"),
    "ai_wait_seconds": ("number", "s", "waiting for the machine, pauses left out"),
    "clicks": ("integer", "", "primary-button clicks without drag in the arm's tool, by the task's instrument"),
    "instrument": ("text", "", "what counted: browser, agent, observer, import"),
    "missing_reason": ("text", "", "why a task has no times"),
}
READINGS = {
    "case": ("text", "", "number of the case in the study"),
    "reader": ("text", "", "code of the reader"),
    "arm": ("manual | ai", "", "arm of the pictures that were read; the reader did not know it"),
    "round": ("integer", "", "round of reading; the last one holds repeats"),
    "region": ("text", "", "vascular region, or overall for the verdict"),
    "quality": ("integer", "1 worst - 5 best", "image quality"),
    "passed": ("true | false", "", "usable"),
    "reason": ("text", "", "reasons for a fail, separated by ; and a space"),
}


def data_dictionary(protocol: Protocol) -> pd.DataFrame:
    """One row per column: table, column, type, unit, meaning."""
    rows = [("tasks", name, *about) for name, about in TASKS.items()] + [("readings", name, *about) for name, about in READINGS.items()]
    rows += [("readings", f"region={region.name}", "category", "", region.label) for region in protocol.regions]
    return pd.DataFrame(rows, columns=["table", "column", "type", "unit", "meaning"])
