"""What the system tests share: a demo home, filled once."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PASSWORD = "a-password-for-tests-only"


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `gilbreth demo --no-serve` makes it, every account with the same known password."""
    home = tmp_path_factory.mktemp("demo")
    subprocess.run(
        [sys.executable, "-m", "study.cli", "demo", "--home", str(home), "--no-serve"], check=True, capture_output=True, timeout=600
    )
    _set_passwords(home)
    return home


@pytest.fixture(autouse=True)
def _needs_chromium(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("browser") and shutil.which("chromium") is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")


def _set_passwords(home: Path) -> None:
    from sqlmodel import select

    from db.base import utc_now
    from db.engine import transaction
    from db.tables import Account
    from study.accounts import set_password
    from study.home import open_home

    place = open_home(home)
    with transaction(place.engine) as db_session:
        for account in db_session.exec(select(Account)).all():
            if account.password_hash:
                set_password(db_session, account=account, password=PASSWORD, now=utc_now())
    place.close()
