"""A text that is not TOML yet, explained to somebody who never heard of TOML: which line, what is wrong with it, how to write it."""

import re
import tomllib

_PLACE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_KEY_VALUE = re.compile(r"^\s*([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*$")
_BARE_WORD = re.compile(r"^[A-Za-z][^\"'\[\]{}]*$")
CURLY = "“”„‟‘’‚«»"


def explain_syntax(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, str]:
    """What was found, and what to do.

    Examples
    --------
    >>> def told(text):
    ...     try:
    ...         tomllib.loads(text)
    ...     except tomllib.TOMLDecodeError as error:
    ...         return "; ".join(explain_syntax(error, text))
    >>> print(told("design = paired"))
    line 1 is `design = paired`: text without quotes; write design = "paired"
    >>> print(told("alpha = 0,05"))
    line 1 is `alpha = 0,05`: a decimal comma; write alpha = 0.05
    """
    lines = text.splitlines() or [""]
    found = _PLACE.search(str(error))
    number = int(found.group(1)) if found and found.group(1) else len(lines)
    line = lines[min(number, len(lines)) - 1]
    problem, remedy = _wrong(line, str(error))
    shown = line.strip() if len(line.strip()) <= 70 else line.strip()[:67] + "..."
    return f"line {number} is `{shown}`: {problem}", remedy


def _wrong(line: str, message: str) -> tuple[str, str]:
    key, value = _parts(line)
    if any(mark in line for mark in CURLY):
        return "curly quotes, as word processors make them", 'use straight quotes: "..."'
    if "overwrite" in message or "twice" in message or "redefine" in message:
        if line.strip().startswith("["):
            return "this section stands twice", "join the two; a section that may come several times is written [[endpoints]], each time"
        return f"{key or 'this key'} is given twice in its section", "keep one of the two"
    if key and re.fullmatch(r"[-+]?\d+,\d+", value):
        return "a decimal comma", f"write {key} = {value.replace(',', '.')}"
    if key and re.fullmatch(r"[-+]?[\d.]+\s*%", value):
        return "a percentage", f"write {key} = {float(value.rstrip(' %')) / 100:g}"
    if key and value.lower() in ("yes", "no", "true", "false", "on", "off"):
        return f"{value} is no value here", f"write {key} = {'true' if value.lower() in ('yes', 'true', 'on') else 'false'}"
    if key and not value:
        return "a key without a value", f"write {key} = and its value, or remove the line"
    if key and _BARE_WORD.match(value):
        return "text without quotes", f'write {key} = "{value}"'
    if value.startswith("[") or "array" in message:
        return "a list that is not closed, or has no comma between two items", 'write it as ["a", "b"] or [4, 6, 8]'
    if value.startswith(('"', "'")) or "string" in message:
        return "quotes that are not closed, or something after them", 'close the quotes; long texts stand between """ and """'
    if not key:
        return "neither a section such as [study] nor a line such as cases = 152", "write key = value, or put # before a remark"
    return message[:1].lower() + _PLACE.sub("", message[1:]).strip(), "write it as in the protocols that come with the program"


def _parts(line: str) -> tuple[str, str]:
    """Key and value of a line, without its remark; empty when it is no such line."""
    found = _KEY_VALUE.match(line.split(" #")[0])
    return (found.group(1), found.group(2)) if found else ("", "")
