"""Pages of readers, adjudicators and whoever looks after them: practice with feedback, disputes settled, problems told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from dashboard.server import pictures
from dashboard.server.home import COOKIE, server_home
from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Reading, Study
from study import reading_room, workplace
from study.accounts import find_account
from study.clock import read_clock
from study.reading import Answer, Answers, submit_reading
from study.sign_in import sign_in
from study.signatures import Confirmation
from tests.dashboard.conftest import MAIN, shown
from tests.system.conftest import PASSWORD
from tests.system.reading_home import consent, reading_home


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two cases, one arm each, and a practice case; two readers who agreed, an adjudicator, an investigator."""
    folder = tmp_path_factory.mktemp("reading") / "home"
    reading_home(folder, cases=2, practice=1, both=False).close()
    consent(folder, "rita", "rob")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(folder))
        server_home.cache_clear()
        pictures._cipher.cache_clear()
        yield folder
        server_home().close()
        server_home.cache_clear()
        pictures._cipher.cache_clear()


@pytest.fixture
def opened(room: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    def open_as(name: str, page: str = "") -> AppTest:
        with transaction(server_home().engine) as db_session:
            token = sign_in(db_session, name=name, password=PASSWORD, now=utc_now()).token
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {COOKIE: token}))
        app = AppTest.from_file(str(MAIN), default_timeout=120).run()
        return app.switch_page(str(MAIN.parent / "app_pages" / f"{page}.py")).run() if page else app

    return open_as


def who(name: str, role: str) -> Actor:
    with snapshot(server_home().engine) as db_session:
        return Actor(name, role, find_account(db_session, name=name).id)


def study_id() -> str:
    with snapshot(server_home().engine) as db_session:
        return db_session.exec(select(Study)).one().id


def words(app: AppTest) -> str:
    tables = [table.value.to_string() for table in app.table]
    return " ".join(str(word) for word in [*shown(app), *tables])


def rate(name: str, *, quality: int, passed: bool) -> str:
    """Rate what stands first in a reader's queue, region by region the same."""
    actor, engine = who(name, "reader"), server_home().engine
    entry = workplace.my_queue(engine, actor=actor, study_id=study_id(), now=utc_now()).entries[0]
    workplace.open_my_reading(engine, actor=actor, reading_id=entry.reading_id)
    submit(actor, entry.reading_id, quality=quality, passed=passed)
    return entry.reading_id


def submit(actor: Actor, reading_id: str, *, quality: int, passed: bool, operation: str = "reading.rate") -> None:
    protocol = workplace.study_protocol(server_home().engine, study_id=study_id())
    answer = Answer(quality, passed, () if passed else ("artefact",))
    answers = Answers({name: answer for name in [*(region.name for region in protocol.regions), "overall"]}, 3, "unsure")
    now = read_clock()
    with transaction(server_home().engine, actor=actor) as db_session:
        proof = Confirmation(actor.account_id or "", "password", now.at)
        submit_reading(db_session, reading_id=reading_id, answers=answers, confirmation=proof, actor=actor, now=now, operation=operation)


def settle_everything(quality: int) -> None:
    """The adjudicator gives references and settles what is open."""
    ada, engine = who("ada", "adjudicator"), server_home().engine
    for item in reading_room.disputes(engine, actor=ada, study_id=study_id()):
        if not item.settled:
            view, _ = reading_room.open_dispute(engine, actor=ada, image_set_id=item.image_set_id)
            submit(ada, view.reading_id, quality=quality, passed=True, operation="reading.adjudicate")


