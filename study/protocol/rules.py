"""What must fit together in a protocol, beyond each key alone."""

import difflib
import typing
from collections.abc import Iterator
from contextlib import suppress

from db.tables.people import RoleName
from study.protocol.lines import Path
from study.protocol.model import Protocol

Complaint = tuple[Path, str, str]
ROLES: tuple[str, ...] = typing.get_args(RoleName)


def complaints(protocol: Protocol) -> Iterator[Complaint]:
    """Every contradiction: (key, what was found, what to do). Of a protocol with faults, those between the parts that are sound."""
    for rule in (_plan, _interim, _blocks, _strata, _method, _design, _reading, _regions, _timing, _roles, _names_once):
        yield from _as_far_as_it_goes(rule(protocol))
    for index in range(len(getattr(protocol, "endpoints", ()))):
        for about in (_margin, _direction, _form_needed, _assumed):
            yield from _as_far_as_it_goes(about(protocol, index))


def _as_far_as_it_goes(found: Iterator[Complaint]) -> Iterator[Complaint]:
    with suppress(AttributeError):  # a part that it asks about is faulty itself, see `study.protocol.unfinished`
        yield from found


def _margin(protocol: Protocol, index: int) -> Iterator[Complaint]:
    endpoint, where = protocol.endpoints[index], ("endpoints", index)
    if endpoint.goal == "non_inferiority" and endpoint.margin is None:
        yield (*where, "margin"), "is missing", f"non-inferiority of {endpoint.name} needs the largest loss still acceptable"
    if endpoint.margin is not None and endpoint.goal != "non_inferiority":
        yield (*where, "margin"), f"is given, but the goal is {endpoint.goal}", 'set goal = "non_inferiority" or remove the margin'
    if endpoint.margin is not None and len(endpoint.justification) < 20:
        yield (*where, "justification"), "is too short", "say in a sentence why this margin is acceptable"
    if endpoint.measure == "pass" and endpoint.margin is not None and endpoint.margin >= 0.5:
        yield (*where, "margin"), f"is {endpoint.margin:g}, read as {endpoint.margin * 100:g} points", "give 5 points as 0.05"


def _direction(protocol: Protocol, index: int) -> Iterator[Complaint]:
    endpoint = protocol.endpoints[index]
    wanted = "higher" if endpoint.measure in ("pass", "quality") else "lower"
    if endpoint.better != wanted:
        yield ("endpoints", index, "better"), f"is {endpoint.better!r} for {endpoint.measure}", f'set better = "{wanted}"'


def _form_needed(protocol: Protocol, index: int) -> Iterator[Complaint]:
    endpoint = protocol.endpoints[index]
    if endpoint.measure in ("pass", "quality") and protocol.form is None and endpoint.goal != "descriptive":
        found = f"is {endpoint.measure!r}, but there is no reading form"
        yield ("endpoints", index, "measure"), found, "add [form], [reading] and [[regions]]"


def _assumed(protocol: Protocol, index: int) -> Iterator[Complaint]:
    endpoint = protocol.endpoints[index]
    for arm in ("manual", "ai") if endpoint.assumed else ():
        value, where = getattr(endpoint.assumed, arm), ("endpoints", index, "assumed", arm)
        if value is not None and endpoint.measure == "pass" and not 0 <= value <= 1:
            yield where, f"is {value:g} for a pass rate", f"give a share from 0 to 1, such as {max(0, min(value, 100)) / 100:g}"
        elif value is not None and value < 0:
            yield where, f"is {value:g}", f"{endpoint.measure} cannot be negative"


