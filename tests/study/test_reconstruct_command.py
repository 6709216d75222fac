"""`gilbreth reconstruct` and `gilbreth evaluate` as a user meets them: files, exit status, one JSON object."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from inference.save import save_nifti
from study.cli import run
from tests.inference.scenes import scene

KNOWN = scene()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_nifti(KNOWN.volume.array, KNOWN.volume, tmp_path_factory.mktemp("scan") / "scan.nii.gz")


@pytest.fixture(scope="module")
def done(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "case"
    assert run(["reconstruct", str(scan), "--out", str(out), "--method", "threshold", "--recipe", "masks"]) == 0
    return out


def test_json_is_one_object_on_stdout_and_progress_goes_to_stderr(scan: Path, tmp_path: Path, capsys) -> None:
    status = run(["reconstruct", str(scan), "--out", str(tmp_path / "o"), "--method", "threshold", "--recipe", "masks", "--json"])
    said = capsys.readouterr()
    record = json.loads(said.out)
    assert status == 0
    assert record["qc"]["verdict"] == "review"  # a crop
    assert record["skipped"] is False
    assert "segment" in said.err


def test_a_second_run_skips_finished_work_and_again_does_not(scan: Path, done: Path, capsys) -> None:
    before = (done / "case.json").stat().st_mtime_ns
    arguments = ["reconstruct", str(scan), "--out", str(done), "--method", "threshold", "--recipe", "masks"]
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] is True
    assert (done / "case.json").stat().st_mtime_ns == before
    assert run([*arguments, "--again"]) == 0
    assert (done / "case.json").stat().st_mtime_ns > before


def test_no_bridges_reaches_the_reconstruction_and_is_another_request(scan: Path, done: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    from inference import pipeline

    asked, inner = [], pipeline.reconstruct

    def watched(*args, **options):
        asked.append(options["bridges"])
        return inner(*args, **options)

    monkeypatch.setattr(pipeline, "reconstruct", watched)
    out = Path(shutil.copytree(done, tmp_path / "case"))
    arguments = ["reconstruct", str(scan), "--out", str(out), "--method", "threshold", "--recipe", "masks", "--json"]
    records = []
    for options in ([], ["--no-bridges"], ["--no-bridges"], ["--bridges"]):
        assert run([*arguments, *options]) == 0
        records.append(json.loads(capsys.readouterr().out))
    assert [record["skipped"] for record in records] == [True, False, True, False]
    assert [record["request"]["bridges"] for record in records] == [True, False, False, True]
    assert asked == [False, True]
    assert ["bridge gaps" in [stage["name"] for stage in record["stages"]] for record in records] == [True, False, False, True]


def test_an_unenhanced_scan_is_written_and_exits_1(tmp_path: Path, capsys) -> None:
    native = scene(contrast=False)
    path = save_nifti(native.volume.array, native.volume, tmp_path / "native.nii.gz")
    assert run(["reconstruct", str(path), "--out", str(tmp_path / "o"), "--method", "threshold", "--recipe", "masks"]) == 1
    assert (tmp_path / "o" / "masks" / "bone.nii.gz").exists()
    assert "reject" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "status"),
    [(["--method", "magic"], 2), (["--recipe", "x"], 2), (["--method", "subtraction"], 2)],
)
def test_wrong_options_exit_2_in_one_line(scan: Path, tmp_path: Path, capsys, options: list[str], status: int) -> None:
    assert run(["reconstruct", str(scan), "--out", str(tmp_path / "o"), *options]) == status
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_bad_input_exits_4_in_one_line(tmp_path: Path, capsys) -> None:
    text = tmp_path / "scan.nii.gz"
    text.write_text("no scan")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nowhere", tmp_path / "empty", text):
        assert run(["reconstruct", str(path), "--out", str(tmp_path / "o"), "--method", "threshold"]) == 4
        assert capsys.readouterr().err.strip().splitlines()[-1].startswith("rejected [")


def test_a_mask_is_not_reconstructed(done: Path, tmp_path: Path, capsys) -> None:
    assert run(["reconstruct", str(done / "masks" / "vessel.nii.gz"), "--out", str(tmp_path / "o"), "--method", "threshold"]) == 4
    assert "not_hu" in capsys.readouterr().err


def test_evaluate_scores_a_prediction(done: Path, tmp_path: Path, capsys) -> None:
    truth = save_nifti(KNOWN.vessel.astype(np.uint8), KNOWN.volume, tmp_path / "truth.nii.gz")
    assert run(["evaluate", str(done / "masks" / "vessel.nii.gz"), str(truth), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["foreground"]["recall"] > 0.95
    assert set(result["foreground"]) >= {"dice", "cldice", "recall", "precision", "hd95", "betti0_error", "vessel_weighted"}
    assert run(["evaluate", str(done / "masks" / "vessel.nii.gz"), str(truth)]) == 0
    assert "foreground" in capsys.readouterr().out


def test_evaluate_sums_up_a_list_by_stratum_and_tells_what_failed(done: Path, tmp_path: Path, capsys) -> None:
    save_nifti(KNOWN.vessel.astype(np.uint8), KNOWN.volume, tmp_path / "truth.nii.gz")
    save_nifti(np.zeros(KNOWN.volume.shape, np.uint8), KNOWN.volume, tmp_path / "none.nii.gz")
    rows = [f"a,{done}/masks/vessel.nii.gz,truth.nii.gz,plain", "b,none.nii.gz,truth.nii.gz,occlusion", "c,gone.nii.gz,truth.nii.gz,plain"]
    listing = tmp_path / "list.csv"
    listing.write_text("case,prediction,reference,stratum\n" + "\n".join(rows) + "\n")
    assert run(["evaluate", str(listing), "--json"]) == 1
    said = capsys.readouterr()
    result = json.loads(said.out)
    means = {row["name"]: row for row in result["summary"]}
    assert result["failed"] == 1
    assert "c: rejected [" in said.err
    assert means["mean of occlusion"]["dice"] == 0.0
    assert means["mean of occlusion"]["hd95"] == 290.0
    assert means["mean of all"]["cases"] == 2


def test_evaluate_refuses_a_faulty_list_and_a_missing_reference(tmp_path: Path, capsys) -> None:
    faulty = tmp_path / "list.csv"
    faulty.write_text("case,prediction\na,b\n")
    assert run(["evaluate", str(faulty)]) == 4
    assert "reference" in capsys.readouterr().err
    assert run(["evaluate", str(tmp_path / "mask.nii.gz")]) == 2
