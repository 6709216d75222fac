"""Write a phantom into a folder: scan, twin, truth, and a record that lets a second run skip finished work."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

from inference.phantom.dicom import write_series
from inference.phantom.result import Phantom
from inference.save import save_nifti
from inference.volume import Volume

RECORD = "phantom.json"
TRUTH = ("vessel", "veins", "bone", "arteries", "plaque")


def write_phantom(
    phantom: Phantom, folder: Path, *, form: Literal["dicom", "nifti"] = "nifti", request: dict[str, Any] | None = None
) -> list[str]:
    """Write scan and truth.

    Parameters
    ----------
    phantom : Phantom
        What to write.
    folder : Path
        Made if absent; an earlier phantom there is replaced.
    form : str
        `nifti` writes `ct.nii.gz` (and `unenhanced.nii.gz`), `dicom` writes `dicom/` (and `unenhanced/`).
    request : dict, optional
        Kept in the record, compared by `finished`.

    Returns
    -------
    list of str
        Paths written, relative to the folder; the record `phantom.json` is written last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    written = _write_scan(phantom.volume, folder, form, phantom, "ct", "dicom", number=2, contrast=True)
    if phantom.unenhanced is not None:
        written += _write_scan(phantom.unenhanced, folder, form, phantom, "unenhanced", "unenhanced", number=1, contrast=False)
    for name in TRUTH:
        save_nifti(getattr(phantom, name), phantom.volume, folder / "truth" / f"{name}.nii.gz")
        written.append(f"truth/{name}.nii.gz")
    (folder / "truth" / "centrelines.json").write_text(json.dumps(_centrelines(phantom)) + "\n")
    written.append("truth/centrelines.json")
    record = {"request": request or {}, "outputs": written, **phantom.summary()}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    return [*written, RECORD]


def finished(folder: Path, request: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a phantom already made for the same request, with all its files still there; else None."""
    record = _record(folder)
    if record.get("request") != json.loads(json.dumps(request)):
        return None
    return record if all((folder / name).exists() for name in record.get("outputs", [])) else None


def _record(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _clear(folder: Path) -> None:
    """Remove what an earlier phantom left, by its own record, so that no stale twin or series stays."""
    for name in _record(folder).get("outputs", []):
        target = (folder / str(name)).resolve()
        if folder.resolve() not in target.parents:
            continue
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
    (folder / RECORD).unlink(missing_ok=True)


def _write_scan(
    volume: Volume, folder: Path, form: str, phantom: Phantom, nifti: str, series: str, *, number: int, contrast: bool
) -> list[str]:
    if form == "nifti":
        save_nifti(volume.array, volume, folder / f"{nifti}.nii.gz")
        return [f"{nifti}.nii.gz"]
    name = f"{phantom.notes.get('preset', '')} {volume.shape} {volume.spacing_mm}"
    description = "Simulated CTA" if contrast else "Simulated unenhanced CT"
    write_series(
        volume, folder / series, name=name, seed=int(phantom.notes["seed"]), number=number, description=description, contrast=contrast
    )
    return [series]


def _centrelines(phantom: Phantom) -> dict[str, Any]:
    """Points (LPS mm) and radii of every artery, with how the phantom was made and how its twin moved."""
    lines = {
        name: {
            "label": line.label,
            "points_mm": line.points_mm.round(3).tolist(),
            "radius_mm": line.radius_mm.round(3).tolist(),
            "patent": line.patent.tolist(),
        }
        for name, line in phantom.centrelines.items()
    }
    return {"frame": "LPS, mm, (x, y, z)", "arteries": lines, **phantom.notes}