def _plan(protocol: Protocol) -> Iterator[Complaint]:
    names = {endpoint.name: endpoint for endpoint in protocol.endpoints}
    for key in ("all_must_hold", "then"):
        for index, name in enumerate(getattr(protocol.analysis, key)):
            if name not in names:
                yield ("analysis", key, index), f"names {name!r}, which is no endpoint", f"use one of {', '.join(names)}"
            elif names[name].goal == "descriptive":
                yield ("analysis", key, index), f"tests {name!r}, which is descriptive", "give it a goal or take it out of the plan"
    primary = [name for name, endpoint in names.items() if endpoint.role == "primary"]
    if set(primary) != set(protocol.analysis.all_must_hold) & set(names):
        yield (
            ("analysis", "all_must_hold"),
            f"is {list(protocol.analysis.all_must_hold)}, the primary endpoints are {primary}",
            "make them the same",
        )
    twice = set(protocol.analysis.all_must_hold) & set(protocol.analysis.then)
    if twice:
        yield ("analysis", "then"), f"repeats {', '.join(sorted(twice))}", "name every endpoint once"


def _interim(protocol: Protocol) -> Iterator[Complaint]:
    interim = protocol.analysis.interim
    if interim is None:
        return
    if list(interim.looks) != sorted(set(interim.looks)) or interim.looks[-1] != 1.0 or interim.looks[0] <= 0:
        yield ("analysis", "interim", "looks"), f"is {list(interim.looks)}", "give rising shares that end with 1.0"
    if interim.endpoint not in protocol.analysis.all_must_hold:
        yield ("analysis", "interim", "endpoint"), f"is {interim.endpoint!r}", "look at a primary endpoint"


def _blocks(protocol: Protocol) -> Iterator[Complaint]:
    part = protocol.allocation
    odd = [size for size in part.block_sizes if size < 2 or size % 2]
    if odd:
        yield ("allocation", "block_sizes"), f"holds {odd}", "use even numbers from 2 up, for two arms share a block"
    if part.method == "permuted_blocks" and len(set(part.block_sizes)) < 2:
        yield ("allocation", "block_sizes"), "has one size only", "give two or more, or the last arm of a block can be foretold"


def _strata(protocol: Protocol) -> Iterator[Complaint]:
    for index, factor in enumerate(protocol.allocation.strata):
        where: Path = ("allocation", "strata", index, "levels")
        for level in factor.levels:
            if not level.strip() or any(mark in level for mark in "|="):
                yield where, f"holds {level!r}", "give every level a name without | and ="
        if len(set(factor.levels)) < len(factor.levels):
            yield where, f"repeats a level: {', '.join(factor.levels)}", "give every level once"


def _method(protocol: Protocol) -> Iterator[Complaint]:
    part, design = protocol.allocation, protocol.design
    if part.method == "none" and design in ("paired", "parallel"):
        yield ("allocation", "method"), f"is 'none' in a {design} design", "draw the arm or its order: permuted_blocks or minimisation"
    if part.method != "none" and design == "before_after":
        yield ("allocation", "method"), f"is {part.method!r} in a before_after design", 'set method = "none": the date decides the arm'


def _design(protocol: Protocol) -> Iterator[Complaint]:
    if protocol.design == "before_after" and protocol.roll_out is None:
        yield ("roll_out",), "is missing", "a before_after design needs [roll_out] with go_live"
    if protocol.design != "before_after" and protocol.roll_out is not None:
        yield ("roll_out",), f"is given in a {protocol.design} design", "remove it"
    if protocol.study.open_operations and protocol.design != "before_after":
        yield (
            ("study", "open_operations"),
            f"is true in a {protocol.design} design",
            "only a roll-out may show its operations while it runs",
        )
    if protocol.study.nested_readers and protocol.design != "paired":
        yield ("study", "nested_readers"), f"is true in a {protocol.design} design", 'use it with design = "paired"'
    if (protocol.study.nested_readers or protocol.design == "multi_reader") and protocol.reading is None:
        yield ("reading",), "is missing", "say who rates what in [reading]"


