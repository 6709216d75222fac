"""A TotalSegmentator task runs as a model: sides and levels stay where they are, and its program is kept to what was asked.

The real program fetches its weights when it first runs, so a stand-in with the signature of release 2.18 takes its place. Like the real
one it turns the image to RAS, labels by what lies on the patient's left and right, prints, and reports its use.
"""

import os
import sys
from types import ModuleType

import nibabel
import numpy as np
import pytest
import torch

from inference.errors import MissingPart, RejectedScan
from inference.geometry import Geometry
from inference.network.models import open_model
from inference.network.numbers_only import FORCED
from inference.volume import Volume

CLASSES = {
    "headneck_bones_vessels": {3: "hyoid", 9: "internal_carotid_artery_right", 11: "internal_jugular_vein_right"},
    "lung_nodules": {1: "lung", 2: "lung_nodules"},
}
CAROTID, JUGULAR, HYOID = 9, 11, 3
SHAPE, SPACING_MM = (20, 24, 30), (1.5, 0.9, 0.7)


class _StandIn:
    """What `totalsegmentator.python_api` offers, and what it was asked."""

    def __init__(self):
        self.asked, self.reported, self.threads, self.canonical, self.fault = {}, [], 0, False, None

    def totalsegmentator(
        self, input, output=None, ml=False, nr_thr_resamp=1, nr_thr_saving=6, fast=False, task="total", quiet=False, device="gpu"
    ):  # fmt: skip
        if self.fault is not None:
            raise self.fault
        assert isinstance(input, nibabel.Nifti1Image)
        assert device in ("gpu", "cpu", "mps")
        self.asked = {"ml": ml, "task": task, "quiet": quiet, "device": device, "output": output, "numbers": os.environ.get(FORCED)}
        self.reported += self.program.send_usage_stats(None, {"task": task}) or []
        print("TotalSegmentator sends anonymous usage statistics.")
        torch.set_num_threads(self.threads or torch.get_num_threads())
        image = nibabel.as_closest_canonical(input)  # x to the patient's right, y to the front, z to the head
        hu = image.get_fdata()
        x, _, z = (nibabel.affines.apply_affine(image.affine, np.argwhere(hu > -2000)).reshape(*hu.shape, 3)[..., i] for i in range(3))
        labels = np.where(hu > 300, np.where(x > 0, JUGULAR, CAROTID), 0)  # the stand-in puts the vein on the right
        found = nibabel.Nifti1Image(np.where((hu > 300) & (z > 100), HYOID, labels).astype(np.uint8), image.affine)
        if self.canonical:
            return found
        there, back = nibabel.io_orientation(input.affine), nibabel.orientations.axcodes2ornt("RAS")
        return found.as_reoriented(nibabel.orientations.ornt_transform(back, there))


@pytest.fixture
def program(monkeypatch):
    made = _StandIn()
    package, api, table = (ModuleType(f"totalsegmentator{name}") for name in ("", ".python_api", ".map_to_binary"))
    made.program, table.class_map = api, CLASSES
    api.totalsegmentator, api.send_usage_stats = made.totalsegmentator, lambda *_: ["told"]
    package.python_api, package.map_to_binary = api, table
    for module in (package, api, table):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


def _volume(signs=(1.0, 1.0, 1.0)):
    """One block on the patient's left and two on the right, of which the second lies above 100 mm.

    `signs` says which way the axes x, y and z of the array run.
    """
    direction = tuple(np.diag(signs).ravel().tolist())
    geometry = Geometry(SHAPE, SPACING_MM, direction=direction)
    middle = geometry.points(np.array([[9.6, 11.6, 14.6]]))[0]  # between voxels, so that none lies on a border
    geometry = Geometry(SHAPE, SPACING_MM, (-middle[0], -middle[1], 100 - middle[2]), direction)
    points = geometry.points(np.argwhere(np.ones(SHAPE))).reshape(*SHAPE, 3)
    left, low = points[..., 0] > 0, points[..., 2] < 100  # LPS: x runs to the patient's left
    front = points[..., 1] < -2
    hu = np.where(front & left & low, 400, np.where(front & ~left, 500, 30)).astype(np.int16)
    return Volume(hu, geometry), front & left & low, front & ~left & low, front & ~left & ~low


