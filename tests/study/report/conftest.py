"""A finished study in a database, with everything a report can draw on."""

from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from db.engine import transaction
from db.tables import Allocation, Case, Deviation, Reading, Run, Screening, Site, Study
from study.importing import import_readings, import_tasks, read_table
from study.importing.readings import COLUMNS as READING_COLUMNS
from study.importing.readings import REQUIRED as READING_REQUIRED
from study.importing.tasks import COLUMNS, REQUIRED
from study.protocol import load_protocol
from study.report import from_home, from_tables
from study.simulation import simulate_paired_study
from tests.db.databases import fresh_engine
from tests.study.world import START, make_world

NOW = datetime(2027, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def drawn():
    return simulate_paired_study(cases=30, readers=3, seed=5)


@pytest.fixture(scope="session")
def tables(drawn):
    """Material of tables from elsewhere."""
    return from_tables(load_protocol("head_neck_cta"), drawn.tasks, drawn.readings)


@pytest.fixture(scope="session")
def finished(drawn, tmp_path_factory):
    """A study of 30 cases (one aborted in the AI arm), 2 exams excluded, 1 eligible case never allocated; unblinded."""
    folder = tmp_path_factory.mktemp("tables")
    tasks = drawn.tasks.assign(site="S1", sequence=drawn.tasks["sequence"].str.lower(), instrument="browser")
    # drawn times are rounded one by one, so that their sum can exceed the whole by a tenth of a second
    tasks["elapsed_seconds"] = tasks[["elapsed_seconds", "hands_on_seconds"]].max(axis=1) + tasks["ai_wait_seconds"] + 1.0
    aborted = tasks.index == tasks.index[tasks["arm"] == "ai"][-1]
    tasks.loc[aborted, ["elapsed_seconds", "hands_on_seconds", "ai_wait_seconds", "clicks"]] = None
    tasks.loc[aborted, "missing_reason"] = "software failed"
    gone = tasks.loc[aborted, ["case", "arm"]].iloc[0]
    readings = drawn.readings[~((drawn.readings["case"] == gone["case"]) & (drawn.readings["arm"] == gone["arm"]))]
    with fresh_engine() as engine:
        world = make_world(engine)
        for frame, name, take, columns, required in (
            (tasks, "tasks.csv", import_tasks, COLUMNS, REQUIRED),
            (readings, "readings.csv", import_readings, READING_COLUMNS, READING_REQUIRED),
        ):
            text = frame.assign(started_at=frame["started_at"].map(lambda when: when.isoformat())) if "started_at" in frame else frame
            text.to_csv(folder / name, index=False)
            table = read_table(folder / name, columns=columns, required=required, mapping=None)
            with transaction(engine) as db_session:
                study = db_session.get(Study, world.study_id)
                take(db_session, study=study, table=table, actor=world.people["investigator"], now=START.at)
        _furnish(world)
        yield world


def _furnish(world):
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        site = db_session.exec(select(Site).where(Site.code == "S1")).one()
        cases = list(db_session.exec(select(Case).where(Case.study_id == study.id).order_by(col(Case.number))).all())
        for number, reason in (("X1", "motion"), ("X2", "unenhanced"), ("X3", None)):
            facts = {"study_id": study.id, "site_id": site.id, "number": number, "pseudonym": number, "enrolled_at": START.at}
            case = Case.model_validate({**facts, "state": "excluded" if reason else "eligible"})
            db_session.add(case)
            db_session.flush()
            _screen(db_session, study, case, reason)
        for index, case in enumerate(cases):
            case.sex, case.features = ("F", "M")[index % 2], ["artefact"] if index % 3 == 0 else []
            case.age_band, case.scanner, case.ctdi_vol_mgy = "60–69", "Scanner <A>", 10.0 + index
            case.state = "allocated"
            db_session.add(case)
            _screen(db_session, study, case, None)
            drawn = {"study_id": study.id, "case_id": case.id, "stratum": "S1", "position": index + 1, "method": "permuted blocks"}
            sequence = "ai-manual" if index % 2 else "manual-ai"
            db_session.add(Allocation.model_validate({**drawn, "sequence": sequence, "revealed_at": START.at, "revealed_by": "t"}))
            model = {"model_name": "phantom-net", "model_version": "2", "model_sha256": "ab" * 32, "device": "cpu", "engine": "openvino"}
            run = {"case_id": case.id, "state": "done", "verdict": "accept", "started_at": START.at, **model}
            db_session.add(Run.model_validate(run))
        told = {"study_id": study.id, "case_id": cases[0].id, "kind": "order", "recorded_at": START.at, "recorded_by": "investigator"}
        db_session.add(Deviation.model_validate({**told, "description": "</script><b>arms swapped</b> for one case"}))
        for number, reading in enumerate(db_session.exec(select(Reading).where(Reading.study_id == study.id)).all()):
            reading.guess = ("manual", "ai", "unsure")[number % 3]
            db_session.add(reading)
        study.state, study.locked_at, study.unblinded_at = "unblinded", START.at, START.at
        db_session.add(study)


def _screen(db_session, study, case, reason):
    answer = {"study_id": study.id, "case_id": case.id, "eligible": reason is None, "reasons": [reason] if reason else []}
    stamps = {"screened_at": START.at, "screened_by": "t", "locked_at": START.at}
    db_session.add(Screening.model_validate({**answer, **stamps}))


@pytest.fixture(scope="session")
def material(finished):
    """Material of the study in the database."""
    return from_home(finished.engine, study_id=finished.study_id)
