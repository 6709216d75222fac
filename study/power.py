"""How many cases a protocol needs, and what power its planned number gives, endpoint by endpoint."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from study import statistics
from study.protocol import Protocol
from study.protocol.parts import Assumed, Endpoint
from study.simulation import Arm, Assumptions, RollOut, simulate_operations, simulate_paired_study
from study.statistics import StatisticsError, sample_size

SIMULATED_STUDIES = 200
PILOT_CASES = 3000
READERS = (2, 3, 4, 5, 6, 8, 10)
Needed = Callable[[float], int]


@dataclass(frozen=True)
class PowerLine:
    """Sample size and power of one endpoint.

    Parameters
    ----------
    needed : int or None
        Cases for the power wanted (pairs in a paired design, both groups together in a parallel one).
    planned : int
        Cases the protocol plans.
    power_planned : float or None
        Power at `planned`.
    power_wanted : float
    curve : tuple of (int, float)
        Cases against power.
    method : str
        In words, with what was assumed.
    notes : tuple of str
    """

    endpoint: str
    measure: str
    goal: str
    needed: int | None
    planned: int
    power_planned: float | None
    power_wanted: float
    curve: tuple[tuple[int, float], ...]
    method: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "curve": [list(point) for point in self.curve], "notes": list(self.notes)}


def protocol_power(protocol: Protocol, *, draws: int = SIMULATED_STUDIES) -> tuple[PowerLine, ...]:
    """Power of every endpoint of a protocol that has to show something.

    Parameters
    ----------
    protocol : Protocol
        With assumptions in `[endpoints.assumed]`.
    draws : int
        Simulated studies where no formula is exact (roll-outs).

    Examples
    --------
    >>> from study.protocol import load_protocol
    >>> lines = {line.endpoint: line for line in protocol_power(load_protocol("head_neck_cta"))}
    >>> lines["minutes"].needed, lines["pass"].planned
    (4, 152)
    """
    return tuple(_line(protocol, endpoint, draws) for endpoint in protocol.endpoints if endpoint.goal != "descriptive")


def _line(protocol: Protocol, endpoint: Endpoint, draws: int) -> PowerLine:
    if endpoint.assumed is None or endpoint.assumed.manual is None or endpoint.assumed.ai is None:
        return _unknown(protocol, endpoint, "no assumptions: state manual, ai and their spread under [endpoints.assumed]")
    try:
        if endpoint.measure == "pass" and protocol.design == "multi_reader":
            return _reader_study(protocol, endpoint, endpoint.assumed)
        if protocol.design == "before_after":
            return _roll_out(protocol, endpoint, endpoint.assumed, draws)
        needed, method = _formula(protocol, endpoint, endpoint.assumed)
        return _by_formula(protocol, endpoint, needed, method)
    except StatisticsError as error:
        return _unknown(protocol, endpoint, str(error))


def _unknown(protocol: Protocol, endpoint: Endpoint, why: str) -> PowerLine:
    return PowerLine(
        endpoint.name, endpoint.measure, endpoint.goal, None, protocol.study.cases, None, endpoint.power, (), "not computed", (why,)
    )


def _by_formula(protocol: Protocol, endpoint: Endpoint, needed: Needed, method: str) -> PowerLine:
    planned = protocol.study.cases
    grid = sorted({max(4, round(planned * share)) for share in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)})
    curve = tuple((n, round(power_at(n, needed), 4)) for n in grid)
    notes = (f"assumed: {endpoint.assumed.source}",) if endpoint.assumed and endpoint.assumed.source else ()
    wanted = needed(endpoint.power)
    return PowerLine(
        endpoint.name, endpoint.measure, endpoint.goal, wanted, planned, dict(curve)[planned], endpoint.power, curve, method, notes
    )


def power_at(n: int, needed: Needed) -> float:
    """The largest power for which `needed` asks for no more than n cases, to a thousandth.

    Examples
    --------
    >>> round(power_at(44, lambda power: sample_size.paired_t(difference=1, sd=2, power=power).n), 2)
    0.9
    """
    low, high = 0.0, 1.0
    while high - low > 5e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if _fits(needed, middle, n) else (low, middle)
    return low


def _fits(needed: Needed, power: float, n: int) -> bool:
    try:
        return needed(power) <= n
    except StatisticsError:
        return False


def _formula(protocol: Protocol, endpoint: Endpoint, assumed: Assumed) -> tuple[Needed, str]:
    paired, alpha = protocol.design in ("paired", "multi_reader"), protocol.analysis.alpha
    if endpoint.measure == "pass":
        return _pass_formula(endpoint, assumed, paired=paired, alpha=alpha)
    difference, sd, scale = _spread(endpoint, assumed, paired=paired)
    if endpoint.goal == "non_inferiority":
        raise StatisticsError("superiority for times and clicks", "non-inferiority", "size it by simulation and state how")
    if paired:
        words = f"paired t on {scale}, difference {difference:.3g}, SD of differences {sd:.3g}, two-sided alpha {alpha:g}"
        return lambda power: sample_size.paired_t(difference=difference, sd=sd, power=power, alpha=alpha).n, words
    words = f"two-sample t on {scale}, difference {difference:.3g}, SD {sd:.3g}, two-sided alpha {alpha:g}; both groups together"
    return lambda power: 2 * sample_size.two_sample_t(difference=difference, sd=sd, power=power, alpha=alpha).n, words


def _spread(endpoint: Endpoint, assumed: Assumed, *, paired: bool) -> tuple[float, float, str]:
    """Difference and SD on the scale of the analysis: logs for minutes, counts for clicks."""
    manual, ai = float(assumed.manual or 0), float(assumed.ai or 0)
    sds = [float(assumed.sd_manual or 0), float(assumed.sd_ai or 0)]
    scale = "clicks"
    if endpoint.measure.endswith("minutes"):
        sds = [math.sqrt(math.log1p((sd / mean) ** 2)) for sd, mean in zip(sds, (manual, ai), strict=True)]
        manual, ai = math.log(manual) - sds[0] ** 2 / 2, math.log(ai) - sds[1] ** 2 / 2
        scale = "log minutes"
    squares = sds[0] ** 2 + sds[1] ** 2
    variance = squares - 2 * assumed.correlation * sds[0] * sds[1] if paired else squares / 2
    return ai - manual, math.sqrt(variance), scale


def _pass_formula(endpoint: Endpoint, assumed: Assumed, *, paired: bool, alpha: float) -> tuple[Needed, str]:
    manual, ai, margin = float(assumed.manual or 0), float(assumed.ai or 0), float(endpoint.margin or 0)
    spread = [math.sqrt(rate * (1 - rate)) for rate in (manual, ai)]
    if endpoint.goal != "non_inferiority":
        if paired:
            small, large = sorted(_discordant(manual, ai, assumed.correlation))
            words = f"McNemar, discordant shares {small:.3g} and {large:.3g}, two-sided alpha {alpha:g}"
            return lambda power: sample_size.mcnemar(p_small=small, ratio=large / small, power=power, alpha=alpha).n, words
        words = f"two proportions {manual:g} and {ai:g}, two-sided alpha {alpha:g}; both groups together"
        return lambda power: 2 * sample_size.two_proportions(p1=manual, p2=ai, power=power, alpha=alpha).n, words
    correlation = assumed.correlation if paired else 0.0
    sd = math.sqrt(spread[0] ** 2 + spread[1] ** 2 - 2 * correlation * spread[0] * spread[1])
    groups = 1 if paired else 2
    kind = f"correlation {correlation:g} within a case" if paired else "both groups together"
    words = f"non-inferiority of pass rates {manual:g} and {ai:g}, margin {margin:g}, {kind}, two-sided alpha {alpha:g}"

    def needed(power: float) -> int:
        return groups * sample_size.paired_noninferiority(margin=margin, difference=ai - manual, sd=sd, power=power, alpha=alpha).n

    return needed, words


def _discordant(manual: float, ai: float, correlation: float) -> tuple[float, float]:
    both = manual * ai + correlation * math.sqrt(manual * (1 - manual) * ai * (1 - ai))
    return max(ai - both, 1e-9), max(manual - both, 1e-9)


def _reader_study(protocol: Protocol, endpoint: Endpoint, assumed: Assumed) -> PowerLine:
    """Obuchowski–Rockette components from one large simulated pilot, then power over readers and cases."""
    arms = [Arm(1.0, 0.1, 1.0, 0.0, float(rate or 0)) for rate in (assumed.manual, assumed.ai)]
    drawn = simulate_paired_study(
        cases=PILOT_CASES, readers=3, seed=protocol.analysis.seed,
        assumptions=Assumptions(manual=arms[0], ai=arms[1], arm_correlation=max(0.05, min(0.9, assumed.correlation))),
    )  # fmt: skip
    overall = drawn.readings[drawn.readings["region"] == "overall"]
    frame = overall.assign(score=overall["passed"].astype(float))
    pilot = statistics.mrmc(frame, reader="reader", case="case", arm="arm", score="score", reference="manual")
    margin, alpha, planned = float(endpoint.margin or 0), protocol.analysis.alpha, protocol.study.cases
    effect = margin + float(assumed.ai or 0) - float(assumed.manual or 0)
    readers = max(protocol.roles.readers, 2)
    grid = sorted({max(10, round(planned * share)) for share in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)})
    curve = tuple((n, round(_reader_power(pilot, effect, readers, n, alpha), 4)) for n in grid)
    needed = statistics.mrmc_cases_needed(pilot.components, effect=effect, readers=readers, power=endpoint.power, alpha=alpha)
    table = [f"{k} readers: power {_reader_power(pilot, effect, k, planned, alpha):.2f} at {planned} cases" for k in READERS]
    words = f"Obuchowski-Rockette, {readers} random readers, margin {margin:g}; components from a simulated pilot of {PILOT_CASES} cases"
    return PowerLine(
        endpoint.name, endpoint.measure, endpoint.goal, needed.n, planned, dict(curve)[planned], endpoint.power, curve, words, tuple(table)
    )


def _reader_power(pilot: Any, effect: float, readers: int, cases: int, alpha: float) -> float:
    return float(statistics.mrmc_power(pilot.components, effect=effect, readers=readers, cases=cases, alpha=alpha).estimate)


def _roll_out(protocol: Protocol, endpoint: Endpoint, assumed: Assumed, draws: int) -> PowerLine:
    """Share of simulated roll-outs of the planned length whose level change is significant in the right direction."""
    from study.analysis.data import PlanData
    from study.analysis.roll_out import series_of

    plan, measure = protocol.roll_out, "clicks" if endpoint.measure == "clicks" else "minutes"
    if plan is None:
        return _unknown(protocol, endpoint, "the protocol has no [roll_out]")
    weeks = plan.weeks_before + plan.weeks_after
    per_week = protocol.study.cases / weeks
    manual, ai = (Arm(14.22, 3.64, 115.87, 25.9, 0.92), Arm(4.94, 0.36, 4.0, 0.0, 0.92))
    figures = (float(assumed.manual or 0), float(assumed.sd_manual or 0)), (float(assumed.ai or 0), float(assumed.sd_ai or 0))
    manual, ai = (_with(arm, measure, *pair) for arm, pair in zip((manual, ai), figures, strict=True))
    significant = 0
    for number in range(draws):
        rows = simulate_operations(
            seed=protocol.analysis.seed + number,
            go_live=_midnight(plan.go_live),
            roll_out=RollOut(plan.weeks_before, plan.weeks_after, (per_week, per_week)),
            assumptions=Assumptions(manual=manual, ai=ai),
        )
        series = series_of(PlanData(protocol, rows, rows.iloc[:0]), measure)
        found = statistics.interrupted_series(
            series,
            time="time",
            value="value",
            switch=0,
            family="gaussian",
            autocorrelation="newey-west",
            transition=plan.transition_weeks or None,
        )
        p, estimate = found.level_change.p_value, found.level_change.estimate
        significant += p is not None and p < protocol.analysis.alpha and (estimate < 0) == (endpoint.better == "lower")
    power = significant / draws
    error = math.sqrt(max(power * (1 - power), 0.25 / draws) / draws)
    length = f"{plan.weeks_before} + {plan.weeks_after} {plan.unit}s"
    words = f"{draws} simulated roll-outs of {length}, about {per_week:.0f} cases each; level change"
    notes = (f"Monte-Carlo standard error {error:.3f}", "usage of AI grows as in the founding paper, 71 to 91 %")
    return PowerLine(endpoint.name, endpoint.measure, endpoint.goal, None, protocol.study.cases, power, endpoint.power, (), words, notes)


def _with(arm: Arm, measure: str, mean: float, sd: float) -> Arm:
    if measure == "clicks":
        return Arm(arm.minutes_mean, arm.minutes_sd, mean, sd, arm.pass_rate)
    return Arm(mean, max(sd, 1e-6), arm.clicks_mean, arm.clicks_sd, arm.pass_rate)


def _midnight(day: Any) -> Any:
    from datetime import UTC, datetime

    return datetime(day.year, day.month, day.day, tzinfo=UTC)