def _reading(protocol: Protocol) -> Iterator[Complaint]:
    if (protocol.form is None) != (protocol.reading is None):
        missing = "form" if protocol.form is None else "reading"
        yield (missing,), "is missing", "a reading needs both [form] and [reading]"
    if protocol.form is not None and not protocol.regions:
        yield ("regions",), "is missing", "list the regions that readers rate as [[regions]]"
    if protocol.form is not None:
        values = [level.value for level in protocol.form.quality]
        if values != list(range(1, len(values) + 1)):
            yield ("form", "quality"), f"has the values {values}", "number the levels 1, 2, 3, ... from worst to best"
    if protocol.reading and protocol.roles.readers and protocol.reading.readers_per_image_set > protocol.roles.readers:
        count = protocol.reading.readers_per_image_set
        yield ("reading", "readers_per_image_set"), f"is {count}, but {protocol.roles.readers} readers are planned", "plan more readers"
    if protocol.design == "multi_reader" and protocol.roles.readers < 3:
        yield (
            ("roles", "readers"),
            f"is {protocol.roles.readers}",
            "a multi-reader study needs 3 readers or more to speak about readers at large",
        )
    adjudication = protocol.reading.adjudication.rule if protocol.reading else "none"
    if adjudication != "none" and protocol.reading and protocol.reading.readers_per_image_set < 2:
        yield ("reading", "adjudication"), "needs two readings", 'set readers_per_image_set = 2 or rule = "none"'
    if protocol.blinding.outcomes == "open" and not protocol.study.open_operations:
        yield ("blinding", "outcomes"), "is 'open'", "hide outcomes until unblinding, or declare a roll-out with open_operations = true"


def _regions(protocol: Protocol) -> Iterator[Complaint]:
    from inference.anatomy import LABELS

    known = set(LABELS.values())
    for index, region in enumerate(protocol.regions):
        for place, name in enumerate(region.arteries):
            if name not in known:
                close = difflib.get_close_matches(name, sorted(known), n=1)
                yield ("regions", index, "arteries", place), f"is {name!r}, which is no artery of the label map", _use(close, sorted(known))


def _use(close: list[str], known: list[str]) -> str:
    return f"did you mean {close[0]}?" if close else f"use {', '.join(known)}"


def _roles(protocol: Protocol) -> Iterator[Complaint]:
    for index, pair in enumerate(protocol.roles.apart):
        for place, role in enumerate(pair):
            if role not in ROLES:
                close = difflib.get_close_matches(role, ROLES, n=1)
                yield ("roles", "apart", index, place), f"is {role!r}, which is no role", _use(close, list(ROLES))
        if pair[0] == pair[1]:
            yield ("roles", "apart", index), f"keeps {pair[0]} apart from itself", "name two different roles"


def _timing(protocol: Protocol) -> Iterator[Complaint]:
    timing = protocol.timing
    for place, rule in enumerate(timing.idle_rules_seconds):
        if rule <= 0:
            yield ("timing", "idle_rules_seconds", place), f"is {rule:g}", "give the longest gap that still counts as work, in seconds"
    if timing.sensitivity_idle_seconds not in timing.idle_rules_seconds:
        found = f"is {timing.sensitivity_idle_seconds:g}"
        yield (
            ("timing", "sensitivity_idle_seconds"),
            found,
            f"use one of idle_rules_seconds {[f'{r:g}' for r in timing.idle_rules_seconds]}",
        )


def _names_once(protocol: Protocol) -> Iterator[Complaint]:
    groups: list[tuple[Path, list[str]]] = [
        (("endpoints",), [endpoint.name for endpoint in protocol.endpoints]),
        (("regions",), [region.name for region in protocol.regions]),
        (("taxonomy", "activities"), [activity.name for activity in protocol.taxonomy.activities]),
        (("eligibility", "exclusion"), [reason.name for reason in protocol.eligibility.exclusion]),
        (("allocation", "strata"), [factor.name for factor in protocol.allocation.strata]),
    ]
    for path, names in groups:
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (*path, index, "name"), f"repeats {name!r}", "give every name once"
    if "overall" in [region.name for region in protocol.regions]:
        yield ("regions",), "names a region 'overall'", "rename it: overall is the verdict over all regions"
