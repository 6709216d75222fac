"""A home whose readers have work to do: several cases in both arms with the protocol's views, practice cases, a source scan."""

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image
from sqlmodel import select

from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Case, Reading, Study, Task
from study import workplace
from study.accounts import create_account, find_account, grant_role
from study.clock import read_clock
from study.home import Home, open_home
from study.image_sets import store_image_set
from study.reading import assign_readings
from tests.system.conftest import PASSWORD
from tests.system.workplaces import running_study

TURNING = 36
SIZE = 256


def frames(*, seed: int, size: int = SIZE, noise: int = 8, turning: int = TURNING) -> dict[str, list[bytes]]:
    """MIP and VR frames of a made-up tree that turns; grainy by `noise`."""
    generator = np.random.default_rng(seed)
    lines = generator.uniform(-0.3, 0.3, (5, 2))
    made: dict[str, list[bytes]] = {"mip": [], "vr": []}
    for number in range(turning):
        angle = 2 * np.pi * number / turning
        picture = generator.integers(0, noise + 1, (size, size)).astype(np.uint8)
        for x, y in lines:
            column = int(size / 2 + size * 0.8 * (np.cos(angle) * x + np.sin(angle) * y))
            picture[size // 6 : -size // 6, max(0, column - 1) : column + 2] = 220
        for view in made:
            made[view].append(_png(picture if view == "mip" else np.stack([picture, picture // 2, picture // 3], -1)))
    return made


def _png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def reading_home(folder: Path, *, cases: int, practice: int = 0, both: bool = True, scan: Path | None = None) -> Home:
    """Sets of both arms for every case, assigned to the two readers; an adjudicator `ada`; practice cases come on top.

    Parameters
    ----------
    cases, practice : int
        Cases whose arms are rated, and practice cases with one set each.
    both : bool
        Both arms of a case, the second of which waits for its washout; or only the first.
    scan : Path, optional
        A scan that stands for every case's source.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = files("protocols").joinpath("head_neck_cta.toml").read_text(encoding="utf-8")
    (folder / "protocol.toml").write_text(text.replace("size = 512", f"size = {SIZE}"), encoding="utf-8")
    place = running_study(folder, cases=cases + practice, protocol=folder / "protocol.toml")
    with transaction(place.engine) as db_session:
        ada = create_account(db_session, name="ada", password=PASSWORD, display_name="Ada", now=utc_now())
        grant_role(db_session, account=ada, role="adjudicator", actor=Actor(), now=utc_now())
        rows = db_session.exec(select(Task).join(Case).where(Task.case_id == Case.id).order_by(Case.number, Task.period)).all()
        numbers = sorted({task.case_id for task in rows}, key=[task.case_id for task in rows].index)
        for case_id in numbers[cases:]:
            db_session.get_one(Case, case_id).training = True
        for task in rows:
            task.training = task.case_id in numbers[cases:]
            if scan is not None:
                db_session.get_one(Case, task.case_id).scan_path = str(scan)
        tess = Actor("tess", "technologist", find_account(db_session, name="tess").id)
    with transaction(place.engine, actor=tess) as db_session:
        for place_in_list, task in enumerate(rows):
            if task.period == 2 and (not both or task.case_id in numbers[cases:]):
                continue
            pictures = frames(seed=place_in_list, noise=6 if task.arm == "ai" else 18)
            store_image_set(db_session, task_id=task.id, frames=pictures, folder=place.images, actor=tess, now=read_clock())
    assign(place)
    return place


def assign(place: Home) -> None:
    """Give what is stored to the readers, and let both arms of a case be read on one day."""
    with snapshot(place.engine) as db_session:
        study_id = db_session.exec(select(Study)).one().id
        ines = Actor("ines", "investigator", find_account(db_session, name="ines").id)
    with transaction(place.engine, actor=ines) as db_session:
        assign_readings(db_session, study=db_session.get_one(Study, study_id), actor=ines, now=utc_now(), seed=1)


def consent(folder: Path, *names: str) -> None:
    """Readers who have agreed already."""
    place = open_home(folder)
    with snapshot(place.engine) as db_session:
        study_id = db_session.exec(select(Study)).one().id
        people = {name: find_account(db_session, name=name).id for name in names}
    for name, account_id in people.items():
        workplace.agree(place.engine, actor=Actor(name, "reader", account_id), study_id=study_id)
    place.close()


def submitted(folder: Path) -> list[Reading]:
    """Readings that are signed, in order."""
    place = open_home(folder)
    with snapshot(place.engine) as db_session:
        found = list(db_session.exec(select(Reading).where(Reading.state == "submitted").order_by(Reading.submitted_at)).all())  # type: ignore[arg-type]
    place.close()
    return found
