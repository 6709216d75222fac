"""Looks before the end: a boundary only where the protocol spends alpha, and only for the monitor."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from db.engine import snapshot
from db.tables import AuditEntry
from study.analysis.finding import Finding
from study.cli import run
from study.errors import RejectedInput
from study.monitoring import interim_look, minutes_saved, signed_z
from study.protocol import load_protocol, parse_protocol
from study.simulation import simulate_paired_study

INTERIM = '\n[analysis.interim]\nlooks = [0.2, 0.4, 0.6, 0.8, 1.0]\nspending = "obrien-fleming"\nendpoint = "minutes"\n'


@pytest.fixture(scope="module")
def paired():
    return load_protocol("head_neck_cta")


@pytest.fixture(scope="module")
def spending(paired):
    return parse_protocol(paired.text.replace("\n[timing]", INTERIM + "\n[timing]"))


@pytest.fixture(scope="module")
def drawn():
    return simulate_paired_study(cases=60, readers=2, seed=4)


def test_without_a_spending_function_a_look_decides_nothing(paired, drawn):
    look = interim_look(paired, drawn.tasks, drawn.readings)
    assert (look.kind, look.decision, look.boundary) == ("descriptive", "described", None)
    assert "nothing may be stopped or claimed" in look.words


def test_before_the_first_planned_look_it_decides_nothing_either(spending):
    few = simulate_paired_study(cases=20, readers=2, seed=4)
    look = interim_look(spending, few.tasks, few.readings)
    assert (look.kind, look.decision) == ("descriptive", "described")
    assert "before the first planned look" in look.words


def test_a_planned_look_is_held_against_its_boundary(spending, drawn):
    # 61 of 152 cases are the second of five looks; Lan-DeMets O'Brien-Fleming: 4.877, 3.357 (Jennison and Turnbull, ldbounds)
    drawn = simulate_paired_study(cases=61, readers=2, seed=4)
    look = interim_look(spending, drawn.tasks, drawn.readings)
    assert (look.kind, look.look, look.looks, look.cases) == ("planned", 2, 5, 61)
    assert look.boundary == pytest.approx(3.357, abs=0.01)
    assert look.statistic < -look.boundary
    assert look.decision == "stop"


def test_a_look_later_than_planned_has_a_lower_boundary(spending):
    on_time, late = (simulate_paired_study(cases=n, readers=2, seed=4) for n in (61, 85))
    first, second = (interim_look(spending, study.tasks, study.readings) for study in (on_time, late))
    assert first.look == second.look == 2
    assert second.boundary < first.boundary


def test_where_nothing_differs_the_study_goes_on(spending, drawn):
    # every second case has its arms exchanged: no effect on average
    tasks = drawn.tasks.copy()
    swapped = tasks["case"].isin(sorted(set(tasks["case"]))[::2])
    tasks.loc[swapped, "arm"] = tasks.loc[swapped, "arm"].map({"ai": "manual", "manual": "ai"})
    tasks = pd.concat([tasks, tasks.assign(case="b" + tasks["case"])])
    look = interim_look(spending, tasks, drawn.readings)
    assert look.kind == "planned"
    assert look.decision == "continue"


def test_alpha_cannot_be_spent_on_another_endpoint(spending, drawn):
    with pytest.raises(RejectedInput, match="spends alpha on looks at 'minutes', not at 'pass'"):
        interim_look(spending, drawn.tasks, drawn.readings, endpoint="pass")
    with pytest.raises(RejectedInput, match="no endpoint 'speed'"):
        interim_look(spending, drawn.tasks, drawn.readings, endpoint="speed")


def test_non_inferiority_is_measured_from_the_margin(paired):
    # estimate −1 point, interval ±5 points: standard error 2.551, distance from −5 points is 4 points
    line = Finding("pass", "primary", "difference", "points", -1.0, -6.0, 4.0, 0.95, 0.7, "Tango", 152)
    assert signed_z(line, paired.endpoint("pass")) == pytest.approx(4 / (5 / 1.959964), rel=1e-5)
    assert signed_z(dataclasses.replace(line, low=None), paired.endpoint("pass")) is None


def test_the_sequence_follows_the_days_and_ends_where_the_mean_is(paired, drawn):
    found = minutes_saved(paired, drawn.tasks)
    wide = drawn.tasks.pivot(index="case", columns="arm", values="hands_on_seconds") / 60
    assert found.cases == 60
    assert found.estimate == pytest.approx((wide["ai"] - wide["manual"]).mean())
    assert found.low < found.estimate < found.high < 0
    days = [day for day, *_ in found.course]
    assert days == sorted(days)
    assert len(set(days)) == len(days)
    assert found.course[-1][1:] == pytest.approx((found.estimate, found.low, found.high))


def test_the_sequence_does_not_depend_on_the_order_of_the_rows(paired, drawn):
    shuffled = drawn.tasks.sample(frac=1, random_state=np.random.RandomState(0))
    assert minutes_saved(paired, shuffled) == minutes_saved(paired, drawn.tasks)


def test_a_sequence_needs_pairs(drawn):
    with pytest.raises(RejectedInput, match="needs pairs"):
        minutes_saved(load_protocol("parallel"), drawn.tasks)
    with pytest.raises(RejectedInput, match="no case is finished in both arms"):
        minutes_saved(load_protocol("head_neck_cta"), drawn.tasks[drawn.tasks["arm"] == "ai"])


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("GILBRETH_DATABASE_URL", "GILBRETH_KEYS", "GILBRETH_ANCHOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GILBRETH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GILBRETH_PASSWORD", "correct horse battery staple")
    return tmp_path


def test_only_the_monitor_looks_and_every_look_is_in_the_audit(home, drawn, capsys):
    from datetime import UTC, datetime

    from db.audit import Actor
    from db.engine import transaction
    from study.accounts import create_account, grant_role
    from study.home import open_home

    tasks = drawn.tasks.assign(sequence=drawn.tasks["sequence"].str.lower(), instrument="browser", site="S1")
    tasks["elapsed_seconds"] = tasks["elapsed_seconds"] + 1.0
    tasks.assign(started_at=tasks["started_at"].map(lambda when: when.isoformat())).to_csv(home / "t.csv", index=False)
    assert run(["study", "init", "head_neck_cta"]) == 0
    assert run(["study", "activate"]) == 0
    assert run(["study", "import", str(home / "t.csv")]) == 0
    place = open_home(home / "home")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    with transaction(place.engine) as db_session:
        account = create_account(db_session, name="mona", password="correct horse battery staple", now=now)
        grant_role(db_session, account=account, role="monitor", actor=Actor(), now=now)
    capsys.readouterr()
    assert run(["analyse", "--study", "head_neck_cta"]) == 5
    assert run(["analyse", "--study", "head_neck_cta", "--interim"]) == 5
    assert run(["analyse", "--study", "head_neck_cta", "--anytime"]) == 2
    capsys.readouterr()
    assert run(["analyse", "--study", "head_neck_cta", "--interim", "--anytime", "--as", "mona", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["interim"]["kind"] == "descriptive"
    assert answer["anytime"]["cases"] == 60
    assert answer["anytime"]["high"] < 0
    with snapshot(place.engine) as db_session:
        looks = db_session.query(AuditEntry).filter(AuditEntry.operation == "outcomes.interim").all()
    assert [(look.account, look.role) for look in looks] == [("mona", "monitor")]
    place.close()
