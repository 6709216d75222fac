"""`gilbreth inspect`: one JSON object, exit status 4 for what is refused, never a traceback."""

import json

import pytest

from inference.scans.headers import read_source_header
from inference.scans.load import load
from study.cli import run
from tests.inference.scans import makers as m
from tests.inference.scans.corpus import CASES

KEYS = {"accepted", "code", "reason", "warnings", "series", "shape", "spacing_mm", "left_out"}


@pytest.mark.parametrize("name", ["nothing_there", "empty_folder", "text_file", "text_named_zip", "zip_cut_short", "wrong_modality"])
def test_what_is_refused_exits_with_4_and_one_json_object(name, tmp_path, capsys):
    assert run(["inspect", str(CASES[name](tmp_path)), "--json"]) == 4
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert set(answer) >= KEYS
    assert answer["accepted"] is False
    assert err.startswith(f"rejected [{answer['code']}]: ")
    assert "Traceback" not in err


@pytest.mark.parametrize(("name", "warning"), [("single_slice", "too_few_slices"), ("nifti_mask", "not_hu"), ("plain_series", None)])
def test_what_can_be_read_exits_with_0_and_says_shape_and_warnings(name, warning, tmp_path, capsys):
    assert run(["inspect", str(CASES[name](tmp_path)), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) >= KEYS
    assert answer["accepted"] is True
    assert len(answer["shape"]) == len(answer["spacing_mm"]) == 3
    assert answer["warnings"] == ([warning] if warning else [])


def test_without_json_a_person_reads_lines(tmp_path, capsys):
    assert run(["inspect", str(CASES["series_beside_localizer_report_pdf"](tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "accepted: 44 x 40 x 12 voxels" in out
    assert "left out SCOUT.dcm: localizer_only" in out


def test_quality_adds_a_verdict(tmp_path, capsys):
    assert run(["inspect", str(m.save_series(m.series(), tmp_path)), "--quality", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["qc"]["verdict"] == "reject"


@pytest.mark.filterwarnings("ignore")
def test_control_characters_of_a_file_never_reach_the_terminal(tmp_path, capsys):
    path = CASES["escape_codes_in_the_header"](tmp_path)
    (path / "evil\x1b[2Jname.txt").write_text("x")
    run(["inspect", str(path)])
    m.save_series(m.series(), path / "good")
    run(["inspect", str(path)])
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err


@pytest.mark.parametrize("name", ["plain_series", "zipped_series"])
def test_the_header_of_every_slice_can_be_read_again_also_from_a_zip(name, tmp_path):
    source = load(CASES[name](tmp_path)).source
    heads = [read_source_header(file) for file in source.files]
    assert [head.SOPInstanceUID for head in heads] == list(source.instance_uids)
    assert str(heads[0].PatientName) == "Phantom^One"
