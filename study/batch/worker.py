"""A worker process: one request a line on stdin, one answer a line on stdout, models kept loaded in between.

Started as `python -m study.batch.worker MODULE:FUNCTION`. Whatever a library prints goes to stderr, so that answers stay clean.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any


def named_function(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function `module:name`.

    Examples
    --------
    >>> named_function("json:dumps")({"a": 1})
    '{"a": 1}'
    """
    module, _, function = name.partition(":")
    found: Callable[[dict[str, Any]], dict[str, Any]] = getattr(importlib.import_module(module), function)
    return found


def main() -> int:
    """Answer requests until stdin ends."""
    function = named_function(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(function(json.loads(line))) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
