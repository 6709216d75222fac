"""A study walked by scripted readers, keeping everything that is sent to them; and a judge who tries to tell the arms from it."""

import importlib.resources
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlmodel import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from dashboard.server import pictures
from dashboard.server.gate import Gate
from dashboard.server.home import COOKIE
from db.audit import Actor
from db.engine import transaction
from db.tables import Case, Site, Study
from study import workplace
from study.accounts import create_account, grant_role
from study.clock import Instant
from study.consent import give_consent
from study.home import Home, open_home
from study.image_sets import store_image_set
from study.protocol import load_protocol
from study.reading import Answer, Answers, assign_readings, open_reading, save_draft, submit_reading
from study.recording import plan_task
from study.sign_in import sign_in
from study.signatures import Confirmation
from study.studies import create_study
from tests.study.world import START
from tests.system.conftest import PASSWORD
from tests.system.reading_home import frames

SIZE, TURNING = 96, 4


@dataclass
class Room:
    """A home with both arms' pictures of every case assigned; who is who, and which set is which."""

    place: Home
    study_id: str
    readers: dict[str, Actor]
    arms: dict[str, str] = field(default_factory=dict)
    cases: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)


@dataclass
class Sent:
    """One reading as its reader met it: raw bytes, and every number that could be read off."""

    image_set: str
    reader: str
    place: int
    raw: bytes
    numbers: dict[str, float]


def make_room(folder: Path, *, cases: int, readers: int) -> Room:
    """Readers and cases; the manual arm's pictures are grainier, as a workstation's export may be, and compress worse."""
    text = importlib.resources.files("protocols").joinpath("head_neck_cta.toml").read_text(encoding="utf-8")
    file = folder / "protocol.toml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace("angles = 36", f"angles = {TURNING}").replace("size = 512", f"size = {SIZE}"))
    place = open_home(folder / "home")
    with transaction(place.engine) as db_session:
        people = {name: _person(db_session, name, name.rstrip("0123456789")) for name in ("investigator", "technologist")}
        people |= {f"reader{number}": _person(db_session, f"reader{number}", "reader") for number in range(1, readers + 1)}
        study = create_study(db_session, protocol=load_protocol(file), actor=people["investigator"], now=START.at)
        study.state, study.activated_at = "active", START.at  # the sealed list has its own tests
        db_session.add_all([study, Site.model_validate({"code": "S1", "name": "First hospital"})])
        db_session.flush()
        for name, actor in people.items():
            if name != "investigator":
                give_consent(db_session, study=study, actor=actor, now=START.at)
        study_id = study.id
    room = Room(place, study_id, {name: actor for name, actor in people.items() if name.startswith("reader")})
    room.secrets = [people["technologist"].account_id or "", "technologist"]
    for number in range(1, cases + 1):
        _case(room, number, people["technologist"])
    with transaction(place.engine, actor=people["investigator"]) as db_session:
        assign_readings(db_session, study=db_session.get_one(Study, study_id), actor=people["investigator"], now=START.at, seed=3)
    return room


def _person(db_session, name: str, role: str) -> Actor:
    account = create_account(db_session, name=name, password=PASSWORD if role == "reader" else None, now=START.at)
    grant_role(db_session, account=account, role=role, actor=Actor(), now=START.at)
    return Actor(name, role, account.id)


def _case(room: Room, number: int, technologist: Actor) -> None:
    """Both arms of a case, in an order that changes from case to case."""
    order = ("ai", "manual") if number % 2 else ("manual", "ai")
    with transaction(room.place.engine, actor=technologist) as db_session:
        site = db_session.exec(select(Site)).one()
        case = Case.model_validate(
            {
                "study_id": room.study_id, "site_id": site.id, "number": f"CASE{number:05d}", "pseudonym": f"PSEUDO{number:06d}",
                "state": "eligible", "strata": {"priority": "elective"}, "enrolled_at": START.at,
            }
        )  # fmt: skip
        db_session.add(case)
        db_session.flush()
        for period, arm in enumerate(order, start=1):
            task = plan_task(
                db_session, case=case, technologist_id=technologist.account_id, arm=arm, period=period, sequence="AB",
                instrument="browser", now=START.at,
            )  # fmt: skip
            made = frames(seed=number, size=SIZE, noise=2 if arm == "ai" else 60, turning=TURNING)
            folder = room.place.images
            stored = store_image_set(db_session, task_id=task.id, frames=made, folder=folder, actor=technologist, now=START.after(number))
            room.arms[stored.id], room.cases[stored.id] = arm, case.id
            room.secrets += [task.id, case.id, case.number, case.pseudonym]


def walk(room: Room, name: str, *, most: int | None = None) -> Iterator[Sent]:
    """A reader's whole queue, washouts waited for; everything they are sent on the way."""
    actor, now, done = room.readers[name], START.after(86_400), 0
    app = Starlette(routes=pictures.ROUTES, middleware=[Middleware(Gate)])
    while most is None or done < most:
        client, session = _client(app, room, name, now)
        queue = workplace.my_queue(room.place.engine, actor=actor, study_id=room.study_id, now=now.at)
        if not queue.entries:
            if queue.next_at is None:
                return
            now = now.after((queue.next_at - now.at + timedelta(hours=1)).total_seconds())
            continue
        yield _one(room, actor, queue, client, session, now)
        now, done = now.after(90), done + 1


_clients: dict[str, tuple[TestClient, str, float]] = {}


