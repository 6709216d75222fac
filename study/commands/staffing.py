"""`gilbreth staffing`: how many technologists measured times and arrivals ask for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.staffing_answer import StaffingAnswer
    from study.staffing_forecast import Plan


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("staffing")(staffing)


def staffing(
    tasks: Annotated[Path, typer.Option(metavar="CSV", help="Measured tasks of both arms, in the columns of tasks.csv.")],
    within: Annotated[float, typer.Option(min=1, help="A case is in time when ready within so many minutes.")] = 60.0,
    level: Annotated[float, typer.Option(min=0.1, max=0.99, help="Share of cases that must be in time.")] = 0.8,
    pattern: Annotated[str, typer.Option(help="Shifts: day, long or always.")] = "day",
    ai_share: Annotated[float, typer.Option(min=0, max=1, help="Share of cases that AI takes first.")] = 0.9,
    ai_failure: Annotated[float, typer.Option(min=0, max=1, help="Share of AI cases redone by hand.")] = 0.08,
    pass_rate: Annotated[float, typer.Option(min=0.1, max=1, help="Share of cases that need no correction.")] = 0.92,
    emergencies: Annotated[float, typer.Option(min=0, max=1, help="Share of cases that go first.")] = 0.1,
    shrinkage: Annotated[float, typer.Option(min=0, max=0.8, help="Leave, illness and training, as a share of paid time.")] = 0.2,
    cases_per_week: Annotated[float | None, typer.Option(min=1, help="Volume, where it is not the measured one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Simulate the reporting room: technologists for a service level, with scenarios and an interval.

    Shifts, breaks, emergencies first, corrections, AI cases that fall back to manual work; times are drawn from the measured ones.

    Example: `gilbreth staffing --tasks tasks.csv --within 60 --level 0.8`
    """
    from study.analysis import read_tasks
    from study.console import answer
    from study.errors import WrongUsage
    from study.staffing_answer import StaffingInputs, staffing_answer, staffing_rows
    from study.staffing_forecast import PATTERNS, Target

    if pattern not in PATTERNS:
        raise WrongUsage(f"expected a pattern among {', '.join(PATTERNS)}, got {pattern!r}; give --pattern day")
    inputs = StaffingInputs(
        pattern=pattern, target=Target(level=level, within_minutes=within, shrinkage=shrinkage), ai_share=ai_share, ai_failure=ai_failure,
        pass_rate=pass_rate, emergency_share=emergencies, cases_per_week=cases_per_week,
    )  # fmt: skip
    found = staffing_answer(staffing_rows(read_tasks(tasks)), inputs)
    answer(found.to_dict(), as_json=as_json, lines=_lines(found))
    return 0


def _lines(found: "StaffingAnswer") -> list[str]:
    head = [
        f"{found.cases_per_week:.0f} cases a week; measured: "
        + ", ".join(f"{arm} {mean:.2f} min (n = {n})" for arm, (n, mean) in found.measured.items()),
        f"in time: {found.inputs.target.level:.0%} of cases ready within {found.inputs.target.within_minutes:g} min; "
        f"shifts: {found.inputs.pattern}; shrinkage {found.inputs.target.shrinkage:.0%}",
    ]
    lines = [f"{item.condition}, {item.technologists} at work: {item.level:.0%} in time{'' if item.holds else ', too few'}"
             for item in found.three_to_one if item.question in ("Before", "After")]  # fmt: skip
    return [*head, *map(_words, (found.by_hand, found.now, *found.grid, *found.pass_rates)), "from three to one:", *lines]


def _words(item: "Plan") -> str:
    if item.roster is None:
        return f"{item.name}: no roster reaches the target"
    people = ", ".join(f"{shift} {number}" for shift, number in item.roster)
    interval = f" ({item.low:.1f} to {item.high:.1f})" if item.low is not None and item.high is not None else ""
    work = f"hands-on work alone {item.work[0]:.2f} ({item.work[1]:.2f} to {item.work[2]:.2f})"
    reached = f"{item.level:.0%} in time, occupancy {item.occupancy:.0%}"
    return f"{item.name}: {people} at work; {item.fte:.1f} posts{interval}, {work}; {reached}"
