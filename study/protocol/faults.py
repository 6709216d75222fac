"""Faults of a protocol in the user's words: key, line, what was found, what to do."""

import difflib
import types
import typing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from study.errors import RejectedInput
from study.protocol.lines import Path, line_of


@dataclass(frozen=True)
class Fault:
    """One fault.

    Examples
    --------
    >>> print(Fault("study.design", 4, "is 'pared'", "use one of paired, parallel"))
    line 4, study.design: is 'pared'; use one of paired, parallel
    """

    key: str
    line: int | None
    problem: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.key}" if self.line else self.key
        return f"{where}: {self.problem}; {self.remedy}"


class FaultyProtocol(RejectedInput):
    """A protocol with faults, all of them at once."""

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        listed = " | ".join(f"{fault}" for fault in faults)
        super().__init__("faulty_protocol", f"{source} has {count}: {listed}", "mend and validate again")


def dotted(path: Path) -> str:
    """A key as people write it.

    Examples
    --------
    >>> dotted(("endpoints", 1, "margin"))
    'endpoints[2].margin'
    """
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "(file)"


def explain(error: ErrorDetails, *, root: type[BaseModel], lines: dict[Path, int]) -> Fault:
    """A validation error as a fault."""
    path: Path = tuple(error["loc"])
    given, kind, context = error["input"], error["type"], error.get("ctx", {})
    owner = _model_at(root, path[:-1])
    about = _description(owner, path)
    if kind == "missing":
        problem, remedy = "is missing", f"add it{about}"
    elif kind == "extra_forbidden":
        problem, remedy = "is not a key of a protocol", _suggestion(str(path[-1]), owner)
    elif kind == "literal_error":
        problem, remedy = f"is {given!r}", f"use {context.get('expected', '')}"
    elif kind == "string_pattern_mismatch":
        problem, remedy = f"is {given!r}", "use lower-case letters, digits and _ and start with a letter"
    else:
        problem, remedy = f"is {_shown(given)}", f"{_wish(error)}{about}"
    return Fault(dotted(path), line_of(path, lines), problem, remedy)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an empty list" if not value else f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "...'"


_WISHES = {
    "greater_than": "give a number above {gt}",
    "greater_than_equal": "give a number from {ge} up",
    "less_than": "give a number below {lt}",
    "less_than_equal": "give a number up to {le}",
    "too_short": "give at least {min_length}",
    "string_too_short": "write at least {min_length} characters",
    "string_too_long": "write at most {max_length} characters",
    "string_type": "give text in quotes",
    "float_type": "give a number without quotes",
    "float_parsing": "give a number without quotes",
    "int_type": "give a whole number without quotes",
    "int_parsing": "give a whole number without quotes",
    "int_from_float": "give a whole number",
    "bool_type": "give true or false without quotes",
    "bool_parsing": "give true or false without quotes",
    "finite_number": "give a number, not nan or inf",
    "tuple_type": "give a list in square brackets",
    "model_type": "make it a table",
    "date_type": "give a date such as 2026-03-01",
    "date_from_datetime_parsing": "give a date such as 2026-03-01",
}


def _wish(error: ErrorDetails) -> str:
    template = _WISHES.get(error["type"])
    return template.format(**error.get("ctx", {})) if template else error["msg"][:1].lower() + error["msg"][1:]


def _description(owner: type[BaseModel] | None, path: Path) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), None)
    field = owner.model_fields.get(name) if owner and name else None
    return f" ({field.description})" if field is not None and field.description else ""


def _suggestion(name: str, owner: type[BaseModel] | None) -> str:
    known = sorted(owner.model_fields) if owner else []
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it; known here: {', '.join(known)}"


def _model_at(root: type[BaseModel], path: Path) -> type[BaseModel] | None:
    model: type[BaseModel] | None = root
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if model else None
        model = model_in(field.annotation) if field else None
    return model


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The part of a protocol that an annotation names, if it names one."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, BaseModel):
        return annotation
    for inner in typing.get_args(annotation):
        if found := model_in(inner):
            return found
    return None
