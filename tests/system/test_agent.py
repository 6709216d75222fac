"""The desktop agent on a real X server: what was done is what is stored, and nothing of other programs is."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot
from db.tables import Event, Study
from study import workplace
from study.accounts import find_account
from study.home import open_home
from tests.system.browser import serving
from tests.system.workplaces import running_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
WINDOW = """
import sys, time
from Xlib import X, display
d = display.Display(); s = d.screen()
w = s.root.create_window(int(sys.argv[2]), 0, 390, 500, 0, s.root_depth, event_mask=X.ButtonPressMask | X.KeyPressMask)
w.set_wm_class(sys.argv[1], sys.argv[1]); w.map(); d.sync()
print("up", flush=True)
while True: time.sleep(1)
"""


@pytest.fixture
def screen() -> Iterator[dict[str, str]]:
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    os.close(write)
    number = os.read(read, 16).decode().strip()
    environment = {**os.environ, "DISPLAY": f":{number}"}
    environment.pop("XDG_SESSION_TYPE", None)
    environment.pop("WAYLAND_DISPLAY", None)
    windows = []
    for name, left in (("Workstation", 0), ("Mail", 400)):
        window = subprocess.Popen([sys.executable, "-c", WINDOW, name, str(left)], env=environment, stdout=subprocess.PIPE)
        assert window.stdout is not None
        assert window.stdout.readline() == b"up\n"
        windows.append(window)
    yield environment
    for process in (*windows, server):
        process.terminate()
        process.wait(20)


def open_and_token(home: Path) -> tuple[str, str]:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        tess = find_account(db_session, name="tess")
    actor = Actor("tess", "technologist", tess.id)
    workplace.agree(place.engine, actor=actor, study_id=study.id)
    entry = workplace.my_worklist(place.engine, actor=actor, study_id=study.id, now=utc_now())[0]
    workplace.open_my_task(place.engine, actor=actor, task_id=entry.task_id, holder="tab")
    token = workplace.agent_token(place.engine, actor=actor, task_id=entry.task_id)
    place.close()
    return entry.task_id, token


def do(environment: dict[str, str], *words: str) -> None:
    subprocess.run(["xdotool", *words], env=environment, check=True, timeout=200)


def stored(home: Path, task_id: str) -> dict[tuple[str, str], int]:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        rows = db_session.exec(select(Event).where(Event.task_id == task_id, Event.source == "agent", Event.kind == "input")).all()
    place.close()
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        found[str(row.input), str(row.area)] = found.get((str(row.input), str(row.area)), 0) + int(row.count or 0)
    return found


def wait_for_count(folder: Path, kind: str, count: int) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        lines = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines() if line.endswith("}")]
        if sum(line.get("count", 0) for line in lines if line.get("input") == kind) >= count:
            return
        time.sleep(0.5)
    raise AssertionError(f"{count} x {kind} never came")


def agent(environment: dict[str, str], token: str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "study.cli", "agent", "--task", token, "--no-window", "--json", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_thousand_clicks_are_counted_sent_and_stored_exactly(tmp_path: Path, screen: dict[str, str]) -> None:
    home, folder = tmp_path / "home", tmp_path / "records"
    running_study(home, cases=1).close()
    task_id, token = open_and_token(home)
    with serving(home) as address:
        options = ("--server", address, "--application", "Workstation", "--folder", str(folder), "--yes")
        process = agent(screen, token, *options)
        assert process.stderr is not None
        while "counting" not in process.stderr.readline():
            assert process.poll() is None
        do(screen, "mousemove", "600", "200", "click", "--repeat", "50", "--delay", "5", "1")  # another program: leaves no trace
        do(screen, "mousemove", "100", "200", "click", "--repeat", "1000", "--delay", "8", "1")
        do(screen, "click", "3", "click", "--repeat", "3", "--delay", "30", "5")
        do(screen, "mousemove", "100", "100", "mousedown", "1", "mousemove", "180", "160", "mouseup", "1")
        wait_for_count(folder, "drag", 1)
        process.send_signal(2)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    answer = json.loads(output)
    assert answer["state"] == "sent"
    assert {name: answer["counts"][name] for name in ("click", "other_button", "wheel", "drag")} == {
        "click": 1000, "other_button": 1, "wheel": 3, "drag": 1,
    }  # fmt: skip
    found = stored(home, task_id)
    assert {area for _, area in found} == {"Workstation"}
    assert {kind: count for (kind, _), count in found.items()} == answer["counts"]
    assert not list(folder.iterdir())


def window_of(environment: dict[str, str], title: str) -> str:
    """Wait for a window by its title, give it the keyboard, and move it out of the way."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = subprocess.run(["xdotool", "search", "--name", title], env=environment, capture_output=True, text=True, timeout=30)
        if found.stdout.split():
            number = found.stdout.split()[-1]
            do(environment, "windowmove", number, "20", "420", "windowfocus", number)
            time.sleep(0.5)
            return number
        time.sleep(0.3)
    raise AssertionError(f"no window {title!r}")


def test_its_window_pauses_shows_the_record_and_deletes_it_before_anything_is_sent(tmp_path: Path, screen: dict[str, str]) -> None:
    pytest.importorskip("tkinter")
    home, folder = tmp_path / "home", tmp_path / "records"
    running_study(home, cases=1).close()
    task_id, token = open_and_token(home)
    command = [sys.executable, "-m", "study.cli", "agent", "--task", token, "--json", "--application", "Workstation"]
    options = ["--server", "http://127.0.0.1:9", "--folder", str(folder)]
    process = subprocess.Popen([*command, *options], env=screen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    window_of(screen, "^Gilbreth$")
    do(screen, "mousemove", "100", "200", "click", "--repeat", "7", "--delay", "30", "1")
    wait_for_count(folder, "click", 7)
    window_of(screen, "^Gilbreth$")
    do(screen, "key", "F9")  # pause: what follows is not counted
    time.sleep(1)
    do(screen, "mousemove", "100", "200", "click", "--repeat", "5", "--delay", "30", "1")
    time.sleep(1)
    window_of(screen, "^Gilbreth$")
    do(screen, "key", "Escape")
    window_of(screen, "this record")
    assert len(list(folder.iterdir())) == 1
    do(screen, "key", "Delete")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    answer = json.loads(output)
    assert (answer["state"], answer["counts"]["click"]) == ("deleted", 7)
    assert not list(folder.iterdir())
    assert stored(home, task_id) == {}


def test_without_a_server_the_record_waits_and_is_sent_later_once(tmp_path: Path, screen: dict[str, str]) -> None:
    home, folder = tmp_path / "home", tmp_path / "records"
    running_study(home, cases=1).close()
    task_id, token = open_and_token(home)
    process = agent(screen, token, "--server", "http://127.0.0.1:9", "--application", "workstation", "--folder", str(folder), "--yes")
    assert process.stderr is not None
    while "p + Enter" not in process.stderr.readline():
        assert process.poll() is None
    do(screen, "mousemove", "100", "200", "click", "--repeat", "20", "--delay", "20", "1")
    wait_for_count(folder, "click", 20)
    process.send_signal(2)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(output)["state"]) == (1, "kept")
    with serving(home) as address:
        for state in ("sent", "sent"):
            again = agent(screen, token, "--server", address, "--folder", str(folder), "--only-send", "--yes")
            output, _ = again.communicate(timeout=60)
            assert (again.returncode, json.loads(output)["state"]) == (0, state)
    assert stored(home, task_id)["click", "Workstation"] == 20
