"""The pages of technologists, readers and observers as scripts: what they show, and that nothing is measured without consent."""

from sqlmodel import select

from dashboard.server.home import server_home
from db.engine import snapshot
from db.tables import Case, Event, Task
from tests.dashboard.conftest import shown

AGREE = "agree"


def agree(app):
    keys = [button.key for button in app.button]
    return app.button(key=AGREE).click().run() if AGREE in keys else app


def test_a_technologist_agrees_sees_cases_without_arms_and_opens_one(opened):
    app = opened("tess")
    assert not app.exception
    assert app.button(key=AGREE)
    app = agree(app)
    assert not app.exception
    words = " ".join(str(word) for word in shown(app))
    assert "C00001" in words
    assert "AI" not in words
    assert "manual" not in words
    first = next(button for button in app.button if button.key and button.key.startswith("open-"))
    app = first.click().run()
    assert not app.exception
    with snapshot(server_home().engine) as db_session:
        started = db_session.exec(select(Task).join(Event).where(Event.task_id == Task.id, Event.kind == "start")).all()
        numbers = [db_session.get_one(Case, task.case_id).number for task in started]
    assert [(task.state, task.id in str(first.key)) for task in started] == [("open", True)]
    assert len(numbers) == 1


def test_a_reader_without_readings_is_told_so(opened):
    app = agree(opened("rita"))
    assert not app.exception
    assert "Nothing to read now." in [box.value for box in app.info]


def test_an_observer_sees_who_is_at_work_or_that_nobody_is(opened):
    app = agree(opened("observer"))
    assert not app.exception
    assert app.title[0].value == "Observe"


def test_before_the_lock_an_investigator_is_told_that_outcomes_are_closed(opened):
    app = opened("investigator")
    assert not app.exception
    assert any("Outcomes are closed" in box.value for box in app.info)
