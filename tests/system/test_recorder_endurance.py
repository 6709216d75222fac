"""Many tasks with known clicks, pauses, hidden and closed tabs, reloads, second tabs and cut networks: all of it is in the database.

Both clocks are injected, so that a task of a quarter of an hour takes a second and its times are known to the millisecond.
"""

import os
import random
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from db import frames
from db.engine import snapshot, transaction
from db.tables import Event, Study, Task
from study import workplace
from study.home import open_home
from study.recording.tasks import sweep_lost_tasks
from study.sign_in import Person
from tests.system.browser import chromium
from tests.system.endurance import result, rounds
from tests.system.recorder_page import Clock, cookie, recorder_page
from tests.system.workplaces import running_study

pytestmark = [pytest.mark.system, pytest.mark.browser]
IDLE_SECONDS = 60.0
HIDE = """hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
document.dispatchEvent(new Event('visibilitychange')); }"""
# How many requests of a page are not answered yet.
COUNTED = """globalThis.underWay = 0; const send = globalThis.fetch;
globalThis.fetch = async (...what) => {
  underWay++;
  try { const answer = await send(...what); return new Response(await answer.text(), {status: answer.status}); } finally { underWay--; }
};"""
QUIET = "() => document.querySelector('.strip .light')?.className"


@dataclass
class Known:
    """What really happened in one task: counts, and the moments at which there was a sign of activity. [s]"""

    task_id: str
    began: float
    ends: str = ""
    finished: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: {"click": 0, "drag": 0, "key": 0, "wheel": 0})
    signs: list[float] = field(default_factory=list)
    paused_seconds: float = 0.0
    seen: list[str] = field(default_factory=list)

    def active(self, rule_seconds: float) -> float:
        """Time between two signs of activity that lie no farther apart than the rule, pauses taken off. [s]"""
        moments = [self.began, *self.signs, self.finished]
        return sum(later - former for former, later in pairwise(moments) if later - former <= rule_seconds)


