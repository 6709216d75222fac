"""A scan at the study's door: read in full, judged by the protocol, de-identified, and known only by a keyed pseudonym after."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.enrolment import pseudonym
from study.errors import MissingPart, RejectedInput

if TYPE_CHECKING:
    from inference.qc import Verdict
    from inference.volume import Volume
    from study.protocol import Protocol
    from study.protocol.reading_part import Quality

THICKEST_SLICE_MM = 3.0
# findings that reject, in the words of the protocols' exclusion reasons
REASONS = {
    "unenhanced": "unenhanced", "short_coverage": "incomplete", "arch_not_covered": "incomplete", "vertex_not_covered": "incomplete",
    "motion": "motion",
}  # fmt: skip
_REMARK_LENGTH = 1000


@dataclass(frozen=True)
class Intake:
    """What the door found.

    Parameters
    ----------
    accepted : bool
        Whether the scan may be processed.
    reasons : tuple of str
        Codes of the rejection: names of the protocol's exclusion reasons where there is one.
    sha256 : str
        Hash of the scan's files.
    facts : dict
        Columns of the case that hold no identifier: `sex`, `age_band`, `scanner`, `ctdi_vol_mgy`, `dlp_mgy_cm`, `scans`,
        `scan_path`.
    remark : str
        Verdict and findings as JSON, kept with the screening.
    """

    accepted: bool
    reasons: tuple[str, ...]
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)
    remark: str = ""


def take_in(path: Path, *, scans: Path, key: bytes, protocol: "Protocol") -> Intake:
    """Read a scan, judge it and keep a de-identified copy.

    Parameters
    ----------
    path : Path
        File, folder or zip; its name is repeated nowhere, for it may hold a patient's.
    scans : Path
        Folder of the copies, each under its pseudonym.
    key : bytes
        The site key.
    protocol : Protocol
        Its `[qc]` part sets the limits, its exclusion reasons the words.

    Raises
    ------
    RejectedInput
        When there is nothing at the path, or it cannot be read.
    MissingPart
        When the reader of scans is not installed.
    """
    if not path.exists():
        raise RejectedInput(
            "no_such_file", "there is nothing at one of the paths given", "give the path of a scan: a file, a folder or a zip"
        )
    try:
        return _take_in(path, scans=scans, key=key, protocol=protocol)
    except ImportError as error:
        raise MissingPart("reading scans needs more packages; pip install 'gilbreth[infer,dicom]'") from error
    except OSError as error:  # its text names the file
        found = f"a file of the scan cannot be read or copied ({type(error).__name__})"
        raise RejectedInput("unreadable", found, "look at the rights of the files and the room on the disk") from None


def _take_in(path: Path, *, scans: Path, key: bytes, protocol: "Protocol") -> Intake:
    from inference import load
    from inference.errors import RejectedScan
    from inference.scans.quality import assess

    sha256 = scan_hash(path)
    try:
        volume = load(path)
    except RejectedScan as rejected:
        return Intake(False, (rejected.code,), sha256)
    verdict = assess(volume, limits=scan_limits(protocol.qc))
    facts = baseline_facts(volume)
    try:
        copy, exam = keep_copy(path, volume, scans=scans, name=pseudonym(sha256, key=key), key=key)
    except RejectedScan as rejected:
        return Intake(False, (rejected.code,), sha256, facts, remark_of(verdict))
    facts |= exam
    named = {reason.name for reason in protocol.eligibility.exclusion}
    reasons = exclusion_reasons((finding.code for finding in verdict.findings if finding.severity == "reject"), named)
    return Intake(not reasons, reasons, sha256, {**facts, "scan_path": str(copy)}, remark_of(verdict))


def scan_limits(quality: "Quality") -> Any:
    """Limits of `inference.scans.quality.assess` from a protocol's `[qc]` part."""
    from inference.scans.quality import ScanLimits

    return ScanLimits(
        thick_slice_mm=quality.max_slice_mm, thickest_slice_mm=max(THICKEST_SLICE_MM, quality.max_slice_mm),
        least_coverage_mm=quality.min_coverage_mm, least_lumen_hu=quality.min_arterial_hu,
    )  # fmt: skip


def exclusion_reasons(codes: Iterable[str], named: set[str]) -> tuple[str, ...]:
    """Rejecting findings in the words of the protocol; a code it has no word for stays as it is.

    Examples
    --------
    >>> exclusion_reasons(["short_coverage", "vertex_not_covered", "thick_slices"], {"incomplete"})
    ('incomplete', 'thick_slices')
    """
    words = [REASONS[code] if REASONS.get(code) in named else code for code in codes]
    return tuple(dict.fromkeys(words))


def remark_of(verdict: "Verdict") -> str:
    """Verdict and findings as short JSON: `{"verdict": "review", "findings": [["thick_slices", "review", 2.0]]}`."""
    rows = [[finding.code, finding.severity, finding.value] for finding in verdict.findings]
    while True:
        text = json.dumps({"verdict": verdict.verdict, "findings": rows})
        if len(text) <= _REMARK_LENGTH:
            return text
        rows = rows[:-1]


def baseline_facts(volume: "Volume") -> dict[str, Any]:
    """Sex, age band, scanner and dose for the baseline table, as far as the header states them."""
    header = volume.source.header
    scanner = " ".join(str(header[key]) for key in ("manufacturer", "model") if header.get(key))
    facts = {"scanner": scanner[:120] or None}
    return facts | {key: header[key] for key in ("sex", "age_band", "ctdi_vol_mgy") if key in header}


def keep_copy(path: Path, volume: "Volume", *, scans: Path, name: str, key: bytes) -> tuple[Path, dict[str, Any]]:
    """A de-identified copy under a neutral name, complete or not there at all, and what its files say of the exam: dose and scans.

    Raises
    ------
    RejectedScan
        `burned_in_text` when every image may show text; `damaged` when the copy does not read back to the same voxels.
    """
    from inference import load
    from inference.errors import RejectedScan
    from inference.scans.deidentify import deidentify

    target = scans.resolve() / name
    if target.is_dir():
        return target, {}
    scans.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(prefix="incoming-", dir=scans))
    try:
        done = deidentify(path, scratch / "copy", key=key, volume=volume)
        if not _same_scan(load(scratch / "copy"), volume):
            raise RejectedScan("damaged", "the de-identified copy differs from the scan", "export the series again, alone in its folder")
        _put(scratch / "copy", target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target, {key: value for key, value in (("dlp_mgy_cm", done.dlp_mgy_cm), ("scans", done.scans)) if value is not None}


def _put(copy: Path, target: Path) -> None:
    """Rename into place; another enrolment of the same scan may have been faster, with the same copy."""
    try:
        os.replace(copy, target)
    except OSError:
        if not target.is_dir():
            raise


def _same_scan(one: "Volume", other: "Volume") -> bool:
    import numpy as np

    return one.geometry.same_grid(other.geometry, tolerance_mm=1e-2) and np.array_equal(one.array, other.array)


def scan_hash(path: Path) -> str:
    """Hash of a scan's files, whatever they are called and wherever they lie."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digests = sorted(_file_hash(file) for file in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
