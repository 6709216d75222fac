"""Sentences: every one that a page asks for exists, and translations translate something."""

import re
from pathlib import Path

import dashboard
from dashboard.text import CHINESE, ENGLISH, lookup

FOLDER = Path(dashboard.__file__).parent
ASKED = re.compile(r"""\btext\(\s*["']([\w. ]+)["']\s*\)""")
HOLES = re.compile(r"\{(\w+)")


def test_every_sentence_that_a_page_asks_for_exists():
    asked = {key for path in FOLDER.rglob("*.py") for key in ASKED.findall(path.read_text(encoding="utf-8"))}
    assert len(asked) > 30
    assert sorted(asked - set(ENGLISH)) == []


def test_every_translation_translates_a_sentence_and_keeps_its_blanks():
    assert sorted(set(CHINESE) - set(ENGLISH)) == []
    assert [key for key, value in CHINESE.items() if set(HOLES.findall(value)) != set(HOLES.findall(ENGLISH[key]))] == []


def test_both_languages_say_everything():
    assert sorted(set(ENGLISH) - set(CHINESE)) == []


def test_a_missing_translation_falls_back_to_english(monkeypatch):
    monkeypatch.delitem(CHINESE, "sign_out")
    assert lookup("sign_out", language="zh") == ENGLISH["sign_out"]
    assert lookup("sign_out", language="xx") == ENGLISH["sign_out"]
