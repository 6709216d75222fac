"""What a reconstruction is, and how it becomes a folder: everything first, `case.json` last, so that a folder with a case
record is always whole."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.allocator import return_freed_memory
from inference.anatomy import LABELS
from inference.beside import Beside
from inference.label_figures import label_counts
from inference.pictures.window import Picture, png_bytes
from inference.qc import Finding, QcSettings, Verdict
from inference.segmentation.result import Segmentation
from inference.stages import Stage, wall_seconds
from inference.volume import Volume

DISCLAIMER = "checked on phantoms and small real crops; research use; not a medical device"

PARTIAL = ".partial-"
STALE_SECONDS = 86_400.0
BONE_REMOVED = "volumes/bone_removed.nii.gz"

EXTRAS = {"masks": (), "standard": ("DICOM", "case sheet"), "full": ("DICOM", "MPR", "CPR", "graph", "mesh", "case sheet")}
"""What each recipe writes besides masks and pictures."""


@dataclass(frozen=True)
class Request:
    """What was asked for; a folder made for the same request need not be made again.

    Parameters
    ----------
    method : str
        `network`, `threshold` or `subtraction`.
    recipe : str
        `masks`, `standard` or `full`.
    model : str
        Name or path given, empty for the default.
    input_sha256 : str
        Of the scan's voxels and grid.
    unenhanced_sha256 : str
        Of the unenhanced scan's, empty without one.
    limits_sha256 : str
        Of the limits of the verdict, empty for the usual ones.
    bridges : bool
        Whether gaps were to be bridged.
    """

    method: str
    recipe: str
    model: str
    input_sha256: str
    unenhanced_sha256: str = ""
    limits_sha256: str = ""
    bridges: bool = True


@dataclass(frozen=True)
class Reconstruction:
    """Vessels, pictures and verdict of one scan.

    Parameters
    ----------
    volume : Volume
        The scan. [HU]
    segmentation : Segmentation
        Masks on its grid.
    bone_removed : Volume
        The scan without bone. [HU]
    verdict : Verdict
        `accept`, `review` or `reject`, with findings.
    request : Request
        What was asked for.
    stages : tuple of Stage
        What each step took.
    engine : dict
        `{"device": .., "engine": .., "model": {"name", "version", "sha256"}}`.
    pictures : dict of str to numpy.ndarray
        uint8 pictures by path below the folder (`mip/rotate_000.png`).
    centrelines : dict
        Centreline of every named artery.
    pixel_mm : float
        Pixel edge of the MIPs. [mm]
    files : dict of str to bytes
        Other files by path below the folder (case sheet, meshes).
    settings : QcSettings
        Limits the verdict was taken with.
    encoded : dict of str to bytes
        Files by path below the folder that were made of pictures, and of the scan without bone, while other work went on; what is not
        among them is encoded when it is written.
    """

    volume: Volume
    segmentation: Segmentation
    bone_removed: Volume
    verdict: Verdict
    request: Request
    stages: tuple[Stage, ...]
    engine: dict[str, Any]
    pictures: dict[str, Picture] = field(default_factory=dict)
    centrelines: dict[str, Any] = field(default_factory=dict)
    pixel_mm: float = 1.0
    files: dict[str, bytes] = field(default_factory=dict)
    settings: QcSettings = field(default_factory=QcSettings)
    encoded: dict[str, bytes] = field(default_factory=dict, repr=False)

    def record(self) -> dict[str, Any]:
        """What `case.json` says, JSON-ready."""
        geometry, source = self.volume.geometry, self.volume.source
        return {
            "gilbreth": _version(),
            "disclaimer": DISCLAIMER,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "input": {
                "kind": source.kind,
                "sha256": self.request.input_sha256,
                "header": source.header,
                "warnings": list(source.warnings),
            },
            "geometry": {
                "shape": list(geometry.shape),
                "spacing_mm": list(geometry.spacing_mm),
                "origin_mm": list(geometry.origin_mm),
                "direction": list(geometry.direction),
            },
            "request": asdict(self.request),
            "method": self.request.method,
            "recipe": self.request.recipe,
            **self.engine,
            "stages": [asdict(stage) for stage in self.stages],
            "qc": {**self.verdict.to_dict(), "limits": asdict(self.settings)},
            "vessels": vessel_table(self.segmentation, self.volume, self.centrelines),
            "repairs": [asdict(repair) for repair in self.segmentation.repairs],
            "notes": self.segmentation.notes,
            "pixel_mm": self.pixel_mm,
        }

    def write(self, directory: str | os.PathLike[str], *, scan: str | os.PathLike[str] | None = None) -> Path:
        """Write everything into a folder and return it; an interrupted write leaves no `case.json`.

        Parameters
        ----------
        directory : path
            Made if absent; results of an earlier run in it are replaced, other files stay.
        scan : path, optional
            What the scan was read from, for the patient's attributes in DICOM output.
        """
        target = Path(directory)
        target.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        sweep(target)
        with tempfile.TemporaryDirectory(prefix=f"{PARTIAL}{os.getpid()}-", dir=target) as folder:
            partial = Path(folder)
            with Beside() as beside:
                extras = beside.start(self._write_extras, partial, Path(scan) if scan else None)
                self._write_masks(partial)
                self._write_pictures(partial)
                findings = extras()
            outputs = sorted(str(path.relative_to(partial)) for path in partial.rglob("*") if path.is_file())
            (target / "case.json").unlink(missing_ok=True)
            set_aside(target)
            for part in sorted(partial.iterdir()):
                _replace(part, target / part.name)
            began = round(wall_seconds(asdict(stage) for stage in self.stages), 4)
            stages = (*self.stages, Stage("write", round(time.perf_counter() - start, 4), self.stages[-1].peak_rss_mb, began))
            verdict = Verdict((*self.verdict.findings, *findings))
            record = {**replace(self, stages=stages, verdict=verdict).record(), "outputs": [*outputs, "case.json"]}
            draft = partial / "case.json"
            draft.write_text(json.dumps(record, indent=2, ensure_ascii=False, default=_plain) + "\n", encoding="utf-8")
            draft.replace(target / "case.json")
        return_freed_memory()
        return target

    def _write_masks(self, folder: Path) -> None:
        from inference.save import save_nifti

        for name in ("masks", "volumes"):
            (folder / name).mkdir()
        for name in ("vessel", "veins", "bone", "arteries"):
            save_nifti(getattr(self.segmentation, name), self.volume, folder / "masks" / f"{name}.nii.gz")
        ready = self.encoded.get(BONE_REMOVED)
        if ready:
            with (folder / BONE_REMOVED).open("wb") as file:
                file.write(ready)
                file.flush()
                os.fsync(file.fileno())  # as `save_nifti` does
        else:
            save_nifti(self.bone_removed.array, self.volume, folder / BONE_REMOVED)

    def _write_pictures(self, folder: Path) -> None:
        if self.centrelines:
            from inference.centrelines import write_all

            write_all(self.centrelines, folder / "centrelines")
        for name, picture in self.pictures.items():
            _write_bytes(folder / name, self.encoded.get(name) or encode_picture(name, picture, self.pixel_mm))
        for name, content in self.files.items():
            _write_bytes(folder / name, content)

    def _write_extras(self, folder: Path, scan: Path | None) -> tuple[Finding, ...]:
        """Reformats, mesh, DICOM and case sheet; what fails there is told, and costs the user nothing else."""
        findings = []
        for name in EXTRAS[self.request.recipe]:
            try:
                self.write_extra(name, folder, scan)
            except Exception as error:
                missing_part = getattr(error, "exit_status", 0) == 3 or isinstance(error, ModuleNotFoundError)
                text = f"The {name} was left out: {type(error).__name__}: {error}"
                findings.append(Finding("stage_failed", "note" if missing_part else "review", text))
        return tuple(findings)

    def write_extra(self, name: str, folder: Path, scan: Path | None) -> None:
        """Write `DICOM`, `MPR`, `CPR`, `graph`, `mesh` or `case sheet` below a folder."""
        if name == "DICOM":
            from inference.dicom import write_dicom

            write_dicom(self, folder / "dicom", scan=scan)
        elif name == "MPR":
            from inference.reformat import write_mpr

            write_mpr(self.volume, self.centrelines, folder / "mpr")
        elif name == "CPR":
            from inference.reformat import write_cpr

            excluded = (self.segmentation.bone > 0) | (self.segmentation.veins > 0)
            write_cpr(self.volume, self.centrelines, folder / "cpr", arteries=self.segmentation.arteries, excluded=excluded)
        elif name == "graph":
            from inference.graph import vessel_graph

            (folder / "centrelines").mkdir(exist_ok=True)
            vessel_graph(self.segmentation.vessel, self.volume.geometry).write_json(folder / "centrelines" / "graph.json")
        elif name == "mesh":
            from inference.mesh import write_mesh

            write_mesh(self.segmentation.arteries, self.volume, folder / "mesh" / "arteries.glb")
        else:
            from inference.pictures.case_sheet import write_case_sheet

            write_case_sheet(self, folder, pdf=self.request.recipe == "full")


def encode(pictures: dict[str, Picture], pixel_mm: float, bone_removed: Volume, volume: Volume) -> dict[str, bytes]:
    """Pictures and the scan without bone as files, for `Reconstruction.encoded`."""
    from inference.save import nifti_gz

    files = {name: encode_picture(name, picture, pixel_mm) for name, picture in pictures.items()}
    return {**files, BONE_REMOVED: nifti_gz(bone_removed.array, volume)}


def encode_picture(name: str, picture: Picture, pixel_mm: float) -> bytes:
    """A picture as PNG; rotating MIPs are to scale."""
    return png_bytes(picture, pixel_mm=pixel_mm if name.startswith("mip/rotate") else None)


def fingerprint(volume: Volume) -> str:
    """SHA-256 of a scan's voxels and grid, the same whatever file it came from.

    Examples
    --------
    >>> from inference import Geometry
    >>> scan = Volume(np.zeros((2, 2, 2), np.int16), Geometry((2, 2, 2), (1.0, 1.0, 1.0)))
    >>> fingerprint(scan)[:8] == fingerprint(scan.with_array(scan.array.copy()))[:8]
    True
    """
    digest = hashlib.sha256(repr(volume.geometry).encode())
    digest.update(np.ascontiguousarray(volume.array).data)
    return digest.hexdigest()


def finished(directory: str | os.PathLike[str], request: Request) -> dict[str, Any] | None:
    """The case record of a folder that already holds this request's whole result, made by this version; else None."""
    path = Path(directory) / "case.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    asked = {"bridges": True, **(record.get("request") or {})}  # a record from before they could be left out does not say
    same = asked == asdict(request) and record.get("gilbreth") == _version()
    return record if same and all((path.parent / name).exists() for name in record.get("outputs", [])) else None