@pytest.mark.parametrize("canonical", [False, True])
@pytest.mark.parametrize("signs", [(1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (1.0, -1.0, -1.0)])
def test_left_and_right_and_levels_of_a_model_come_back_where_they_were(program, canonical, signs):
    program.canonical = canonical
    volume, left, right, above = _volume(signs)
    labels = open_model("totalsegmentator:headneck_bones_vessels").predict(volume, device="cpu", threads=1, progress=lambda _: None)
    np.testing.assert_array_equal(labels == CAROTID, left)
    np.testing.assert_array_equal(labels == JUGULAR, right)
    np.testing.assert_array_equal(labels == HYOID, above)


def test_the_labels_of_a_model_become_artery_vein_and_bone_in_place(program):
    volume, left, right, _ = _volume()
    evidence = open_model("totalsegmentator:headneck_bones_vessels").evidence(volume, device="cpu")
    vein = (evidence.maps[0] > 0) & (evidence.maps[3] > 0)
    for mask, truth in ((evidence.maps[0] > 0) & ~vein, left), (vein, right):
        found = evidence.geometry.points(np.argwhere(mask)).mean(axis=0)
        np.testing.assert_allclose(found, volume.geometry.points(np.argwhere(truth)).mean(axis=0), atol=0.8)
    assert evidence.geometry.points(np.argwhere(evidence.maps[1] > 0))[:, 2].min() > 99


def test_the_program_behind_a_model_gets_the_device_stays_quiet_reads_numbers_and_reports_nothing(program, monkeypatch, capsys):
    before = torch.get_num_threads()
    program.threads = before + 1
    model = open_model("totalsegmentator:headneck_bones_vessels")
    model.evidence(_volume()[0], device="cpu", threads=1)
    assert program.asked == {
        "ml": True, "task": "headneck_bones_vessels", "quiet": True, "device": "cpu", "output": None, "numbers": "1"
    }  # fmt: skip
    assert program.reported == []
    assert capsys.readouterr().out == ""
    assert torch.get_num_threads() == before
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for device in ("cuda", "auto"):
        model.evidence(_volume()[0], device=device)
        assert program.asked["device"] == "gpu"


def test_a_model_on_a_device_that_is_not_there_says_so(program, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingPart, match="--device cpu"):
        open_model("totalsegmentator:headneck_bones_vessels").evidence(_volume()[0], device="cuda")


@pytest.mark.parametrize("fault", [SystemExit(1), ConnectionError("no route to the weights"), RuntimeError("one\ntwo")])
def test_a_model_whose_licence_or_weights_are_missing_says_so_in_one_line(program, fault):
    program.fault = fault
    with pytest.raises(MissingPart, match="headneck_bones_vessels") as refusal:
        open_model("totalsegmentator:headneck_bones_vessels").evidence(_volume()[0], device="cpu")
    assert "licence" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_model_whose_weights_hold_more_than_numbers_is_refused(program):
    program.fault = ValueError("Weights only load failed. This file ...")
    with pytest.raises(RejectedScan) as refusal:
        open_model("totalsegmentator:headneck_bones_vessels").evidence(_volume()[0], device="cpu")
    assert refusal.value.code == "model_code"


def test_a_model_of_no_task_or_of_one_without_vessels_is_refused(program):
    with pytest.raises(RejectedScan, match="these hold vessels: headneck_bones_vessels"):
        open_model("totalsegmentator:head")
    with pytest.raises(RejectedScan, match="lung_nodules") as refusal:
        open_model("totalsegmentator:lung_nodules")
    assert refusal.value.code == "no_vessel_channel"
