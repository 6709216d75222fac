"""`gilbreth analyse`: run a protocol's plan on a study of this home, or on tables from elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from study.analysis import Finding, PlanResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("analyse")(analyse)


def analyse(
    study: Annotated[str | None, typer.Option(help="Study of this home, by id or name.")] = None,
    tasks: Annotated[Path | None, typer.Option(help="tasks.csv of a study done elsewhere.")] = None,
    readings: Annotated[Path | None, typer.Option(help="readings.csv of that study.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol: a TOML file or the name of one that comes along. A study brings its own.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Home of the study; GILBRETH_HOME otherwise.")] = None,
    as_name: Annotated[str | None, typer.Option("--as", help="Account that looks; its password in GILBRETH_PASSWORD.")] = None,
    interim: Annotated[bool, typer.Option("--interim", help="The monitor's look before the lock; needs --as a monitor.")] = False,
    anytime: Annotated[
        bool, typer.Option("--anytime", help="With --interim: the confidence sequence of minutes saved, which may be watched every day.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Run the plan: every figure with effect, interval, p, method and n. Difference = ai − manual, ratio = ai / manual.

    Outcomes of a study of this home are refused until it is unblinded; before, the monitor alone may look (`--interim`): against the
    boundary of the protocol's spending function where it states one, or else as a description.

    Example: `gilbreth analyse --tasks tasks.csv --readings readings.csv --protocol head_neck_cta`
    """
    from study.console import DISCLAIMER, answer
    from study.errors import WrongUsage

    if (study is None) == (tasks is None):
        raise WrongUsage("give either --study ID or --tasks CSV")
    if interim and tasks is not None:
        raise WrongUsage("--interim looks at a study of this home; leave out --tasks")
    if anytime and not interim:
        raise WrongUsage("--anytime is the monitor's; add --interim")
    looks: dict[str, dict[str, Any]] = {}
    if tasks is not None:
        result = _from_tables(tasks, readings, protocol)
    else:
        result, looks = _from_study(study or "", protocol, home, as_name, interim=interim, anytime=anytime)
    told = [f"{name}: {look.get('words') or _watched(look)}" for name, look in looks.items()]
    answer({**result.to_dict(), **looks}, as_json=as_json, lines=[*_lines(result), *told, DISCLAIMER])
    return 0


def _watched(sequence: dict[str, Any]) -> str:
    from study.console import number

    limits = f"{number(sequence['low'])} to {number(sequence['high'])}"
    mean, level = number(sequence["estimate"]), f"{100 * sequence['level']:g} %"
    return f"mean difference {mean} min ({level} at all times: {limits}), {sequence['cases']} pairs"


def _from_tables(tasks: Path, readings: Path | None, protocol: str | None) -> "PlanResult":
    from study.analysis import read_readings, read_tasks, run_plan
    from study.errors import WrongUsage
    from study.protocol import load_protocol

    if protocol is None:
        raise WrongUsage("tables need the protocol they were made under; give --protocol TOML")
    return run_plan(load_protocol(protocol), read_tasks(tasks), read_readings(readings) if readings else None)


def _from_study(
    study: str, protocol: str | None, home: Path | None, as_name: str | None, *, interim: bool, anytime: bool
) -> tuple["PlanResult", dict[str, dict[str, Any]]]:
    from db.base import utc_now
    from study.acting import cli_actor
    from study.analysis import run_plan
    from study.console import home_directory
    from study.home import open_home
    from study.monitoring import interim_look, minutes_saved
    from study.outcomes import permit_outcomes, read_outcomes
    from study.protocol import load_protocol

    place = open_home(home_directory(home))
    actor, _ = cli_actor(place.engine, name=as_name, role="monitor" if interim else "investigator", now=utc_now())
    permit_outcomes(place.engine, actor=actor, study_id=study)
    outcomes = read_outcomes(place.engine, study_id=study)
    place.close()
    plan = load_protocol(protocol) if protocol else outcomes.protocol
    looks: dict[str, dict[str, Any]] = {}
    if interim:
        looks["interim"] = interim_look(outcomes.protocol, outcomes.tasks, outcomes.readings).to_dict()
    if anytime:
        looks["anytime"] = minutes_saved(outcomes.protocol, outcomes.tasks).to_dict()
    return run_plan(plan, outcomes.tasks, outcomes.readings), looks


def _lines(result: "PlanResult") -> list[str]:
    head = [f"{result.protocol_name} {result.protocol_version}, design {result.design}" + (", SIMULATED DATA" if result.simulated else "")]
    head += [f"{key.replace('_', ' ')}: {value}" for key, value in result.counts.items()]
    body = [_line(item) for item in result.findings]
    rest = ["", "sensitivity", *(_line(item) for item in result.sensitivity)] if result.sensitivity else []
    warned = ["", *(f"note: {text}" for text in result.guardrails)] if result.guardrails else []
    return [*head, "", *body, *rest, *warned, "", f"decision: {result.decision.state}. {result.decision.words}"]


def _line(item: "Finding") -> str:
    from study.console import number

    if item.estimate is None:
        return f"[{item.role}] {item.endpoint}: {item.effect}: not computed ({'; '.join(item.notes)})"
    interval = (
        f" ({100 * item.level:g} % CI {number(item.low)} to {number(item.high)})" if item.low is not None and item.high is not None else ""
    )
    p: Any = "" if item.p_value is None else (", p < 0.001" if item.p_value < 0.001 else f", p = {item.p_value:.3f}")
    notes = f" [{'; '.join(item.notes)}]" if item.notes else ""
    return (
        f"[{item.role}] {item.endpoint}: {item.effect} {number(item.estimate)} {item.unit}{interval}{p}, n = {item.n}; {item.method}{notes}"
    )
