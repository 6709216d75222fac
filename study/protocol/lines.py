"""Where each key of a TOML text stands, so that a fault can name its line (the standard parser does not say)."""

import re

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=\s*(.*)$""")
_STRING = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#')

Path = tuple[str | int, ...]


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every table header and key.

    Examples
    --------
    >>> lines = key_lines("[study]\\nname = 'a'\\n[[endpoints]]\\nname = 'm'\\n[[endpoints]]\\nname = 'n'")
    >>> lines[("study", "name")], lines[("endpoints", 1, "name")]
    (2, 6)
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    open_until, depth = "", 0
    value_of: Path = ()
    item = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if open_until or depth:
            if not open_until and depth == 1 and line.lstrip().startswith("{"):  # the next table of a list
                found[(*value_of, item)] = number
                item += 1
            open_until, depth = _scan(line, open_until, depth)
        elif header := _HEADER.match(line):
            table = _resolve(_split(header[2]), counts, is_array=header[1] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            parts = _split(key[1])
            for end in range(1, len(parts) + 1):
                found.setdefault((*table, *parts[:end]), number)
            value_of, item = (*table, *parts), 0
            open_until, depth = _scan(key[2], "", 0)
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of a key, or of the nearest table above it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _split(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))


def _resolve(parts: Path, counts: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for index, part in enumerate(parts):
        path = (*path, part)
        if is_array and index == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _scan(value: str, open_until: str, depth: int) -> tuple[str, int]:
    """Whether a value goes on in the next line: inside a triple-quoted string, or `depth` brackets deep."""
    while value:
        if open_until:
            end = value.find(open_until)
            if end < 0:
                return open_until, depth
            value, open_until = value[end + 3 :], ""
            continue
        match = _STRING.search(value)
        plain = value[: match.start()] if match else value
        depth += sum(plain.count(c) for c in "[{") - sum(plain.count(c) for c in "]}")
        if match is None or match[0] == "#":
            return "", depth
        if match[0] in ('"""', "'''"):
            open_until = match[0]
        value = value[match.end() :]
    return open_until, depth
