"""Migrations build what the program's tables say, and come back from it."""

import pytest
from sqlalchemy import inspect

from db.engine import open_engine
from db.errors import SchemaMismatch
from db.migrate import current, downgrade, drift, newest, require_current, upgrade


def test_the_migrated_database_has_exactly_the_programs_tables():
    engine = open_engine("sqlite://")
    upgrade(engine)
    assert drift(engine) == []


def test_a_second_upgrade_changes_nothing(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite")
    upgrade(engine)
    upgrade(engine)
    assert current(engine) == newest()


def test_downgrading_to_base_leaves_no_table():
    engine = open_engine("sqlite://")
    upgrade(engine)
    downgrade(engine, revision="base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}


def test_an_empty_database_is_refused_with_a_remedy():
    with pytest.raises(SchemaMismatch, match="got an empty database; run"):
        require_current(open_engine("sqlite://"))
