"""A protocol with faults, as far as it holds: so that what must fit together is checked in the parts that are sound.

A part that is faulty or missing has no value here; whoever asks for it meets an `AttributeError`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from study.protocol.faults import model_in
from study.protocol.lines import Path

Model = TypeVar("Model", bound=BaseModel)
_NOTHING = object()


def sound_parts(model: type[Model], content: Mapping[str, Any], *, faulty: set[Path], at: Path = ()) -> Model:
    """What can be read of a text with faults.

    Parameters
    ----------
    faulty : set of Path
        Where the faults are.
    at : Path
        Where `content` stands.

    Examples
    --------
    >>> from study.protocol.parts import Endpoint
    >>> part = sound_parts(Endpoint, {"name": "minutes", "margin": "five"}, faulty={("margin",), ("goal",)})
    >>> part.name, part.power, hasattr(part, "margin"), hasattr(part, "goal")
    ('minutes', 0.8, False, False)
    """
    values = {}
    for name, field in model.model_fields.items():
        place = (*at, name)
        if name in content and place not in faulty:
            values[name] = _sound(field.annotation, content[name], faulty, place)
    built = model.model_construct(**values)
    for name in model.model_fields:
        if (*at, name) in faulty or built.__dict__.get(name) is _NOTHING:
            built.__dict__.pop(name, None)
    return built


def _sound(annotation: Any, value: Any, faulty: set[Path], at: Path) -> Any:
    if not any(place[: len(at)] == at for place in faulty):
        return TypeAdapter(annotation).validate_python(value)
    inner = model_in(annotation)
    if inner is not None and isinstance(value, dict):
        return sound_parts(inner, value, faulty=faulty, at=at)
    if inner is not None and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return tuple(sound_parts(inner, item, faulty=faulty, at=(*at, place)) for place, item in enumerate(value))
    return _NOTHING
