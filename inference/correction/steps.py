"""Carry a correction out, take it back, confirm the case. Each is all or nothing, and each gives an event for the study."""

import hashlib
import json
import os
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from inference.correction import drawing, journal
from inference.correction.case import MASKS, VOLUME_FILE, CorrectionCase, Record, open_case
from inference.correction.click import CorrectionRefused
from inference.correction.editing import edited
from inference.correction.previews import Preview
from inference.correction.remake import findings_of, judged_again, remade
from inference.segmentation.morphology import label

JUDGED = ("qc", "vessels")
ORIGINAL = "original"


def apply(case: CorrectionCase | str | Path, seen: Preview, *, redraw: Collection[str] = ("mip", "vr")) -> Record:
    """Carry out what a preview showed.

    Parameters
    ----------
    case : CorrectionCase or path
        The case the preview was made of; its arrays are read again on next use.
    seen : Preview
        From `preview`.
    redraw : collection of str
        `mip` is always drawn; without `vr` the VR is withdrawn and made by `confirm`, which is quicker.

    Returns
    -------
    dict
        The event, ready for JSON: what was clicked, what changed, and before and after the checksums of masks and volume,
        the millilitres of vessel and bone, the number of pieces of vessel and the verdict.

    Raises
    ------
    CorrectionRefused
        `changed_meanwhile`, if the folder is no longer as the preview saw it.

    Notes
    -----
    New files are prepared aside and take their places together, so that a crash leaves the case before or after the
    correction; the earlier files are kept, so that `undo` is exact. The masks that the machine made stay in
    `corrections/original/` for good.
    """
    case, start = open_case(case), time.perf_counter()
    with journal.one_at_a_time(case.folder):
        if not case.is_current() or seen.version != case.version:
            raise CorrectionRefused("changed_meanwhile", "the case was changed since it was looked at", "look at it again")
        before = state_of(case.folder, case.record, vessel=case.mask("vessel"), bone=case.mask("bone"), voxel_ml=_voxel_ml(case))
        _keep_original(case)
        edit, draft = edited(case, seen), journal.draft_of(case.folder)
        drawing.write_masks(edit, draft / "after")
        drawing.write_mips(edit, draft / "after", now=case.folder, record=case.record)
        vr = [name for name in case.record["outputs"] if name.startswith("vr/rotate_")]
        if vr and "vr" in redraw and set(edit.changed) - {"bone"}:
            drawing.write_vr(edit, draft / "after", record=case.record, views=len(vr))
        judged = judged_again(case.record, edit)
        drawing.write_findings(edit, draft / "after", now=case.folder, record=case.record, findings=findings_of(judged))
        drawn = _files(draft / "after")
        withdrawn = drawing.no_longer_true(case.record["outputs"], edit.changed, drawn=drawn)
        record = _record_after(judged, withdrawn)
        after = state_of(draft / "after", record, vessel=edit.masks["vessel"], bone=edit.masks["bone"], voxel_ml=_voxel_ml(case))
        event = {
            **{"event": "correction", "number": len(case.record.get("corrections", [])) + 1, **seen.to_dict()},
            **{"changed": drawn, "withdrawn": withdrawn, "before": before, "after": after},
            **{"seconds": round(time.perf_counter() - start, 2), "at": _now()},
        }
        record["corrections"] = [*case.record.get("corrections", []), event]
        write_record(draft / "after" / "case.json", record)
        journal.commit(case.folder, draft, withdrawn=withdrawn)
    case.reread()
    return event


def undo(case: CorrectionCase | str | Path) -> Record:
    """Take the last correction back; every file is again what it was, byte for byte.

    Returns
    -------
    dict
        The event, ready for JSON.

    Raises
    ------
    CorrectionRefused
        `nothing_to_undo`.
    """
    case, start = open_case(case), time.perf_counter()
    with journal.one_at_a_time(case.folder):
        case.reread()
        done = case.record.get("corrections", [])
        if not done:
            raise CorrectionRefused("nothing_to_undo", "no correction is in force", "there is nothing to take back")
        while len(case.record.get("corrections", [])) == len(done):  # a confirmation is a step of its own and goes as well
            journal.take_back(case.folder, journal.steps_of(case.folder)[-1])
            case.reread()
    return {
        **{"event": "correction_undone", "number": len(done), "what": done[-1]["what"], "verdict": case.record["qc"]["verdict"]},
        **{"seconds": round(time.perf_counter() - start, 2), "at": _now()},
    }


def confirm(case: CorrectionCase | str | Path) -> Record:
    """Make anew what corrections withdrew, and mark the case as confirmed.

    Returns
    -------
    dict
        The event: how many corrections are in force, what was made anew, and what could not be, with the reason.

    Notes
    -----
    Reformats, DICOM and VR with bone need the scan; without it they stay withdrawn and `not_remade` says so.
    """
    case, start = open_case(case), time.perf_counter()
    with journal.one_at_a_time(case.folder):
        if not case.is_current():
            raise CorrectionRefused("changed_meanwhile", "the case was changed since it was looked at", "look at it again")
        draft = journal.draft_of(case.folder)
        record, left_out = dict(case.record), dict[str, str]()
        if record.get("withdrawn"):
            record, left_out = remade(case, draft / "after")
        made = _files(draft / "after")
        record["outputs"] = sorted({*record["outputs"], *made})
        count = len(record.get("corrections", []))
        record["review"] = {"state": "confirmed", "at": _now(), "corrections": count, "not_remade": left_out}
        write_record(draft / "after" / "case.json", record)
        journal.commit(case.folder, draft, withdrawn=())
    case.reread()
    return {
        **{"event": "confirmed", "corrections": count, "remade": made, "not_remade": left_out, "verdict": record["qc"]["verdict"]},
        **{"seconds": round(time.perf_counter() - start, 2), "at": _now()},
    }


def state_of(folder: Path, record: Record, *, vessel: Any, bone: Any, voxel_ml: float) -> Record:
    """Checksums of masks and volume in a folder, and the figures that a correction changes."""
    names = [*(f"masks/{name}.nii.gz" for name in MASKS), VOLUME_FILE]
    return {
        "sha256": {name: _sha256(folder / name) for name in names if (folder / name).is_file()},
        "vessel_ml": round(float(np.count_nonzero(vessel)) * voxel_ml, 4),
        "bone_ml": round(float(np.count_nonzero(bone)) * voxel_ml, 4),
        "components": int(label(vessel > 0, connectivity=26).counts.size - 1),
        "verdict": record["qc"]["verdict"],
    }


def write_record(path: Path, record: Record) -> None:
    """Write a case record, flushed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _record_after(record: Record, withdrawn: Iterable[str]) -> Record:
    """The record without the files withdrawn; a confirmation no longer holds."""
    gone = set(withdrawn)
    new = {key: value for key, value in record.items() if key != "review"}
    new["outputs"] = [name for name in record["outputs"] if name not in gone]
    new["withdrawn"] = sorted({*record.get("withdrawn", []), *gone})
    return new


def _keep_original(case: CorrectionCase) -> None:
    """Keep the machine's own masks, before the first correction."""
    kept = case.folder / journal.STEPS / ORIGINAL
    if not kept.is_dir():
        journal.keep_copies(case.folder, [f"masks/{name}.nii.gz" for name in MASKS], kept)


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _voxel_ml(case: CorrectionCase) -> float:
    return case.bone_removed.geometry.voxel_ml


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
