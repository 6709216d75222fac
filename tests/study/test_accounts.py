"""Accounts, sessions, roles and the whole matrix of roles and operations."""

from datetime import timedelta

import pytest
from sqlmodel import select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Account, AuditEntry, Study
from study.accounts import (
    change_own_password,
    check_password,
    confirm_identity,
    create_account,
    disable_account,
    grant_role,
    revoke_role,
    set_password,
)
from study.errors import Forbidden, RejectedInput
from study.permissions import ANY, KEPT_APART, OPERATIONS, ROLES, may, require
from study.sign_in import IDLE, LONGEST, sign_in, sign_out, touch, who_is
from tests.study.world import PASSWORD, START, make_world

NOW = START.at


@pytest.fixture
def anna(engine):
    with transaction(engine) as db_session:
        account = create_account(db_session, name="anna", password=PASSWORD, now=NOW)
        grant_role(db_session, account=account, role="reader", actor=Actor(), now=NOW)
    return account


def enter(engine, *, password=PASSWORD, now=NOW, name="anna"):
    with transaction(engine) as db_session:
        return sign_in(db_session, name=name, password=password, now=now)


def look(engine, token, now):
    with snapshot(engine) as db_session:
        return who_is(db_session, token=token, now=now)


def test_the_right_password_opens_a_session_with_the_roles_held(engine, anna):
    entered = enter(engine)
    assert entered.person.roles == ("reader",)
    assert look(engine, entered.token, NOW).name == "anna"


def test_the_token_itself_is_nowhere_in_the_database(engine, anna):
    token = enter(engine).token
    with snapshot(engine) as db_session:
        from db.tables import LoginSession

        assert token not in repr(db_session.exec(select(LoginSession)).all())


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong wrong wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")])
def test_a_wrong_name_or_password_is_refused_in_the_same_words(engine, anna, name, password):
    assert enter(engine, name=name, password=password).refusal == "name or password is wrong"


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(engine, anna):
    for _ in range(5):
        enter(engine, password="wrong wrong wrong")
    assert "too many" in enter(engine).refusal
    assert enter(engine, now=NOW + timedelta(minutes=16)).person is not None


def change(engine, anna, old, new):
    with transaction(engine) as db_session:
        return change_own_password(db_session, account_id=anna.id, old=old, new=new, now=NOW)


def test_ones_own_password_is_changed_with_the_old_one_and_every_session_ends(engine, anna):
    token = enter(engine).token
    with transaction(engine) as db_session:
        set_password(db_session, account=db_session.get(Account, anna.id), password=PASSWORD, now=NOW, must_change=True)
    assert enter(engine).person.must_change_password
    assert "wrong" in change(engine, anna, "not the old one", "a new one of my own")
    for new in (PASSWORD, "short"):
        with pytest.raises(RejectedInput):
            change(engine, anna, PASSWORD, new)
    assert change(engine, anna, PASSWORD, "a new one of my own") is None
    assert look(engine, token, NOW) is None
    assert enter(engine).refusal == "name or password is wrong"
    assert enter(engine, password="a new one of my own").person.must_change_password is False


def test_wrong_old_passwords_count_like_wrong_sign_ins(engine, anna):
    for _ in range(5):
        change(engine, anna, "not the old one", "a new one of my own")
    assert "too many" in enter(engine).refusal


def test_a_session_idles_out_after_exactly_fifteen_minutes(engine, anna):
    token = enter(engine).token
    assert look(engine, token, NOW + IDLE - timedelta(seconds=1)) is not None
    assert look(engine, token, NOW + IDLE) is None


def test_a_sign_of_life_moves_the_idle_limit_but_not_the_longest_session(engine, anna):
    token, now = enter(engine).token, NOW
    while now - NOW < LONGEST - timedelta(minutes=10):
        now += timedelta(minutes=10)
        with transaction(engine) as db_session:
            assert touch(db_session, token=token, now=now) is not None
    assert look(engine, token, NOW + LONGEST) is None


def test_signing_out_ends_the_session_everywhere(engine, anna):
    token = enter(engine).token
    with transaction(engine) as db_session:
        sign_out(db_session, token=token, now=NOW)
    assert look(engine, token, NOW) is None
    with snapshot(engine) as db_session:
        assert touch(db_session, token=token, now=NOW) is None


@pytest.mark.parametrize("act", ["disable", "password"])
def test_disabling_or_a_new_password_ends_every_session_at_once(engine, anna, act):
    token = enter(engine).token
    with transaction(engine) as db_session:
        account = db_session.get(Account, anna.id)
        if act == "disable":
            disable_account(db_session, account=account, now=NOW)
        else:
            set_password(db_session, account=account, password="another long password", now=NOW)
    assert look(engine, token, NOW) is None


