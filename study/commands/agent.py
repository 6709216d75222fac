"""`gilbreth agent`: counts clicks, keys and wheel steps in named applications for one task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from study.agent.record import Record
    from study.agent.server import Server

LEARN_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("agent")(agent)


def agent(
    task: Annotated[str, typer.Option(metavar="TOKEN", help="Token of one task, from the task's page; it expires after twelve hours.")],
    server: Annotated[str, typer.Option(help="Address of the study's server.", envvar="GILBRETH_SERVER")] = "http://127.0.0.1:8501",
    application: Annotated[
        list[str] | None,
        typer.Option(help="Application to count in (class of its windows, or program name); more than one is possible."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End by itself after this time. [s]")] = None,
    window: Annotated[bool, typer.Option(help="Show the small window; otherwise a line on the terminal.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Send at the end without asking.")] = False,
    only_send: Annotated[bool, typer.Option("--only-send", help="Count nothing; send what waits from earlier.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Where records wait until they are sent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Count inputs for one task in named applications: how many, when, in which application; never titles, key names or screens.

    Nothing is sent before you have seen it. Without --application, the window that is in front after five seconds is counted.

    Example: `gilbreth agent --task TOKEN --server https://study.example.org --application Workstation`
    """
    from platformdirs import user_data_path

    from study.agent.listening import check_possible
    from study.agent.record import Record
    from study.agent.server import Server
    from study.console import say

    record = Record(folder or user_data_path("gilbreth") / "agent", token=task)
    line = Server(server, token=task)
    if not only_send:
        check_possible()
        known = _task(line)
        if known:
            say(f"case {known['case']}, arm {known['arm']}; you agreed to consent text {known['consent']}")
        window = _count(record, line, known, application or [], seconds=seconds, window=window)
    return _hand_over(record, line, yes=yes, as_json=as_json, window=window and not only_send)


def _task(server: "Server") -> dict[str, Any] | None:
    """The task of the token, or None while the server cannot be reached: counting goes on without it."""
    from study.agent.server import Unreachable
    from study.console import say

    try:
        return server.task()
    except Unreachable as error:
        say(f"{error}; counting offline, send later with --only-send")
        return None


def _count(
    record: "Record", server: "Server", known: dict[str, Any] | None, allowed: list[str], *, seconds: float | None, window: bool
) -> bool:
    """Count until the person ends it; whether they had a window to look at."""
    from study.agent.applications import namer
    from study.agent.sitting import Sitting
    from study.agent.window import show

    name = namer()
    sitting = Sitting(record=record, server=server, allowed=allowed or [_learn(name)], name_application=name)
    sitting.begin()
    try:
        return show(sitting, case=known["case"] if known else "?", seconds=seconds, window=window)
    finally:
        sitting.end()


def _learn(name: Any) -> str:
    """The application in front after a few seconds."""
    import time

    from study.console import say
    from study.errors import WrongUsage

    say(f"bring the application to count in to the front; it is taken in {LEARN_SECONDS:g} s")
    time.sleep(LEARN_SECONDS)
    found: str | None = name(False)
    if found is None:
        raise WrongUsage("no application is in front; name one with --application")
    say(f"counting in {found} only")
    return found


def _hand_over(record: "Record", server: "Server", *, yes: bool, as_json: bool, window: bool) -> int:
    """Show the record, then send, keep or delete it as its owner says."""
    import sys

    from study.agent.counting import summary
    from study.agent.server import Unreachable
    from study.agent.window import decide
    from study.console import answer, say

    events = record.events()
    told = summary(events)
    counts = ", ".join(f"{name} {count}" for name, count in told["counts"].items()) or "nothing"
    where = ", ".join(told["applications"]) or "no application"
    say(f"this record: {counts}; in {where}; active {told['active_seconds']:g} s, idle {told['idle_seconds']:g} s")
    choice = "s" if yes else decide(told) if window else _ask() if sys.stdin.isatty() else "k"
    state, status = {"s": "sent", "d": "deleted", "k": "kept"}[choice], 0
    if choice == "s":
        try:
            server.send(events)
            record.delete()
        except Unreachable as error:
            say(str(error))
            state, status = "kept", 1
    elif choice == "d":
        record.delete()
    else:
        say("kept on this machine; send it with --only-send, within the token's twelve hours")
    answer({**told, "state": state}, as_json=as_json, lines=[f"{state}: {counts}"])
    return status


def _ask() -> str:
    while True:
        choice = typer.prompt("[s]end, [k]eep for later, [d]elete", default="s", err=True).strip().lower()[:1]
        if choice in ("s", "k", "d"):
            return str(choice)
