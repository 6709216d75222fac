"""Corrected cases as training data: an nnU-Net folder with the scan and the labels as people left them."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inference.correction.case import CorrectionCase, open_case
from inference.correction.click import CorrectionRefused
from inference.save import save_nifti
from inference.volume import Volume

LABELS = {"background": 0, "vessel": 1, "vein": 2, "bone": 3}


def export_corrections(
    folders: Iterable[str | Path], out: str | Path, *, scans: Mapping[str, Volume | str | Path], confirmed_only: bool = True
) -> dict[str, Any]:
    """Write corrected cases as an nnU-Net data set.

    Parameters
    ----------
    folders : iterable of path
        Result folders; those without corrections, or not confirmed, are left out and named.
    out : path
        `imagesTr/<case>_0000.nii.gz`, `labelsTr/<case>.nii.gz`, `dataset.json` and `corrections.jsonl` are written there.
    scans : mapping of str to Volume or path
        The scan of each folder, by the folder's name; each is checked to be the one of its case.
    confirmed_only : bool
        Leave out cases that nobody confirmed after correcting.

    Returns
    -------
    dict
        `{"cases": [..], "left_out": {name: reason}}`.

    Notes
    -----
    Labels: 1 vessel (arteries, where veins were told apart), 2 vein, 3 bone. What `gilbreth train --dataset` reads. They are the
    machine's with people's corrections, not a reference standard.
    """
    target = Path(out)
    done, left_out, events = [], dict[str, str](), []
    for folder in map(Path, folders):
        name = folder.name
        if name not in scans:
            left_out[name] = "its scan was not given"
            continue
        case = open_case(folder, scan=scans[name])
        reason = _why_not(case, confirmed_only=confirmed_only)
        if reason:
            left_out[name] = reason
            continue
        try:
            _write_case(case, target, name)
        except CorrectionRefused as refused:
            left_out[name] = str(refused)
            continue
        done.append(name)
        events += [{"case": name, **event} for event in case.record["corrections"]]
    if done:
        _write_dataset(target, done, events)
    return {"cases": done, "left_out": left_out}


def _why_not(case: CorrectionCase, *, confirmed_only: bool) -> str:
    if not case.record.get("corrections"):
        return "nothing was corrected"
    if confirmed_only and case.record.get("review", {}).get("state") != "confirmed":
        return "the corrections are not confirmed"
    return ""


def _write_case(case: CorrectionCase, target: Path, name: str) -> None:
    scan = case.need_scan()
    labels = np.zeros(scan.shape, np.uint8)
    for label, mask in (("bone", "bone"), ("vessel", "vessel"), ("vein", "veins")):
        labels[case.mask(mask) > 0] = LABELS[label]
    save_nifti(scan.array, case.bone_removed, target / "imagesTr" / f"{name}_0000.nii.gz")
    save_nifti(labels, case.bone_removed, target / "labelsTr" / f"{name}.nii.gz")


def _write_dataset(target: Path, cases: list[str], events: list[dict[str, Any]]) -> None:
    """`dataset.json` after nnU-Net version 2, and the corrections that made the labels."""
    content = {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": len(cases),
        "file_ending": ".nii.gz",
        "name": "gilbreth_corrections",
        "description": "labels of the machine with corrections by technologists; not a reference standard; research use",
    }
    (target / "dataset.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    lines = [json.dumps(event, ensure_ascii=False) for event in events]
    draft = target / ".corrections.jsonl"
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.move(draft, target / "corrections.jsonl")
