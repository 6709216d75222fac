"""How quickly pages answer while many people work at once: technologists on open tasks, readers on open readings.

Each person is a real signed-in session: a websocket that asks for a run of their page as a browser does after every widget, with
pauses for thought in between, and for technologists the recorder's posts. Measured from the request to the end of the script; beside
it what a page costs the server in processor time, which other jobs on the machine change little.

    python benchmarks/people.py --people 10 20 --seconds 60
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PASSWORD = "a-password-for-load-only"
THINK_SECONDS = (2.0, 5.0)  # between two acts that need the server; turning pictures needs none
RECORD_EVERY_SECONDS = 3.0


@dataclass
class Person:
    """One session: where its pages are, and how long each answer took. [s]"""

    name: str
    pages: tuple[str, ...]
    task: str | None = None
    holder: str = ""
    answers: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    sent: int = 0


def fill(home: Path, *, people: int) -> list[Person]:
    """A running study with an open AI task for each technologist, and readings for each reader."""
    from sqlmodel import select

    from db.audit import Actor
    from db.base import utc_now
    from db.engine import snapshot, transaction
    from db.tables import Task
    from study import workplace
    from study.accounts import create_account, grant_role
    from study.allocation import make_key, reveal, seal_list
    from study.enrolment import enrol_case, get_site, plan_case
    from study.home import open_home
    from study.protocol import load_protocol
    from study.reading import assign_readings
    from study.studies import activate_study, create_study

    place, now = open_home(home), utc_now()
    technologists, readers = (people + 1) // 2, max(2, people // 2)
    names = {"ines": "investigator"}
    names |= {f"tech{k}": "technologist" for k in range(technologists)} | {f"read{k}": "reader" for k in range(readers)}
    ids: dict[str, str] = {}
    with transaction(place.engine) as db_session:
        for name, role in names.items():
            account = create_account(db_session, name=name, password=PASSWORD, display_name=name, now=now)
            grant_role(db_session, account=account, role=role, actor=Actor(), now=now)
            ids[name] = account.id
    investigator = Actor("ines", "investigator", ids["ines"])
    with transaction(place.engine) as db_session:
        study = create_study(db_session, protocol=load_protocol("head_neck_cta"), actor=investigator, now=now)
        get_site(db_session, code="S1")
        key = make_key(home / "keys" / "allocation.key")
        seal_list(db_session, study=study, key=key, now=now, seed=1)
        activate_study(db_session, study=study, actor=investigator, now=now)
    with transaction(place.engine, actor=investigator) as db_session:
        site = get_site(db_session, code="S1")
        for number in range(4 * technologists):
            made = enrol_case(
                db_session, study=study, site=site, pseudonym=f"{number:064x}", actor=investigator, now=now, strata={"priority": "elective"}
            )
            drawn = reveal(db_session, case=made.case, key=key, actor=investigator, now=now)
            owner = ids[f"tech{number % technologists}"]
            plan_case(db_session, case=made.case, revealed=drawn, now=now, technologist_id=owner)
    with snapshot(place.engine) as db_session:
        tasks = list(db_session.exec(select(Task).where(Task.period == 1)))
    for task in tasks:
        _pictures(home / "reconstructions" / workplace_number(place, task.case_id))
    folder = home / "reconstructions" / workplace_number(place, tasks[0].case_id)
    ready = workplace.draw_reconstruction(folder, ("mip", "vr"), 512)
    out = []
    for k in range(technologists):
        actor, own = Actor(f"tech{k}", "technologist", ids[f"tech{k}"]), [task for task in tasks if task.technologist_id == ids[f"tech{k}"]]
        workplace.agree(place.engine, actor=actor, study_id=study.id)
        chosen = next((task for task in own if task.arm == "ai"), own[0])
        for task in own:
            if task.id != chosen.id and task.arm == "ai":
                folder = home / "reconstructions" / workplace_number(place, task.case_id)
                workplace.accept_reconstruction(
                    place.engine, actor=actor, task_id=task.id, reconstruction=folder, images=place.images, drawn=ready
                )
        workplace.open_my_task(place.engine, actor=actor, task_id=chosen.id, holder=f"load{k}")
        out.append(Person(f"tech{k}", ("worklist", "task"), chosen.id, f"load{k}"))
    with transaction(place.engine, actor=investigator) as db_session:
        assign_readings(db_session, study=db_session.merge(study), actor=investigator, now=now, seed=1)
    for k in range(people - technologists):
        workplace.agree(place.engine, actor=Actor(f"read{k}", "reader", ids[f"read{k}"]), study_id=study.id)
        out.append(Person(f"read{k}", ("queue", "reading")))
    place.close()
    return out


def workplace_number(place: Any, case_id: str) -> str:
    """The number of a case."""
    from db.engine import snapshot
    from db.tables import Case

    with snapshot(place.engine) as db_session:
        return str(db_session.get_one(Case, case_id).number)


def _pictures(out: Path) -> None:
    import numpy as np
    from PIL import Image

    if out.exists():
        return
    for view in ("mip", "vr"):
        (out / view).mkdir(parents=True)
        for angle in range(0, 360, 10):
            array = np.random.default_rng(angle).integers(0, 255, (64, 64), np.uint8)
            Image.fromarray(array).save(out / view / f"rotate_{angle:03d}.png")
    record = {
        "qc": {"verdict": "accept", "findings": []}, "model": {"name": "rules", "version": "1", "sha256": "0" * 64}, "device": "cpu",
        "engine": "numba", "method": "threshold", "gilbreth": "0", "vessels": [], "outputs": [], "stages": [],
    }  # fmt: skip
    (out / "case.json").write_text(json.dumps(record))


async def work(person: Person, *, address: str, seconds: float, chance: random.Random, here: asyncio.Barrier) -> None:
    """Sign in and open the first page; once everybody has, act and think for some seconds."""
    async with httpx.AsyncClient(base_url=address, headers={"Origin": address}, timeout=120.0) as client:
        answer = await client.post("/signin", data={"name": person.name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text[-300:]
        cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
        socket = f"ws{address.removeprefix('http')}/_stcore/stream"
        options: Any = {"max_size": None, "subprotocols": ["streamlit"], "origin": address, "additional_headers": {"Cookie": cookie}}
        async with websockets.connect(socket, **options) as line:
            await _run(line, person.pages[0])  # the first run of a session loads modules and is not typical
            await here.wait()
            until = time.perf_counter() + seconds
            recording = asyncio.create_task(_record(person, client, until))
            while time.perf_counter() < until:
                await asyncio.sleep(chance.uniform(*THINK_SECONDS))
                person.answers.append(await _run(line, chance.choice(person.pages)))
            await recording


async def _run(line: Any, page: str) -> float:
    message = BackMsg()
    message.rerun_script.query_string = ""
    message.rerun_script.page_name = page
    began = time.perf_counter()
    await line.send(message.SerializeToString())
    while True:
        part = ForwardMsg()
        part.ParseFromString(await asyncio.wait_for(line.recv(), 120))
        if part.WhichOneof("type") == "script_finished":
            return time.perf_counter() - began


async def _record(person: Person, client: httpx.AsyncClient, until: float) -> None:
    while person.task is not None and time.perf_counter() < until:
        person.sent += 1
        event = {
            "kind": "input", "input": "click", "area": "viewer", "count": 3, "span_seconds": 1.0, "key": f"{person.name}-{person.sent}",
            "client": f"load-{person.name}", "client_offset_seconds": person.sent * RECORD_EVERY_SECONDS,
        }  # fmt: skip
        began = time.perf_counter()
        answer = await client.post("/record", json={"task": person.task, "holder": person.holder, "events": [event]})
        assert answer.status_code == 200, answer.text
        person.posts.append(time.perf_counter() - began)
        await asyncio.sleep(RECORD_EVERY_SECONDS)


async def measure(people: list[Person], *, address: str, seconds: float, server: int) -> dict[str, float]:
    """Everybody at once for some seconds; the times of their answers, and the server's processor time for each. [s]"""
    here = asyncio.Barrier(len(people) + 1)
    crowd = (work(person, address=address, seconds=seconds, chance=random.Random(k), here=here) for k, person in enumerate(people))
    working = asyncio.gather(*crowd)
    await here.wait()
    began = processor_seconds(server)
    await working
    used = processor_seconds(server) - began
    answers, posts = sorted(t for p in people for t in p.answers), sorted(t for p in people for t in p.posts)
    return {
        "people": len(people), "answers": len(answers), "median": statistics.median(answers), "p95": answers[int(0.95 * len(answers))],
        "worst": answers[-1], "processor": used / len(answers), "record_p95": posts[int(0.95 * len(posts))] if posts else 0.0,
    }  # fmt: skip


def processor_seconds(server: int) -> float:
    """What a process and its children have used so far. [s]"""
    root = psutil.Process(server)
    return sum(sum(process.cpu_times()[:2]) for process in (root, *root.children(recursive=True)))


def _serve(home: Path, port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "study.cli", "serve", "--home", str(home), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return server
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("the server did not start")


def main() -> None:
    """Print one line per crowd."""
    from study.console import say

    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--people", type=int, nargs="+", default=[10, 20])
    reader.add_argument("--seconds", type=float, default=60.0)
    reader.add_argument("--port", type=int, default=18517)
    asked = reader.parse_args()
    for count in asked.people:
        with tempfile.TemporaryDirectory() as folder:
            people = fill(Path(folder) / "home", people=count)
            server = _serve(Path(folder) / "home", asked.port)
            try:
                found = asyncio.run(measure(people, address=f"http://127.0.0.1:{asked.port}", seconds=asked.seconds, server=server.pid))
            finally:
                os.killpg(server.pid, 15)
                server.wait(20)
            told = ", ".join(f"{name} {value:.3f} s" for name, value in found.items() if name not in ("people", "answers"))
            say(f"{count} people, {found['answers']} answers: {told}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
