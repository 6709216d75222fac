"""What the records answer, in a sentence each, by the names that the checklists use; what they do not answer is absent."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from study.report.material import Material
from study.report.wording import ARMS, plain, share_words

Fact = Callable[[Material], str | None]


def facts(material: Material) -> dict[str, str]:
    """Every fact that the records hold.

    Returns
    -------
    dict
        From a fact's name to a sentence; a name is missing where nothing was recorded.
    """
    found = {name: fact(material) for name, fact in FACTS.items()}
    return {name: words for name, words in found.items() if words}


def _joined(items: Iterable[str]) -> str | None:
    return "; ".join(item for item in items if item) or None


def _intervention(material: Material) -> str:
    arms = material.protocol.arms
    return f"{arms.ai.label} ({arms.ai.tool or 'tool not named'}), against {arms.manual.label} ({arms.manual.tool or 'tool not named'})"


def _sites(material: Material) -> str:
    sites = sorted(set(material.tasks["site"].astype(str)) - {""})
    return f"{len(sites)} site(s): {', '.join(sites)}" if sites else ""


def _design(material: Material) -> str:
    plan, allocation = material.protocol, material.protocol.allocation
    drawn = {"permuted_blocks": "permuted blocks of random size", "minimisation": "minimisation", "none": "no random draw"}[
        allocation.method
    ]
    washout = f", at least {allocation.washout_days:g} days between the arms of a case" if allocation.washout_days else ""
    return f"{plain(plan.design)} design, {drawn}{washout}; protocol {plan.name} {plan.study.version}, sha256 {plan.sha256[:12]}"


def _dates(material: Material) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(material.tasks["started_at"], utc=True, errors="coerce").dropna()


def _period(material: Material) -> str | None:
    dates = _dates(material)
    return None if dates.empty else f"{dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d} (first to last task)"


def _shifts(material: Material) -> str | None:
    dates = _dates(material)
    if dates.empty:
        return None
    hours = dates.dt.hour
    named = (("0–8 h", (hours < 8)), ("8–16 h", (hours >= 8) & (hours < 16)), ("16–24 h", hours >= 16))
    return "tasks begun (UTC): " + ", ".join(f"{name} {int(inside.sum())}" for name, inside in named)


def _hours(material: Material) -> str | None:
    seconds = material.tasks["elapsed_seconds"].dropna().astype(float)
    return f"{seconds.sum() / 3600:.1f} h of {len(seconds)} tasks" if len(seconds) else None


def _taxonomy(material: Material) -> str:
    return "steps of work defined in the protocol: " + ", ".join(activity.label for activity in material.protocol.taxonomy.activities)


def _instruments(material: Material) -> str | None:
    used = material.tasks["instrument"].fillna("").replace("", "not recorded").value_counts().sort_index()
    return "tasks by instrument: " + ", ".join(f"{name} {number}" for name, number in used.items())


def _technologists(material: Material) -> str:
    each = material.tasks["technologist"].value_counts()
    return f"{len(each)} technologists; tasks per technologist {_range(each)}"


def _range(values: "pd.Series[int]") -> str:
    return f"{int(values.min())} to {int(values.max())}" if len(values) else "none"


def _consent(material: Material) -> str | None:
    if not material.consents:
        return None
    return f"{material.consents} technologists, readers or observers agreed to consent text {material.protocol.consent.version}"


def _continuity(material: Material) -> str | None:
    dated = material.tasks.assign(month=pd.to_datetime(material.tasks["started_at"], utc=True).dt.strftime("%Y-%m")).dropna(
        subset=["month"]
    )
    if dated.empty:
        return None
    months = dated.groupby("technologist")["month"].nunique()
    return f"{int((months == dated['month'].nunique()).sum())} of {len(months)} technologists worked in every month of the study"


def _balance(material: Material) -> str:
    table = pd.crosstab(material.tasks["technologist"], material.tasks["arm"]).reindex(columns=list(ARMS), fill_value=0)
    return f"tasks per technologist: manual {_range(table['manual'])}, AI {_range(table['ai'])}"


def _timing(material: Material) -> str:
    timing = material.protocol.timing
    rules = ", ".join(f"{rule:g}" for rule in timing.idle_rules_seconds)
    words = f"starts when {timing.starts}; stops when {timing.stops}; hands-on = elapsed − pauses − AI wait; "
    return f"{words}idle rules {rules} s as sensitivity"


def _pauses(material: Material) -> str | None:
    frame = (
        material.tasks[["elapsed_seconds", "hands_on_seconds", "ai_wait_seconds"]]
        .astype(float)
        .dropna(subset=["elapsed_seconds", "hands_on_seconds"])
    )
    if frame.empty:
        return None
    paused = frame["elapsed_seconds"] - frame["hands_on_seconds"] - frame["ai_wait_seconds"].fillna(0)
    hours, number = paused.clip(lower=0).sum() / 3600, int((paused > 0.5).sum())
    return f"pauses and interruptions taken out: {hours:.1f} h, in {number} of {len(frame)} tasks"


def _methods(material: Material) -> str:
    return "see the section Methods, written from what was run"


def _title(material: Material) -> str | None:
    words = material.protocol.study.title
    return words if any(term in words for term in ("AI", "artificial intelligence", "machine learning", "deep learning")) else None


def _question(material: Material) -> str:
    return material.protocol.study.question


def _intended_use(material: Material) -> str:
    return f"{material.protocol.arms.ai.label}; users: technologists who post-process CT angiography. {material.protocol.study.question}"


def _eligibility(material: Material) -> str:
    rules = material.protocol.eligibility
    left = "; ".join(reason.label for reason in rules.exclusion) or "no further reason"
    return f"included: {'; '.join(rules.inclusion)}. Excluded: {left}. Planned: {material.protocol.study.cases} cases"


def _input_rules(material: Material) -> str:
    qc = material.protocol.qc
    words = f"checked automatically: at least {qc.min_coverage_mm:g} mm of coverage, slices of {qc.max_slice_mm:g} mm or less, "
    return f"{words}arterial contrast from {qc.min_arterial_hu:g} HU"


def _integration(material: Material) -> str:
    wait = material.data.finished
    seconds = wait.loc[wait["arm"] == "ai", "ai_wait_seconds"].dropna().astype(float)
    waited = f"; machine time {seconds.median() / 60:.1f} min per case (median), kept apart from hands-on time" if len(seconds) else ""
    return f"instrument in the AI arm: {material.protocol.arms.ai.instrument}{waited}"


def _model(material: Material) -> str | None:
    if material.runs is None or material.runs.empty:
        return None
    named = material.runs.drop_duplicates(["model_name", "model_version", "model_sha256"])
    return _joined(f"{_model_name(row)} (sha256 {str(row.model_sha256)[:12] or 'not recorded'})" for row in named.itertuples())


def _model_name(row: Any) -> str:
    return f"{row.model_name or row.method} {row.model_version}".strip()


def _model_changes(material: Material) -> str | None:
    if material.runs is None or material.runs.empty:
        return None
    number = len(material.runs.drop_duplicates(["model_name", "model_version", "model_sha256", "device", "engine", "software_version"]))
    return (
        "none: one model, device and software throughout"
        if number == 1
        else f"{number} combinations of model, device and software; see Model versions"
    )


def _acquisition(material: Material) -> str | None:
    if material.cases is None or material.cases["scanner"].dropna().empty:
        return None
    return "scanners: " + ", ".join(sorted(set(material.cases["scanner"].dropna())))


def _poor_input(material: Material) -> str | None:
    if material.runs is None or material.runs.empty:
        return None
    verdicts = material.runs["verdict"].fillna("none").value_counts().sort_index()
    counted = ", ".join(f"{name} {number}" for name, number in verdicts.items())
    return f"automatic check of every run: {counted}. A rejected case stays in the AI arm: its time is the review and the manual redo"


def _interaction(material: Material) -> str:
    steps = [activity.label for activity in material.protocol.taxonomy.activities if "ai" in activity.arms and activity.hands_on]
    return f"steps of the technologist in the AI arm: {', '.join(steps)}"


def _output(material: Material) -> str:
    images = material.protocol.images
    views = ", ".join(f"{view.angles} {view.kind.upper()} (bone {view.bone})" for view in images.views)
    return f"image sets: {views}; {images.size} pixels, window {images.window_centre_hu:g}/{images.window_width_hu:g} HU"


def _use_of_output(material: Material) -> str:
    shown = "blinded to the arm" if material.protocol.blinding.readers == "arm_hidden" else "not blinded"
    return f"as the protocol plans: {material.protocol.arms.ai.label}; then rated by readers {shown}"


def _errors(material: Material) -> str | None:
    found = []
    if material.runs is not None and len(material.runs):
        found.append(f"failed runs {share_words(int((material.runs['state'] == 'failed').sum()), len(material.runs))}")
    verdicts = material.data.verdicts
    if len(verdicts):
        ai = verdicts.loc[verdicts["arm"] == "ai", "passed"].astype(bool)
        found.append(f"AI image sets failed by most readers: {share_words(int((~ai).sum()), len(ai))}; reasons by region under Quality")
    return _joined(found)


def _registration(material: Material) -> str | None:
    return material.protocol.study.registration or None


def _people(material: Material) -> str:
    return f"planned: {material.protocol.roles.technologists} technologists, {material.protocol.roles.readers} readers"


def _training(material: Material) -> str | None:
    reading = material.protocol.reading
    practice = 0 if material.cases is None else int(material.cases["training"].astype(bool).sum())
    words = [f"{practice} training cases, kept out of the analysis"] if practice else []
    words += [f"{reading.calibration_cases} calibration cases for readers"] if reading and reading.calibration_cases else []
    return _joined(words)


def _endpoints(material: Material) -> str | None:
    return _joined(f"{plain(item.name)} ({item.role}, {item.goal.replace('_', '-')})" for item in material.protocol.endpoints)


def _stop_rules(material: Material) -> str | None:
    return _joined(material.protocol.monitoring.stop_rules)


def _summary(material: Material) -> str:
    return "see the section Summary"


def _baseline(material: Material) -> str | None:
    return None if material.cases is None else "see the baseline table and the section Missing data"


def _exposure(material: Material) -> str:
    ai = material.data.finished
    each = ai.loc[ai["arm"] == "ai", "technologist"].value_counts()
    return f"{int(each.sum())} AI cases finished, {_range(each)} per technologist"


def _deviations(material: Material) -> str | None:
    return None if material.deviations is None else f"{len(material.deviations)} deviations recorded; see the section Deviations"


def _decision(material: Material) -> str:
    return material.result.decision.words


def _strata_fact(material: Material) -> str | None:
    if material.cases is None or not any(items for items in material.cases["features"]):
        return None
    return "see the section Hard cases"


def _clicks(material: Material) -> str | None:
    return "clicks per case as a measure of effort; see Results" if material.data.finished["clicks"].notna().any() else None


def _learning(material: Material) -> str | None:
    return "see the section Learning" if len(_dates(material)) else None


def _guardrails(material: Material) -> str | None:
    return _joined(material.result.guardrails)


def _code(material: Material) -> str:
    return f"Gilbreth {material.result.versions.get('gilbreth', '')}, Apache-2.0; hash of code and data under Provenance"


FACTS: dict[str, Fact] = {
    "intervention": _intervention, "sites": _sites, "design": _design, "period": _period, "shifts": _shifts, "hours": _hours,
    "taxonomy": _taxonomy, "instruments": _instruments, "technologists": _technologists, "consent": _consent, "continuity": _continuity,
    "balance": _balance, "timing": _timing, "pauses": _pauses, "methods": _methods, "title": _title, "question": _question,
    "intended_use": _intended_use, "eligibility": _eligibility, "input_rules": _input_rules, "integration": _integration, "model": _model,
    "model_changes": _model_changes, "acquisition": _acquisition, "poor_input": _poor_input, "interaction": _interaction,
    "output": _output, "use_of_output": _use_of_output, "errors": _errors, "registration": _registration, "people_planned": _people,
    "training": _training, "endpoints": _endpoints, "stop_rules": _stop_rules, "summary": _summary, "baseline": _baseline,
    "exposure": _exposure, "deviations": _deviations, "decision": _decision, "strata": _strata_fact, "clicks": _clicks,
    "learning": _learning, "guardrails": _guardrails, "code": _code,
}  # fmt: skip