def sweep(folder: Path) -> None:
    """Remove what writes that were killed have left: drafts of processes that are gone, or more than a day old."""
    import psutil

    for draft in folder.glob(f"{PARTIAL}*"):
        owner = draft.name.removeprefix(PARTIAL).split("-")[0]
        old = time.time() - draft.stat().st_mtime > STALE_SECONDS
        if old or (owner.isdigit() and not psutil.pid_exists(int(owner))):
            shutil.rmtree(draft, ignore_errors=True)


def set_aside(folder: Path) -> None:
    """Keep corrections of an earlier result under another name: they do not belong to the new one."""
    earlier = folder / "corrections"
    if earlier.is_dir():
        earlier.rename(folder / f"corrections-set-aside-{time.time_ns()}")


def vessel_table(segmentation: Segmentation, volume: Volume, centrelines: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per named artery: voxels as volume, and length and radius where there is a centreline."""
    counts = label_counts(segmentation.arteries)
    rows = []
    for number, name in LABELS.items():
        if counts[number]:
            row: dict[str, Any] = {"label": number, "name": name, "volume_ml": round(float(counts[number]) * volume.geometry.voxel_ml, 4)}
            rows.append({**row, **_line_figures(centrelines.get(name))})
    return rows


def _line_figures(centreline: Any) -> dict[str, float]:
    if centreline is None:
        return {}
    points: npt.NDArray[np.float64] = np.asarray(centreline.points_mm, float)
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    radius = np.asarray(centreline.radius_mm, float)
    return {
        "length_mm": round(length, 1),
        "mean_radius_mm": round(float(radius.mean()), 2),
        "least_radius_mm": round(float(radius.min()), 2),
    }


def _version() -> str:
    try:
        return importlib.metadata.version("gilbreth")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _replace(new: Path, old: Path) -> None:
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old)
    new.replace(old)


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
