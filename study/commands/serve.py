"""`gilbreth serve`: the dashboard on an existing home."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


def serve(
    home: Annotated[Path | None, typer.Option(help="Home of the study; GILBRETH_HOME otherwise.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs a TLS proxy in front (docs/serving.md).")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
) -> int:
    """Open the dashboard on an existing home.

    Example: `gilbreth serve --home ./demo --port 8501`
    """
    from study.console import home_directory

    return run_server(home_directory(home), host=host, port=port)


def run_server(home: Path, *, host: str, port: int) -> int:
    """Start the server and wait for it; its exit status, 0 after Ctrl-C.

    Raises
    ------
    Forbidden
        If the address is not loopback and no TLS proxy and secret are configured.
    """
    from study.console import DISCLAIMER, say

    _require_free(host, port)
    _require_proxy(host)
    _prepare(home)
    command = [sys.executable, "-m", "streamlit", "run", str(_dashboard() / "app.py"), "--server.address", host, "--server.port", str(port)]
    say(f"Gilbreth on http://{host}:{port}  (Ctrl-C stops it) · {DISCLAIMER}")
    server = subprocess.Popen(command, env={**os.environ, "GILBRETH_HOME": str(home.resolve())}, stdout=subprocess.DEVNULL)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.wait(timeout=20)
        return 0


def _prepare(home: Path) -> None:
    """Make or upgrade the home, and say what is wrong with it; not even looked at when it is current, to be up again at once."""
    from db.revision import is_current_file

    if os.environ.get("GILBRETH_DATABASE_URL") or not is_current_file(home / "gilbreth.sqlite"):
        from study.home import open_home

        open_home(home).close()


def _dashboard() -> Path:
    spec = importlib.util.find_spec("dashboard")
    if spec is None or spec.origin is None:
        from study.errors import MissingPart

        raise MissingPart("the dashboard is not installed; pip install gilbreth")
    return Path(spec.origin).parent


def _require_proxy(host: str) -> None:
    from study.errors import Forbidden

    if host in LOOPBACK:
        return
    if not os.environ.get("GILBRETH_TLS_PROXY") or not os.environ.get("GILBRETH_COOKIE_SECRET"):
        raise Forbidden(
            f"refused to listen on {host}: passwords would travel in clear; put a TLS proxy in front and set GILBRETH_TLS_PROXY to "
            "its https address and GILBRETH_COOKIE_SECRET to a long random text (docs/serving.md), or use 127.0.0.1"
        )


def _require_free(host: str, port: int) -> None:
    import socket

    from study.errors import WrongUsage

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WrongUsage(f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port") from error
