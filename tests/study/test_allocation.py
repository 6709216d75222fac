"""Allocation: balanced, sealed, opened once and in order, and nothing visible foretells it."""

import json
from collections import Counter

import numpy as np
import pytest
from cryptography.fernet import Fernet
from scipy.stats import binomtest
from sqlmodel import select

from db import frames
from db.engine import snapshot, transaction
from db.tables import Allocation, AuditEntry, Case, SealedEntry, Study
from study.allocation import latin_square, make_key, opened_list, permuted_blocks, reveal, seal_list
from study.enrolment import enrol_case, get_site, plan_case, plan_training, pseudonym, screening_log
from study.errors import Forbidden, RejectedInput
from study.recording import finish_task, open_task
from tests.study.world import START, make_world

KEY = Fernet.generate_key()


@pytest.fixture
def sealed(world):
    with transaction(world.engine) as db_session:
        seal_list(db_session, study=db_session.get(Study, world.study_id), key=KEY, now=START.at, seed=7)
    return world


def draw(world, case, *, key=KEY, actor="investigator"):
    with transaction(world.engine) as db_session:
        return reveal(db_session, case=db_session.get(Case, case.id), key=key, actor=world.people[actor], now=START.at)


def test_every_block_is_balanced_and_the_sizes_vary():
    drawn = permuted_blocks(length=4000, block_sizes=[4, 6, 8], choices=("manual", "ai"), seed=3)
    balance = np.cumsum([1 if arm == "ai" else -1 for arm in drawn])
    assert abs(balance).max() <= 4
    assert balance[-1] == 0


def test_the_same_seed_gives_the_same_list_and_another_seed_another():
    def make(seed):
        return permuted_blocks(length=50, block_sizes=[4, 6], choices="ab", seed=seed)

    assert make(1) == make(1) != make(2)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8])
def test_in_a_latin_square_every_item_takes_every_place_and_follows_every_other_equally_often(size):
    square = latin_square(size)
    for place in range(size):
        assert len(set(Counter(row[place] for row in square).values())) == 1
    follows = Counter((row[i], row[i + 1]) for row in square for i in range(size - 1))
    assert len(follows) == size * (size - 1)
    assert len(set(follows.values())) == 1


def test_lines_are_opened_in_order_and_each_case_once(sealed):
    drawn = [draw(sealed, sealed.case()) for _ in range(12)]
    assert [item.position for item in drawn] == list(range(1, 13))
    assert {item.sequence for item in drawn} == {"manual-ai", "ai-manual"}


def test_a_second_draw_for_a_case_gives_the_first_answer(sealed):
    case = sealed.case()
    first, second = draw(sealed, case), draw(sealed, case)
    assert (first.new, second.new, first.sequence) == (True, False, second.sequence)
    with snapshot(sealed.engine) as db_session:
        assert len(db_session.exec(select(Allocation)).all()) == 1


@pytest.mark.parametrize("state", ["screened", "excluded", "withdrawn"])
def test_a_case_that_is_not_eligible_is_not_drawn(sealed, state):
    with pytest.raises(Forbidden, match="only eligible cases"):
        draw(sealed, sealed.case(state=state))


def test_eligibility_must_be_locked_before_the_draw(sealed):
    from db.tables import Screening

    case = sealed.case()
    with transaction(sealed.engine) as db_session:
        db_session.exec(select(Screening).where(Screening.case_id == case.id)).one().locked_at = None
    with pytest.raises(Forbidden, match="not locked yet"):
        draw(sealed, case)


def test_another_key_does_not_open_the_list(sealed):
    with pytest.raises(Forbidden, match="does not open"):
        draw(sealed, sealed.case(), key=Fernet.generate_key())


def test_a_line_that_was_moved_is_noticed(sealed):
    with transaction(sealed.engine) as db_session:
        lines = db_session.exec(select(SealedEntry).where(SealedEntry.stratum == "site=S1|priority=elective")).all()
        first, second = (next(line for line in lines if line.position == place) for place in (1, 2))
        first.ciphertext, second.ciphertext = second.ciphertext, first.ciphertext
    with pytest.raises(Forbidden, match="was moved"):
        draw(sealed, sealed.case())


