"""Where the larger shared data lie, for tests that are skipped where they are absent."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture
def shared_data():
    """A function from a relative path to a file of the shared data; skips the test where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"shared data {name} is absent")
        return path

    return find
