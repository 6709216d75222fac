"""Whole studies drawn from stated means and standard deviations, seeded; every row is marked simulated by its site.

The defaults are the founding paper's published figures (Fu et al. 2020, doi 10.1038/s41467-020-18606-2). What the paper
does not give is assumed, and every assumption is a field of `Assumptions` so that a page can print it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

SITE = "simulated"
COMPARISON_SITE = "simulated-B"
REGIONS = (
    "aortic_arch",
    "subclavian",
    "common_carotid",
    "internal_carotid",
    "external_carotid",
    "vertebral",
    "basilar",
    "middle_cerebral",
    "anterior_cerebral",
    "posterior_cerebral",
)
REASONS = ("interruption", "bone_adhesion", "missing_branch", "venous_contamination", "artefact")
Draws = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """Published or assumed figures of one arm: hands-on minutes, clicks and the share of reconstructions that pass."""

    minutes_mean: float
    minutes_sd: float
    clicks_mean: float
    clicks_sd: float
    pass_rate: float


@dataclass(frozen=True)
class Assumptions:
    """What is drawn, and from where.

    Parameters
    ----------
    manual, ai : Arm
        Minutes and clicks are the paper's; the AI pass rate is its 140 of 152. **The manual pass rate is not in the
        paper: it is assumed equal to the AI's.** The AI arm's clicks are constant, as published (no SD is given).
    case_share, technologist_share : float
        Assumed shares of the variance of log minutes that belong to the case and to the technologist.
    arm_correlation, reader_correlation : float
        Assumed correlations of the latent quality of one case between arms, and of one image set between readers.
    ai_wait_minutes : float
        Assumed machine time per AI case; kept apart from human time.
    """

    manual: Arm = field(default_factory=lambda: Arm(14.22, 3.64, 115.87, 25.9, 140 / 152))
    ai: Arm = field(default_factory=lambda: Arm(4.94, 0.36, 4.0, 0.0, 140 / 152))
    case_share: float = 0.3
    technologist_share: float = 0.15
    arm_correlation: float = 0.4
    reader_correlation: float = 0.8
    ai_wait_minutes: float = 1.5


@dataclass(frozen=True)
class SimulatedStudy:
    """Tables with the columns of `tasks.csv` and `readings.csv`."""

    tasks: pd.DataFrame
    readings: pd.DataFrame
    assumptions: Assumptions
    seed: int


def simulate_paired_study(
    *,
    cases: int = 152,
    technologists: int = 4,
    readers: int = 3,
    seed: int = 0,
    start: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
    washout_days: int = 28,
    assumptions: Assumptions | None = None,
) -> SimulatedStudy:
    """Draw a paired study: each case processed both ways, order randomised in balanced blocks, then read blinded.

    Parameters
    ----------
    cases, technologists, readers : int
        Sizes. The paper timed an unstated number of cases; 152 is its reader comparison.
    seed : int
        Same seed, same study.
    start : datetime
        Opening of the first working day, with zone.
    washout_days : int
        Days between the two periods of a case. [d]
    assumptions : Assumptions, optional
        Figures to draw from.

    Returns
    -------
    SimulatedStudy

    Notes
    -----
    Minutes are log-normal with the stated mean and SD; case and technologist effects are shared between arms. Readings
    come from a latent normal quality; the threshold gives the majority of readers the stated pass rate in expectation.

    Examples
    --------
    >>> study = simulate_paired_study(cases=20, seed=1)
    >>> study.tasks.groupby("arm").size().to_dict(), study.tasks["case"].nunique()
    ({'ai': 20, 'manual': 20}, 20)
    >>> set(study.tasks.loc[study.tasks["arm"] == "ai", "clicks"])
    {4}
    """
    chosen = assumptions or Assumptions()
    rng = np.random.default_rng(seed)
    names = [f"S{number:04d}" for number in range(1, cases + 1)]
    tasks = _tasks(names, technologists, rng, chosen, start, washout_days)
    readings = _readings(names, readers, rng, chosen)
    return SimulatedStudy(tasks, readings, chosen, seed)


def log_normal(mean: float, sd: float, z: Draws) -> Draws:
    """Standard normal draws turned into a log-normal of the given mean and SD.

    Examples
    --------
    >>> values = log_normal(10.0, 2.0, np.random.default_rng(0).standard_normal(100_000))
    >>> round(float(values.mean()), 1), round(float(values.std()), 1)
    (10.0, 2.0)
    """
    sigma = np.sqrt(np.log1p((sd / mean) ** 2))
    return np.asarray(np.exp(np.log(mean) - sigma**2 / 2 + sigma * z))


def click_counts(mean: float, sd: float, z: Draws) -> npt.NDArray[np.int64]:
    """Counts of the given mean and SD by a negative binomial quantile of the normal draws; constant when the SD is 0."""
    if sd == 0:
        return np.full(z.shape, round(mean), np.int64)
    variance = max(sd**2, mean * 1.0001)
    p = mean / variance
    return np.asarray(stats.nbinom.ppf(stats.norm.cdf(z), mean * p / (1 - p), p), np.int64)


def _tasks(
    names: list[str], technologists: int, rng: np.random.Generator, chosen: Assumptions, start: datetime, washout_days: int
) -> pd.DataFrame:
    n = len(names)
    case_z, technologist_z = rng.standard_normal(n), _standardised(rng.standard_normal(technologists))
    sequences = _balanced(["AI-manual", "manual-AI"], n, rng)
    blocks = []
    for arm, figures in (("manual", chosen.manual), ("ai", chosen.ai)):
        who = rng.permutation(np.arange(n) % technologists)
        rest = np.sqrt(1 - chosen.case_share - chosen.technologist_share)
        z = np.sqrt(chosen.case_share) * case_z + np.sqrt(chosen.technologist_share) * technologist_z[who]
        hands_on = 60 * log_normal(figures.minutes_mean, figures.minutes_sd, z + rest * rng.standard_normal(n))
        clicks = click_counts(figures.clicks_mean, figures.clicks_sd, np.sqrt(0.5) * case_z + np.sqrt(0.5) * rng.standard_normal(n))
        wait = 60 * chosen.ai_wait_minutes * rng.gamma(25, 1 / 25, n) if arm == "ai" else np.zeros(n)
        paused = np.where(rng.random(n) < 0.15, 60 * rng.gamma(2, 1.5, n), 0.0)
        period = np.where((sequences == "AI-manual") == (arm == "ai"), 1, 2)
        days = np.arange(n) // 8 + (period - 1) * washout_days
        minute_of_day = (np.arange(n) % 8) * 55 + rng.integers(0, 20, n)
        started = [start + timedelta(days=int(d), minutes=int(m)) for d, m in zip(days, minute_of_day, strict=True)]
        blocks.append(
            pd.DataFrame(
                {
                    "site": SITE,
                    "case": names,
                    "technologist": [f"T{number + 1}" for number in who],
                    "arm": arm,
                    "period": period,
                    "sequence": sequences,
                    "started_at": started,
                    "elapsed_seconds": np.round(np.round(hands_on, 1) + np.round(wait, 1) + np.round(paused, 1), 1),  # the parts add up
                    "hands_on_seconds": np.round(hands_on, 1),
                    "ai_wait_seconds": np.round(wait, 1),
                    "clicks": clicks,
                    "instrument": "simulated",
                    "missing_reason": "",
                }
            )
        )
    return pd.concat(blocks).sort_values(["started_at", "case", "arm"], ignore_index=True)


def _readings(names: list[str], readers: int, rng: np.random.Generator, chosen: Assumptions) -> pd.DataFrame:
    n = len(names)
    shared = rng.standard_normal(n)
    rows = []
    for arm, figures in (("manual", chosen.manual), ("ai", chosen.ai)):
        latent = np.sqrt(chosen.arm_correlation) * shared + np.sqrt(1 - chosen.arm_correlation) * rng.standard_normal(n)
        threshold = reader_threshold(figures.pass_rate, readers=readers, correlation=chosen.reader_correlation)
        region, reason = rng.integers(0, len(REGIONS), n), rng.integers(0, len(REASONS), n)
        for reader in range(1, readers + 1):
            noise = rng.standard_normal(n)
            quality = np.sqrt(chosen.reader_correlation) * latent + np.sqrt(1 - chosen.reader_correlation) * noise
            passed = quality < threshold
            rows += _rated(names, arm, f"R{reader}", passed, region, reason, rng)
    columns = ["case", "reader", "arm", "round", "region", "quality", "passed", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _rated(
    names: list[str],
    arm: str,
    reader: str,
    passed: npt.NDArray[np.bool_],
    region: npt.NDArray[np.int64],
    reason: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for index, case in enumerate(names):
        why = "" if passed[index] else REASONS[reason[index]]
        grades = rng.choice([3, 4, 5], size=len(REGIONS), p=[0.15, 0.45, 0.4])
        if not passed[index]:
            grades[region[index]] = rng.choice([1, 2])
        for number, name in enumerate(REGIONS):
            fine = bool(passed[index]) or number != region[index]
            rows.append((case, reader, arm, 1, name, int(grades[number]), fine, "" if fine else why))
        rows.append((case, reader, arm, 1, "overall", int(grades.min()), bool(passed[index]), why))
    return rows


def _standardised(z: Draws) -> Draws:
    """Mean 0 and, from two on, variance 1: a handful of technologists must not move the arm's mean away from the stated one."""
    centred = z - z.mean()
    return np.asarray(centred / centred.std() if len(z) > 1 else centred)


