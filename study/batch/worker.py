"""A worker process: one request a line on stdin, one answer a line on stdout, models kept loaded in between.

Started as `python -m study.batch.worker MODULE:FUNCTION`. Whatever a library prints goes to stderr, so that answers stay clean. When stdin
ends the program that asked has gone, whatever ended it: then nobody waits for the case in hand, and another program may be at it.
"""

import importlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any


def named_function(name: str) -> Callable[..., dict[str, Any]]:
    """The function `module:name`.

    Examples
    --------
    >>> named_function("json:dumps")({"a": 1})
    '{"a": 1}'
    """
    module, _, function = name.partition(":")
    found: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), function)
    return found


def main() -> int:
    """Answer requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asked
    function = named_function(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        answers.write(json.dumps(function(json.loads(requests.get()))) + "\n")
        answers.flush()


def _listen(requests: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
