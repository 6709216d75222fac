"""The page of questions: the person asked is reminded, reads, answers; the list says so."""

from sqlmodel import select

from dashboard.server.home import server_home
from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import DataQuery, Study, Task
from study.accounts import find_account
from study.queries import raise_query
from tests.dashboard.conftest import MAIN, shown
from tests.dashboard.test_workplace_pages import agree


def raised(question):
    """A question on the task that comes first, by the investigator."""
    with transaction(server_home().engine) as db_session:
        study, task = db_session.exec(select(Study)).one(), db_session.exec(select(Task).order_by(Task.id)).first()
        ines = Actor("ines", "investigator", find_account(db_session, name="ines").id)
        return raise_query(db_session, study=study, entity="task", entity_id=task.id, question=question, actor=ines, now=utc_now()).id


def test_a_technologist_is_reminded_and_answers_and_another_person_may_close(opened):
    query = raised("why two seconds?")
    app = agree(opened("tess"))
    assert not app.exception
    app = app.switch_page(str(MAIN.parent / "app_pages" / "questions.py")).run()
    assert not app.exception
    assert [word.value for word in app.text] == ["why two seconds?"]
    app.text_area(key=f"answer-{query}").set_value("opened by mistake")
    app.button(key=f"send-{query}").click().run()
    assert not app.exception
    with snapshot(server_home().engine) as db_session:
        row = db_session.get_one(DataQuery, query)
    assert (row.state, row.answer, row.answered_by) == ("answered", "opened by mistake", "tess")
    app = opened("investigator").switch_page(str(MAIN.parent / "app_pages" / "questions.py")).run()
    app.button(key=f"close-{query}").click().run()
    assert not app.exception
    assert "No open questions." in [str(word) for word in shown(app)]
