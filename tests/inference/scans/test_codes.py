"""Codes are listed in the documentation, each once, with the remedy that the reader prints."""

import re
from pathlib import Path

from inference.scans.codes import REMEDIES, rejected
from inference.scans.words import clean, safe_name

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "rejections.md").read_text()


def test_every_code_is_documented_with_its_remedy():
    for code, remedy in REMEDIES.items():
        assert f"| `{code}` |" in PAGE
        assert f"| {remedy} |" in PAGE


def test_every_code_raised_in_the_source_is_known():
    source = "".join(path.read_text() for path in (ROOT / "inference" / "scans").glob("*.py"))
    raised = set(re.findall(r'rejected\(\s*"([a-z_]+)"', source))
    assert raised
    assert raised <= set(REMEDIES)


def test_every_warning_written_in_the_source_is_documented():
    source = "".join(path.read_text() for path in (ROOT / "inference" / "scans").glob("*.py"))
    warned = set(re.findall(r'f?"([a-z]+(?:_[a-z]+)+|rounded|derived): ', source))
    assert "tilt_corrected" in warned
    assert {code for code in warned if f"| `{code}` |" not in PAGE} == set()


def test_a_rejection_carries_its_usual_remedy_or_another():
    assert rejected("not_ct", "MR").remedy == REMEDIES["not_ct"]
    assert rejected("not_ct", "MR", "ask").remedy == "ask"


def test_text_of_files_is_cut_and_cleaned():
    assert clean("a\x1b[31m\n\u202eb" * 50, length=20).isascii()
    assert len(clean("x" * 500)) == 60


def test_names_that_may_name_a_patient_are_hidden():
    for name in ("Smith_Anna.dcm", "Zia.dcm", "12345678.dcm", "IM-1234567890123.dcm", "müller"):
        assert name not in safe_name(name, number=1)
    for name in ("IM-0001-0023.dcm", "I10", "DICOMDIR", "slice 12.dcm", "ct.nii.gz"):
        assert safe_name(name) == name
