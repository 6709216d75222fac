"""CDISC ODM 1.3.2: metadata and clinical data of the study as one XML file.

References
----------
CDISC Operational Data Model 1.3.2, https://www.cdisc.org/standards/data-exchange/odm
"""

import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from study.exports.dictionary import READINGS, TASKS
from study.protocol import Protocol

NAMESPACE = "http://www.cdisc.org/ns/odm/v1.3"
TYPES = {"number": "float", "integer": "integer", "time": "datetime", "true | false": "boolean"}
GROUPS = {"task": TASKS, "rating": READINGS}


def write_odm(
    path: Path, *, protocol: Protocol, protocol_version: int, tasks: pd.DataFrame, readings: pd.DataFrame, now: datetime, software: str
) -> None:
    """Write one ODM snapshot; subjects are cases, tasks and ratings are repeating item groups."""
    root = ET.Element(
        "ODM", xmlns=NAMESPACE, ODMVersion="1.3.2", FileType="Snapshot", FileOID=f"{protocol.name}.{protocol.sha256[:12]}",
        CreationDateTime=now.isoformat(), SourceSystem="gilbreth", SourceSystemVersion=software,
    )  # fmt: skip
    version = f"MDV.{protocol_version}"
    _metadata(ET.SubElement(root, "Study", OID=protocol.name), protocol, version)
    data = ET.SubElement(root, "ClinicalData", StudyOID=protocol.name, MetaDataVersionOID=version)
    tables = {"task": tasks, "rating": readings}
    by_case = {form: dict(tuple(frame.groupby("case", sort=True))) for form, frame in tables.items()}
    for case in sorted(set(tasks["case"]) | set(readings["case"])):
        event = ET.SubElement(ET.SubElement(data, "SubjectData", SubjectKey=str(case)), "StudyEventData", StudyEventOID="SE.CASE")
        for form in GROUPS:
            rows = by_case[form].get(case)
            if rows is not None:
                _rows(ET.SubElement(event, "FormData", FormOID=f"F.{form}"), form, rows)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _metadata(study: ET.Element, protocol: Protocol, version: str) -> None:
    names = ET.SubElement(study, "GlobalVariables")
    for tag, text in (("StudyName", protocol.name), ("StudyDescription", protocol.study.title), ("ProtocolName", protocol.study.version)):
        ET.SubElement(names, tag).text = text
    metadata = ET.SubElement(study, "MetaDataVersion", OID=version, Name=f"protocol {protocol.study.version}, sha256 {protocol.sha256}")
    ET.SubElement(ET.SubElement(metadata, "Protocol"), "StudyEventRef", StudyEventOID="SE.CASE", OrderNumber="1", Mandatory="Yes")
    event = ET.SubElement(metadata, "StudyEventDef", OID="SE.CASE", Name="Case", Repeating="No", Type="Common")
    for form in GROUPS:
        ET.SubElement(event, "FormRef", FormOID=f"F.{form}", Mandatory="No")
    for form in GROUPS:
        definition = ET.SubElement(metadata, "FormDef", OID=f"F.{form}", Name=form, Repeating="No")
        ET.SubElement(definition, "ItemGroupRef", ItemGroupOID=f"IG.{form}", Mandatory="No")
    for form, columns in GROUPS.items():
        group = ET.SubElement(metadata, "ItemGroupDef", OID=f"IG.{form}", Name=form, Repeating="Yes")
        for name in columns:
            if name != "case":
                ET.SubElement(group, "ItemRef", ItemOID=f"I.{form}.{name}", Mandatory="No")
    for form, columns in GROUPS.items():
        for name, (kind, unit, meaning) in columns.items():
            if name != "case":
                _item(metadata, f"I.{form}.{name}", name, kind, f"{meaning} [{unit}]" if unit else meaning)


def _item(metadata: ET.Element, oid: str, name: str, kind: str, meaning: str) -> None:
    data_type = TYPES.get(kind, "text")
    item = ET.SubElement(metadata, "ItemDef", OID=oid, Name=name, DataType=data_type)
    if data_type in ("text", "integer"):
        item.set("Length", "400" if data_type == "text" else "9")
    ET.SubElement(ET.SubElement(item, "Question"), "TranslatedText", {"xml:lang": "en"}).text = meaning


def _rows(form_data: ET.Element, form: str, rows: pd.DataFrame) -> None:
    for place, row in enumerate(rows.to_dict("records"), start=1):
        group = ET.SubElement(form_data, "ItemGroupData", ItemGroupOID=f"IG.{form}", ItemGroupRepeatKey=str(place))
        for name, value in row.items():
            if name != "case" and value is not None and not (isinstance(value, float) and pd.isna(value)) and value is not pd.NaT:
                ET.SubElement(group, "ItemData", ItemOID=f"I.{form}.{name}", Value=_text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return "".join(character for character in str(value) if character.isprintable() or character in "\n\t")
