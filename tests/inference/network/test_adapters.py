"""Other people's models plug in, and what could run code is refused."""

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.errors import GeometryMismatch, MissingPart, RejectedScan
from inference.geometry import Geometry
from inference.network.adapters import LabelModel, open_monai_bundle
from inference.network.models import open_model
from inference.segmentation.network import NetworkSettings, segment_network
from inference.volume import Volume

CHANNELS = {"0": "background", "1": "artery", "2": "bone"}


def _bundle(folder, *, network=None, channels=None):
    """A tiny bundle whose network is one convolution wide; its weights are random."""
    from monai.networks.nets import UNet

    arguments = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 4], "strides": [2]}
    definition = network or {"_target_": "monai.networks.nets.UNet", **arguments}
    steps = [
        {"_target_": "Spacingd", "keys": "image", "pixdim": [1.0, 1.0, 1.5], "mode": "bilinear"},
        {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -100, "a_max": 500, "b_min": 0, "b_max": 1, "clip": True},
    ]
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    metadata = {"version": "0.3", "network_data_format": {"outputs": {"pred": {"channel_def": channels or CHANNELS}}}}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps({"network_def": definition, "preprocessing": {"transforms": steps}}))
    torch.manual_seed(0)
    save_file(UNet(**arguments).state_dict(), folder / "models" / "model.safetensors")
    return folder


def _volume():
    array = np.random.default_rng(0).integers(-200, 600, (40, 48, 48)).astype(np.int16)
    return Volume(array, Geometry(array.shape, (1.0, 0.8, 0.8)))


def test_a_monai_bundle_runs_at_its_own_spacing_and_range(tmp_path):
    model = open_model(_bundle(tmp_path / "bundle"))
    evidence = model.evidence(_volume(), device="cpu", threads=1)
    assert (model.name, model.version) == ("bundle", "0.3")
    assert evidence.geometry.spacing_mm == (1.5, 1.0, 1.0)  # pixdim is written x, y, z
    assert evidence.maps.shape == (4, *evidence.geometry.shape)
    assert evidence.maps[0].std() > 0


def test_a_bundle_that_holds_program_text_is_refused(tmp_path):
    network = {"_target_": "monai.networks.nets.UNet", "spatial_dims": "$__import__('os').getpid()"}
    with pytest.raises(RejectedScan, match="program text"):
        open_monai_bundle(_bundle(tmp_path / "bundle", network=network))


def test_a_bundle_of_a_class_outside_monai_is_refused(tmp_path):
    with pytest.raises(RejectedScan, match=r"monai\.networks\.nets"):
        open_monai_bundle(_bundle(tmp_path / "bundle", network={"_target_": "subprocess.Popen", "args": ["true"]}))


def test_pickled_weights_are_not_read_and_the_way_to_convert_them_is_told(tmp_path):
    folder = _bundle(tmp_path / "bundle")
    (folder / "models" / "model.safetensors").rename(folder / "models" / "model.pt")
    with pytest.raises(MissingPart, match="save_file"):
        open_monai_bundle(folder)


def test_a_bundle_without_a_vessel_channel_is_refused(tmp_path):
    with pytest.raises(RejectedScan, match="spleen"):
        open_monai_bundle(_bundle(tmp_path / "bundle", channels={"0": "background", "1": "spleen", "2": "liver"}))


def test_a_label_map_of_any_program_becomes_masks_by_the_names_of_its_labels():
    _, y, x = np.meshgrid(*[(np.arange(60) + 0.5) * 0.7] * 3, indexing="ij")
    rod, plate = np.hypot(y - 12, x - 12) < 4, x > 36
    hu = np.where(rod, 400, np.where(plate, 900, 40)).astype(np.int16)
    volume = Volume(hu, Geometry(hu.shape, (0.7,) * 3))
    names = {5: "common_carotid_artery_left", 8: "skull", 9: "brain"}
    model = LabelModel("other", "1", "0" * 64, lambda _, **__: np.where(rod, 5, np.where(plate, 8, 9)), names)
    found = segment_network(volume, model=model, settings=NetworkSettings(join_threshold=False))
    assert ((found.vessel > 0) == rod).mean() > 0.999
    assert (found.bone[plate] > 0).all()


def test_labels_that_are_not_on_the_grid_of_the_scan_are_refused():
    volume = _volume()
    model = LabelModel("other", "1", "0" * 64, lambda *_, **__: volume.array.transpose(2, 1, 0), {1: "artery"})
    with pytest.raises(GeometryMismatch):
        model.evidence(volume)


def test_a_label_without_a_name_is_background():
    volume = _volume()
    model = LabelModel("other", "1", "0" * 64, lambda *_, **__: np.full(volume.shape, 7), {1: "artery"})
    assert not model.evidence(volume).maps.any()


def test_packages_that_are_not_installed_are_named_with_the_command_that_installs_them(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nnunetv2", None)  # what import takes for not installed
    monkeypatch.setitem(sys.modules, "nnunetv2.inference.predict_from_raw_data", None)
    monkeypatch.setitem(sys.modules, "totalsegmentator", None)
    for name in ("plans.json", "dataset.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(MissingPart, match=r"pip install 'gilbreth\[nnunet\]'"):
        open_model(tmp_path)
    with pytest.raises(MissingPart, match="pip install TotalSegmentator"):
        open_model("totalsegmentator:total")
