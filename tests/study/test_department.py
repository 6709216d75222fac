"""A department's figures equal those read event by event, follow what is new, and notice what was changed from outside."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from benchmarks.department import fill
from db import frames
from db.audit import Actor
from db.base import utc_now
from db.department import changed_tables
from db.engine import open_engine, snapshot, transaction
from db.tables import Event, Study
from study import department_store as module
from study.accrual import permit_accrual, read_accrual
from study.department import department, permit_operations
from study.dose import cases_with_dose, dose_saved
from study.errors import Forbidden, NotYetRead
from study.home import Home, open_home
from study.indicators import INDICATORS, by_model, chart, chart_csv, filter_words, learning, versions
from study.sign_in import sign_in

FIGURES = ("elapsed_seconds", "hands_on_seconds", "ai_wait_seconds", "clicks")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, str]]:
    home = open_home(tmp_path_factory.mktemp("department") / "home")
    yield home, fill(home, tasks=1500, weeks=24, sites=5, seed=3, password="a-password-for-tests-only")
    home.close()


@pytest.fixture
def fresh(filled: tuple[Home, str]) -> tuple[Engine, str, Path]:
    """Nothing kept in memory or beside the database."""
    home, study = filled
    home.engine.__dict__.pop("gilbreth_departments", None)
    folder = home.path / "cache"
    for path in folder.glob("*") if folder.exists() else ():
        path.unlink()
    return home.engine, study, folder


def by_events(engine: Engine, study: str) -> pd.DataFrame:
    with snapshot(engine) as db_session:
        return frames.tasks(db_session, study_id=study)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert found["case"].astype(str).tolist() == expected["case"].tolist()
    for name in FIGURES:
        np.testing.assert_allclose(found[name].to_numpy(float), expected[name].to_numpy(float), atol=1e-6, err_msg=name)


@pytest.mark.parametrize("small", [10**9, 0], ids=["every look walks all events", "kept and followed"])
def test_the_figures_are_those_of_the_events(fresh, monkeypatch, small) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", small)
    same(department(engine, study_id=study, folder=folder).tasks, by_events(engine, study))


@pytest.mark.parametrize("small", [10**9, 0], ids=["every look walks all events", "kept and followed"])
def test_a_pause_added_later_is_followed(fresh, monkeypatch, small) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", small)
    before = department(engine, study_id=study, folder=folder)
    with transaction(engine, actor=Actor(account="test")) as db_session:
        task = db_session.execute(text("SELECT task_id FROM event WHERE kind = 'finish' ORDER BY id LIMIT 1")).scalar_one()
        start = db_session.execute(text("SELECT MIN(monotonic_seconds) FROM event WHERE task_id = :task"), {"task": task}).scalar_one()
        for offset, kind in ((1.5, "pause"), (4.5, "resume")):
            at = datetime.fromtimestamp(start + offset, tz=UTC)
            values = {"task_id": task, "kind": kind, "at": at, "boot": "simulation", "monotonic_seconds": start + offset,
                      "source": "simulation", "software_version": "test", "key": f"{task}-{small}-{kind}"}  # fmt: skip
            db_session.add(Event.model_validate(values))
    after = department(engine, study_id=study, folder=folder)
    assert after.version != before.version
    same(after.tasks, by_events(engine, study))


def test_a_row_changed_from_outside_shows_at_once_where_a_study_is_small(fresh) -> None:
    engine, study, folder = fresh
    before = department(engine, study_id=study, folder=folder)
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE event SET monotonic_seconds = monotonic_seconds + 600 WHERE id = (SELECT MAX(id) FROM event WHERE kind = 'finish')"
            )
        )
    after = department(engine, study_id=study, folder=folder)
    assert after.tasks["minutes"].sum() == pytest.approx(before.tasks["minutes"].sum() + 10, abs=1e-3)


def test_kept_figures_are_used_again_and_dropped_with_another_database(fresh, monkeypatch) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", 0)
    first = department(engine, study_id=study, folder=folder).tasks
    engine.__dict__.pop("gilbreth_departments")
    monkeypatch.setattr(module, "read_all", lambda *_, **__: pytest.fail("read everything again"))
    pd.testing.assert_frame_equal(department(engine, study_id=study, folder=folder).tasks, first)
    monkeypatch.undo()
    monkeypatch.setattr(module, "SMALL", 0)
    contents = next(folder.glob("*contents.json"))
    contents.write_text(contents.read_text().replace('"audit_sha256": "', '"audit_sha256": "0'))
    engine.__dict__.pop("gilbreth_departments")
    same(department(engine, study_id=study, folder=folder).tasks, by_events(engine, study))


def test_a_page_of_a_large_study_never_waits_for_the_first_reading(fresh, monkeypatch) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(NotYetRead, match="events read; the page opens"):
        department(engine, study_id=study, folder=folder, wait=False)
    whole = department(engine, study_id=study, folder=folder)
    assert department(engine, study_id=study, folder=folder, wait=False) is whole
    engine.__dict__.pop("gilbreth_departments")  # a fresh process over the same database
    kept = department(engine, study_id=study, folder=folder, wait=False)
    assert kept.up_to_date
    same(kept.tasks, by_events(engine, study))


def test_a_page_shows_what_there_is_while_newer_events_are_read(fresh, monkeypatch) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    before = department(engine, study_id=study, folder=folder)
    released = threading.Event()
    monkeypatch.setattr(module, "read_new", lambda *given, really=module.read_new: released.wait(30) and really(*given))
    with transaction(engine, actor=Actor(account="test")) as db_session:
        task = db_session.execute(text("SELECT task_id FROM event WHERE kind = 'finish' ORDER BY id DESC LIMIT 1")).scalar_one()
        values = {"task_id": task, "kind": "lap", "at": utc_now(), "boot": "simulation", "monotonic_seconds": 1.0, "source": "simulation",
                  "software_version": "test", "key": f"{task}-late"}  # fmt: skip
        db_session.add(Event.model_validate(values))
    shown = department(engine, study_id=study, folder=folder, wait=False)
    assert (shown.version, shown.up_to_date) == (before.version, False)
    released.set()
    assert department(engine, study_id=study, folder=folder).up_to_date
    assert department(engine, study_id=study, folder=folder, wait=False).version != before.version


def test_a_look_into_the_audit_moves_no_version(fresh, monkeypatch) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", 0)
    before = department(engine, study_id=study, folder=folder)
    with snapshot(engine) as db_session:
        manager = db_session.execute(text("SELECT id FROM account WHERE name = 'manager'")).scalar_one()
    permit_operations(engine, actor=Actor("manager", "manager", manager), study_id=study)
    assert department(engine, study_id=study, folder=folder) is before


def test_a_sign_in_has_no_task_read_again(fresh, monkeypatch) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", 0)
    before = department(engine, study_id=study, folder=folder)
    monkeypatch.setattr(module, "read_new", lambda *_: pytest.fail("a sign-in changes no task"))
    with transaction(engine) as db_session:
        sign_in(db_session, name="manager", password="a-password-for-tests-only", now=utc_now())
    assert department(engine, study_id=study, folder=folder) is before
    with snapshot(engine) as db_session:
        assert changed_tables(db_session, since=before_sign_in(db_session)) == frozenset()


def before_sign_in(db_session: Session) -> int:
    """Number of the audit entry before the last sign-in."""
    return int(db_session.execute(text("SELECT MAX(id) FROM audit_entry WHERE operation = 'sign_in'")).scalar_one()) - 1


def test_a_page_waits_once_for_one_reading_however_often_it_looks(fresh, monkeypatch) -> None:
    engine, study, folder = fresh
    monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)
    department(engine, study_id=study, folder=folder)
    released = threading.Event()
    monkeypatch.setattr(module, "read_new", lambda *given, really=module.read_new: released.wait(30) and really(*given))
    with transaction(engine, actor=Actor(account="test")) as db_session:
        task = db_session.execute(text("SELECT task_id FROM event WHERE kind = 'finish' ORDER BY id LIMIT 1")).scalar_one()
        values = {"task_id": task, "kind": "lap", "at": utc_now(), "boot": "simulation", "monotonic_seconds": 1.0, "source": "simulation",
                  "software_version": "test", "key": f"{task}-once"}  # fmt: skip
        db_session.add(Event.model_validate(values))
    began = time.perf_counter()
    looks = [department(engine, study_id=study, folder=folder, wait=False).up_to_date for _ in range(4)]
    waited = time.perf_counter() - began
    released.set()
    assert looks == [False] * 4
    assert 0.5 <= waited < 1.0
    assert department(engine, study_id=study, folder=folder).up_to_date


def test_the_operations_of_a_running_study_are_open_only_where_the_protocol_says_so(filled, fresh) -> None:
    engine, study, _ = fresh
    with snapshot(engine) as db_session:
        manager = db_session.execute(text("SELECT id FROM account WHERE name = 'manager'")).scalar_one()
        assert db_session.get_one(Study, study).state == "active"
    actor = Actor("manager", "manager", manager)
    assert permit_operations(engine, actor=actor, study_id=study)[1].study.open_operations
    with transaction(engine, actor=Actor(account="test")) as db_session:
        from study.protocol import load_protocol
        from study.studies import create_study

        investigator = db_session.execute(text("SELECT id FROM account WHERE name = 'investigator'")).scalar_one()
        writer = Actor("investigator", "investigator", investigator)
        closed = create_study(db_session, protocol=load_protocol("head_neck_cta"), actor=writer, now=utc_now())
        closed.state = "active"
    with pytest.raises(Forbidden):
        permit_operations(engine, actor=actor, study_id=closed.id)
    permit_accrual(engine, actor=actor, study_id=closed.id)


def test_every_indicator_has_a_chart_with_its_denominator(fresh) -> None:
    engine, study, folder = fresh
    tasks = department(engine, study_id=study, folder=folder).tasks
    marks = versions(tasks)
    live = tasks.loc[tasks["arm"] == "ai", "week"].min().tz_localize("UTC")
    found = {item.key: chart(tasks, item.key, changes=[(live, "go-live")], marks=marks) for item in INDICATORS if item.key != "pass_read"}
    assert [name for _, name in marks] == ["v1.0", "v1.1"]
    assert found["minutes"].after < found["minutes"].before
    assert found["minutes"].baseline is not None
    assert found["pass_all"].n == int(((tasks["arm"] == "ai") & tasks["state"].isin(["finished", "aborted"])).sum())
    csv = chart_csv(found, words=filter_words({"site": (["S1"], ["S1", "S2"])}), study="x")
    assert csv.splitlines()[1] == "# filter: site S1"


def test_models_and_learning_name_nobody(fresh) -> None:
    engine, study, folder = fresh
    tasks = department(engine, study_id=study, folder=folder).tasks
    table = by_model(tasks)
    assert table["AI cases"].sum() == int(((tasks["arm"] == "ai") & tasks["state"].isin(["finished", "aborted"])).sum())
    lines, rows = learning(tasks)
    people = set(tasks["technologist"].astype(str))
    assert set(lines) == {"manual", "ai"}
    assert not any(name in rows.to_csv() for name in people)
    few = tasks[tasks["technologist"].isin(sorted(people)[:3])]
    assert learning(few)[0] == {}
    assert set(learning(few)[1]["Change per doubling of cases"]) == {"suppressed"}


def test_two_scans_cost_what_the_generator_says(fresh) -> None:
    engine, study, folder = fresh
    found = dose_saved(cases_with_dose(department(engine, study_id=study, folder=folder).tasks), "dlp_mgy_cm")
    # 620 mGy·cm a scan, two scans 1.7 times that
    assert found.low < 0.7 * 620 < found.high


def test_accrual_tells_nothing_by_arm(fresh) -> None:
    engine, study, _ = fresh
    found = read_accrual(engine, study_id=study, now=utc_now())
    assert found.enrolled == found.planned == 1500
    assert found.tasks["Tasks"].sum() == 1500
    words = " ".join(
        frame.to_csv() for frame in (found.balance, found.tasks, found.queries, found.deviations, found.readings, found.reasons)
    )
    assert "manual" not in words
    assert ",ai" not in words


def test_a_deep_look_that_the_programs_end_overtakes_says_nothing(tmp_path, monkeypatch) -> None:
    store = module.Store(open_engine("sqlite://"), "study", tmp_path)

    def refused(text: str) -> None:
        def walk() -> None:
            raise RuntimeError(text)

        monkeypatch.setattr(store, "_walk", walk)
        store._deep_look()

    refused("cannot schedule new futures after interpreter shutdown")
    refused("can't start new thread at interpreter shutdown")
    with pytest.raises(RuntimeError, match="changed size"):
        refused("dictionary changed size during iteration")