@pytest.mark.parametrize("role", ["reader", "manager", "administrator", "observer", "monitor", "allocator"])
def test_only_investigator_and_technologist_may_draw(sealed, role):
    with pytest.raises(Forbidden):
        draw(sealed, sealed.case(), actor=role)


@pytest.mark.parametrize("role", ["investigator", "technologist", "reader", "administrator", "manager", "monitor"])
def test_nobody_but_the_allocator_may_see_the_list(sealed, role):
    with snapshot(sealed.engine) as db_session, pytest.raises(Forbidden):
        opened_list(db_session, study=db_session.get(Study, sealed.study_id), key=KEY, actor=sealed.people[role])


def test_the_allocators_look_at_the_list_is_audited(sealed):
    with transaction(sealed.engine, actor=sealed.people["allocator"]) as db_session:
        lines = json.loads(opened_list(db_session, study=db_session.get(Study, sealed.study_id), key=KEY, actor=sealed.people["allocator"]))
    assert {line["line"] for line in lines} == {"0", "1"}
    with snapshot(sealed.engine) as db_session:
        assert db_session.exec(select(AuditEntry).where(AuditEntry.operation == "view_allocation_list")).one().account == "allocator"


def test_nothing_that_is_stored_foretells_the_next_arm(sealed):
    """Length, bytes, ids, times and the audit of the sealed lines, against what the lines say."""
    with snapshot(sealed.engine) as db_session:
        entries = db_session.exec(select(SealedEntry)).all()
        audit = db_session.exec(select(AuditEntry).where(AuditEntry.entity == "sealed_entry")).all()
    arms = np.array([int(Fernet(KEY).decrypt(entry.ciphertext).decode().rsplit("|", 1)[1]) for entry in entries])
    by_stratum = {}
    for entry in entries:
        by_stratum.setdefault(entry.stratum, set()).add((len(entry.ciphertext), entry.key_fingerprint, entry.created_at))
    assert all(len(seen) == 1 for seen in by_stratum.values())
    features = {
        "id": [int(entry.id, 16) & 1 for entry in entries],
        "last byte": [entry.ciphertext[-2] & 1 for entry in entries],
        "middle byte": [entry.ciphertext[len(entry.ciphertext) // 2] & 1 for entry in entries],
    }
    for name, guess in features.items():
        hits = int((np.array(guess) == arms).sum())
        assert binomtest(hits, len(arms)).pvalue > 1e-4, name
    text = json.dumps([entry.model_dump(mode="json") for entry in audit])
    assert "manual" not in text
    assert '"ai' not in text


def test_minimisation_keeps_the_factors_balanced(engine):
    world = make_world(engine, protocol="parallel")
    with transaction(engine) as db_session:
        study = db_session.get(Study, world.study_id)
        seal_list(db_session, study=study, key=KEY, now=START.at, seed=11)
        site = get_site(db_session, code="S1")
        generator, counts = np.random.default_rng(5), Counter()
        for number in range(60):
            level = str(generator.choice(["emergency", "elective"], p=[0.3, 0.7]))
            case = enrol_case(
                db_session, study=study, site=site, pseudonym=f"p{number}", actor=world.people["investigator"], now=START.at,
                strata={"priority": level},
            ).case  # fmt: skip
            drawn = reveal(db_session, case=case, key=KEY, actor=world.people["investigator"], now=START.at)
            counts[level, drawn.sequence] += 1
    for level in ("emergency", "elective"):
        assert abs(counts[level, "ai"] - counts[level, "manual"]) <= 6


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "keys" / "allocation.key"
    assert make_key(path) == make_key(path)
    assert path.stat().st_mode & 0o077 == 0


def enrol(world, name, **options):
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        site = get_site(db_session, code="S1")
        return enrol_case(
            db_session, study=study, site=site, pseudonym=pseudonym(name, key=b"k" * 32), actor=world.people["investigator"], now=START.at,
            **options,
        )  # fmt: skip


def test_the_same_exam_is_enrolled_once(world):
    first, second = (enrol(world, "1.2.3", strata={"priority": "elective"}) for _ in range(2))
    assert (first.new, second.new, first.case.id) == (True, False, second.case.id)


def test_an_excluded_exam_keeps_its_reason_and_is_never_drawn(sealed):
    out = enrol(sealed, "1.2.4", eligible=False, reasons=["motion"], strata={"priority": "elective"})
    assert (out.case.state, out.reasons) == ("excluded", ("motion",))
    with pytest.raises(Forbidden):
        draw(sealed, out.case)


def test_a_case_without_its_stratum_is_refused_at_the_draw_with_the_remedy(sealed):
    case = enrol(sealed, "1.2.5").case
    with pytest.raises(RejectedInput, match=r"--stratum priority=emergency\|elective"):
        draw(sealed, case)


def test_an_allocated_case_gives_its_two_tasks_to_the_least_busy_technologist(sealed):
    for _ in range(2):
        case = sealed.case()
        drawn = draw(sealed, case)
        with transaction(sealed.engine) as db_session:
            tasks = plan_case(db_session, case=db_session.get(Case, case.id), revealed=drawn, now=START.at)
        assert [task.arm for task in tasks] == list(drawn.arms)
        sealed.people.setdefault("seen", set()).add(tasks[0].technologist_id)
    assert len(sealed.people["seen"]) == 2


def test_a_training_case_takes_no_line_and_is_practised_in_both_arms_by_every_technologist(sealed):
    case = sealed.case(training=True)
    with pytest.raises(Forbidden, match="training case"):
        draw(sealed, case)
    with transaction(sealed.engine) as db_session:
        options = {"case": db_session.get(Case, case.id), "actor": sealed.people["investigator"], "now": START.at}
        tasks = plan_training(db_session, **options)
        assert plan_training(db_session, **options) == []
    assert sorted(Counter(task.arm for task in tasks).items()) == [("ai", 2), ("manual", 2)]
    assert all(task.training for task in tasks)
    real = sealed.case()
    assert draw(sealed, real).position == 1
    with transaction(sealed.engine) as db_session, pytest.raises(Forbidden, match="its arm is drawn"):
        plan_training(db_session, case=db_session.get(Case, real.id), actor=sealed.people["investigator"], now=START.at)


def test_practice_leaves_no_trace_in_the_frames_and_knows_no_washout(sealed):
    case = sealed.case(training=True)
    actor = sealed.people["technologist"]
    with transaction(sealed.engine) as db_session:
        options = {"actor": sealed.people["investigator"], "now": START.at, "technologist_id": actor.account_id}
        first, second = plan_training(db_session, case=db_session.get(Case, case.id), **options)
    with transaction(sealed.engine) as db_session:
        open_task(db_session, task_id=first.id, actor=actor, holder="t", now=START, key="s")
        finish_task(db_session, task_id=first.id, actor=actor, now=START.after(60), key="f")
        assert open_task(db_session, task_id=second.id, actor=actor, holder="t", now=START.after(61), key="s2").state == "open"
        assert frames.tasks(db_session, study_id=sealed.study_id).empty
        assert len(frames.task_details(db_session, study_id=sealed.study_id, training=True)) == 2


def test_the_screening_log_lists_every_exam_with_its_reasons_and_no_arm(sealed):
    enrol(sealed, "1", eligible=False, reasons=["motion"], strata={"priority": "elective"})
    taken = enrol(sealed, "2", strata={"priority": "elective"}).case
    draw(sealed, taken)
    with snapshot(sealed.engine) as db_session:
        log = screening_log(db_session, study=db_session.get(Study, sealed.study_id), actor=sealed.people["investigator"])
    assert [(row["state"], row["eligible"], row["reasons"]) for row in log] == [("excluded", False, "motion"), ("allocated", True, "")]
    assert "manual" not in json.dumps(log)
    assert '"ai' not in json.dumps(log)
