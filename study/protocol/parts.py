"""The parts of a protocol that say what is compared: arms, endpoints, analysis, timing, allocation, roll-out."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Design = Literal["paired", "parallel", "before_after", "multi_reader"]
Measure = Literal["hands_on_minutes", "elapsed_minutes", "active_minutes", "ai_wait_minutes", "clicks", "pass", "quality"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Base of every part: frozen, and an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class StudyPart(Part):
    """What the study is."""

    name: Name = Field(description="short name of the study, lower case, used by every command")
    title: str = Field(min_length=1, max_length=300, description="title as it will be published")
    version: str = Field(min_length=1, max_length=20, description="version of this protocol")
    design: Design = Field(description="paired, parallel, before_after or multi_reader")
    nested_readers: bool = Field(default=False, description="paired design whose image sets are also rated by blinded readers")
    question: str = Field(default="", max_length=2000, description="the question in plain words")
    cases: int = Field(gt=0, description="cases planned (per study, not per arm)")
    registration: str = Field(default="", description="registry number, when registered")
    open_operations: bool = Field(default=False, description="a roll-out whose operational figures may be seen while it runs")


class Arm(Part):
    """One way of making the pictures."""

    label: str = Field(min_length=1, description="name shown in reports")
    tool: str = Field(default="", description="software or workstation used")
    instrument: Literal["browser", "agent", "observer", "import"] = Field(description="what counts clicks and takes time in this arm")


class Assumed(Part):
    """What is assumed for the sample size; where it comes from belongs in `source`."""

    manual: float | None = Field(default=None, description="expected value in the manual arm (minutes, clicks, or pass rate)")
    ai: float | None = Field(default=None, description="expected value in the AI arm")
    sd_manual: float | None = Field(default=None, gt=0, description="standard deviation between cases, manual arm")
    sd_ai: float | None = Field(default=None, ge=0, description="standard deviation between cases, AI arm")
    correlation: float = Field(default=0.0, ge=-1, le=1, description="correlation between the two arms of one case")
    source: str = Field(default="", description="where these figures come from")


class Endpoint(Part):
    """One measure, its role, and what has to be shown about it."""

    name: Name = Field(description="name used in gatekeeping and reports")
    measure: Measure = Field(description="what is measured")
    role: Literal["primary", "secondary", "exploratory"] = Field(description="primary endpoints must all hold")
    goal: Literal["superiority", "non_inferiority", "descriptive"] = Field(description="what has to be shown")
    better: Literal["lower", "higher"] = Field(description="which direction is better")
    margin: float | None = Field(
        default=None, gt=0, description="largest loss still acceptable, in the measure's unit (pass rate: 0.05 = 5 points)"
    )
    justification: str = Field(default="", max_length=2000, description="why this margin is acceptable to patients and clinicians")
    power: float = Field(default=0.8, gt=0, lt=1, description="power wanted")
    assumed: Assumed | None = Field(default=None, description="assumptions for the sample size")


class Interim(Part):
    """Looks at the data before the end."""

    looks: tuple[Share, ...] = Field(min_length=1, description="shares of the cases at which the data are looked at, 1.0 last")
    spending: Literal["obrien-fleming", "pocock"] = Field(description="how alpha is spent over the looks")
    endpoint: Name = Field(description="endpoint looked at")


class Analysis(Part):
    """The plan: fixed before the data are seen."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="two-sided significance level")
    level: float = Field(default=0.95, gt=0.5, lt=1, description="level of intervals")
    all_must_hold: tuple[Name, ...] = Field(min_length=1, description="endpoints that must all hold, each at alpha")
    then: tuple[Name, ...] = Field(default=(), description="endpoints tested after them, in this order or adjusted")
    adjustment: Literal["holm", "hierarchical"] = Field(default="holm", description="how the endpoints in `then` are adjusted")
    sensitivity: tuple[Literal["complete_case", "worst_case", "idle_rules", "without_first_cases", "per_protocol"], ...] = Field(
        default=("complete_case", "worst_case", "idle_rules", "without_first_cases"), description="sensitivity analyses"
    )
    first_cases_left_out: int = Field(
        default=20, ge=0, description="AI cases per technologist left out in the learning sensitivity analysis"
    )
    hard_strata: tuple[Name, ...] = Field(default=(), description="case features reported apart")
    interim: Interim | None = Field(default=None, description="interim looks; none when absent")
    seed: int = Field(default=20201001, description="seed of every resampling")


class Timing(Part):
    """What time and clicks mean."""

    starts: str = Field(description="when time starts")
    stops: str = Field(description="when time stops")
    idle_rules_seconds: tuple[float, ...] = Field(default=(30, 60, 120), min_length=1, description="idle rules that are computed")
    sensitivity_idle_seconds: float = Field(default=60, gt=0, description="the idle rule of the sensitivity analysis")
    click: Literal["click", "double_click", "drag", "other_button", "wheel", "key"] = Field(
        default="click", description="which input is the click endpoint"
    )
    pause_reasons: tuple[str, ...] = Field(min_length=1, description="reasons offered for a pause")
    interruption_kinds: tuple[str, ...] = Field(default=(), description="interruptions offered to observers")
    abort_reasons: tuple[str, ...] = Field(min_length=1, description="reasons offered for giving a task up")


class Strata(Part):
    """One factor by which the allocation is stratified."""

    name: Name = Field(description="name of the factor")
    levels: tuple[str, ...] = Field(min_length=2, description="its levels")


class AllocationPart(Part):
    """How arms, or their order, are drawn."""

    method: Literal["permuted_blocks", "minimisation", "none"] = Field(description="how the list is made")
    block_sizes: tuple[int, ...] = Field(default=(4, 6, 8), min_length=1, description="block sizes, drawn at random; even numbers")
    by_site: bool = Field(default=True, description="one list per site")
    strata: tuple[Strata, ...] = Field(default=(), description="factors of stratification")
    biased_coin: float = Field(default=0.8, gt=0.5, le=1, description="minimisation: probability of the arm that balances better")
    washout_days: float = Field(default=0, ge=0, description="paired: least time between the two tasks of one case by one technologist")


class RollOut(Part):
    """The switch of a before-after study."""

    go_live: date = Field(description="first day with AI")
    transition_weeks: int = Field(default=0, ge=0, description="weeks after go-live left out, stated beforehand")
    unit: Literal["week", "month"] = Field(default="week", description="length of one point in the series")
    weeks_before: int = Field(gt=0, description="weeks planned before")
    weeks_after: int = Field(gt=0, description="weeks planned after")
    comparison_sites: tuple[str, ...] = Field(default=(), description="sites that do not switch")


def field_of(model: type[BaseModel], name: str) -> Any:
    """A field's declaration, for messages."""
    return model.model_fields.get(name)
