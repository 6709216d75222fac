"""Fixtures for tests of the study."""

import pytest

from tests.db.databases import fresh_engine
from tests.study.world import make_world


@pytest.fixture
def engine():
    with fresh_engine() as opened:
        yield opened


@pytest.fixture
def world(engine):
    return make_world(engine)
