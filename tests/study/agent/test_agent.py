"""The agent's rules without a screen: counts, drags, pauses, and saying where it cannot work."""

import json

import pytest

from study.agent.counting import InputCounter, Raw, summary
from study.agent.listening import check_possible
from study.agent.record import Record
from study.cli import run
from study.errors import MissingPart


def counter() -> InputCounter:
    return InputCounter(allowed={"Viewer"}, began_seconds=100.0)


def click(counter, at, *, application="viewer", button="left", to=(0.0, 0.0)):
    counter.take(Raw("press", at, application, button))
    counter.take(Raw("release", at + 0.05, application, button, to))


def counts(events):
    return summary(events)["counts"]


def test_clicks_drags_and_other_buttons_are_told_apart():
    c = counter()
    click(c, 101.0)
    click(c, 102.0, to=(30.0, 0.0))
    click(c, 103.0, button="right")
    assert counts(c.flush()) == {"click": 1, "drag": 1, "other_button": 1}


def test_two_quick_clicks_are_also_one_double_click():
    c = counter()
    click(c, 101.0)
    click(c, 101.3)
    click(c, 105.0)
    assert counts(c.flush()) == {"click": 3, "double_click": 1}


def test_other_programs_and_pauses_leave_no_trace():
    c = counter()
    click(c, 101.0, application="mail")
    click(c, 102.0, application=None)
    c.counting = False
    click(c, 103.0)
    assert c.flush() == []


def test_inputs_of_two_seconds_become_one_event_and_none_is_lost():
    c = counter()
    for number in range(100):
        click(c, 101.0 + number * 0.6)
    events = c.ripe(1000.0)
    assert sum(event["count"] for event in events if event["input"] == "click") == 100
    assert len(events) < 40
    assert len({event["key"] for event in events}) == len(events)


def test_a_long_gap_is_idle_and_a_short_one_is_active():
    c = counter()
    for at in (101.0, 111.0, 211.0):
        click(c, at)
    told = summary(c.flush(), idle_seconds=60)
    assert told["active_seconds"] == pytest.approx(10.0, abs=0.01)
    assert told["idle_seconds"] == pytest.approx(100.0, abs=0.01)


def test_nothing_in_the_record_names_a_key_or_a_token(tmp_path):
    c, record = counter(), Record(tmp_path, token="secret-token")
    c.take(Raw("key", 101.0, "viewer"))
    record.append(c.flush())
    event = json.loads(record.path.read_text())
    assert set(event) == {"kind", "key", "client", "client_offset_seconds", "input", "area", "count", "span_seconds"}
    assert "secret" not in str(record.path)


def test_a_line_that_a_crash_cut_off_spoils_no_other(tmp_path):
    record = Record(tmp_path, token="t")
    record.append([{"kind": "input"}])
    with record.path.open("a") as file:
        file.write('{"kind": "inp')
    assert record.events() == [{"kind": "input"}]


def test_on_wayland_the_agent_says_that_it_cannot_work(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with pytest.raises(MissingPart, match="Wayland"):
        check_possible()
    assert run(["agent", "--task", "t", "--folder", str(tmp_path)]) == 3
    assert "Wayland" in capsys.readouterr().err
