"""Reading a protocol from a file or a text."""

import tomllib
from collections.abc import Iterable
from pathlib import Path as FilePath

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from study.errors import RejectedInput
from study.protocol.faults import Fault, FaultyProtocol, dotted, explain
from study.protocol.lines import Path, key_lines, line_of
from study.protocol.model import Protocol
from study.protocol.rules import Complaint, complaints
from study.protocol.syntax import explain_syntax
from study.protocol.unfinished import sound_parts

LARGEST_BYTES = 1_000_000


def protocols_folder() -> FilePath:
    """Where the protocols that come with the program lie."""
    return FilePath(__file__).resolve().parents[2] / "protocols"


def named_protocols() -> tuple[str, ...]:
    """Names of the protocols that come with the program.

    Examples
    --------
    >>> "head_neck_cta" in named_protocols()
    True
    """
    return tuple(sorted(path.stem for path in protocols_folder().glob("*.toml")))


def load_protocol(path: FilePath | str) -> Protocol:
    """Read a protocol.

    Parameters
    ----------
    path : path or str
        A TOML file, or the name of one that comes with the program.

    Raises
    ------
    RejectedInput
        When the file is missing or not text.
    FaultyProtocol
        With every fault, its key and its line.

    Examples
    --------
    >>> protocol = load_protocol("head_neck_cta")
    >>> protocol.design, protocol.endpoint("pass").margin, len(protocol.regions)
    ('paired', 0.05, 10)
    """
    file = FilePath(path)
    if not file.exists() and str(path) in named_protocols():
        file = protocols_folder() / f"{path}.toml"
    if not file.is_file():
        known = ", ".join(named_protocols())
        what = "is a folder" if file.is_dir() else "does not exist"
        raise RejectedInput("no_such_file", f"{path} {what}", f"give the path of a protocol, or one of {known}")
    if file.stat().st_size > LARGEST_BYTES:
        raise RejectedInput("too_large", f"{path} has {file.stat().st_size} bytes", "a protocol is a text of some pages")
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise RejectedInput("not_text", f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
    return parse_protocol(text, source=file.name)


def parse_protocol(text: str, *, source: str = "the protocol") -> Protocol:
    """Read a protocol from its text; `source` names it in messages."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, remedy = explain_syntax(error, text)
        raise RejectedInput("not_toml", f"{source} cannot be read as TOML: {problem}", remedy) from error
    lines = key_lines(text)
    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        items = _innermost(error.errors())
        faulty: set[Path] = {tuple(item["loc"]) for item in items}
        known = [explain(item, root=Protocol, lines=lines) for item in items]
        rest = _told(complaints(sound_parts(Protocol, content, faulty=faulty)), lines, beside=faulty)
        raise FaultyProtocol(source, _in_order((*known, *rest))) from error
    if faults := _told(complaints(protocol), lines):
        raise FaultyProtocol(source, _in_order(faults))
    protocol._text = text
    return protocol


def _told(found: Iterable[Complaint], lines: dict[Path, int], *, beside: set[Path] | None = None) -> tuple[Fault, ...]:
    """Contradictions as faults, but for those at places that are faulty by themselves."""
    return tuple(Fault(dotted(key), line_of(key, lines), problem, remedy) for key, problem, remedy in found if key not in (beside or set()))


def _in_order(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """As they stand in the text; what is missing altogether comes first."""
    return tuple(sorted(faults, key=lambda fault: fault.line or 0))


def _innermost(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that only follow from a fault further in: a list is not too short because its one item is wrong."""
    places = [tuple(item["loc"]) for item in errors]

    def has_cause_inside(place: tuple[int | str, ...]) -> bool:
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    return [item for item, place in zip(errors, places, strict=True) if not has_cause_inside(place)]
