"""My record: everything about oneself, to download, and the way out."""

from sqlmodel import select

from dashboard.server.home import server_home
from db.engine import snapshot
from db.tables import Consent, Rating, Study
from study.accounts import find_account
from study.workplace import agree
from tests.dashboard.conftest import shown
from tests.dashboard.test_reader_pages import opened, rate, room, who  # noqa: F401  the fixtures of a running reading room
from tests.system.conftest import PASSWORD


def test_a_reader_changes_a_signed_answer_with_a_reason_and_a_signature(opened):  # noqa: F811
    for _ in range(2):  # practice, then a reading of the study
        rate("rob", quality=5, passed=True)
    app = opened("rob", "own_record")
    assert not app.exception
    app.selectbox(key="amend-region").set_value("overall").run()
    app.selectbox(key="amend-quality").set_value(2)
    app.radio(key="amend-passed").set_value(False)
    app.text_input(key="amend-why").set_value("looked again")
    app.text_input(key="amend-password").set_value(PASSWORD)
    app.button(key="amend-sign").click().run()
    assert not app.exception
    with snapshot(server_home().engine) as db_session:
        rows = db_session.exec(select(Rating).where(Rating.region == "overall", Rating.amendment == 1)).all()
    assert [(row.quality, row.passed, row.amend_reason) for row in rows] == [(2, False, "looked again")]


def test_a_reader_sees_their_consent_and_withdraws_with_a_choice(opened):  # noqa: F811
    app = opened("rita", "own_record")
    assert not app.exception
    assert any("You agreed on" in str(word) for word in shown(app))
    app.radio(key="erase").set_value(True)
    app.button(key="withdraw").click().run()
    assert not app.exception
    assert any("have not agreed" in str(word) for word in shown(app))
    with snapshot(server_home().engine) as db_session:
        rita = find_account(db_session, name="rita").id
        (consent,) = db_session.exec(select(Consent).where(Consent.account_id == rita)).all()
        study = db_session.exec(select(Study)).one().id
    assert (consent.withdrawn_at is not None, consent.erase_data) == (True, True)
    agree(server_home().engine, actor=who("rita", "reader"), study_id=study)  # others of this room read on
