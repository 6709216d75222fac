"""Comparing versions of a model, promoting one, and holding a running study to the one it started with."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from sqlmodel import select

from db.engine import transaction
from db.tables import AuditEntry, Case
from inference.network.architecture import NetworkPlan, ResidualUNet
from inference.network.models import open_model
from inference.network.weights import save_weights
from study import cli
from study.errors import RejectedInput
from study.model_versions import compare, promote, promoted_model, promotions
from study.runs import record_run
from tests.study.world import START


def version(folder, *, name):
    network = ResidualUNet(NetworkPlan(channels=(4, 4, 4), spacing_mm=1.0)).eval()
    save_weights(network, folder / "fine.safetensors", record={"version": name})
    return open_model(folder)


def outcome(sha256):
    return {"model": {"name": "m", "version": "1", "sha256": sha256}, "stages": [{"name": "a", "seconds": 1.0}]}


def test_a_difference_over_few_or_equal_cases_has_no_interval():
    assert compare([{"dice": 0.5}] * 2, [{"dice": 0.6}, {"dice": 0.7}])[0].interval is None
    same = compare([{"dice": 0.5}] * 4, [{"dice": 0.6}] * 4)[0]
    assert (round(same.difference, 6), same.interval) == (0.1, None)


def test_the_interval_of_a_difference_covers_the_true_one_about_as_often_as_it_says():
    rng, held = np.random.default_rng(3), 0
    for k in range(60):
        change = rng.normal(0.05, 0.02, 20)
        found = compare([{"dice": 0.5}] * 20, [{"dice": 0.5 + step} for step in change], seed=k)[0]
        held += found.interval[0] <= 0.05 <= found.interval[1]
    assert 50 <= held <= 60


def test_a_promotion_is_copied_logged_with_its_figures_and_becomes_the_default(world, tmp_path):
    model = version(tmp_path / "next", name="v2")
    figures = {"models": [{"sha256": model.sha256, "version": "v2"}]}
    assert promoted_model(tmp_path) is None
    with transaction(world.engine, actor=world.people["scientist"]) as db_session:
        promote(db_session, home=tmp_path, source=str(tmp_path / "next"), figures=figures, reason="better", by="kim", now=START.at)
        entry = db_session.exec(select(AuditEntry).where(AuditEntry.operation == "model.promote")).one()
        assert entry.new["figures"] == figures
        assert entry.reason == "better"
    assert open_model(promoted_model(tmp_path)).sha256 == model.sha256
    assert [made.version for made in promotions(tmp_path)] == ["v2"]


def test_a_promotion_needs_a_reason_and_figures_of_the_very_weights(world, tmp_path):
    version(tmp_path / "next", name="v2")
    with transaction(world.engine) as db_session:
        give = {"home": tmp_path, "source": str(tmp_path / "next"), "by": "kim", "now": START.at}
        with pytest.raises(RejectedInput, match="other_figures"):
            promote(db_session, figures={"models": [{"sha256": "0" * 64}]}, reason="better", **give)
        with pytest.raises(RejectedInput, match="no_reason"):
            promote(db_session, figures={"models": []}, reason=" ", **give)
    assert promotions(tmp_path) == []


def test_a_running_study_keeps_the_model_it_started_with(world):
    first, second = world.case(), world.case()
    with transaction(world.engine) as db_session:
        put = {"actor": world.people["scientist"], "now": START.at}
        record_run(db_session, case=db_session.get(Case, first.id), outcome=outcome("a" * 64), **put)
        record_run(db_session, case=db_session.get(Case, second.id), outcome=outcome("a" * 64), **put)
        with pytest.raises(RejectedInput, match="other_model"):
            record_run(db_session, case=db_session.get(Case, second.id), outcome=outcome("b" * 64), **put)


def test_two_versions_are_scored_on_a_frozen_list_from_the_command_line(tmp_path, capsys):
    for name in ("old", "new"):
        version(tmp_path / name, name=name)
    array = np.random.default_rng(0).normal(40, 10, (24, 24, 24)).astype(np.int16)
    array[:, 8:14, 8:14] = 400
    for name, values in (("image", array), ("truth", (array > 200).astype(np.uint8))):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / f"{name}.nii.gz"))
    (tmp_path / "list.csv").write_text("case,image,reference\none,image.nii.gz,truth.nii.gz\n")
    asked = ["evaluate", str(tmp_path / "list.csv"), "--model", str(tmp_path / "old"), "--model", str(tmp_path / "new")]
    assert cli.run([*asked, "--save", str(tmp_path / "figures.json"), "--json"]) == 0
    told, saved = json.loads(capsys.readouterr().out), json.loads((tmp_path / "figures.json").read_text())
    assert told == saved
    assert [row["version"] for row in saved["models"]] == ["old", "new"]
    assert saved["against_first"][str(tmp_path / "new")][0]["measure"] == "dice"


def test_corrected_cases_become_a_data_set_from_the_command_line(tmp_path, capsys):
    from inference import load
    from inference.correction import Click, apply, confirm, open_case, preview
    from inference.save import save_nifti
    from tests.inference.test_correction import Planted, pixel

    scan, folder, out = tmp_path / "scan.nii.gz", tmp_path / "case1", tmp_path / "set"
    known = Planted()
    save_nifti(known.scan.array, known.scan, scan)
    known.scan = load(scan)  # NIfTI rounds the spacing
    known.result().write(folder)
    words = ["model", "corrections", str(out), "--case", f"{folder}={scan}"]
    assert cli.run(words) == 1
    assert "case1: left out, nothing was corrected" in capsys.readouterr().out
    case = open_case(folder, scan=scan)
    apply(case, preview(case, Click("rotate_000", *pixel(folder, "rotate_000", (50, 22, 44)), action="add")))
    confirm(case)
    assert cli.run(words) == 0
    assert "1 of 1 cases" in capsys.readouterr().out
    assert (out / "labelsTr" / "case1.nii.gz").exists()
    assert cli.run(["model", "corrections", str(out), "--case", str(folder)]) == 4
    assert "rejected [no_result_folder]" in capsys.readouterr().err