class Driver:
    """A technologist whose every act is known."""

    def __init__(self, context: Any, address: str, clock: Clock, chance: random.Random) -> None:
        self.context, self.address, self.clock, self.chance = context, address, clock, chance
        context.clock.install(time=0)
        context.clock.pause_at(1000)
        context.add_init_script(COUNTED)

    def wait(self, seconds: float) -> None:
        """Time passes, on the server a moment earlier than in the browser; what is under way arrives before more time passes."""
        left = round(seconds * 1000)
        while left > 0:
            step = min(left, 15_000)
            self.clock.seconds = round(self.clock.seconds + step / 1000, 3)
            self.context.clock.run_for(step)
            left -= step
            for page in self.context.pages:
                self._arrived(page)

    def _arrived(self, page: Any) -> None:
        """Until what was sent is answered, and what the answers led to as well; on a busy machine made time would run away from it."""
        until, still = time.monotonic() + 120, 0
        while still < 3:
            page.wait_for_timeout(3)
            still = 0 if page.evaluate("underWay") else still + 1
            assert still or time.monotonic() < until, "a request of the page was never answered"

    def leave(self, page: Any) -> None:
        """Close the tab, and wait for its last words before time passes."""
        self._arrived(page)
        before, until = self.clock.batches, time.monotonic() + 20
        page.close(run_before_unload=False)
        while self.clock.batches == before:
            assert time.monotonic() < until, "the closed tab's last words never came"
            time.sleep(0.02)

    def open(self, task_id: str) -> Any:
        page = self.context.new_page()
        page.goto(f"{self.address}/?task={task_id}")
        page.locator(".strip .light:is(.open, .paused, .read_only)").wait_for(timeout=20_000)  # a leftover may pause it at once
        return page

    def tied(self, page: Any, before: int) -> None:
        """Until the page's first event has reached the server, for it ties the two clocks; no time passes meanwhile."""
        until = time.monotonic() + 20
        while self.clock.kinds.count("tool") == before:
            assert time.monotonic() < until, "the page never told of itself"
            page.wait_for_timeout(20)

    def do(self, known: Known, page: Any, what: str) -> Any:
        """One act and what it must leave behind; the page on which the task goes on."""
        known.seen.append(what)
        return getattr(self, f"_{what}")(known, page) or page

    def _clicks(self, known: Known, page: Any) -> None:
        for _ in range(self.chance.randint(1, 8)):
            self.wait(round(self.chance.uniform(0.05, 1.5), 3))
            self._click(known, page)
        self.wait(2.5)

    def _thinks(self, known: Known, page: Any) -> None:
        self.wait(round(self.chance.uniform(20.0, 200.0), 3))

    def _drags(self, known: Known, page: Any) -> None:
        page.mouse.move(300, 300)
        page.mouse.down()
        page.mouse.move(380, 330, steps=3)
        page.mouse.up()
        self._one(known, "drag")

    def _types(self, known: Known, page: Any) -> None:
        self._click(known, page)  # the keyboard goes to the work, not to the strip
        page.keyboard.press("x")
        self._one(known, "key")

    def _wheels(self, known: Known, page: Any) -> None:
        page.mouse.move(300, 300)
        page.mouse.wheel(0, 120)
        page.wait_for_timeout(60)
        self._one(known, "wheel")

    def _one(self, known: Known, kind: str) -> None:
        known.counts[kind] += 1
        known.signs.append(self.clock.seconds)
        self.wait(2.5)

    def _pauses(self, known: Known, page: Any) -> None:
        page.locator(".strip .pause").click()
        known.signs.append(self.clock.seconds)
        away = round(self.chance.uniform(5.0, 400.0), 3)
        page.mouse.click(300, 300)  # while paused nothing counts
        self.wait(away)
        page.locator(".strip .pause").click()
        known.paused_seconds += away
        # the pause is taken off: shift what came before, so that moments are on the clock of work
        known.signs = [moment + away for moment in known.signs]
        known.began += away

    def _hides(self, known: Known, page: Any) -> None:
        page.evaluate(HIDE, True)
        self.wait(round(self.chance.uniform(1.0, 40.0), 3))
        page.evaluate(HIDE, False)

    def _reloads(self, known: Known, page: Any) -> None:
        self._click(known, page)
        before = self.clock.kinds.count("tool")
        page.reload()  # at once: the click leaves by beacon or waits on disk
        self._goes_on(known, page, before)

    def _closes(self, known: Known, page: Any) -> Any:
        self._click(known, page)
        self.leave(page)
        self.wait(round(self.chance.uniform(1.0, 90.0), 3))
        before = self.clock.kinds.count("tool")
        page = self.open(known.task_id)
        self._goes_on(known, page, before)
        return page

    def _goes_on(self, known: Known, page: Any, before: int) -> None:
        """The new page takes the task over as soon as the old one has let go; then somebody clicks."""
        page.locator(".strip .light.open, .strip .light.read_only").wait_for(timeout=20_000)
        for _ in range(500):
            if "open" in page.evaluate(QUIET):
                break
            self.wait(0.05)  # steps into which every moment of asking fits, so that the clocks are tied at the same moment
        self.tied(page, before)
        known.signs.append(self.clock.seconds)
        self._click(known, page)

    def _click(self, known: Known, page: Any) -> None:
        page.mouse.click(300, 300)
        known.counts["click"] += 1
        known.signs.append(self.clock.seconds)

    def _looks_in_a_second_tab(self, known: Known, page: Any) -> None:
        other = self.open(known.task_id)
        assert "read_only" in other.evaluate(QUIET)
        other.mouse.click(300, 300)
        other.mouse.click(300, 300)
        other.close()
        page.bring_to_front()

    def _loses_the_network(self, known: Known, page: Any) -> None:
        self.context.set_offline(True)
        self._clicks(known, page)
        self.wait(round(self.chance.uniform(30.0, 600.0), 3))
        self._click(known, page)
        self.context.set_offline(False)
        self.wait(3.5)

    def finish(self, known: Known, page: Any) -> None:
        page.locator(".strip .finish").click()
        known.finished = self.clock.seconds
        self._until_told(page)

    def give_up(self, known: Known, page: Any) -> None:
        page.locator(".strip .more").click()
        page.locator(".strip .sure").click()
        known.finished = self.clock.seconds
        self._until_told(page)

    def _until_told(self, page: Any) -> None:
        for _ in range(100):
            if "ended" in page.title():
                break
            page.wait_for_timeout(30)
            self.wait(0.5)
        assert "ended" in page.title()
        page.close()


