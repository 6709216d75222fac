"""When AI pays: minutes saved against licence and hardware, with every input shown."""

from dataclasses import dataclass

from study.errors import RejectedInput

WEEKS_A_YEAR = 52.0


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What is paid, in one currency.

    Parameters
    ----------
    hour : float
        One paid hour of a technologist.
    licence_per_year, upkeep_per_year : float
    hardware : float
        Bought once.
    hardware_years : float
        Years over which it is written off. [a]
    per_case : float
        Paid for every AI case.
    """

    hour: float = 40.0
    licence_per_year: float = 0.0
    upkeep_per_year: float = 2000.0
    hardware: float = 12000.0
    hardware_years: float = 5.0
    per_case: float = 0.0

    @property
    def fixed_per_year(self) -> float:
        """What is paid whatever the volume."""
        return self.licence_per_year + self.upkeep_per_year + self.hardware / self.hardware_years


@dataclass(frozen=True)
class BreakEven:
    """Yearly balance at the estimate and at both ends of the interval of minutes saved.

    Parameters
    ----------
    cases_per_year : float
        AI cases.
    hours, saved, net : tuple of (float, float, float)
        Paid hours set free, what they cost, and what is left after costs: estimate, low, high.
    cost : float
        A year.
    cases_needed : tuple of (float or None, float or None, float or None)
        AI cases a year from which it pays: estimate, at the low, at the high end; None where no number does.
    """

    cases_per_year: float
    hours: tuple[float, float, float]
    saved: tuple[float, float, float]
    cost: float
    net: tuple[float, float, float]
    cases_needed: tuple[float | None, float | None, float | None]


def break_even(*, minutes_saved: tuple[float, float, float], ai_cases_per_week: float, costs: Costs, shrinkage: float = 0.2) -> BreakEven:
    """Balance of a year.

    Parameters
    ----------
    minutes_saved : tuple of (estimate, low, high)
        Hands-on minutes per case that AI saves, with the interval. [min]
    ai_cases_per_week : float
    costs : Costs
    shrinkage : float
        A minute of work costs 1 / (1 − shrinkage) paid minutes.

    Raises
    ------
    RejectedInput
        For cases, costs or shares that cannot be.

    Notes
    -----
    Time set free is counted as money saved; it is that only where posts are really given up or other work is done instead.

    Examples
    --------
    >>> costs = Costs(hour=40, licence_per_year=10_000)
    >>> found = break_even(minutes_saved=(9.0, 8.0, 10.0), ai_cases_per_week=100, costs=costs, shrinkage=0)
    >>> round(found.saved[0]), round(found.cost), round(found.cases_needed[0])
    (31200, 14400, 2400)
    """
    if ai_cases_per_week < 0 or costs.hour <= 0 or costs.hardware_years <= 0 or not 0 <= shrinkage < 1:
        raise RejectedInput("bad_costs", "a cost, a number of cases or a share that cannot be", "give costs above 0 and shares below 1")
    cases = ai_cases_per_week * WEEKS_A_YEAR
    per_case = [minutes / 60 / (1 - shrinkage) * costs.hour for minutes in minutes_saved]
    hours = [minutes * cases / 60 / (1 - shrinkage) for minutes in minutes_saved]
    cost = costs.fixed_per_year + costs.per_case * cases
    saved = [value * cases for value in per_case]
    needed = [costs.fixed_per_year / (value - costs.per_case) if value > costs.per_case else None for value in per_case]
    net = _three([value - cost for value in saved])
    return BreakEven(cases, _three(hours), _three(saved), cost, net, (needed[0], needed[1], needed[2]))


def _three(values: list[float]) -> tuple[float, float, float]:
    return values[0], values[1], values[2]
