"""The one program, `gilbreth`. Each verb lives in `study/commands/`; importing this file loads no heavy library."""

import importlib
import json
import os
import pkgutil
import sys

import typer

from study import commands
from study.console import say

app = typer.Typer(
    name="gilbreth",
    help="Studies of AI against manual post-processing of head-and-neck CT angiography: reconstruct, time, rate, compare. "
    "Research use; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def _program() -> None:
    """Keep `gilbreth VERB` a group however many verbs there are."""


for _module in sorted(module.name for module in pkgutil.iter_modules(commands.__path__)):
    importlib.import_module(f"study.commands.{_module}").register(app)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; an expected error becomes one line on stderr.

    Notes
    -----
    An error is expected when its class carries `exit_status`. With `--json` a rejection is also printed as one JSON
    object on stdout, `{"accepted": false, "code": .., "reason": .., "remedy": ..}`. `GILBRETH_DEBUG=1` shows tracebacks.
    """
    try:
        status = app(arguments, prog_name="gilbreth", standalone_mode=False)
    except Exception as error:
        if os.environ.get("GILBRETH_DEBUG"):
            raise
        return _report(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        say("stopped")
        return 130
    return int(status or 0) if not isinstance(status, bool) else int(status)


def _report(error: Exception, *, as_json: bool) -> int:
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's usage errors
        show = getattr(error, "show", None)
        if show:
            show(file=sys.stderr)
        return int(error.exit_code)
    if type(error).__name__ in ("Exit", "Abort"):
        return int(getattr(error, "exit_code", 1))
    status = getattr(error, "exit_status", None)
    if status is None and isinstance(error, OSError) and error.filename:
        say(f"cannot use {error.filename}: {(error.strerror or 'refused').lower()}; give a place that can be read and written")
        return 2
    if status is None:
        say(f"internal error: {type(error).__name__}: {error}; run again with GILBRETH_DEBUG=1 and report it")
        return 1
    say(str(error))
    if as_json and getattr(error, "code", None):
        rejected = {"accepted": False, "code": error.code, "reason": error.found, "remedy": error.remedy}  # type: ignore[attr-defined]
        print(json.dumps(rejected, ensure_ascii=False))  # noqa: T201
    return int(status)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
