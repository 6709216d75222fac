"""The same tests of database and study on PostgreSQL as on SQLite: a throw-away server on a free loopback port."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
FILES = [f"tests/study/test_{name}.py" for name in ("recording", "reading", "allocation", "exchange", "races")] + ["tests/db"]


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def server():
    """The URL of a server that lives in a temporary folder; it never runs as root."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt package postgresql)")
    # Not below pytest's own folder: the inner run of pytest closes that to everybody but its owner.
    folder = Path(tempfile.mkdtemp(prefix="gilbreth-pg-"))
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_postgres:
        folder.chmod(0o755)
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(
        [*as_postgres, binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"], **quiet
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
    control = [*as_postgres, binaries / "pg_ctl", "-D", folder / "data", "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **quiet)
    yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "fast", "stop"], **quiet)
    shutil.rmtree(folder)


@pytest.mark.timeout(1200)
def test_the_tests_of_database_and_study_pass_on_postgresql(server):
    environment = os.environ | {"TEST_DATABASE_URL": server}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not system", *FILES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
