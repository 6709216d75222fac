"""An nnU-Net v2 results folder runs as a model by its own package, and what could run code or cannot be right is refused."""

import json
import os

import numpy as np
import pytest
import torch

from inference.errors import MissingPart, RejectedScan
from inference.geometry import Geometry
from inference.network.models import open_model
from inference.save import save_nifti
from inference.segmentation.network import NetworkSettings, segment_network
from inference.volume import Volume
from study.cli import run
from tests.inference.network.nnunet_results import LABELS, plans, results, weights
from tests.inference.scenes import scene

SPACING_MM = (1.4, 0.9, 0.6)
ROD = np.zeros((30, 44, 56), bool)
ROD[:, 28:38, 6:20] = True  # near the back on the right: no axis and no direction can be taken for another
SKULL = np.zeros(ROD.shape, bool)
SKULL[4:14, 4:16, 36:50] = True


@pytest.fixture(autouse=True)
def _same_threads_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _volume():
    hu = np.where(ROD, 400, np.where(SKULL, 1100, 40)).astype(np.int16)
    return Volume(hu, Geometry(hu.shape, SPACING_MM, (-20.0, -15.0, 100.0)))


def _box_mm(evidence, channel):
    """Lowest and highest points of a channel (x, y, z). [mm]"""
    points = evidence.geometry.points(np.argwhere(evidence.maps[channel] > 0))
    return points.min(axis=0), points.max(axis=0)


def _handed_over(model, monkeypatch):
    """What the network will be given (z, y, x), once the model has run."""
    predictor, seen = model.predict.predictor, []
    inner = predictor.predict_logits_from_preprocessed_data

    def watched(data):
        seen.append(data[0].numpy())
        return inner(data)

    monkeypatch.setattr(predictor, "predict_logits_from_preprocessed_data", watched)
    return seen


def test_a_model_of_nnunet_finds_the_rod_where_it_is_in_an_uneven_scan(tmp_path):
    model = open_model(results(tmp_path))
    found = segment_network(_volume(), model=model, device="cpu", settings=NetworkSettings(join_threshold=False))
    assert ((found.vessel > 0) & ROD).sum() > 0.9 * ROD.sum()
    assert ((found.bone > 0) & SKULL).sum() > 0.9 * SKULL.sum()
    edges = [[(int(i.min()), int(i.max())) for i in np.nonzero(mask)] for mask in (found.vessel > 0, ROD)]
    assert np.abs(np.array(edges[0]) - np.array(edges[1])).max() <= 1


def test_the_network_of_a_model_is_given_its_own_spacing_in_its_own_order(tmp_path, monkeypatch):
    model = open_model(results(tmp_path))
    seen = _handed_over(model, monkeypatch)
    model.evidence(_volume(), device="cpu", threads=1)
    assert seen[0].shape == (round(30 * 1.4 / 2.0), round(44 * 0.9 / 1.0), round(56 * 0.6 / 0.8))  # spacing of plans.json is z, y, x
    _, y, x = (axis.mean() for axis in np.nonzero((seen[0] > 0) & (seen[0] < 3)))
    assert (y / seen[0].shape[1] > 0.6, x / seen[0].shape[2] < 0.4) == (True, True)  # to the back, on the right


def test_a_model_trained_on_scans_turned_to_ras_is_given_them_so_and_its_labels_come_back(tmp_path, monkeypatch):
    straight = open_model(results(tmp_path / "a")).evidence(_volume(), device="cpu", threads=1)
    model = open_model(results(tmp_path / "b", plan=plans(reader="NibabelIOWithReorient")))
    seen = _handed_over(model, monkeypatch)
    turned = model.evidence(_volume(), device="cpu", threads=1)
    _, y, x = (axis.mean() for axis in np.nonzero((seen[0] > 0) & (seen[0] < 3)))
    assert (y / seen[0].shape[1] < 0.4, x / seen[0].shape[2] > 0.6) == (True, True)  # x to the right and y to the front
    for channel in (0, 1):
        np.testing.assert_allclose(_box_mm(turned, channel), _box_mm(straight, channel), atol=0.8)


def test_the_regions_of_a_model_are_told_by_the_order_in_which_they_are_painted(tmp_path):
    dataset = {"labels": {"background": 0, "artery": [1, 2], "bone": [2], "ignore": 3}, "regions_class_order": [1, 2]}
    evidence = open_model(results(tmp_path, dataset=dataset, values=weights(regions=True))).evidence(_volume(), device="cpu", threads=1)
    low, high = _box_mm(evidence, 1)
    z, y, x = (np.array([where.min(), where.max()]) for where in np.nonzero(SKULL))
    np.testing.assert_allclose(low, (-20 + 0.6 * x[0], -15 + 0.9 * y[0], 100 + 1.4 * z[0]), atol=1.0)
    np.testing.assert_allclose(high, (-20 + 0.6 * x[1], -15 + 0.9 * y[1], 100 + 1.4 * z[1]), atol=1.0)
    assert evidence.maps[0].any()
    assert not np.any((evidence.maps[0] > 0) & (evidence.maps[1] > 0))


def test_a_model_tells_its_progress_and_prints_nothing(tmp_path, capsys):
    told = []
    open_model(results(tmp_path)).evidence(_volume(), device="cpu", threads=1, progress=told.append)
    assert told == sorted(told)
    assert told[0] < 0.2
    assert told[-1] == 1.0
    assert len(told) > 10  # patches of 16 voxels, half over one another
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_model_keeps_to_the_threads_it_is_allowed(tmp_path, monkeypatch):
    asked, inner = [], torch.set_num_threads
    model = open_model(results(tmp_path))

    def watched(count):
        asked.append(count)
        inner(count)

    monkeypatch.setattr(torch, "set_num_threads", watched)
    model.evidence(_volume(), device="cpu", threads=1)
    assert set(asked) == {1}


