"""A password that somebody else chose is changed before anything else; one's own at will."""

from dashboard.server.home import server_home
from db.base import utc_now
from db.engine import transaction
from study.accounts import find_account, set_password
from study.sign_in import sign_in
from tests.dashboard.conftest import MAIN
from tests.system.conftest import PASSWORD


def fill(app, old, new, again):
    for key, value in (("old", old), ("new", new), ("again", again)):
        app.text_input(key=f"password-{key}").set_value(value)
    return app.button(key="password-change").click().run()


def test_nothing_else_is_shown_until_a_given_password_is_changed(opened):
    with transaction(server_home().engine) as db_session:
        set_password(db_session, account=find_account(db_session, name="manager"), password=PASSWORD, now=utc_now(), must_change=True)
    app = opened("manager")
    assert [title.value for title in app.title] == ["Password"]
    assert [box.value for box in fill(app, PASSWORD, "one of my own", "another of my own").error] == ["The two new passwords differ."]
    assert fill(app, "not this one at all", "one of my own", "one of my own").error
    assert fill(app, PASSWORD, "short", "short").error
    app = fill(app, PASSWORD, "one of my own", "one of my own")
    assert not app.exception
    assert [box.value for box in app.success] == ["Changed. Sign in with the new password."]
    with transaction(server_home().engine) as db_session:
        entered = sign_in(db_session, name="manager", password="one of my own", now=utc_now())
        set_password(db_session, account=find_account(db_session, name="manager"), password=PASSWORD, now=utc_now())
    assert entered.person is not None
    assert not entered.person.must_change_password


def test_everybody_finds_the_page(opened):
    app = opened("administrator").switch_page(str(MAIN.parent / "app_pages" / "password.py")).run()
    assert not app.exception
    assert app.text_input(key="password-old")