def _client(app: Starlette, room: Room, name: str, now: Instant) -> tuple[TestClient, str]:
    """A signed-in client; the sign-in is real time's, the readings' time is made."""
    key = f"{room.place.path}/{name}"
    if key not in _clients or time.monotonic() - _clients[key][2] > 300:
        from db.base import utc_now

        with transaction(room.place.engine) as db_session:
            signed = sign_in(db_session, name=name, password=PASSWORD, now=utc_now())
        assert signed.token is not None
        assert signed.person is not None
        client = TestClient(app, base_url="http://127.0.0.1", cookies={COOKIE: signed.token})
        _clients[key] = (client, signed.person.session_id, time.monotonic())
    return _clients[key][:2]


def _one(room: Room, actor: Actor, queue, client: TestClient, session: str, now: Instant) -> Sent:
    entry, raw, numbers = queue.entries[0], [json.dumps(asdict(queue), default=str)], {}
    numbers |= {"place": entry.number, "offered": len(queue.entries), "waiting": queue.waiting, "done": queue.done}
    began = time.perf_counter()
    with transaction(room.place.engine, actor=actor) as db_session:
        view = open_reading(db_session, reading_id=entry.reading_id, actor=actor, now=now)
    numbers["opened_seconds"] = time.perf_counter() - began
    raw.append(json.dumps(asdict(view), default=str))
    numbers |= {"reading_id": int(entry.reading_id[:12], 16), "image_set_id": int(view.image_set_id[:12], 16), "frames": view.frames}
    for kind, paths in workplace.frame_paths(view, images=room.place.images).items():
        for place, path in enumerate(paths):
            began = time.perf_counter()
            answer = client.get(pictures.address_of(path, session_id=session))
            assert answer.status_code == 200
            numbers[f"{kind}{place}_seconds"] = time.perf_counter() - began
            numbers[f"{kind}{place}_bytes"] = len(answer.content)
            numbers[f"{kind}{place}_address"] = len(str(answer.request.url))
            numbers[f"{kind}{place}_headers"] = sum(len(key) + len(value) for key, value in answer.headers.items())
            raw.append(f"{view.views} {dict(answer.headers)}")
    answers = Answers({name: Answer(4, True) for name in _regions(room)}, 3, "unsure")
    with transaction(room.place.engine, actor=actor) as db_session:
        numbers["revision"] = save_draft(
            db_session, reading_id=entry.reading_id, draft=answers.to_dict(), revision=view.revision, actor=actor
        )
        confirmation = Confirmation(actor.account_id or "", "password", now.at)
        signature = submit_reading(
            db_session, reading_id=entry.reading_id, answers=answers, confirmation=confirmation, actor=actor, now=now.after(60)
        )
        raw.append(str(signature.id))
    return Sent(view.image_set_id, actor.account, entry.number, "\n".join(raw).encode(), numbers)


def _regions(room: Room) -> list[str]:
    protocol = workplace.study_protocol(room.place.engine, study_id=room.study_id)
    return [*(region.name for region in protocol.regions), "overall"]


def stored_bytes(room: Room, image_set: str) -> list[float]:
    """Sizes of the files as they lie on the disk: what a reader would see if nothing were done about it."""
    return [float(path.stat().st_size) for path in sorted((room.place.images / image_set).rglob("*.png"))]


# ---- the judge ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Guess:
    """How many arms were told rightly from metadata, of how many, and the interval of the share."""

    right: int
    of: int
    low: float
    high: float


def tell_arms(rows: list[list[float]], arms: list[str], groups: list[str], *, seed: int = 0, level: float = 0.999) -> Guess:
    """Ten-fold cross-validated logistic regression with a ridge, backed by the five nearest neighbours where the two agree less.

    Both arms of a case lie in the same fold, so that each fold is balanced and chance is one half.
    """
    table, truth = np.asarray(rows, float), np.asarray([1.0 if arm == "ai" else -1.0 for arm in arms])
    varies = table.std(axis=0) > 0
    if not varies.any():
        return _guess(len(truth) // 2, len(truth), level)
    table = (table[:, varies] - table[:, varies].mean(axis=0)) / table[:, varies].std(axis=0)
    names = sorted(set(groups))
    fold_of = dict(zip(np.random.default_rng(seed).permutation(names).tolist(), np.arange(len(names)) % 10, strict=True))
    folds = np.asarray([fold_of[group] for group in groups])
    right = 0
    for fold in range(10):
        held = folds == fold
        if held.any() and (~held).any():
            score = _linear(table[~held], truth[~held], table[held]) + _neighbours(table[~held], truth[~held], table[held])
            right += int((np.where(score > 0, 1.0, -1.0) == truth[held]).sum())
    return _guess(right, len(truth), level)


def _linear(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton steps, ridge 1."""
    x = np.column_stack([known, np.ones(len(known))])
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - (truth > 0)) + weights
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.eye(x.shape[1])
        weights -= np.linalg.solve(hessian, gradient)
    return np.tanh(np.column_stack([asked, np.ones(len(asked))]) @ weights)


def _neighbours(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    distance = ((asked[:, None, :] - known[None, :, :]) ** 2).sum(axis=-1)
    nearest = np.argsort(distance, axis=1)[:, :5]
    return truth[nearest].mean(axis=1) * 0.5


def _guess(right: int, of: int, level: float) -> Guess:
    from study.statistics import pass_rate

    interval = pass_rate(right, of).interval(level, method="clopper-pearson")
    return Guess(right, of, interval.low, interval.high)