def reader_threshold(pass_rate: float, *, readers: int, correlation: float) -> float:
    """Latent threshold of one reader under which the majority of readers passes at the stated rate (a tie is a fail).

    Examples
    --------
    >>> abs(reader_threshold(0.5, readers=3, correlation=0.8)) < 1e-6
    True
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(81)
    need = readers // 2

    def excess(threshold: float) -> float:
        single = stats.norm.cdf((threshold - np.sqrt(correlation) * nodes) / np.sqrt(1 - correlation))
        return float(weights @ stats.binom.sf(need, readers, single) / weights.sum()) - pass_rate

    return float(optimize.brentq(excess, -8.0, 8.0))


def _balanced(values: list[str], n: int, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    blocks = [rng.permutation(values * 2) for _ in range(-(-n // (2 * len(values))))]
    return np.concatenate(blocks)[:n]


@dataclass(frozen=True)
class RollOut:
    """A before–after roll-out, the paper's deployment in shape: volume doubles while AI takes over (assumed weekly course).

    Parameters
    ----------
    weeks_before, weeks_after : int
        Weeks on each side of go-live. [weeks]
    cases_per_week : tuple of float
        Mean volume in the first and the last week; the paper's months went from 404 to 874 CTAs.
    usage : tuple of float
        Share of cases processed by AI at go-live and at the end; the paper's 71 to 91 %.
    """

    weeks_before: int = 16
    weeks_after: int = 22
    cases_per_week: tuple[float, float] = (404 / 4.345, 874 / 4.345)
    usage: tuple[float, float] = (0.7115, 0.9148)


def simulate_comparison_site(
    *, seed: int = 0, go_live: datetime = datetime(2026, 7, 6, tzinfo=UTC), roll_out: RollOut | None = None
) -> pd.DataFrame:
    """Draw a department of steady volume that stays manual over the same weeks, as the comparison series of a roll-out.

    Examples
    --------
    >>> rows = simulate_comparison_site(seed=3, roll_out=RollOut(weeks_before=2, weeks_after=2))
    >>> set(rows["arm"]), set(rows["site"])
    ({'manual'}, {'simulated-B'})
    """
    plan = roll_out or RollOut()
    steady = RollOut(plan.weeks_before, plan.weeks_after, (plan.cases_per_week[0], plan.cases_per_week[0]), (0.0, 0.0))
    rows = simulate_operations(seed=seed + 1, go_live=go_live, roll_out=steady)
    return rows.assign(site=COMPARISON_SITE, case="B" + rows["case"], technologist="B" + rows["technologist"])


def simulate_operations(
    *,
    seed: int = 0,
    go_live: datetime = datetime(2026, 7, 6, tzinfo=UTC),
    roll_out: RollOut | None = None,
    assumptions: Assumptions | None = None,
) -> pd.DataFrame:
    """Draw the tasks of a department before and after go-live, in the columns of `tasks.csv`.

    Examples
    --------
    >>> rows = simulate_operations(seed=3, roll_out=RollOut(weeks_before=2, weeks_after=2))
    >>> set(rows.loc[rows["started_at"] < "2026-07-06", "arm"])
    {'manual'}
    """
    plan, chosen, rng = roll_out or RollOut(), assumptions or Assumptions(), np.random.default_rng(seed)
    weeks = np.arange(-plan.weeks_before, plan.weeks_after)
    volume = np.interp(weeks, [weeks[0], weeks[-1]], plan.cases_per_week)
    usage = np.interp(weeks, [0, plan.weeks_after - 1], plan.usage, left=0.0)
    frames = [
        _week(int(week), rng.poisson(mean), share, rng, chosen, go_live) for week, mean, share in zip(weeks, volume, usage, strict=True)
    ]
    rows = pd.concat(frames, ignore_index=True)
    rows.insert(1, "case", [f"D{number:05d}" for number in range(1, len(rows) + 1)])
    return rows


def _week(week: int, n: int, share: float, rng: np.random.Generator, chosen: Assumptions, go_live: datetime) -> pd.DataFrame:
    ai = rng.random(n) < (share if week >= 0 else 0.0)
    z, click_z = rng.standard_normal(n), rng.standard_normal(n)
    by_arm = [(ai, chosen.ai), (~ai, chosen.manual)]
    minutes, clicks = np.zeros(n), np.zeros(n, np.int64)
    for chosen_arm, figures in by_arm:
        minutes[chosen_arm] = log_normal(figures.minutes_mean, figures.minutes_sd, z[chosen_arm])
        clicks[chosen_arm] = click_counts(figures.clicks_mean, figures.clicks_sd, click_z[chosen_arm])
    wait = np.where(ai, chosen.ai_wait_minutes * rng.gamma(25, 1 / 25, n), 0.0)
    offsets = np.sort(rng.integers(0, 5, n) * 1440 + 480 + rng.integers(0, 600, n))
    return pd.DataFrame(
        {
            "site": SITE,
            "technologist": [f"T{number}" for number in rng.integers(1, 5, n)],
            "arm": np.where(ai, "ai", "manual"),
            "period": 1,
            "sequence": "",
            "started_at": [go_live + timedelta(weeks=week, minutes=int(offset)) for offset in offsets],
            "elapsed_seconds": np.round(np.round(60 * minutes, 1) + np.round(60 * wait, 1), 1),
            "hands_on_seconds": np.round(60 * minutes, 1),
            "ai_wait_seconds": np.round(60 * wait, 1),
            "clicks": clicks,
            "instrument": "simulated",
            "missing_reason": "",
        }
    )