ACTS = (
    "clicks", "clicks", "clicks", "thinks", "drags", "types", "wheels", "pauses", "hides", "reloads", "closes", "looks_in_a_second_tab",
    "loses_the_network",
)  # fmt: skip


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["20", "200"])
def test_every_click_is_there_active_time_is_right_and_every_task_is_accounted_for(tmp_path: Path, long: bool) -> None:
    """The long form may be done in parts: `GILBRETH_RECORDER_TASKS=50 GILBRETH_RECORDER_SEED=2`."""
    tasks = rounds(20, full=200, variable="GILBRETH_RECORDER_TASKS", long=long)
    place = running_study(tmp_path / "home", cases=tasks)
    place.close()
    chance = random.Random(int(os.environ.get("GILBRETH_RECORDER_SEED", tasks)))
    known: list[Known] = []
    with recorder_page(tmp_path / "home") as (address, token, clock), chromium() as context:
        _agree(tmp_path / "home")
        for number, task_id in enumerate(_planned(tmp_path / "home")):
            task = Known(task_id, clock.seconds)
            known.append(task)
            own = context.browser.new_context()
            own.add_cookies([cookie(address, token)])
            driver = Driver(own, address, clock, chance)
            before = clock.kinds.count("tool")
            page = driver.open(task_id)
            driver.tied(page, before)
            task.signs.append(clock.seconds)
            for act in [ACTS[number % len(ACTS)], *chance.choices(ACTS, k=5)]:  # every act comes in every thirteen tasks
                page = driver.do(task, page, act)
            task.ends = chance.choices(["finished", "aborted", "interrupted"], weights=[8, 1, 1])[0] if number else "finished"
            if task.ends == "interrupted":  # the tab is closed and nobody comes back
                driver.leave(page)
                driver.wait(2400)
                _sweep(tmp_path / "home", clock)
            else:
                (driver.finish if task.ends == "finished" else driver.give_up)(task, page)
            own.close()
            clock.seconds += 5
    _check(tmp_path / "home", known, long=long)


def _check(home: Path, known: list[Known], *, long: bool) -> None:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        rows = frames.task_details(db_session, study_id=study.id).set_index("task")
        events = db_session.exec(select(Event).where(Event.kind == "input")).all()
        keys = db_session.exec(select(Event.key)).all()
    place.close()
    assert len(keys) == len(set(keys))
    worst = 0.0
    for task in known:
        row, story = rows.loc[task.task_id], (task.seen, task.ends)
        counted = dict.fromkeys(task.counts, 0)
        for event in events:
            if event.task_id == task.task_id and event.input in counted:
                counted[event.input] += int(event.count or 0)
        assert counted == task.counts, story
        assert row["state"] == task.ends, story
        if task.ends == "finished":
            elapsed = task.finished - task.began  # `began` was moved by the pauses
            assert row["hands_on_seconds"] == pytest.approx(elapsed, abs=0.05), story
            assert row["pause_seconds"] == pytest.approx(task.paused_seconds, abs=0.05), story
            off = abs(row["active_60_seconds"] - task.active(IDLE_SECONDS))
            assert off <= 0.05, (off, story)
            worst = max(worst, off)
        else:
            assert row["missing_reason"], story
    total = sum(sum(task.counts.values()) for task in known)
    stored = sum(int(event.count or 0) for event in events if event.input in known[0].counts)
    ends = {end: sum(task.ends == end for task in known) for end in ("finished", "aborted", "interrupted")}
    result("recorder", long=long, rounds=len(known), inputs=total, lost=total - stored, worst_ms=round(worst * 1000, 1), **ends)


def _planned(home: Path) -> list[str]:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        found = list(db_session.exec(select(Task.id).where(Task.period == 1).order_by(Task.created_at, Task.id)))  # type: ignore[arg-type]
    place.close()
    return found


def _agree(home: Path) -> None:
    from dashboard.server import record

    person: Person = record.__dict__["test_person"]
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        study_id = db_session.exec(select(Study.id)).one()
    workplace.agree(place.engine, actor=person.acting("technologist"), study_id=study_id)
    place.close()


def _sweep(home: Path, clock: Clock) -> None:
    place = open_home(home)
    with transaction(place.engine) as db_session:
        sweep_lost_tasks(db_session, now=clock())
    place.close()
