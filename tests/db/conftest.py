"""Fixtures for tests of the database."""

import pytest

from tests.db.databases import fresh_engine


@pytest.fixture
def engine():
    with fresh_engine() as opened:
        yield opened
