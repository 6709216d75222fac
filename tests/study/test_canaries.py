"""200 planted identifiers go through the door, the reconstruction and every export, and are found nowhere behind it."""

import gzip
import itertools
import json
import logging
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from study.cli import run
from tests.study.scans import write_neck
from tests.study.test_exchange import READINGS, TASKS

CANARY = "QZCANARY"
_FILES, _TEXT = 100, {"PN", "LO", "SH", "LT", "ST", "UT", "AE", "UC"}
_READ = {"Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "SpecificCharacterSet", "RescaleType"}


def name(number: int) -> str:
    return f"{CANARY}{number:03d}"


def plant(data: Dataset) -> int:
    """Identifiers in 70 standard text tags, 15 private ones and 13 nested ones; returns how many."""
    numbers = itertools.count()
    tags = [
        (tag, row[0]) for tag, row in DicomDictionary.items() if row[0] in _TEXT and row[1] == "1" and row[4] not in _READ and tag >> 16 > 7
    ]
    for tag, representation in tags[:: len(tags) // 69][:70]:
        data.add_new(tag, representation, name(next(numbers)))
    data.PatientName, data.PatientID, data.AccessionNumber = f"{CANARY}^Anna", f"{CANARY}77", f"{CANARY}acc"
    block = data.private_block(0x0009, f"{CANARY} VENDOR", create=True)
    for place in range(15):
        block.add_new(place, "LO", name(next(numbers)))
    for _ in range(13):
        inner, outer = Dataset(), Dataset()
        inner.PatientName = f"{name(next(numbers))}^Nested"
        outer.ReferencedStudySequence = [inner]
        data.SourceImageSequence = [*(data.get("SourceImageSequence") or []), outer]
    return next(numbers)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A series with identifiers in headers, 100 file names and two folder names."""
    folder = tmp_path / "in" / f"{CANARY}_Anna" / f"{CANARY}-1962"
    for number, path in enumerate(write_neck(folder, PatientSex="F", PatientAge="067Y")):
        data = pydicom.dcmread(path)
        assert plant(data) + _FILES + 2 >= 200
        data.save_as(folder / f"{name(number)}_Anna.dcm")
        path.unlink()
    return folder


def texts(path: Path) -> list[bytes]:
    """A file's bytes and, where it is packed, what is in it."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        return [gzip.decompress(content)]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return [content, *(archive.read(entry) for entry in archive.namelist())]
    return [content]


def hits(folders: list[Path], uid: str) -> list[str]:
    """Files and names that hold a canary or the study UID of the source."""
    needles = (CANARY.lower().encode(), uid.encode())
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if CANARY.lower() in str(path.relative_to(folder)).lower():
                found.append(f"name {path}")
            if path.is_file() and any(needle in text.lower() for text in texts(path) for needle in needles):
                found.append(f"content {path}")
    return found


@pytest.mark.filterwarnings("ignore")
def test_200_planted_identifiers_reach_no_home_database_log_message_result_or_export(planted, tmp_path, capsys, caplog, monkeypatch):
    home, out = tmp_path / "home", tmp_path / "out"
    monkeypatch.setenv("GILBRETH_HOME", str(home))
    for variable in ("GILBRETH_DATABASE_URL", "GILBRETH_PASSWORD", "GILBRETH_KEYS", "GILBRETH_ANCHOR"):
        monkeypatch.delenv(variable, raising=False)
    said = []

    def call(*words: object, expect: int = 0) -> str:
        status = run([str(word) for word in words])
        printed, told = capsys.readouterr()
        said.append(printed + told)
        assert status == expect, (words, printed, told)
        return printed

    uid = pydicom.dcmread(next(planted.iterdir())).StudyInstanceUID
    with caplog.at_level(logging.DEBUG):
        assert hits([planted], uid)  # the search finds what is there
        call("study", "init", "head_neck_cta")
        call("study", "activate")
        case = json.loads(call("study", "enrol", planted, "--stratum", "priority=elective", "--json"))["cases"][0]
        assert case["state"] == "eligible"
        assert "(known)  look at: thick_slices" in call("study", "enrol", planted)
        _enrol_broken(planted, call)
        copy = next(path for path in (home / "scans").iterdir())
        call("reconstruct", copy, "--out", out / "case", "--method", "threshold", "--recipe", "masks")
        (tmp_path / "t.csv").write_text(TASKS)
        (tmp_path / "r.csv").write_text(READINGS)
        call("study", "import", tmp_path / "t.csv")
        call("study", "import", tmp_path / "r.csv")
        for verb in ("lock", "unblind"):
            call("study", verb)
        call("study", "export", "--out", out / "data", "--format", "tidy,redcap,odm")
        call("study", "export", "--out", out / "inspection", "--format", "inspection")
        call("report", "--study", "head_neck_cta", "--out", out / "report", "--format", "html")
        assert list((out / "report").glob("*.html"))
        call("study", "screening", "--out", out / "screening.csv")
        call("study", "audit", "--limit", "1000", "--json")
        call("study", "backup", out / "backup.zip")
    assert (home / "gilbreth.sqlite").stat().st_size > 0
    assert hits([home, out], uid) == []
    assert CANARY.lower() not in (caplog.text + "".join(said)).lower()


def _enrol_broken(planted: Path, call) -> None:
    """What is refused, and what is not there, is told without a name."""
    broken = planted.parent.parent / f"{CANARY}_broken"
    broken.mkdir()
    (broken / f"{name(1)}.dcm").write_bytes(next(planted.iterdir()).read_bytes()[:2000])
    call("study", "enrol", broken, expect=1)
    call("study", "enrol", planted.parent / f"{CANARY}_absent", expect=4)
    call("study", "enrol", planted, "--exclude", "nonsense", expect=4)
