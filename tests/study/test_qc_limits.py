"""The `[qc]` part of a protocol makes the verdict of `gilbreth reconstruct --protocol`."""

import json

from inference.qc import QcSettings
from inference.save import save_nifti
from study.cli import run
from study.protocol.load import load_protocol
from study.qc_limits import qc_settings
from tests.inference.scenes import scene


def test_every_key_of_the_protocol_reaches_its_limit() -> None:
    quality = load_protocol("head_neck_cta").qc
    settings = qc_settings(quality)
    assert (settings.thick_slice_mm, settings.least_enhancement_hu) == (quality.max_slice_mm, quality.min_arterial_hu)
    assert (settings.most_bone_share, settings.most_veins) == (quality.max_bone_share, quality.max_vein_share)
    assert (settings.most_repair_mm, settings.most_asymmetry) == (quality.max_gap_mm, quality.max_asymmetry)
    assert settings != QcSettings()


def test_a_scan_shorter_than_the_protocol_asks_for_is_rejected_by_the_verdict_and_done_again_under_other_limits(tmp_path, capsys) -> None:
    known = scene()
    path = save_nifti(known.volume.array, known.volume, tmp_path / "scan.nii.gz")
    arguments = ["reconstruct", str(path), "--out", str(tmp_path / "out"), "--method", "threshold", "--recipe", "masks", "--json"]
    assert run([*arguments, "--protocol", "head_neck_cta"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert "short_coverage" in {finding["code"] for finding in record["qc"]["findings"]}
    assert record["qc"]["limits"]["most_veins"] == 0.15
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] is False
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] is True


def test_a_protocol_that_is_not_there_is_refused_before_the_scan_is_read(tmp_path, capsys) -> None:
    assert run(["reconstruct", str(tmp_path / "none.nii"), "--out", str(tmp_path), "--method", "threshold", "--protocol", "nowhere"]) == 4
    assert "nowhere" in capsys.readouterr().err
