"""What may be claimed: the endpoints that must all hold, each at alpha; only then the others, adjusted among themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from study import statistics
from study.analysis.finding import Finding
from study.protocol import Protocol
from study.protocol.parts import Endpoint


@dataclass(frozen=True)
class Decision:
    """The outcome of the plan.

    Parameters
    ----------
    state : str
        `shown` (every endpoint that must hold does), `not shown`, or `not yet known` (one could not be computed).
    held, failed, unknown : tuple of str
        Endpoints by outcome, of those that must all hold.
    then : dict
        Outcome of each secondary endpoint: `shown`, `not shown`, `not tested` (the gate stayed shut), `not yet known`.
    words : str
        The decision in a sentence.
    """

    state: str
    held: tuple[str, ...]
    failed: tuple[str, ...]
    unknown: tuple[str, ...]
    then: dict[str, str]
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "state": self.state,
            "held": list(self.held),
            "failed": list(self.failed),
            "unknown": list(self.unknown),
            "then": self.then,
            "words": self.words,
        }


def holds(endpoint: Endpoint, line: Finding, *, alpha: float, p_value: float | None = None) -> bool | None:
    """Whether a figure reaches the goal of its endpoint; None where it was not computed or nothing was to be shown.

    Examples
    --------
    >>> from study.protocol import load_protocol
    >>> endpoint = load_protocol("head_neck_cta").endpoint("pass")
    >>> line = Finding("pass", "primary", "difference", "points", -1.0, -4.2, 2.1, 0.95, 0.4, "Tango", 152)
    >>> holds(endpoint, line, alpha=0.05)
    True
    """
    if endpoint.goal == "descriptive" or line.estimate is None:
        return None
    better_is_lower = endpoint.better == "lower"
    if endpoint.goal == "non_inferiority":
        margin = (endpoint.margin or 0.0) * (100.0 if line.unit == "points" else 1.0)
        limit = line.high if better_is_lower else line.low
        return None if limit is None else (limit < margin if better_is_lower else limit > -margin)
    p = line.p_value if p_value is None else p_value
    if p is None:
        return None
    neutral = 1.0 if line.unit == "ratio" else 0.0
    better = line.estimate < neutral if better_is_lower else line.estimate > neutral
    return bool(p < alpha and better)


def decide(protocol: Protocol, findings: Sequence[Finding]) -> tuple[Decision, list[Finding]]:
    """The decision, and the findings with `holds` and adjusted p values filled in."""
    plan, own = protocol.analysis, {line.endpoint: line for line in findings if line.role in ("primary", "secondary")}
    outcome = {name: holds(protocol.endpoint(name), own[name], alpha=plan.alpha) if name in own else None for name in plan.all_must_hold}
    held, failed, unknown = (tuple(name for name, value in outcome.items() if value is wanted) for wanted in (True, False, None))
    state = "not shown" if failed else ("not yet known" if unknown else "shown")
    adjusted = _adjusted(protocol, own)
    then = {name: _later(protocol, own.get(name), adjusted.get(name), is_open=state == "shown") for name in plan.then}
    judged = []
    for line in findings:
        if own.get(line.endpoint) is line:
            p = adjusted.get(line.endpoint)
            line = replace(line, adjusted_p=p, holds=holds(protocol.endpoint(line.endpoint), line, alpha=plan.alpha, p_value=p))
        judged.append(line)
    return Decision(state, held, failed, unknown, then, _words(state, held, failed, unknown, then)), judged


def _adjusted(protocol: Protocol, own: dict[str, Finding]) -> dict[str, float]:
    """p values of the secondary endpoints, adjusted by Holm or, in fixed order, by the largest p so far."""
    tested = [(name, p) for name in protocol.analysis.then if name in own and (p := own[name].p_value) is not None]
    if not tested:
        return {}
    if protocol.analysis.adjustment == "holm":
        values = statistics.holm([p for _, p in tested]).adjusted
        return {name: float(value) for (name, _), value in zip(tested, values, strict=True)}
    largest, adjusted = 0.0, {}
    for name, p in tested:
        adjusted[name] = largest = max(largest, p)
    return adjusted


def _later(protocol: Protocol, line: Finding | None, adjusted: float | None, *, is_open: bool) -> str:
    if line is None or line.estimate is None:
        return "not yet known"
    if not is_open:
        return "not tested"
    value = holds(protocol.endpoint(line.endpoint), line, alpha=protocol.analysis.alpha, p_value=adjusted)
    return {True: "shown", False: "not shown", None: "described"}[value]


def _words(state: str, held: tuple[str, ...], failed: tuple[str, ...], unknown: tuple[str, ...], then: dict[str, str]) -> str:
    wanted = ", ".join((*held, *failed, *unknown))
    if state == "shown":
        later = "; ".join(f"{name}: {outcome}" for name, outcome in then.items())
        return f"All endpoints that must hold do ({wanted})." + (f" Then {later}." if later else "")
    reason = f"{', '.join(failed)} does not hold" if failed else f"{', '.join(unknown)} cannot be judged from these data"
    return f"Not every endpoint that must hold does ({wanted}): {reason}. Later endpoints are described, not tested."
