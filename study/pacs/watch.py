"""Poll a PACS: new CTA series are fetched, reconstructed and their results stored into the same study, once.

The ledger in the database says what was done. Should it be lost or the program killed half-way, nothing doubles: results carry UIDs
that follow from input and model, so storing them again is storing the same.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import select

from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Job
from study.batch.case import Options
from study.pacs.web import FoundSeries, Pacs

OURS = "Gilbreth"
FEWEST_INSTANCES = 8
MOST_ATTEMPTS = 3
SETTLED = ("done", "failed", "poisoned")
# what a study holds beside its CTA: no reason for anybody to act
NO_CTA = frozenset({"unenhanced", "localizer_only", "projection", "secondary_capture", "colour_image", "not_ct", "no_pixels"})


@dataclass(frozen=True)
class Pass:
    """What one look at the PACS came to: series seen, reconstructed, refused (with reasons), left for later, and no CTA at all."""

    seen: int
    done: tuple[str, ...]
    refused: dict[str, str]
    left: tuple[str, ...]
    passed_over: dict[str, str] = field(default_factory=dict)


def candidates(found: list[FoundSeries]) -> list[FoundSeries]:
    """Series that may be a CTA: not our own results, and more than a localizer's few images.

    Examples
    --------
    >>> ours = FoundSeries("1", "1.1", "AI MIP bone removed (research)", "Gilbreth", 36)
    >>> scout = FoundSeries("1", "1.2", "Topogram", "Siemens", 2)
    >>> cta = FoundSeries("1", "1.3", "CTA 0.6", "Siemens", 600)
    >>> [item.series_uid for item in candidates([ours, scout, cta])]
    ['1.3']
    """
    return [item for item in found if not _is_ours(item) and item.instances >= FEWEST_INSTANCES]


def _is_ours(item: FoundSeries) -> bool:
    return item.manufacturer == OURS and item.description.endswith("(research)")


def look_once(engine: Engine, pacs: Pacs, *, options: Options, work: Path, told: Callable[[str], None], full: bool = False) -> Pass:
    """One pass over the PACS.

    Parameters
    ----------
    engine : Engine
        Database with the ledger.
    pacs : Pacs
    options : Options
        How to reconstruct.
    work : Path
        Folder for scans and results while a case is worked on; emptied after each.
    told : callable
        Called with a line per case.
    full : bool
        Store every series of the full recipe, not only SEG and VR.

    Returns
    -------
    Pass

    Raises
    ------
    PacsAway
        When the PACS stays away; what was done stays done.
    """
    found = candidates(pacs.series())
    done, refused, left, passed_over = [], {}, [], {}
    for item in found:
        if _state(engine, pacs, item) in SETTLED:
            continue
        state, reason, code = _one(engine, pacs, item, options, work, full=full)
        told(f"series {item.series_uid}: {'passed over' if code in NO_CTA else state}{f' ({reason})' if reason else ''}")
        if state == "done":
            done.append(item.series_uid)
        elif code in NO_CTA:
            passed_over[item.series_uid] = reason
        elif state in SETTLED:
            refused[item.series_uid] = reason
        else:
            left.append(item.series_uid)
    return Pass(len(found), tuple(done), refused, tuple(left), passed_over)


def _one(engine: Engine, pacs: Pacs, item: FoundSeries, options: Options, work: Path, *, full: bool) -> tuple[str, str, str]:
    attempts = _enter(engine, pacs, item)
    work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="series-", dir=work))
    try:
        pacs.fetch(item, folder / "scan")
        written = _reconstruct(folder / "scan", folder / "dicom", options, full=full)
        pacs.store(written)
        _confirm(pacs, item, written)
        return _settle(engine, pacs, item, "done", "")
    except Exception as error:
        code, status = str(getattr(error, "code", type(error).__name__)), getattr(error, "exit_status", None)
        if isinstance(error, ConnectionError):
            _settle(engine, pacs, item, "waiting", str(error))
            raise
        state = "failed" if status == 4 else ("poisoned" if attempts >= MOST_ATTEMPTS else "waiting")
        return _settle(engine, pacs, item, state, str(error), code=code)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reconstruct(scan: Path, out: Path, options: Options, *, full: bool) -> list[Path]:
    from inference import load
    from inference.dicom import write_dicom
    from inference.errors import RejectedScan
    from inference.pipeline import reconstruct
    from inference.scans.quality import assess

    volume = load(scan)
    for finding in assess(volume).findings:
        if finding.code == "unenhanced":
            raise RejectedScan("unenhanced", finding.text, "only CTA is reconstructed; use gilbreth reconstruct if this is one")
    result = reconstruct(volume, method=options.method, model=options.model, device=options.device, recipe=options.recipe)
    return write_dicom(result, out, scan=scan, recipe="full" if full else "standard")


def _confirm(pacs: Pacs, item: FoundSeries, written: list[Path]) -> None:
    """Every instance that was stored must be visible by QIDO in the same study."""
    import pydicom

    from study.errors import StudyError

    wanted: dict[str, set[str]] = {}
    for path in written:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "SOPInstanceUID"])
        wanted.setdefault(str(header.SeriesInstanceUID), set()).add(str(header.SOPInstanceUID))
    for series_uid, instances in wanted.items():
        missing = instances - pacs.instance_uids(item.study_uid, series_uid)
        if missing:
            raise StudyError(f"the PACS took {len(instances)} results but shows {len(missing)} of them not; look into its log")


def _enter(engine: Engine, pacs: Pacs, item: FoundSeries) -> int:
    with transaction(engine) as db_session:
        job = db_session.exec(select(Job).where(Job.batch == _batch(pacs), Job.name == item.series_uid)).first()
        if job is None:
            job = Job.model_validate({"batch": _batch(pacs), "name": item.series_uid, "path": item.study_uid, "created_at": utc_now()})
        job.state, job.attempts = "running", job.attempts + 1
        db_session.add(job)
        return job.attempts


def _settle(engine: Engine, pacs: Pacs, item: FoundSeries, state: str, reason: str, *, code: str = "") -> tuple[str, str, str]:
    with transaction(engine) as db_session:
        job = db_session.exec(select(Job).where(Job.batch == _batch(pacs), Job.name == item.series_uid)).one()
        job.state, job.reason, job.code, job.finished_at = state, reason[:1000] or None, code[:60] or None, utc_now()  # type: ignore[assignment]
        db_session.add(job)
    return state, reason, code


def _state(engine: Engine, pacs: Pacs, item: FoundSeries) -> str:
    with snapshot(engine) as db_session:
        return db_session.exec(select(Job.state).where(Job.batch == _batch(pacs), Job.name == item.series_uid)).first() or "new"


def _batch(pacs: Pacs) -> str:
    return f"dicomweb {pacs.url}"[-200:]
