"""`gilbreth doctor`: what is installed, which device and engine, database reachable, migrations current."""

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor() -> int:
    """Say what is installed. Example: gilbreth doctor"""
    return 0
