"""Two readers at work by keyboard: drafts survive, readings are signed and timed, and nothing that is sent tells the arm."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from dashboard.text import ENGLISH
from db.engine import snapshot
from db.tables import Account, Case, Event, Reading, Run, Site, Task
from study.home import open_home
from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD
from tests.system.workplaces import pictures_of_both_arms, running_study

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(900)]
ARM_WORDS = re.compile(rb"(?<![a-z])(manual|manually|ai|arm|reconstruct\w*|technologist\w*|vendor|network|gpu|cpu)(?![a-z])", re.I)
NEUTRAL = re.compile(r"/picture/[\w=-]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12,}|\d+")


class Wire:
    """Everything that the server sends to one page: heads and bodies of answers, and websocket frames."""

    def __init__(self, page: Any) -> None:
        self.parts: list[bytes] = []
        self.pictures: list[tuple[object, ...]] = []
        page.on("response", self._response)
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))

    def _frame(self, payload: Any) -> None:
        self.parts.append(payload if isinstance(payload, bytes) else payload.encode())

    def _response(self, response: Any) -> None:
        if "/static/" in response.url:  # Streamlit's own files, the same for everybody
            return
        headers = {name: value for name, value in response.headers.items() if name != "date"}
        self.parts.append(f"{response.url} {headers}".encode())
        if "/picture/" in response.url:
            self.pictures.append((response.status, tuple(sorted(headers.items()))))

    def strings(self) -> set[str]:
        """Readable strings, with ids, addresses and numbers taken out."""
        found = re.findall(rb"[\x20-\x7e]{6,}", b"\n".join(self.parts))
        return {NEUTRAL.sub("#", text.decode()) for text in found}


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name).first.press("Enter", timeout=90_000)
    settle(page)


def choose(page: Any, label: str, option: str) -> None:
    page.get_by_role("radiogroup", name=label).get_by_role("radio", name=option).press("Space", timeout=90_000)
    settle(page)


def secrets_of(home: Path) -> list[bytes]:
    """What would give a set away: ids, numbers and names of tasks, cases, runs, sites and technologists."""
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        tasks, cases, runs = (db_session.exec(select(table)).all() for table in (Task, Case, Run))
        tess = db_session.exec(select(Account).where(Account.name == "tess")).one()
        site = db_session.exec(select(Site)).first()
    place.close()
    words = [*(task.id for task in tasks), *(run.id for run in runs), tess.id, tess.name, tess.display_name]
    words += [word for case in cases for word in (case.id, case.number, case.pseudonym)] + ([site.id] if site else [])
    return [word.encode() for word in words]


def rate(page: Any, number: int, *, reload: bool) -> None:
    press(page, "Read number")
    page.locator(".viewer canvas").wait_for(timeout=60_000)
    settle(page)
    press(page, "Pass all still open")
    choose(page, "How sure are you?", "4")
    if reload:
        page.reload()
        page.locator(".viewer canvas").wait_for(timeout=60_000)
        settle(page)
    choose(page, "How do you think", "Cannot tell")
    expect(page.get_by_role("button", name="Sign and submit")).to_be_enabled(timeout=60_000)
    page.get_by_label("Your password signs this reading").fill(PASSWORD)
    page.get_by_label("Your password signs this reading").press("Enter")
    page.get_by_text(f"{number} of 2 readings done").wait_for(timeout=60_000)
    settle(page)


def test_readers_rate_by_keyboard_and_nothing_they_are_sent_tells_the_arm(tmp_path: Path) -> None:
    home = tmp_path / "home"
    running_study(home, cases=3).close()
    arms = pictures_of_both_arms(home)
    wires: dict[tuple[str, int], Wire] = {}
    with serving(home) as address:
        for name in ("rita", "rob"):
            with chromium() as context:
                page = context.new_page()
                sign_in(page, address, name=name, password=PASSWORD)
                settle(page)
                press(page, "I have read this and agree")
                for number in (1, 2):
                    own = page if number == 1 else context.new_page()
                    wires[name, number] = Wire(own)
                    own.goto(address)
                    settle(own)
                    rate(own, number, reload=number == 2 and name == "rita")
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        readings = db_session.exec(select(Reading).order_by(Reading.reader_id, Reading.submitted_at)).all()  # type: ignore[arg-type]
        kinds = {row.reading_id: set() for row in db_session.exec(select(Event).where(Event.reading_id != None))}  # noqa: E711
        for row in db_session.exec(select(Event).where(Event.reading_id != None)):  # noqa: E711
            kinds[row.reading_id].add(row.kind)
    place.close()
    assert [(reading.state, reading.confidence, reading.guess) for reading in readings] == [("submitted", 4, "unsure")] * 4
    assert {arms[reading.image_set_id] for reading in readings} == {"ai", "manual"}
    assert all({"start", "finish"} <= kinds[reading.id] for reading in readings)
    hidden = secrets_of(home)
    pages = ("reading.", "queue.", "viewer.", "source.", "clock.", "calibration.")
    spoken = sorted((value.encode() for name, value in ENGLISH.items() if name.startswith(pages)), key=len, reverse=True)
    for wire in wires.values():
        sent = b"\n".join(wire.parts)
        assert not [word for word in hidden if word in sent]
        sent = re.sub(rb"/picture/[\w=-]+", b"", sent)  # sealed addresses are random letters; some would spell anything
        for sentence in spoken:  # what every reader is shown alike, the question which arm it was among it
            sent = sent.replace(sentence, b"")
        assert not {word.group().lower() for word in ARM_WORDS.finditer(sent)}
        assert len(set(wire.pictures)) == 2  # one status, one set of headers, one length for every frame of a view: grey MIP, coloured VR
    # The two sets hold the same pixels, so every difference between the two readings of one reader would be one that tells.
    assert set(wires["rob", 1].pictures) == set(wires["rob", 2].pictures)
    changed = {text for text in wires["rob", 1].strings() ^ wires["rob", 2].strings() if len(text) > 12}
    after_the_last = {ENGLISH["queue.empty"], ENGLISH["queue.empty.help"], ENGLISH["queue.rest.unknown"]}
    assert [words for words in sorted(changed) if not any(sentence in words for sentence in after_the_last)] == []
