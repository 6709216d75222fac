"""Run the plan of a protocol: endpoints that must all hold, then the others, then the sensitivity analyses."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pandas as pd

from study.analysis import clicks, passes, roll_out, times
from study.analysis.data import PlanData
from study.analysis.decisions import Decision, decide
from study.analysis.finding import Finding, undone
from study.analysis.guardrails import guardrails
from study.analysis.sensitivity import sensitivity
from study.protocol import Protocol
from study.protocol.parts import Endpoint

PACKAGES = ("gilbreth", "numpy", "scipy", "pandas", "statsmodels")


@dataclass(frozen=True)
class PlanResult:
    """Everything the plan found.

    Parameters
    ----------
    protocol_name, protocol_version, protocol_sha256, design : str
        What was run.
    findings : tuple of Finding
        Primary, secondary, exploratory and supporting figures.
    sensitivity : tuple of Finding
        The same questions under other rules.
    decision : Decision
        What may be claimed.
    guardrails : tuple of str
        What the data do not allow, in words.
    counts : dict
        Cases, tasks, missing reasons, readers.
    versions : dict
        Software.
    simulated : bool
        Whether the tables say that they are simulated.
    """

    protocol_name: str
    protocol_version: str
    protocol_sha256: str
    design: str
    findings: tuple[Finding, ...]
    sensitivity: tuple[Finding, ...]
    decision: Decision
    guardrails: tuple[str, ...]
    counts: dict[str, Any]
    versions: dict[str, str]
    simulated: bool

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "protocol": {"name": self.protocol_name, "version": self.protocol_version, "sha256": self.protocol_sha256},
            "design": self.design,
            "simulated": self.simulated,
            "findings": [item.to_dict() for item in self.findings],
            "sensitivity": [item.to_dict() for item in self.sensitivity],
            "decision": self.decision.to_dict(),
            "guardrails": list(self.guardrails),
            "counts": self.counts,
            "versions": self.versions,
        }


def run_plan(protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame | None = None) -> PlanResult:
    """Run the protocol's plan on tables.

    Parameters
    ----------
    protocol : Protocol
        Says design, endpoints, margins, alpha, gatekeeping.
    tasks, readings : pandas.DataFrame
        Columns of `tasks.csv` and `readings.csv`.

    Returns
    -------
    PlanResult
        Differences are ai − manual, ratios ai / manual.

    Examples
    --------
    >>> from study.protocol import load_protocol
    >>> from study.simulation import simulate_paired_study
    >>> drawn = simulate_paired_study(cases=40, readers=2, seed=1)
    >>> result = run_plan(load_protocol("head_neck_cta"), drawn.tasks, drawn.readings)
    >>> primary = [line for line in result.findings if line.role == "primary"]
    >>> [line.endpoint for line in primary], primary[0].estimate < 0.5
    (['minutes', 'pass'], True)
    """
    columns = ["case", "reader", "arm", "round", "region", "quality", "passed", "reason"]
    data = PlanData(protocol, tasks, readings if readings is not None else pd.DataFrame({name: [] for name in columns}))
    findings = [line for endpoint in protocol.endpoints for line in endpoint_findings(data, endpoint)]
    if protocol.design == "before_after":
        findings.append(roll_out.usage(data))
    decision, judged = decide(protocol, findings)
    return PlanResult(
        protocol_name=protocol.name,
        protocol_version=protocol.study.version,
        protocol_sha256=protocol.sha256,
        design=protocol.design,
        findings=tuple(judged),
        sensitivity=tuple(sensitivity(data, endpoint_findings)),
        decision=decision,
        guardrails=guardrails(data),
        counts=_counts(data),
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
        simulated=bool(len(tasks)) and bool(tasks["site"].astype(str).str.startswith("simulated").all()),
    )


def endpoint_findings(data: PlanData, endpoint: Endpoint) -> list[Finding]:
    """What the design's default plan computes for one endpoint; its own figure first, supporting ones after it."""
    role, design, measure = endpoint.role, data.protocol.design, endpoint.measure
    if measure == "hands_on_minutes":
        return _minutes(data, endpoint)
    if measure == "clicks":
        if design == "before_after":
            return roll_out.roll_out(data, value="clicks", unit="clicks", endpoint=endpoint.name, role=role)
        run = clicks.paired_clicks if design in ("paired", "multi_reader") else clicks.parallel_clicks
        return run(data, endpoint=endpoint.name, role=role)
    if measure == "pass":
        return _passes(data, endpoint)
    if measure == "quality":
        return passes.quality(data, endpoint=endpoint, role=role)
    return [_described(data, endpoint)]


def _minutes(data: PlanData, endpoint: Endpoint) -> list[Finding]:
    if data.protocol.design == "before_after":
        return roll_out.roll_out(data, value="minutes", unit="min", endpoint=endpoint.name, role=endpoint.role)
    paired = data.protocol.design in ("paired", "multi_reader")
    return (times.paired_minutes if paired else times.parallel_minutes)(data, endpoint=endpoint.name, role=endpoint.role)


def _passes(data: PlanData, endpoint: Endpoint) -> list[Finding]:
    design = data.protocol.design
    if design == "multi_reader":
        return passes.by_readers(data, endpoint=endpoint, role=endpoint.role)
    run: Callable[..., list[Finding]] = passes.paired_passes if design == "paired" else passes.parallel_passes
    return run(data, endpoint=endpoint, role=endpoint.role)


def _described(data: PlanData, endpoint: Endpoint) -> Finding:
    """Mean of each arm, for endpoints that are only described."""
    column = {"ai_wait_minutes": "ai_wait_seconds", "elapsed_minutes": "elapsed_seconds"}.get(endpoint.measure, "hands_on_seconds")
    minutes = {arm: data.tasks.loc[data.tasks["arm"] == arm, column].dropna().to_numpy(float) / 60.0 for arm in ("manual", "ai")}
    effect, n = f"mean {endpoint.measure.replace('_', ' ')}, by arm", sum(map(len, minutes.values()))
    if min(map(len, minutes.values())) < 2:
        why = "fewer than 2 tasks in one arm"
        return undone(endpoint=endpoint.name, role=endpoint.role, effect=effect, unit="min", level=data.level, n=n, why=why)
    words = tuple(f"{arm}: {x.mean():.2f} ± {x.std(ddof=1):.2f} min (n = {len(x)})" for arm, x in minutes.items())
    estimate = float(minutes["ai"].mean() - minutes["manual"].mean())
    method = "described, not tested"
    return Finding(endpoint.name, endpoint.role, effect, "min", estimate, None, None, data.level, None, method, n, words)


def _counts(data: PlanData) -> dict[str, Any]:
    tasks = data.tasks
    missing = tasks.loc[tasks["hands_on_seconds"].isna(), "missing_reason"].replace("", "no reason given").value_counts()
    return {
        "cases": int(tasks["case"].nunique()),
        "tasks": len(tasks),
        "tasks_by_arm": {str(arm): int(number) for arm, number in tasks["arm"].value_counts().sort_index().items()},
        "finished_by_arm": {str(arm): int(number) for arm, number in data.finished["arm"].value_counts().sort_index().items()},
        "missing": {str(reason): int(number) for reason, number in missing.items()},
        "technologists": int(tasks["technologist"].nunique()),
        "sites": int(tasks["site"].nunique()),
        "readers": data.readers,
        "cases_rated": {arm: int((data.verdicts["arm"] == arm).sum()) for arm in ("manual", "ai")} if len(data.verdicts) else {},
    }
