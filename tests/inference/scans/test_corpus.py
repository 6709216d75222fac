"""Every fault of the corpus ends as `outcomes.csv` says; what is accepted lies where it should, voxel by voxel."""

import csv
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest

from inference.scans.codes import REMEDIES
from inference.scans.inspect import look
from inference.volume import Volume
from tests.inference.scans import makers as m
from tests.inference.scans.corpus import CASES
from tests.inference.scans.makers import field

OUTCOMES = list(csv.DictReader((Path(__file__).parent / "outcomes.csv").open()))
# cases whose values are not the field by design: a mask, coarse 8-bit values, an assumed orientation; shifted slices are rounded twice
_OTHER_VALUES = {"nifti_mask": None, "eight_bits": 8.0, "nifti_without_orientation": None, "gantry_tilt": 1.01, "sheared_by_hand": 1.01}


def off_field(volume: Volume) -> np.ndarray:
    """Distance of every voxel from the field at its place, NaN in padding and where a shifted slice meets air. [HU]"""
    points = volume.geometry.points(np.indices(volume.shape).reshape(3, -1).T)
    off = np.abs(volume.array - field(points).reshape(volume.shape)).astype(float)
    air = volume.array == -1024
    if air.any():
        near = air.copy()
        for axis in (1, 2):
            near |= np.roll(air, 1, axis) | np.roll(air, -1, axis)
        if any("tilt" in text for text in volume.source.warnings):
            near[:, [0, -1]] = near[:, :, [0, -1]] = True
            air = near
    return np.where(air, np.nan, off)


def test_the_table_names_every_case_of_the_corpus_once():
    assert sorted(row["case"] for row in OUTCOMES) == sorted(CASES)
    assert len(CASES) >= 60


def test_every_code_in_the_table_is_a_known_code():
    assert {row["code"] for row in OUTCOMES} - {"ok"} <= set(REMEDIES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", OUTCOMES, ids=[row["case"] for row in OUTCOMES])
def test_a_scan_of_the_corpus_ends_as_the_table_says(row, tmp_path):
    path = CASES[row["case"]](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    start = time.monotonic()
    answer, volume = look(path)
    assert time.monotonic() - start < 10
    assert answer.code == row["code"], answer.reason
    assert " ".join(answer.warnings) == row["warnings"]
    assert sorted(tmp_path.rglob("*")) == before
    assert (answer.reason + answer.remedy).isprintable()
    if volume is None:
        assert not answer.accepted
        assert answer.reason
        assert answer.remedy
        return
    tolerance = _OTHER_VALUES.get(row["case"], 0.6)
    if tolerance is not None:
        off = off_field(volume)
        assert np.isfinite(off).mean() > 0.4
        assert np.nanmax(off) <= tolerance


def test_padding_becomes_air(tmp_path):
    for name in ("padding_minus_2000", "padding_of_the_value_of_tissue"):
        _, volume = look(CASES[name](tmp_path / name))
        assert (volume.array[:, :4] == -1024).all()
        assert (volume.array[:, 4:] != -1024).all()


def test_what_is_left_out_is_listed_with_the_reason(tmp_path):
    answer, _ = look(CASES["series_beside_localizer_report_pdf"](tmp_path))
    assert {item["name"]: item["reason"] for item in answer.left_out} == {
        "SCOUT.dcm": "localizer_only",
        "SR.dcm": "no_pixels",
        "PDF.dcm": "no_pixels",
        "DOSE.dcm": "secondary_capture",
        "DIRFILE": "not_an_image",
        "notes.txt": "not_an_image",
    }
    assert [one["chosen"] for one in answer.series] == [True]


def test_the_longer_thinner_series_is_chosen_and_the_other_listed(tmp_path):
    answer, volume = look(CASES["two_series"](tmp_path))
    assert volume.shape[0] == 12
    assert sum(item["reason"] == "other_series" for item in answer.left_out) == 5
    assert len(answer.series) == 2


def test_a_disc_with_a_dicomdir_gives_its_series_and_lists_the_directory(tmp_path):
    from pydicom.fileset import FileSet

    disc = FileSet()
    for number, data in enumerate(m.series()):
        data.StudyID, data.StudyTime, data.AccessionNumber, data.PatientName = "1", "120000", "", "Nobody"
        data.StudyDate = "20260309"
        disc.add(pydicom.dcmread(m.save(data, tmp_path / "loose" / f"{number}.dcm")))
    disc.write(tmp_path / "disc")
    answer, volume = look(tmp_path / "disc")
    assert volume.shape[0] == 12
    assert {item["name"]: item["reason"] for item in answer.left_out} == {"DICOMDIR": "no_pixels"}
    assert np.nanmax(off_field(volume)) <= 0.6


def test_nothing_is_written_outside_the_scratch_folder_by_a_hostile_zip(tmp_path):
    for name in ("zip_that_climbs", "zip_of_absolute_path", "zip_of_windows_path", "zip_with_a_link"):
        look(CASES[name](tmp_path / "deep" / "er" / name))
    assert not list(tmp_path.rglob("escaped*"))
    assert not Path("/tmp/escaped.dcm").exists()
