"""Staffing from measured minutes: the Erlang C queue."""

import math
from dataclasses import dataclass, field

from study.statistics.results import Result, StatisticsError

MOST_SERVERS = 100_000


@dataclass(frozen=True, kw_only=True)
class Queue(Result):
    """A queue in steady state; `estimate` is the probability of waiting, `n` the servers.

    Parameters
    ----------
    wait_probability, occupancy : float
    load_erlangs : float
        Work arriving per unit of time, in servers.
    mean_wait_minutes : float
        Over all cases. [min]
    servers : int
    handling_minutes : float
    """

    wait_probability: float
    occupancy: float
    load_erlangs: float
    mean_wait_minutes: float
    servers: int
    handling_minutes: float

    def service_level(self, within_minutes: float) -> float:
        """Share of cases started within this many minutes.

        Parameters
        ----------
        within_minutes : float
            [min]

        Returns
        -------
        float
        """
        free = self.servers - self.load_erlangs
        return 1 - self.wait_probability * math.exp(-free * max(within_minutes, 0.0) / self.handling_minutes)


@dataclass(frozen=True, kw_only=True)
class Roster(Result):
    """Servers needed; `estimate` is the raw number.

    Parameters
    ----------
    servers : int
        At work at once.
    rostered : int
        On the roster, ceil(servers / (1 − shrinkage)).
    queue : Queue
        The queue they make.
    """

    servers: int
    rostered: int
    queue: Queue = field(repr=False)

    @property
    def occupancy(self) -> float:
        """Share of their time at work."""
        return self.queue.occupancy

    @property
    def wait_probability(self) -> float:
        """Probability that a case waits."""
        return self.queue.wait_probability

    def service_level(self, within_minutes: float) -> float:
        """Share of cases started within this many minutes."""
        return self.queue.service_level(within_minutes)


def erlang_c(*, arrivals_per_hour: float, handling_minutes: float, servers: int) -> Queue:
    """How long cases wait for one of several technologists.

    Parameters
    ----------
    arrivals_per_hour : float
        Cases arriving, at random (Poisson). [1/h]
    handling_minutes : float
        Mean hands-on time per case. [min]
    servers : int
        Technologists at work.

    Returns
    -------
    Queue

    Raises
    ------
    StatisticsError
        Numbers not above 0; fewer servers than the work needs (the queue would grow without end).

    Notes
    -----
    Handling times are taken as exponential and nobody leaves the queue: waits are overstated when times vary less, as they do
    with the AI arm.

    References
    ----------
    Erlang 1917; Gans, Koole and Mandelbaum 2003, doi:10.1287/msom.5.2.79.16071.

    Examples
    --------
    >>> queue = erlang_c(arrivals_per_hour=200, handling_minutes=3, servers=14)
    >>> round(queue.wait_probability, 4), round(queue.occupancy, 4), round(queue.service_level(20 / 60), 4)
    (0.1741, 0.7143, 0.8884)
    """
    if not (arrivals_per_hour > 0 and handling_minutes > 0):
        raise StatisticsError("arrivals and minutes above 0", f"{arrivals_per_hour} and {handling_minutes}", "measure them first")
    if servers != int(servers) or servers < 1:
        raise StatisticsError("a whole number of servers, 1 or more", repr(servers), "count people at work")
    load = arrivals_per_hour * handling_minutes / 60
    if servers <= load:
        needed = math.floor(load) + 1
        raise StatisticsError(
            f"more than {load:.3g} servers for this load", f"{servers}", f"roster at least {needed}, or the queue grows without end"
        )
    waiting = _wait_probability(load, int(servers))
    return Queue(
        estimate=waiting,
        n=int(servers),
        method="Erlang C: Poisson arrivals, exponential handling times, no case leaves the queue",
        wait_probability=waiting,
        occupancy=load / servers,
        load_erlangs=load,
        mean_wait_minutes=waiting * handling_minutes / (servers - load),
        servers=int(servers),
        handling_minutes=float(handling_minutes),
    )


def servers_needed(
    *,
    arrivals_per_hour: float,
    handling_minutes: float,
    service_level: float,
    within_minutes: float,
    max_occupancy: float | None = None,
    shrinkage: float = 0.0,
) -> Roster:
    """Fewest technologists that start a share of the cases in time.

    Parameters
    ----------
    arrivals_per_hour, handling_minutes
        As in `erlang_c`.
    service_level : float
        Share of cases to start within `within_minutes`, between 0 and 1.
    within_minutes : float
        [min]
    max_occupancy : float, optional
        Share of time nobody should be busier than.
    shrinkage : float
        Share of rostered time lost to leave, breaks and training.

    Returns
    -------
    Roster

    Raises
    ------
    StatisticsError
        A share outside 0 to 1.

    References
    ----------
    Gans, Koole and Mandelbaum 2003, doi:10.1287/msom.5.2.79.16071.

    Examples
    --------
    >>> plan = servers_needed(arrivals_per_hour=200, handling_minutes=3, service_level=0.8, within_minutes=20 / 60, shrinkage=0.3)
    >>> plan.servers, plan.rostered
    (14, 20)
    """
    if not 0 < service_level < 1:
        raise StatisticsError("a service level between 0 and 1", repr(service_level), "0.8 means 80 of 100 cases in time")
    if not 0 <= shrinkage < 1 or (max_occupancy is not None and not 0 < max_occupancy <= 1):
        raise StatisticsError("shrinkage and occupancy between 0 and 1", f"{shrinkage} and {max_occupancy}", "give shares")
    if within_minutes < 0:
        raise StatisticsError("a waiting time of 0 minutes or more", repr(within_minutes), "give minutes")
    if not (arrivals_per_hour > 0 and handling_minutes > 0):
        raise StatisticsError("arrivals and minutes above 0", f"{arrivals_per_hour} and {handling_minutes}", "measure them first")
    load = arrivals_per_hour * handling_minutes / 60
    servers = math.floor(load) + 1
    if max_occupancy is not None:
        servers = max(servers, math.ceil(load / max_occupancy - 1e-9))
    while True:
        queue = erlang_c(arrivals_per_hour=arrivals_per_hour, handling_minutes=handling_minutes, servers=servers)
        if queue.service_level(within_minutes) >= service_level:
            break
        if servers >= MOST_SERVERS:
            raise StatisticsError(f"a level {MOST_SERVERS} servers can reach", f"{service_level:g}", "ask for a lower service level")
        servers += 1
    return Roster(
        estimate=float(servers),
        n=servers,
        method=f"fewest Erlang C servers for {service_level:.0%} of cases within {within_minutes:g} min, shrinkage {shrinkage:.0%}",
        servers=servers,
        rostered=math.ceil(servers / (1 - shrinkage) - 1e-9),
        queue=queue,
    )


def _wait_probability(load: float, servers: int) -> float:
    """Erlang C from the Erlang B recursion, which cannot overflow."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))
