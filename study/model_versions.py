"""Versions of a model: compared on a frozen set of cases, promoted with their figures, pinned while a study runs."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from db.audit import record
from db.tables import Case, ProtocolVersion, Run
from study.errors import RejectedInput

MEASURES = ("dice", "cldice", "recall", "precision", "hd95", "betti0_error", "vessel_weighted")
LEAST_CASES = 3  # fewer give no interval worth its name


@dataclass(frozen=True)
class Difference:
    """A newer version against the first one on the same cases.

    Parameters
    ----------
    measure : str
        One of `MEASURES`.
    first, other : float
        Means over the cases.
    difference : float
        Mean of other minus first, case by case.
    interval : tuple of float or None
        95 % bootstrap interval (bias-corrected and accelerated) over cases; None for fewer than three cases or where
        every case differs alike.
    """

    measure: str
    first: float
    other: float
    difference: float
    interval: tuple[float, float] | None


def compare(first: Sequence[dict[str, float]], other: Sequence[dict[str, float]], *, seed: int = 0) -> list[Difference]:
    """Compare two versions on the same cases, in the same order.

    Parameters
    ----------
    first, other : sequence of dict
        Scores of each case by measure.

    Examples
    --------
    >>> old, new = ([{"dice": value} for value in values] for values in ((0.80, 0.82, 0.78), (0.84, 0.85, 0.84)))
    >>> found = compare(old, new)[0]
    >>> round(found.difference, 3), found.interval is not None and found.interval[0] > 0
    (0.043, True)
    """
    import numpy as np
    from scipy.stats import bootstrap

    found = []
    for measure in (name for name in MEASURES if first and name in first[0]):
        old, new = (np.array([case[measure] for case in cases]) for cases in (first, other))
        change, interval = new - old, None
        if change.size >= LEAST_CASES and np.ptp(change) > 0:
            limits = bootstrap((change,), np.mean, method="BCa", rng=np.random.default_rng(seed)).confidence_interval
            interval = (float(limits.low), float(limits.high))
        found.append(Difference(measure, float(old.mean()), float(new.mean()), float(change.mean()), interval))
    return found


def score_versions(
    entries: Sequence[dict[str, str]], models: Sequence[str], *, folder: Path, step: Callable[[str], None]
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Segment every case of a list with every model; yields case, model and foreground scores.

    Parameters
    ----------
    entries : sequence of dict
        With `case`, `image` and `reference`, paths relative to `folder`.
    models : sequence of str
        What `inference.network.models.open_model` takes.
    """
    from inference import load
    from inference.evaluation import evaluate
    from inference.network.models import open_model
    from inference.segmentation.network import segment_network

    opened = [(name, open_model(name)) for name in models]
    for entry in entries:
        image, reference = load(folder / entry["image"]), load(folder / entry["reference"])
        for name, model in opened:
            step(f"{entry['case']}, {name}")
            found = segment_network(image, model=model)
            scores = evaluate(image.with_array(found.vessel), reference.with_array((reference.array > 0).astype("uint8")))
            yield entry["case"], name, dict(scores.foreground.values)


@dataclass(frozen=True)
class Promotion:
    """A version that became the one an installation uses.

    Parameters
    ----------
    name, version, sha256 : str
        Of the weights.
    folder : str
        Below the home's `models`.
    figures : dict
        What it was judged by, as `gilbreth evaluate --model` saved it.
    reason, by, at : str
        Why, who and when (UTC, ISO 8601).
    """

    name: str
    version: str
    sha256: str
    folder: str
    figures: dict[str, Any]
    reason: str
    by: str
    at: str


def promotions(home: Path) -> list[Promotion]:
    """Every promotion of a home, oldest first."""
    log = home / "models" / "promotions.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return [Promotion(**json.loads(line)) for line in lines if line.strip()]


def promoted_model(home: Path) -> str | None:
    """The promoted version's folder, or None where nothing was promoted."""
    made = promotions(home)
    return str(home / "models" / made[-1].folder) if made else None


def promote(
    db_session: Session, *, home: Path, source: str, figures: dict[str, Any], reason: str, by: str, now: datetime
) -> Promotion:  # fmt: skip
    """Copy a version into the home and make it the one used by default; the act and its figures go into the audit.

    Parameters
    ----------
    source : str
        What `open_model` takes; only Gilbreth's own kind (a folder with `fine.safetensors`) can be promoted.
    figures : dict
        From `gilbreth evaluate LIST.csv --model OLD --model NEW --save FILE`; must hold the version that is promoted.

    Raises
    ------
    RejectedInput
        When there is no reason, or the figures are of other weights.
    """
    from inference.network.models import WEIGHTS, open_model

    model = open_model(source)
    judged = {str(entry.get("sha256")) for entry in figures.get("models", [])}
    if not reason.strip():
        raise RejectedInput("no_reason", "a promotion without a reason", "say why with --why")
    if model.sha256 not in judged:
        held = ", ".join(sorted(sha[:12] for sha in judged)) or "none"
        raise RejectedInput("other_figures", f"the figures are of {held}, the model is {model.sha256[:12]}", "evaluate this very version")
    places = (Path(source), Path(source) / "models", WEIGHTS / source)
    folder = next((place for place in places if (place / "fine.safetensors").is_file()), None)
    if folder is None:
        raise RejectedInput("other_make", f"{source} is not a folder of gilbreth train", "give it with --model instead of promoting it")
    kept = f"{model.name}-{model.version}-{model.sha256[:8]}"
    target = home / "models" / kept
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.json")):
        shutil.copy2(file, target / file.name)
    made = Promotion(model.name, model.version, model.sha256, kept, figures, reason.strip(), by, now.isoformat())
    record(db_session, operation="model.promote", entity="model", entity_id=kept, reason=made.reason, new=asdict(made))
    with (home / "models" / "promotions.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")
    return made


def require_pinned(db_session: Session, *, case: Case, sha256: str) -> None:
    """Hold a study to the model it started with; a new version of its protocol lets it start anew.

    Raises
    ------
    RejectedInput
        When an earlier run under the protocol version in force used other weights.
    """
    if not sha256:
        return
    newest = db_session.exec(
        select(ProtocolVersion.created_at).where(ProtocolVersion.study_id == case.study_id).order_by(col(ProtocolVersion.number).desc())
    ).first()
    query = select(Run.model_name, Run.model_version, Run.model_sha256).join(Case, col(Run.case_id) == col(Case.id))
    query = query.where(Case.study_id == case.study_id, Run.model_sha256 != "")
    if newest is not None:
        query = query.where(Run.started_at >= newest)
    pinned = db_session.exec(query.order_by(col(Run.started_at), col(Run.id)).limit(1)).first()
    if pinned is not None and pinned[2] != sha256:
        used = f"{pinned[0]} {pinned[1]} ({pinned[2][:12]})"
        raise RejectedInput(
            "other_model",
            f"this study runs with {used}, the outcome was made with {sha256[:12]}",
            "run the case again with that model, or amend the protocol with the reason for the new one",
        )
