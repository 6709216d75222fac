"""A PostgreSQL server of the tests' own: a throw-away folder, a free loopback port."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

QUIET = {"check": True, "stdout": subprocess.DEVNULL}


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@dataclass(frozen=True)
class Server:
    """A server in a folder of its own, started and ended at will."""

    control: tuple[str, ...]
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, also after a crash, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
        subprocess.run([*self.control, "-l", self.folder / "log", "-o", options, "start"], **QUIET)

    def stop(self) -> None:
        """Stop it in good order."""
        subprocess.run([*self.control, "-m", "fast", "stop"], **QUIET)

    def kill(self) -> None:
        """Kill the server and everything that it has started (kill −9)."""
        leader = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        family = [leader, *leader.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=30)


@contextmanager
def throw_away_server(kept: Path | None = None) -> Iterator[Server]:
    """A server that lives in a temporary folder, or in one that is kept for later; it never runs as root. Skips where none is installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt package postgresql)")
    # Not below pytest's own folder: the inner run of pytest closes that to everybody but its owner.
    folder = kept or Path(tempfile.mkdtemp(prefix="gilbreth-pg-"))
    folder.mkdir(exist_ok=True)
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_postgres:
        folder.chmod(0o755)
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    making = [*as_postgres, binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
    if not (folder / "data").exists():
        subprocess.run(making, **QUIET)
    server = Server((*as_postgres, str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w"), folder, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        if kept is None:
            shutil.rmtree(folder)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of such a server."""
    with throw_away_server() as server:
        yield server.url
