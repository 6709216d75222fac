"""How enrolled cases become tasks in every design, and what happens when a site or cases are added to a running study."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from sqlmodel import select

from db.engine import snapshot, transaction
from db.tables import Account, Case, SealedEntry, Study
from study.accounts import create_account, find_account, grant_role, revoke_role
from study.allocation import reveal, seal_list
from study.enrolment import enrol_case, get_site, plan_case
from study.errors import Forbidden, RejectedInput
from study.planning import add_site, plan_by_design, require_site, require_technologist
from study.protocol import load_protocol, parse_protocol
from study.recording import worklist
from study.studies import amend_study
from tests.study.world import START, make_world

KEY = Fernet.generate_key()
LIVE = datetime(2027, 3, 1, tzinfo=UTC)  # go_live of protocols/before_after.toml


def plan(world, case, *, now=START.at, **options):
    with transaction(world.engine) as db_session:
        return plan_by_design(db_session, case=db_session.get(Case, case.id), actor=world.people["investigator"], now=now, **options)


def case_at(world, site, name):
    with transaction(world.engine) as db_session:
        return enrol_case(
            db_session, study=db_session.get(Study, world.study_id), site=get_site(db_session, code=site), pseudonym=name,
            actor=world.people["investigator"], now=START.at,
        ).case  # fmt: skip


@pytest.mark.parametrize(
    ("site", "now", "arm"),
    [
        ("A", datetime(2027, 2, 28, 23, 59, tzinfo=UTC), "manual"),
        ("A", LIVE, "ai"),
        ("B", LIVE, "manual"),  # the comparison site of the protocol
    ],
)
def test_in_a_roll_out_the_day_and_the_site_say_the_arm(engine, site, now, arm):
    world = make_world(engine, protocol="before_after")
    case = case_at(world, site, "p1")
    (task,) = plan(world, case, now=now)
    assert (task.arm, task.period, task.sequence) == (arm, 1, None)
    with snapshot(engine) as db_session:
        assert db_session.get(Case, case.id).state == "allocated"
        (entry,) = worklist(db_session, actor=_owner(world, task), study_id=world.study_id, now=now)
    assert entry.task_id == task.id


def _owner(world, task):
    return next(person for person in world.people.values() if person.account_id == task.technologist_id)


def test_in_a_multi_reader_study_every_case_is_processed_in_both_arms_and_planned_once(engine):
    world = make_world(engine, protocol="multi_reader")
    case = case_at(world, "S1", "p1")
    tasks = plan(world, case)
    assert [(task.arm, task.period, task.sequence) for task in tasks] == [("manual", 1, "manual-ai"), ("ai", 2, "manual-ai")]
    assert [task.id for task in plan(world, case)] == [task.id for task in tasks]


def test_a_multi_reader_study_may_draw_the_order_of_its_arms(engine):
    text = load_protocol("multi_reader").text.replace('method = "none"', 'method = "permuted_blocks"')
    world = make_world(engine, protocol="multi_reader")
    with transaction(engine) as db_session:
        study = db_session.get(Study, world.study_id)
        study.state = "draft"
        db_session.flush()
        amend_study(
            db_session, study=study, protocol=parse_protocol(text), reason="order drawn", actor=world.people["investigator"], now=START.at
        )
        study.state = "active"
        seal_list(db_session, study=study, key=KEY, now=START.at, seed=3)
    drawn = [_draw(world, case_at(world, "S1", f"p{number}")).sequence for number in range(8)]
    assert set(drawn) == {"manual-ai", "ai-manual"}


def _draw(world, case):
    with transaction(world.engine) as db_session:
        return reveal(db_session, case=db_session.get(Case, case.id), key=KEY, actor=world.people["investigator"], now=START.at)


def test_what_must_be_drawn_is_not_planned_by_the_day(world):
    with pytest.raises(Forbidden, match="drawn from the sealed list"):
        plan(world, world.case())


def test_an_excluded_case_is_not_planned_in_a_design_that_draws_nothing(engine):
    world = make_world(engine, protocol="before_after")
    with transaction(engine) as db_session:
        study = db_session.get(Study, world.study_id)
        case = enrol_case(
            db_session, study=study, site=get_site(db_session, code="S1"), pseudonym="p", actor=world.people["investigator"],
            now=START.at, eligible=False, reasons=["motion"],
        ).case  # fmt: skip
    with pytest.raises(Forbidden, match="only eligible cases"):
        plan(world, case)


def test_a_case_that_was_drawn_before_there_was_a_technologist_gets_its_tasks_later(world):
    with transaction(world.engine) as db_session:
        seal_list(db_session, study=db_session.get(Study, world.study_id), key=KEY, now=START.at, seed=1)
        for name in ("technologist", "technologist2"):
            account = find_account(db_session, name=name)
            revoke_role(db_session, account=account, role="technologist", actor=world.people["administrator"], now=START.at)
    case = world.case()

    def planned():
        drawn = _draw(world, case)
        with transaction(world.engine) as db_session:
            return plan_case(db_session, case=db_session.get(Case, case.id), revealed=drawn, now=START.at), drawn

    assert planned()[0] == []
    with transaction(world.engine) as db_session:
        account = find_account(db_session, name="technologist")
        grant_role(db_session, account=account, role="technologist", actor=world.people["administrator"], now=START.at)
    tasks, drawn = planned()
    assert not drawn.new
    assert [task.arm for task in tasks] == list(drawn.arms)
    assert [task.id for task in planned()[0]] == [task.id for task in tasks]


def test_only_technologists_of_the_study_are_given_tasks(world):
    with snapshot(world.engine) as db_session:
        reader = find_account(db_session, name="reader")
        with pytest.raises(RejectedInput, match="no technologist"):
            require_technologist(db_session, account_id=reader.id, name="reader", study_id=world.study_id)


def lines(world):
    with snapshot(world.engine) as db_session:
        rows = db_session.exec(select(SealedEntry)).all()
    return Counter(row.stratum for row in rows)


def seal(world, seed=None):
    with transaction(world.engine) as db_session:
        return seal_list(db_session, study=db_session.get(Study, world.study_id), key=KEY, now=START.at, seed=seed)


def test_a_site_that_joins_gets_lists_of_its_own_and_the_others_stay(world):
    seal(world)
    before = lines(world)
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        add_site(db_session, study=study, code="S2", name="Second hospital", actor=world.people["investigator"])
    assert seal(world) > 0
    after = lines(world)
    assert {stratum: after[stratum] for stratum in before} == dict(before)
    assert {stratum for stratum in after if stratum not in before} == {"site=S2|priority=emergency", "site=S2|priority=elective"}
    assert seal(world) == 0


def test_more_cases_after_an_amendment_lengthen_the_lists_with_lines_that_the_first_ones_do_not_repeat(world):
    seal(world, seed=5)
    with transaction(world.engine) as db_session:
        text = load_protocol("head_neck_cta").text.replace("cases = 152", "cases = 304")
        amend_study(
            db_session, study=db_session.get(Study, world.study_id), protocol=parse_protocol(text), reason="accrual",
            actor=world.people["investigator"], now=START.at,
        )  # fmt: skip
    first = lines(world)
    seal(world, seed=5)
    assert all(lines(world)[stratum] >= 304 > number for stratum, number in first.items())
    cases = [world.case() for _ in range(304)]
    drawn = [_draw(world, case).sequence for case in cases]
    assert drawn[:152] != drawn[152:]
    assert abs(drawn.count("ai-manual") - drawn.count("manual-ai")) <= 8


def test_a_site_that_nobody_added_is_refused_with_those_there_are(world):
    with snapshot(world.engine) as db_session, pytest.raises(RejectedInput, match="use S1, or gilbreth study add-site S9"):
        require_site(db_session, code="S9")


@pytest.mark.parametrize("code", ["", "two words", "a|b", "x=y", "S" * 21])
def test_a_code_that_would_break_a_stratum_is_refused(world, code):
    with transaction(world.engine) as db_session, pytest.raises(RejectedInput, match="cannot be the code of a site"):
        add_site(db_session, study=db_session.get(Study, world.study_id), code=code, name="", actor=world.people["investigator"])


def test_an_amendment_does_not_rename_the_study(world):
    text = load_protocol("head_neck_cta").text.replace('name = "head_neck_cta"', 'name = "another"')
    with transaction(world.engine) as db_session, pytest.raises(RejectedInput, match="renames the study"):
        amend_study(
            db_session, study=db_session.get(Study, world.study_id), protocol=parse_protocol(text), reason="x",
            actor=world.people["investigator"], now=START.at,
        )  # fmt: skip


def test_numbers_and_codes_that_an_import_has_taken_are_passed_over(world):
    with transaction(world.engine) as db_session:
        study, site = db_session.get(Study, world.study_id), get_site(db_session, code="S1")
        people = db_session.exec(select(Account)).all()
        create_account(db_session, name="imported", code=f"P{len(people) + 2:03d}", now=START.at)
        taken = {"study_id": study.id, "site_id": site.id, "number": "C00002", "pseudonym": "imported", "enrolled_at": START.at}
        db_session.add(Case.model_validate({**taken, "state": "allocated"}))
        db_session.flush()
        case = enrol_case(
            db_session, study=study, site=site, pseudonym="p", actor=world.people["investigator"], now=START.at,
        ).case  # fmt: skip
        account = create_account(db_session, name="new", now=START.at)
    assert case.number == "C00003"
    assert account.code == f"P{len(people) + 3:03d}"
