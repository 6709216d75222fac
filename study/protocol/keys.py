"""Every key of a protocol with its meaning, for `gilbreth study validate --keys`."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from study.protocol.model import Protocol


def key_lines_for_people() -> list[str]:
    """One line per key: `[[endpoints]] margin  largest loss still acceptable ..`.

    Examples
    --------
    >>> any(line.startswith("endpoints[].margin") for line in key_lines_for_people())
    True
    """
    return [f"{key}  {meaning}{'' if required else ' (optional)'}" for key, meaning, required in _walk(Protocol, "")]


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, bool]]:
    for name, field in model.model_fields.items():
        inner, many = _inner(field.annotation)
        key = f"{prefix}{name}{'[]' if many else ''}"
        if inner is None:
            yield f"{prefix}{name}", field.description or "", field.is_required()
        else:
            yield from _walk(inner, f"{key}.")


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for part in typing.get_args(annotation):
        model, _ = _inner(part)
        if model is not None:
            return model, typing.get_origin(annotation) is tuple
    return None, False