def test_practice_comes_first_and_shows_the_reference_once_it_is_signed(opened) -> None:
    app = opened("rita")
    assert not app.exception
    assert "Practice first: 1 of 1" in words(app)
    app = app.button(key="next").click().run()
    assert not app.exception
    mine = next(button.key for button in app.button if str(button.key).startswith("all-")).removeprefix("all-")
    app = app.button(key=f"all-{mine}").click().run()
    assert "Still open: How sure are you?" in words(app)
    with snapshot(server_home().engine) as db_session:
        assert db_session.get_one(Reading, mine).draft["regions"]["basilar"] == {"quality": 5, "passed": True, "reasons": []}
    ada = who("ada", "adjudicator")
    assert [(item.practice, item.settled) for item in reading_room.disputes(server_home().engine, actor=ada, study_id=study_id())] == [
        (True, False)
    ]
    submit(who("rita", "reader"), mine, quality=5, passed=True)
    app = opened("rita", "calibration")
    assert not app.exception
    assert "No reference reading is stored" in words(app)
    settle_everything(quality=4)
    app = opened("rita", "calibration")
    assert "agree in 0 of 11 answers" in words(app)
    assert "4 · Pass" in words(app)
    assert "All practice readings are done" in words(app)


def test_a_display_problem_is_stored_and_shown_to_the_investigator(opened) -> None:
    rate("rob", quality=5, passed=True)  # practice
    app = opened("rob")
    app = app.button(key="next").click().run()
    told = next(box for box in app.text_input if str(box.key).startswith("problem-"))
    app = told.set_value("frame 12 is black").run()
    app = next(button for button in app.button if str(button.key).startswith("send-problem-")).click().run()
    assert not app.exception
    assert [box.value for box in app.success] == ["Reported. Thank you."]
    app = opened("ines", "consensus")
    assert not app.exception
    assert "frame 12 is black" in words(app)


def test_two_readings_that_differ_stand_side_by_side_and_are_settled_without_a_name(opened) -> None:
    engine, ada = server_home().engine, who("ada", "adjudicator")
    for name, passed in (("rita", True), ("rob", False)):
        for _ in range(2):
            rate(name, quality=5 if passed else 2, passed=passed)
    found = [item for item in reading_room.disputes(engine, actor=ada, study_id=study_id()) if not item.practice]
    assert [(item.settled, len(item.regions)) for item in found] == [(False, 11), (False, 11)]
    app = opened("ada")
    assert not app.exception
    said = words(app)
    assert "2 to settle" in said
    assert "5 · Pass" in said
    assert "2 · Fail (Artefact)" in said
    assert not [name for name in ("rita", "Rita", "rob", "Rob", "P002", "P003") if name in said]
    app = opened("ines", "consensus")
    assert "open" in words(app)
    assert "Fail" not in words(app)
    settle_everything(quality=3)
    assert "Nothing to settle now" in words(opened("ada"))
    app = opened("ines", "consensus")
    assert "settled" in words(app)


def test_the_pace_is_a_readers_own_and_needs_three_readings(opened) -> None:
    pace = reading_room.own_pace(server_home().engine, actor=who("rita", "reader"), study_id=study_id())
    assert pace is not None
    assert pace.readings == 3
    assert pace.median_seconds >= 0
    assert reading_room.own_pace(server_home().engine, actor=who("ada", "adjudicator"), study_id=study_id()) is None


def test_the_source_scan_is_loaded_only_when_it_is_asked_for(opened) -> None:
    app = opened("rob", "reading")
    if not any(str(button.key).startswith("source-") for button in app.button):  # rob's queue is empty by now: open a signed one again
        actor = who("rob", "reader")
        with snapshot(server_home().engine) as db_session:
            reading = db_session.exec(select(Reading).where(Reading.reader_id == actor.account_id)).first()
        app.session_state["reading"] = workplace.open_my_reading(server_home().engine, actor=actor, reading_id=reading.id)
        app.session_state["reading_number"] = 1
        app = app.run()
    assert "source_address" not in app.session_state
    app = next(button for button in app.button if str(button.key).startswith("source-")).click().run()
    assert not app.exception
    assert [address[:8] for address in app.session_state["source_address"].values()] == ["/volume/"]
