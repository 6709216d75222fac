"""A home with a running study, people and drawn cases, for tests of the workplaces."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from db.audit import Actor
from db.base import utc_now
from db.engine import transaction
from study.accounts import create_account, find_account, grant_role
from study.allocation import make_key, reveal, seal_list
from study.enrolment import enrol_case, get_site, plan_case
from study.home import Home, open_home
from study.protocol import load_protocol
from study.studies import activate_study, create_study
from tests.system.conftest import PASSWORD

PEOPLE = {"tess": "technologist", "rita": "reader", "rob": "reader", "ines": "investigator"}


def running_study(folder: Path, *, cases: int, protocol: str | Path = "head_neck_cta") -> Home:
    """A paired study in state *active* with `cases` cases drawn for the technologist `tess`."""
    place = open_home(folder)
    now = utc_now()
    with transaction(place.engine) as db_session:
        for name, role in PEOPLE.items():
            account = create_account(db_session, name=name, password=PASSWORD, display_name=name.capitalize(), now=now)
            grant_role(db_session, account=account, role=role, actor=Actor(), now=now)
    with transaction(place.engine) as db_session:
        ines = find_account(db_session, name="ines")
        actor = Actor("ines", "investigator", ines.id)
        get_site(db_session, code="S1")
        study = create_study(db_session, protocol=load_protocol(protocol), actor=actor, now=now)
        key = make_key(folder / "keys" / "allocation.key")
        seal_list(db_session, study=study, key=key, now=now, seed=1)
        activate_study(db_session, study=study, actor=actor, now=now)
    with transaction(place.engine, actor=actor) as db_session:
        tess, site = find_account(db_session, name="tess"), get_site(db_session, code="S1")
        for number in range(cases):
            strata = {"priority": "elective"}
            enrolled = enrol_case(db_session, study=study, site=site, pseudonym=f"{number:064x}", actor=actor, now=now, strata=strata)
            drawn = reveal(db_session, case=enrolled.case, key=key, actor=actor, now=now)
            plan_case(db_session, case=enrolled.case, revealed=drawn, now=now, technologist_id=tess.id)
    return place


def reconstruction(folder: Path, case: str) -> Path:
    """A tiny finished reconstruction of a case: 36 MIP and 36 VR frames and its record."""
    out = folder / "reconstructions" / case
    for view in ("mip", "vr"):
        (out / view).mkdir(parents=True)
        for angle in range(0, 360, 10):
            array = np.zeros((96, 96), np.uint8)
            array[20:76, 30 + angle // 20 : 50 + angle // 20] = 200
            Image.fromarray(array).save(out / view / f"rotate_{angle:03d}.png")
    record = {
        "qc": {"verdict": "accept", "findings": []}, "model": {"name": "rules", "version": "1", "sha256": "0" * 64}, "device": "cpu",
        "engine": "numba", "method": "threshold", "gilbreth": "0", "vessels": [], "outputs": [],
        "stages": [{"name": "segment", "seconds": 1.5, "peak_rss_mb": 100.0}],
    }  # fmt: skip
    (out / "case.json").write_text(json.dumps(record))
    return out


def hand_in(folder: Path, *, task_id: str, name: str = "tess") -> None:
    """Store pictures for a task, as an upload would; its case must have a made reconstruction to take them from."""
    from db.engine import snapshot
    from db.tables import Case, Task
    from study import workplace
    from study.image_sets import frames_of_reconstruction

    place = open_home(folder)
    with snapshot(place.engine) as db_session:
        number = db_session.get_one(Case, db_session.get_one(Task, task_id).case_id).number
        actor = Actor(name, "technologist", find_account(db_session, name=name).id)
    frames = frames_of_reconstruction(folder / "reconstructions" / number)
    workplace.store_upload(place.engine, actor=actor, task_id=task_id, frames=frames, images=place.images)
    place.close()


def pictures_of_both_arms(folder: Path) -> dict[str, str]:
    """One set of each arm, of two cases, with the very same pixels: arm by image set. Both are assigned to both readers."""
    from sqlmodel import select

    from db.engine import snapshot
    from db.tables import Case, Study, Task
    from study import workplace
    from study.image_sets import frames_of_reconstruction
    from study.reading import assign_readings

    place = open_home(folder)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        tess, ines = (find_account(db_session, name=name) for name in ("tess", "ines"))
        statement = select(Task.id, Task.arm).join(Case).where(Task.case_id == Case.id).order_by(Case.number)
        tasks = db_session.execute(statement.add_columns(Case.number)).all()
    first = next(row for row in tasks if row[1] == "ai")
    second = next(row for row in tasks if row[1] == "manual" and row[2] != first[2])
    actor, made = Actor("tess", "technologist", tess.id), reconstruction(folder, first[2])
    ai = workplace.accept_reconstruction(place.engine, actor=actor, task_id=first[0], reconstruction=made, images=place.images)
    frames = frames_of_reconstruction(made)
    manual = workplace.store_upload(place.engine, actor=actor, task_id=second[0], frames=frames, images=place.images)
    sets = {ai.id: "ai", manual.id: "manual"}
    investigator = Actor("ines", "investigator", ines.id)
    with transaction(place.engine, actor=investigator) as db_session:
        assign_readings(db_session, study=db_session.get_one(Study, study.id), actor=investigator, now=utc_now(), seed=1)
    place.close()
    return sets
