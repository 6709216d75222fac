"""What follows from corrected masks: the verdict at once, and on confirming everything that was withdrawn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.checks import judge
from inference.correction.case import MASKS, CorrectionCase, Record
from inference.correction.drawing import write_vr
from inference.correction.editing import Edited
from inference.pictures.image_sets import vr_with_bone
from inference.pictures.window import png_bytes
from inference.qc import Finding, QcSettings, Verdict
from inference.reconstruction import EXTRAS, Reconstruction, Request, vessel_table
from inference.stages import Stage

OF_THE_MASKS = frozenset(
    {"no_vessel", "fragments", "venous_contamination", "arteries_unnamed", "missing_artery", "interrupted", "open_gap", "swapped_sides"}
    | {"asymmetry", "narrowing", "no_lumen", "repaired", "bone_left"}
)
"""Findings that are taken from the masks, and so are judged again."""

NEEDS_SCAN = {"MPR", "CPR", "DICOM"}
FILES_OF = {"MPR": "mpr/", "CPR": "cpr/", "DICOM": "dicom/", "graph": "centrelines/graph", "mesh": "mesh/", "case sheet": "case_sheet"}
NO_SCAN = "the scan was not given"


def judged_again(record: Record, edit: Edited) -> Record:
    """The record with the verdict and the vessels of edited masks."""
    segmentation = edit.segmentation(record)
    kept = tuple(finding for finding in findings_of(record) if finding.code not in OF_THE_MASKS)
    verdict = judge(edit.bone_removed, segmentation, edit.bone_removed, settings=settings_of(record), also=kept)
    vessels = vessel_table(segmentation, edit.bone_removed, {}) if "arteries" in edit.changed else record["vessels"]
    return {**record, "qc": {**record["qc"], **verdict.to_dict()}, "vessels": vessels}


def findings_of(record: Record) -> list[Finding]:
    """The findings of a record."""
    return [
        Finding(
            item["code"], item["severity"], item["text"], item.get("value"), item.get("artery"),
            tuple((float(x), float(y), float(z)) for x, y, z in item.get("points_mm", ())),
        )
        for item in record["qc"]["findings"]
    ]  # fmt: skip


def settings_of(record: Record) -> QcSettings | None:
    """The limits the verdict was made with, where the record tells them."""
    limits = record["qc"].get("limits")
    if not limits:
        return None
    known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in limits.items()}
    return QcSettings(**known)


def remade(case: CorrectionCase, folder: Path) -> tuple[Record, dict[str, str]]:
    """Write what corrections withdrew below `folder`.

    Returns
    -------
    tuple of dict and dict
        The record as it then is, and what could not be made, with the reason.
    """
    withdrawn, left_out = list(case.record["withdrawn"]), dict[str, str]()
    made = reconstruction_of(case)
    record = {**case.record, "vessels": vessel_table(made.segmentation, made.volume, made.centrelines)}
    if any(name.startswith("centrelines/") for name in withdrawn) and made.centrelines:
        from inference.centrelines import write_all

        write_all(made.centrelines, folder / "centrelines")
    left_out |= _vr(case, made, folder, withdrawn)
    made = replace(made, pictures=_pictures(case, folder))
    for extra in EXTRAS[made.request.recipe]:
        if any(name.startswith(FILES_OF[extra]) for name in withdrawn):
            reason = NO_SCAN if extra in NEEDS_SCAN and case.scan is None else _attempt(made, extra, folder, case.scan_path)
            left_out |= {extra: reason} if reason else {}
    still = tuple(FILES_OF[extra] for extra in left_out if extra in FILES_OF) + (("vr/bone_",) if "VR with bone" in left_out else ())
    record["withdrawn"] = [name for name in withdrawn if name.startswith(still)] if still else []
    return record, left_out


def reconstruction_of(case: CorrectionCase) -> Reconstruction:
    """The corrected case as a reconstruction; its model's version tells that people corrected it, so that DICOM gets its own UIDs."""
    from inference.centrelines import trace

    record, bone_removed = case.record, case.bone_removed
    edit = Edited({name: case.mask(name) for name in MASKS}, (), bone_removed)
    segmentation, volume = edit.segmentation(record), case.scan or bone_removed
    lines = trace(segmentation.arteries, volume) if segmentation.arteries.any() else {}
    model = (
        {**record["model"], "version": f"{record['model']['version']}+corrected.{case.version}"}
        if record.get("corrections")
        else record["model"]
    )
    engine = {"device": record["device"], "engine": record["engine"], "model": model}
    stages = tuple(Stage(**stage) for stage in record["stages"])
    verdict = Verdict(tuple(findings_of(record)))
    return Reconstruction(
        volume, segmentation, bone_removed, verdict, Request(**record["request"]), stages, engine,
        centrelines=lines, pixel_mm=float(record.get("pixel_mm", 1.0)),
    )  # fmt: skip


def _vr(case: CorrectionCase, made: Reconstruction, folder: Path, withdrawn: list[str]) -> dict[str, str]:
    edit = Edited({name: case.mask(name) for name in MASKS}, (), case.bone_removed)
    if plain := [name for name in withdrawn if name.startswith("vr/rotate_")]:
        write_vr(edit, folder, record=case.record, views=len(plain))
    bony = [name for name in withdrawn if name.startswith("vr/bone_rotate_")]
    if bony and case.scan is None:
        return {"VR with bone": NO_SCAN}
    if bony:
        for name, picture in vr_with_bone(made.volume, made.segmentation, views=len(bony)).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(png_bytes(picture))
    return {}


def _pictures(case: CorrectionCase, folder: Path) -> dict[str, Any]:
    """The pictures as they now are, new ones first, for the case sheet and the DICOM capture."""
    from PIL import Image

    pictures = {}
    for place in (case.folder, folder):
        for path in sorted(path for pattern in ("mip/rotate_*.png", "vr/rotate_*.png", "qc/*.png") for path in place.glob(pattern)):
            with Image.open(path) as file:
                pictures[path.relative_to(place).as_posix()] = np.asarray(file)
    return pictures


def _attempt(made: Reconstruction, extra: str, folder: Path, scan: Path | None) -> str:
    try:
        made.write_extra(extra, folder, scan)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
