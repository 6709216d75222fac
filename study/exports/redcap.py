"""A REDCap project: its data dictionary in REDCap's own columns, and the data as records with repeating instruments."""

from pathlib import Path

import pandas as pd

from study.exports.csv_safe import write_csv
from study.exports.dictionary import READINGS, TASKS
from study.protocol import Protocol

HEADER = [
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels",
    "Field Note", "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max", "Identifier?",
    "Branching Logic (Show field only if...)", "Required Field?", "Custom Alignment", "Question Number (surveys only)",
    "Matrix Group Name", "Matrix Ranking?", "Field Annotation",
]  # fmt: skip


def redcap_dictionary(protocol: Protocol) -> pd.DataFrame:
    """The project's fields; the record is the case, tasks and ratings are repeating instruments."""
    rows = [_field("record_id", "case_form", label="Number of the case"), _field("site", "case_form", label=TASKS["site"][2])]
    for form, columns in (("task", TASKS), ("rating", READINGS)):
        for name, (kind, unit, meaning) in columns.items():
            if name not in ("site", "case"):
                field_type, choices, validation = _redcap_type(name, kind, protocol)
                field = f"{form}_{name}"
                rows.append(_field(field, form, label=meaning, note=unit, field_type=field_type, choices=choices, validation=validation))
    return pd.DataFrame(rows, columns=HEADER)


def _redcap_type(name: str, kind: str, protocol: Protocol) -> tuple[str, str, str]:
    """Field type, choices, validation."""
    if name == "arm":
        return "radio", "manual, Manual | ai, AI", ""
    if name == "passed":
        return "yesno", "", ""
    if name == "region":
        return "dropdown", " | ".join(f"{r.name}, {r.label}" for r in protocol.regions) + " | overall, Overall", ""
    return "text", "", {"number": "number", "integer": "integer"}.get(kind, "")


def _field(
    name: str, form: str, *, label: str, note: str = "", field_type: str = "text", choices: str = "", validation: str = ""
) -> list[str]:
    row = dict.fromkeys(HEADER, "")
    row |= {"Variable / Field Name": name, "Form Name": form, "Field Type": field_type, "Field Label": label, "Field Note": note}
    row |= {"Choices, Calculations, OR Slider Labels": choices, "Text Validation Type OR Show Slider Number": validation}
    return [row[column] for column in HEADER]


def redcap_records(tasks: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Records in REDCap's flat form: one line per case, then one per instance of a repeating instrument."""
    cases = tasks[["case", "site"]].drop_duplicates("case").rename(columns={"case": "record_id"})
    cases = cases.assign(redcap_repeat_instrument="", redcap_repeat_instance="")
    parts = [cases, _instances(tasks.drop(columns="site"), "task"), _instances(readings, "rating")]
    records = pd.concat(parts, ignore_index=True)
    if "rating_passed" in records:
        records["rating_passed"] = records["rating_passed"].map({True: "1", False: "0"})
    first = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
    return records[first + [name for name in records.columns if name not in first]]


def _instances(frame: pd.DataFrame, form: str) -> pd.DataFrame:
    instance = frame.groupby("case").cumcount() + 1
    renamed = frame.rename(columns={name: f"{form}_{name}" for name in frame.columns if name != "case"}).rename(
        columns={"case": "record_id"}
    )
    return renamed.assign(redcap_repeat_instrument=form, redcap_repeat_instance=instance.astype(str))


def write_redcap(folder: Path, *, protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame) -> list[Path]:
    """Write `redcap_dictionary.csv` and `redcap_data.csv`."""
    files = [folder / "redcap_dictionary.csv", folder / "redcap_data.csv"]
    redcap_dictionary(protocol).to_csv(files[0], index=False, lineterminator="\n")
    write_csv(redcap_records(tasks, readings), files[1])
    return files