def test_a_role_taken_away_is_gone_from_the_running_session(engine, anna):
    token = enter(engine).token
    with transaction(engine) as db_session:
        revoke_role(db_session, account=db_session.get(Account, anna.id), role="reader", actor=Actor(), now=NOW)
    person = look(engine, token, NOW)
    assert person.roles == ()
    with pytest.raises(Forbidden):
        person.acting("reader")


def test_signing_asks_for_the_password_again(engine, anna):
    with transaction(engine) as db_session:
        assert confirm_identity(db_session, account_id=anna.id, password="no no no no no", now=NOW) is None
        assert confirm_identity(db_session, account_id=anna.id, password=PASSWORD, now=NOW).account_id == anna.id


def test_an_account_without_a_password_cannot_sign_in(engine):
    with transaction(engine) as db_session:
        account = create_account(db_session, name="local", now=NOW)
        assert check_password(db_session, account=account, password="", now=NOW) is not None


@pytest.mark.parametrize("name", ["", "two words", "x" * 61, "a\nb"])
def test_a_name_that_cannot_be_typed_or_shown_is_refused(engine, name):
    with transaction(engine) as db_session, pytest.raises(RejectedInput, match="bad_name"):
        create_account(db_session, name=name, now=NOW)


def test_names_differ_by_more_than_their_case(engine, anna):
    with transaction(engine) as db_session, pytest.raises(RejectedInput, match="name_taken"):
        create_account(db_session, name="ANNA", now=NOW)


def test_a_short_password_is_refused(engine):
    with transaction(engine) as db_session, pytest.raises(RejectedInput, match="short_password"):
        create_account(db_session, name="x", password="short", now=NOW)


@pytest.mark.parametrize(("first", "second"), KEPT_APART)
def test_roles_that_must_be_different_people_cannot_meet_in_one_account(engine, first, second):
    with transaction(engine) as db_session:
        account = create_account(db_session, name="both", now=NOW)
        grant_role(db_session, account=account, role=first, actor=Actor(), now=NOW)
        with pytest.raises(Forbidden, match="different people"):
            grant_role(db_session, account=account, role=second, actor=Actor(), now=NOW)


def test_sign_ins_and_refusals_are_in_the_audit(engine, anna):
    enter(engine)
    enter(engine, password="wrong wrong wrong")
    with snapshot(engine) as db_session:
        operations = db_session.exec(select(AuditEntry.operation)).all()
    assert {"sign_in", "password_refused"} <= set(operations)


def test_every_cell_of_roles_operations_and_states_is_as_the_table_says(engine):
    """10 roles × every operation × 5 states, asked of the same function that the services call."""
    world = make_world(engine, consented=False)
    cells = denied = 0
    with transaction(engine) as db_session:
        study = db_session.get(Study, world.study_id)
        for state in sorted(ANY):
            study.state = state
            for role in ROLES:
                for operation, rule in OPERATIONS.items():
                    allowed = role in rule.roles and state in rule.states
                    cells += 1
                    try:
                        require(db_session, actor=world.people[role], operation=operation, study=study)
                    except Forbidden:
                        denied += 1
                        assert not allowed, (role, operation, state)
                    else:
                        assert allowed, (role, operation, state)
        study.state = "active"
    assert cells == len(ROLES) * len(OPERATIONS) * 5
    assert 0 < denied < cells


@pytest.mark.parametrize("operation", ["", "study.destroy", "reading.rate "])
def test_an_operation_nobody_listed_is_nobodys(operation):
    assert not any(may(role, operation, "active") for role in ROLES)


def test_a_claimed_role_that_is_not_held_is_refused(world):
    reader = world.people["reader"]
    claimed = Actor(reader.account, "monitor", reader.account_id)
    with snapshot(world.engine) as db_session, pytest.raises(Forbidden, match="does not hold"):
        require(db_session, actor=claimed, operation="audit.view", study=db_session.get(Study, world.study_id))


def test_nobody_but_the_monitor_sees_outcomes_before_unblinding():
    seeing = [op for op in OPERATIONS if op.startswith(("outcomes", "export.data", "export.interim", "audit.view", "operations"))]
    for state in ("draft", "active", "locked"):
        who = {role for role in ROLES for operation in seeing if may(role, operation, state) and operation != "audit.view_blinded"}
        assert who == {"monitor"}
