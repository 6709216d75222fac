"""Everything the staffing page and `gilbreth staffing` show, from one set of inputs, as JSON too."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from study.reporting_room import Demand, Work
from study.staffing_forecast import PATTERNS, Plan, Target, arrivals_by_hour, measured_minutes, plan, scenarios
from study.three_to_one import Line, three_to_one

COLUMNS = ["technologist", "arm", "hands_on_seconds", "arrived_at"]
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
VOLUMES = (0.8, 1.0, 1.2, 1.5)
PASS_RATES = (1.0, 0.92, 0.8, 0.6)
MOST_ROWS = 20_000


@dataclass(frozen=True, kw_only=True)
class StaffingInputs:
    """What is asked; every field is shown beside the answer.

    Parameters
    ----------
    pattern : {"day", "long", "always"}
    target : Target
    ai_share, ai_failure, pass_rate, emergency_share : float
    ai_wait_minutes, correction_minutes : float
        [min]
    together : float
        Cases that arrive at once, on average.
    zone : str
        The department's clock.
    last_weeks : int
        Weeks of arrivals to go by.
    cases_per_week : float or None
        Volume instead of the measured one; the pattern over the week stays.
    """

    pattern: str = "day"
    target: Target = field(default_factory=Target)
    ai_share: float = 0.9
    ai_failure: float = 0.08
    pass_rate: float = 0.92
    emergency_share: float = 0.1
    ai_wait_minutes: float = 1.5
    correction_minutes: float = 3.0
    together: float = 1.0
    zone: str = "UTC"
    last_weeks: int = 8
    cases_per_week: float | None = None


@dataclass(frozen=True)
class StaffingAnswer:
    """Rosters for now, for every scenario, and three to one."""

    inputs: StaffingInputs
    cases_per_week: float
    measured: dict[str, tuple[int, float]]
    now: Plan
    by_hand: Plan
    grid: tuple[Plan, ...]
    pass_rates: tuple[Plan, ...]
    three_to_one: tuple[Line, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""

        def row(item: Plan | Line) -> dict[str, Any]:
            return {key: None if isinstance(value, float) and value != value else value for key, value in item.__dict__.items()}

        inputs = {**self.inputs.__dict__, "target": self.inputs.target.__dict__}
        measured = {arm: {"n": n, "mean_minutes": mean} for arm, (n, mean) in self.measured.items()}
        scenario_rows = [row(item) for item in (*self.grid, *self.pass_rates)]
        return {
            "inputs": inputs, "cases_per_week": self.cases_per_week, "measured": measured, "now": row(self.now),
            "by_hand": row(self.by_hand), "scenarios": scenario_rows, "three_to_one": [row(item) for item in self.three_to_one],
        }  # fmt: skip


def staffing_rows(tasks: pd.DataFrame) -> pd.DataFrame:
    """The few columns that a forecast needs; `arrived_at` is the scan, or the opening of the case where that is not known."""
    needed = [name for name in ("scanned_at", "started_at", *COLUMNS) if name in tasks]
    rows = tasks[list(dict.fromkeys(needed))].dropna(subset=["hands_on_seconds"])  # a million rows of all columns take a second to pick
    started = pd.to_datetime(rows["started_at"], utc=True)
    arrived = rows["scanned_at"].fillna(started) if "scanned_at" in rows else started
    return rows.assign(arrived_at=arrived, technologist=rows["technologist"].astype(str), arm=rows["arm"].astype(str))[COLUMNS]


def staffing_answer(rows: pd.DataFrame, inputs: StaffingInputs) -> StaffingAnswer:
    """Work everything out; takes seconds.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `staffing_rows`.

    Raises
    ------
    RejectedInput
        With too few measured tasks or arrivals.
    """
    demand = arrivals_by_hour(rows["arrived_at"], last_weeks=inputs.last_weeks, zone=inputs.zone)
    if inputs.cases_per_week is not None:
        demand = demand.scaled(inputs.cases_per_week / demand.per_week)
    demand = Demand(per_hour=demand.per_hour, together=inputs.together)
    kept = rows if len(rows) <= MOST_ROWS else rows.sample(MOST_ROWS, random_state=0)
    minutes = measured_minutes(kept)
    work = Work(
        manual_minutes=minutes["manual"], ai_minutes=minutes["ai"], ai_share=inputs.ai_share, ai_wait_minutes=inputs.ai_wait_minutes,
        ai_failure=inputs.ai_failure, pass_rate=inputs.pass_rate, correction_minutes=inputs.correction_minutes,
        emergency_share=inputs.emergency_share,
    )  # fmt: skip
    shifts, target = PATTERNS[inputs.pattern], inputs.target
    by_hand = replace(work, ai_share=0.0)
    return StaffingAnswer(
        inputs=inputs,
        cases_per_week=demand.per_week,
        measured={arm: (len(values), float(values.mean())) for arm, values in minutes.items()},
        now=plan(f"AI {inputs.ai_share:.0%}", kept, demand, work, shifts, target),
        by_hand=plan("by hand", kept, demand, by_hand, shifts, target),
        grid=scenarios(kept, demand, work, shifts, target, shares=SHARES, volumes=VOLUMES),
        pass_rates=scenarios(kept, demand, work, shifts, target, shares=(), volumes=(), pass_rates=PASS_RATES),
        three_to_one=three_to_one(_before_ai(rows, demand, inputs), work, shifts, target),
    )


def question(rows: pd.DataFrame, inputs: StaffingInputs) -> str:
    """Both as JSON, for `answer_json` in another process; moments as nanoseconds."""
    arrived = pd.DatetimeIndex(pd.to_datetime(rows["arrived_at"], utc=True)).as_unit("ns").asi8
    columns = rows.assign(arrived_at=arrived).to_dict("list")
    return json.dumps({"rows": columns, "inputs": asdict(inputs)}, default=lambda value: value.item())


def answer_json(question: str) -> str:
    """`staffing_answer` from what `question` wrote; read it with `answer_from_json`."""
    asked = json.loads(question)
    rows = pd.DataFrame(asked["rows"])
    rows["arrived_at"] = pd.to_datetime(rows["arrived_at"], unit="ns", utc=True)
    inputs = TypeAdapter(StaffingInputs).validate_python(asked["inputs"])
    return json.dumps(asdict(staffing_answer(rows, inputs)), default=lambda value: value.item())


def answer_from_json(answer: str) -> StaffingAnswer:
    """The answer as it was before it became JSON."""
    return TypeAdapter(StaffingAnswer).validate_json(answer)


def _before_ai(rows: pd.DataFrame, demand: Demand, inputs: StaffingInputs) -> Demand:
    """Arrivals of the weeks before the first AI case where there are twenty such cases, else today's over the founding paper's growth."""
    from study.three_to_one import VOLUME

    arrived = pd.to_datetime(rows["arrived_at"], utc=True)
    early = arrived[arrived < arrived[rows["arm"] == "ai"].min()]
    if len(early) >= 20 and (early.max() - early.min()).days >= 14:
        return replace(arrivals_by_hour(early, last_weeks=52, zone=inputs.zone), together=inputs.together)
    return demand.scaled(1 / VOLUME)
