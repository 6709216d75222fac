"""Reading a protocol from a file or a text."""

import tomllib
from pathlib import Path as FilePath

from pydantic import ValidationError

from study.errors import RejectedInput
from study.protocol.faults import Fault, FaultyProtocol, dotted, explain
from study.protocol.lines import key_lines, line_of
from study.protocol.model import Protocol
from study.protocol.rules import complaints

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
        raise RejectedInput("not_toml", f"{source} is not TOML: {str(error)[:1].lower()}{str(error)[1:]}", "mend that line") from error
    lines = key_lines(text)
    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        raise FaultyProtocol(source, tuple(explain(item, root=Protocol, lines=lines) for item in error.errors())) from error
    faults = tuple(Fault(dotted(key), line_of(key, lines), problem, remedy) for key, problem, remedy in complaints(protocol))
    if faults:
        raise FaultyProtocol(source, faults)
    protocol._text = text
    return protocol
