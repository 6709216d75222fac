"""The same tests of database and study on PostgreSQL as on SQLite: a throw-away server on a free loopback port."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.postgres import postgres_server

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
NAMES = (
    "recording", "reading", "allocation", "exchange", "races", "oversight", "accounts", "observations", "assignments", "planning",
    "withdrawn_cases", "signatures",
)  # fmt: skip
FILES = [f"tests/study/test_{name}.py" for name in NAMES] + ["tests/study/batch/test_ledger.py", "tests/db"]


@pytest.fixture(scope="module")
def server():
    """The URL of a throw-away server."""
    with postgres_server() as url:
        yield url


@pytest.mark.timeout(1200)
def test_the_tests_of_database_and_study_pass_on_postgresql(server):
    environment = os.environ | {"TEST_DATABASE_URL": server}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not system", *FILES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
