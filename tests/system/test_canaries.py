"""200 planted identifiers of one exam, hunted in everything that a browser is sent by every page of every role, and in every report."""

import contextlib
import json
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Error
from sqlmodel import col, select

from db.audit import Actor
from db.base import utc_now
from db.engine import transaction
from db.tables import Study, Task
from study.accounts import create_account, grant_role
from study.cli import run
from study.clock import read_clock
from study.consent import give_consent
from study.home import open_home
from study.recording import abort_task
from tests.study.test_canaries import CANARY, planted, texts  # noqa: F401  the fixture that plants them
from tests.study.test_exchange import READINGS, TASKS
from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(1200)]
BEFORE_THE_LOCK = ("technologist", "reader", "observer", "investigator")
AFTER = ("manager", "monitor", "scientist", "administrator")


class Wire:
    """Everything that went between a browser and the server: addresses, heads, bodies, and both ways of every websocket."""

    def __init__(self, page: Any) -> None:
        self.parts: list[bytes] = []
        self.answers: list[Any] = []
        self.frames = self.bodies = 0
        page.on("request", lambda request: self.add(request.url, str(request.headers), request.post_data_buffer or b""))
        page.on("response", lambda answer: self.answers.append(answer))
        page.on("websocket", self._socket)

    def add(self, *parts: str | bytes) -> None:
        self.parts += [part if isinstance(part, bytes) else part.encode() for part in parts]

    def read(self) -> None:
        """Take in the bodies of what was answered; ask while the page that they were for is still there."""
        while self.answers:
            answer = self.answers.pop(0)
            self.add(str(answer.headers))
            if answer.status == 200 and "/static/" not in answer.url:
                with contextlib.suppress(Error):  # of a page that was left there is no body to be had
                    self.add(answer.body())
                    self.bodies += 1

    def _socket(self, socket: Any) -> None:
        def note(payload: str | bytes) -> None:
            self.frames += 1
            self.add(payload)

        socket.on("framereceived", note)
        socket.on("framesent", note)

    def hits(self, needles: list[bytes]) -> list[bytes]:
        return [part[:200] for part in self.parts if any(needle in part.lower() for needle in needles)]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """The command line on a home of its own."""
    monkeypatch.setenv("GILBRETH_HOME", str(tmp_path / "home"))
    for variable in ("GILBRETH_DATABASE_URL", "GILBRETH_PASSWORD", "GILBRETH_KEYS", "GILBRETH_ANCHOR"):
        monkeypatch.delenv(variable, raising=False)

    def command(*words: object) -> Any:
        status = run([str(word) for word in words])
        out, told = capsys.readouterr()
        assert status in (0, 1), (words, out, told)
        return json.loads(out) if "--json" in words else out

    return command


def people(home: Path) -> None:
    """An account in every role looked at, all with one password; whoever is observed has agreed."""
    place = open_home(home)
    with transaction(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        for role in (*BEFORE_THE_LOCK, *AFTER):
            account = create_account(db_session, name=role, password=PASSWORD, display_name=role, now=utc_now())
            grant_role(db_session, account=account, role=role, actor=Actor(), now=utc_now())
            if role in ("technologist", "reader", "observer"):
                give_consent(db_session, study=study, actor=Actor(role, role, account.id), now=utc_now())
    place.close()


def give_up(home: Path) -> None:
    """End the task that the technologist opened: a study is locked without open tasks."""
    place = open_home(home)
    with transaction(place.engine) as db_session:
        for task in db_session.exec(select(Task).where(col(Task.state).in_(("open", "paused")))).all():
            actor = Actor("technologist", "technologist", task.technologist_id)
            abort_task(db_session, task_id=task.id, reason="seen enough", actor=actor, now=read_clock(), key="abort")
    place.close()


def look_around(address: str, role: str) -> tuple[Wire, int]:
    """Every page of a role, a case opened where there is one."""
    with chromium() as context:
        page = context.new_page()
        wire = Wire(page)
        sign_in(page, address, name=role, password=PASSWORD)
        settle(page)
        pages = [link.get_attribute("href") for link in page.get_by_test_id("stSidebarNavLink").all()]
        start = page.locator('[class*="st-key-open-"] button')
        if start.count():
            start.first.click()
            settle(page)
        wire.read()
        for href in pages:
            page.goto(f"{address}/{str(href).rsplit('/', 1)[-1]}")
            settle(page)
            wire.read()
            wire.add(page.url, page.content())
        return wire, len(pages)


def test_no_page_of_any_role_and_no_report_is_told_who_the_patient_is(planted: Path, tmp_path: Path, call) -> None:  # noqa: F811
    header = pydicom.dcmread(next(planted.iterdir()))
    needles = [CANARY.lower().encode(), *(str(header[name].value).encode() for name in ("StudyInstanceUID", "SeriesInstanceUID"))]
    home = tmp_path / "home"
    call("study", "init", "head_neck_cta")
    call("study", "activate")
    case = call("study", "enrol", planted, "--stratum", "priority=elective", "--json")["cases"][0]["case"]
    for name, table in (("t.csv", TASKS), ("r.csv", READINGS)):
        (tmp_path / name).write_text(table)
        call("study", "import", tmp_path / name)
    people(home)
    call("study", "allocate", case, "--technologist", "technologist", "--json")
    scan = next((home / "scans").iterdir())
    call("reconstruct", scan, "--out", home / "reconstructions" / case, "--method", "threshold", "--recipe", "standard")
    seen = {}
    with serving(home) as address:
        for role in BEFORE_THE_LOCK:
            seen[role] = look_around(address, role)
        give_up(home)
        for verb in ("lock", "unblind"):
            call("study", verb)
        for role in AFTER:
            seen[f"{role}, unblinded"] = look_around(address, role)
    assert {who: wire.hits(needles) for who, (wire, _) in seen.items() if wire.hits(needles)} == {}
    assert min(pages for _, pages in seen.values()) >= 1
    assert sum(pages for _, pages in seen.values()) > 30
    assert min(wire.frames for wire, _ in seen.values()) > 5
    assert min(wire.bodies for wire, _ in seen.values()) > 2
    assert any(case.encode() in part for part in seen["technologist"][0].parts)  # what is sent can be searched
    assert hidden_in_reports(tmp_path, needles, call) == []
    log = (home / "server.log").read_bytes().lower()
    assert not [needle for needle in needles if needle in log]


def hidden_in_reports(tmp_path: Path, needles: list[bytes], call) -> list[Path]:
    """Reports in every format, unpacked."""
    out = tmp_path / "report"
    call("report", "--study", "head_neck_cta", "--out", out, "--format", "html,pdf,docx")
    kinds = {path.suffix for path in out.rglob("*")}
    assert {".html", ".pdf", ".docx"} <= kinds
    found = []
    for path in (path for path in out.rglob("*") if path.is_file()):
        parts = [*texts(path), *(_of_pdf(path) if path.suffix == ".pdf" else [])]
        if any(needle in part.lower() for part in parts for needle in needles):
            found.append(path)
    return found


def _of_pdf(path: Path) -> list[bytes]:
    """What lies packed in a PDF, and its words."""
    parts, content = [], path.read_bytes()
    for piece in content.split(b"stream")[1::2]:
        try:
            parts.append(zlib.decompress(piece.strip(b"\r\n")))
        except zlib.error:
            continue
    assert parts
    if shutil.which("pdftotext"):
        parts.append(subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout)
    return parts