def test_a_model_asked_to_run_on_a_device_that_is_not_there_says_so(tmp_path, monkeypatch):
    model = open_model(results(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingPart, match="--device cpu"):
        model.evidence(_volume(), device="cuda")


@pytest.mark.parametrize(
    ("folds", "file", "used"),
    [
        (("fold_0", "fold_1", "fold_all"), "checkpoint_final.pth", 2),
        (("fold_all",), "checkpoint_final.pth", 1),
        (("fold_3",), "checkpoint_best.pth", 1),
    ],
)
def test_the_numbered_folds_of_a_model_are_averaged_and_fold_all_stands_alone(tmp_path, folds, file, used):
    model = open_model(results(tmp_path, folds=folds, file=file))
    assert len(model.predict.predictor.list_of_parameters) == used
    assert model.evidence(_volume(), device="cpu", threads=1).maps[0].any()


def test_the_checksum_of_a_model_is_that_of_its_weights_too(tmp_path):
    other = {name: values * 2 for name, values in weights().items()}
    first, same = open_model(results(tmp_path / "a")), open_model(results(tmp_path / "b"))
    second = open_model(results(tmp_path / "c", values=other))
    assert first.name == "Dataset001_Neck"
    assert first.sha256 == same.sha256 != second.sha256
    assert first.version != second.version


class _Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_model_whose_checkpoint_could_run_code_is_refused_before_it_does(tmp_path):
    folder = results(tmp_path, logging=_Planted(tmp_path / "ran"))
    with pytest.raises(RejectedScan, match=r"fold_0/checkpoint_final\.pth asks for posix\.mkdir|nt\.mkdir") as refusal:
        open_model(folder)
    assert refusal.value.code == "model_code"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("argument", ["nonlin", "norm_op"])
def test_a_model_whose_plans_name_a_program_is_refused_before_it_runs(tmp_path, argument):
    kwargs = {argument: "subprocess.Popen", f"{argument}_kwargs": {"args": ["mkdir", str(tmp_path / "ran")]}}
    with pytest.raises(RejectedScan, match=r"subprocess\.Popen") as refusal:
        open_model(results(tmp_path, plan=plans(**kwargs)))
    assert refusal.value.code == "model_code"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("made", "code", "told"),
    [
        ({"dataset": {"channel_names": {"0": "CT", "1": "CTA"}}}, "nnunet_channels", "2 images at once: CT, CTA"),
        ({"dataset": {"labels": {"background": 0, "spleen": 1, "liver": 2}}}, "no_vessel_channel", "spleen"),
        ({"dataset": {"labels": {"background": 0, "artery": [1, 2], "bone": [2]}}}, "nnunet_folder", "regions_class_order"),
        ({"dataset": {"labels": [0, 1, 2]}}, "nnunet_folder", "dataset.json or plans.json"),
        ({"values": {}}, "nnunet_folder", "state_dict"),
        ({"dataset": {"labels": {**LABELS, "hyoid": 3}}}, "nnunet_folder", "state_dict"),
        ({"file": "checkpoint_latest.pth"}, "nnunet_folder", "no fold_"),
        ({"plan": plans(network="x")}, "nnunet_folder", "TypeError"),
    ],
)
def test_a_model_that_cannot_be_right_is_refused_in_one_line(tmp_path, made, code, told):
    with pytest.raises((RejectedScan, MissingPart), match=told) as refusal:
        open_model(results(tmp_path, **made))
    assert getattr(refusal.value, "code", code) == code
    assert len(str(refusal.value).splitlines()) == 1


def test_a_model_that_needs_the_labels_of_a_first_stage_is_refused(tmp_path):
    plan = plans()
    plan["configurations"]["3d_fullres"]["previous_stage"] = "3d_lowres"
    with pytest.raises(RejectedScan) as refusal:
        open_model(results(tmp_path, plan=plan, values=weights(inputs=3)))  # the scan and a map for each of two labels
    assert refusal.value.code == "nnunet_cascade"


def test_a_torchvision_that_does_not_fit_is_told_and_no_fault_of_the_model(tmp_path, monkeypatch):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    def fail(*_, **__):
        raise RuntimeError("operator torchvision::nms does not exist")  # what import says where torch is of another build

    monkeypatch.setattr(nnUNetPredictor, "initialize_from_trained_model_folder", fail)
    with pytest.raises(MissingPart, match="torchvision does not fit this torch"):
        open_model(results(tmp_path))


@pytest.mark.parametrize("file", ["dataset.json", "plans.json", "fold_0/checkpoint_final.pth"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_model_with_a_damaged_file_is_refused_in_one_line(tmp_path, file, content):
    folder = results(tmp_path)
    (folder / file).write_bytes(content)
    with pytest.raises(RejectedScan, match=file.rpartition("/")[2]) as refusal:
        open_model(folder)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_model_without_dataset_json_is_refused_and_the_whole_folder_asked_for(tmp_path):
    folder = results(tmp_path)
    (folder / "dataset.json").unlink()
    with pytest.raises(RejectedScan, match=r"give the folder that holds dataset\.json"):
        open_model(folder)


def test_reconstruct_takes_the_folder_of_a_model_and_stdout_stays_one_object(tmp_path, capsys):
    known = scene()
    scan, folder = save_nifti(known.volume.array, known.volume, tmp_path / "scan.nii.gz"), results(tmp_path)
    status = run(["reconstruct", str(scan), "--out", str(tmp_path / "out"), "--model", str(folder), "--recipe", "masks", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert status in (0, 1)
    assert record["model"]["name"] == "Dataset001_Neck"
    assert record["model"]["sha256"] == open_model(folder).sha256
