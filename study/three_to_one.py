"""From three technologists to one: the founding paper's most quoted line as a scenario, with where it holds and where it fails.

The paper saw it once, in one department, before and after, while its monthly volume went from 404 to 874 scans and AI took 71 to 91 %
of them (Fu et al. 2020, doi 10.1038/s41467-020-18606-2). It states no service level and no roster.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from study.reporting_room import Demand, Shift, Work
from study.staffing_forecast import Target, in_time, weeks_of

VOLUME, SHARE = 874 / 404, 0.9148


@dataclass(frozen=True)
class Line:
    """One simulated department: what differs, people at work at once, share of cases ready in time, whether that is enough."""

    question: str
    condition: str
    technologists: int
    level: float
    holds: bool


def three_to_one(demand: Demand, work: Work, shifts: Sequence[Shift], target: Target, *, seed: int = 0) -> tuple[Line, ...]:
    """Three by hand at the volume given; one with AI at 2.16 times that; then one thing changed at a time.

    Parameters
    ----------
    demand : Demand
        Arrivals before AI.
    work : Work
        Measured times of both arms; its AI share is set here.
    shifts, target
        Shifts that stand for one post each, and what must be reached.

    Returns
    -------
    tuple of Line
        `holds` where the share ready in time reaches the target.
    """
    by_hand, with_ai = replace(work, ai_share=0.0), replace(work, ai_share=SHARE)
    more = demand.scaled(VOLUME)

    def line(question: str, condition: str, people: int, scans: Demand, kind: Work, aim: Target = target) -> Line:
        roster = [replace(shift, staff=people) for shift in shifts]
        level = in_time(scans, kind, roster, aim, seed=seed, weeks=weeks_of(scans))
        return Line(question, condition, people, level, level >= aim.level)

    found = [line("Before", "by hand, volume as it was", people, demand, by_hand) for people in (3, 2, 1)]
    found += [line("After", f"AI {SHARE:.0%}, volume ×{VOLUME:.2f}", people, more, with_ai) for people in (1, 2)]
    found += [line("AI share", f"{share:.0%}", 1, more, replace(with_ai, ai_share=share)) for share in (1.0, 0.75, 0.5, 0.25, 0.0)]
    found += [line("Volume", f"×{volume:g}", 1, demand.scaled(volume), with_ai) for volume in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found += [line("Pass rate", f"{rate:.0%}", 1, more, replace(with_ai, pass_rate=rate)) for rate in (1.0, 0.92, 0.8, 0.6)]
    found += [line("AI fails, redone by hand", f"{share:.0%}", 1, more, replace(with_ai, ai_failure=share)) for share in (0.08, 0.2, 0.4)]
    found += [line("Scans arrive together", f"{size:g} at once", 1, replace(more, together=size), with_ai) for size in (1.0, 3.0, 6.0)]
    limits = sorted({15.0, 30.0, 60.0, 120.0, target.within_minutes})
    found += [line("Ready within", f"{limit:g} min", 1, more, with_ai, replace(target, within_minutes=limit)) for limit in limits]
    return tuple(found)
