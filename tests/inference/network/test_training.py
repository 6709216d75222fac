"""Training goes down, stops and goes on, takes labelled scans, and leaves a model that opens."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from inference.errors import RejectedScan
from inference.network import engine
from inference.network.architecture import NetworkPlan
from inference.network.crops.generator import ARTERY, BONE, CLASS_BITS, CONTACT_BIT
from inference.network.labelled import open_nnunet_folder
from inference.network.losses import segmentation_loss
from inference.network.pool import CropRecipe
from inference.network.training import TrainingPlan, load_state, train

TINY = NetworkPlan(channels=(4, 8, 8))
RECIPE = CropRecipe(size=24)
CPU = torch.device("cpu")


def _plan(steps: int) -> TrainingPlan:
    return TrainingPlan(steps=steps, patch=16, batch=2, threads=1, save_every=2)


def _losses(folder: Path) -> list[dict[str, str]]:
    with (folder / "loss.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path):
    first = train(tmp_path, network=TINY, plan=_plan(3), recipe=RECIPE)
    second = train(tmp_path, network=TINY, plan=_plan(5), recipe=RECIPE, resume=True)
    assert (first.step, second.step) == (3, 5)
    assert second.seconds > first.seconds
    assert [int(row["step"]) for row in _losses(tmp_path)] == [3, 5]
    assert second.next_seed > first.next_seed  # no crop is used in both runs


def test_a_run_can_begin_with_the_weights_of_another(tmp_path):
    first = train(tmp_path / "first", network=TINY, plan=_plan(3), recipe=RECIPE)
    still = replace(_plan(1), learning_rate=0.0, seed=5)
    second = train(tmp_path / "second", network=NetworkPlan(), plan=still, recipe=RECIPE, start_from=first.average)
    assert second.network.plan == TINY
    for (name, begun), now in zip(first.average.named_parameters(), second.network.parameters(), strict=True):
        assert torch.equal(begun, now), name
    assert second.step == 1


def test_a_checkpoint_holds_exactly_what_was_trained(tmp_path):
    state = train(tmp_path, network=TINY, plan=_plan(2), recipe=RECIPE)
    again = load_state(tmp_path / "checkpoint.pt", _plan(2), CPU)
    for name, value in state.average.state_dict().items():
        assert torch.equal(value, again.average.state_dict()[name])
    assert again.optimiser.state_dict()["state"].keys() == state.optimiser.state_dict()["state"].keys()


def test_steps_on_one_patch_bring_the_loss_down():
    torch.manual_seed(0)
    from inference.network.architecture import ResidualUNet, windowed

    crop = RECIPE.make(11)
    x = windowed(torch.from_numpy(crop.hu[None].astype(np.float32)), TINY)
    labels = torch.from_numpy(crop.labels[None].astype(np.int64))
    network = ResidualUNet(TINY)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = []
    for _ in range(25):
        loss = segmentation_loss(network(x), labels).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_a_mistake_beside_bone_costs_more_than_the_same_mistake_far_from_it():
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    labels[0, 4, 4, 4] = ARTERY
    labels[0, 1, 1, 1] = ARTERY | CONTACT_BIT
    right = torch.nn.functional.one_hot(labels & CLASS_BITS, 5).movedim(-1, 1) * 8.0
    far, near = right.clone(), right.clone()
    far[0, :, 4, 4, 4] = torch.tensor([8.0, 0, 0, 0, 0])
    near[0, :, 1, 1, 1] = torch.tensor([8.0, 0, 0, 0, 0])
    assert segmentation_loss(near, labels).border_entropy > segmentation_loss(far, labels).border_entropy


def test_taking_an_artery_for_a_vein_costs_little_of_the_vessel():
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    labels[0, 2:6] = ARTERY
    right = torch.nn.functional.one_hot(labels, 5).movedim(-1, 1) * 8.0
    swapped = right[:, [0, 2, 1, 3, 4]]
    assert float(segmentation_loss(swapped, labels).vessel_dice) == pytest.approx(float(segmentation_loss(right, labels).vessel_dice))
    assert segmentation_loss(swapped, labels).total > segmentation_loss(right, labels).total


def _nnunet_folder(root: Path, labels: dict[str, int]) -> Path:
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"labels": labels, "channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}))
    hu = np.zeros((20, 24, 24), np.int16)
    truth = np.zeros((20, 24, 24), np.uint8)
    hu[:, 8:12, 8:12], truth[:, 8:12, 8:12] = 400, 7
    hu[:, 13:16], truth[:, 13:16] = 900, 9
    for array, path in ((hu, "imagesTr/case1_0000.nii.gz"), (truth, "labelsTr/case1.nii.gz")):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.7, 0.7, 0.7))
        sitk.WriteImage(image, str(root / path))
    return root


def test_labelled_scans_are_read_by_the_names_of_their_labels(tmp_path):
    folder = _nnunet_folder(tmp_path, {"background": 0, "internal_carotid_r": 7, "skull": 9})
    cases = open_nnunet_folder(folder, spacing_mm=0.7)
    crop = cases.crop(np.random.default_rng(0), 24)
    classes = crop.labels & CLASS_BITS
    assert len(cases) == 1
    assert (crop.hu[classes == ARTERY] == 400).all()
    assert (crop.hu[classes == BONE] == 900).all()
    assert (crop.labels & CONTACT_BIT).any()


def test_a_label_that_stands_for_no_class_is_refused_by_name(tmp_path):
    folder = _nnunet_folder(tmp_path, {"background": 0, "artery": 7, "spleen": 9})
    with pytest.raises(RejectedScan, match="spleen"):
        open_nnunet_folder(folder, spacing_mm=0.7)


def test_labelled_scans_are_mixed_into_the_training(tmp_path):
    folder = _nnunet_folder(tmp_path / "data", {"background": 0, "artery": 7, "bone": 9})
    cases = open_nnunet_folder(folder, spacing_mm=0.7)
    state = train(tmp_path / "run", network=TINY, plan=_plan(4), recipe=RECIPE, labelled=cases)
    assert state.step == 4


def test_the_command_trains_a_few_steps_and_its_model_opens(tmp_path, capsys):
    from inference.network.models import open_model
    from study.cli import run

    out = tmp_path / "model"
    arguments = ["train", "--out", str(out), "--steps", "1", "--patch", "32", "--batch", "1", "--device", "cpu"]
    assert run([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sha256"] == open_model(out).sha256
    assert "not a medical device" in (out / "docs" / "README.md").read_text()
    assert json.loads((out / "configs" / "metadata.json").read_text())["spacing_mm"] == 0.7
    assert run(arguments) == 4  # a checkpoint is there and --resume was not given
    capsys.readouterr()
    arguments[2] = str(tmp_path / "next")
    assert run([*arguments, "--start-from", str(tmp_path / "none")]) == 3
    assert "no model" in capsys.readouterr().err
    assert run([*arguments, "--start-from", str(out)]) == 0
    assert "begun with weights 2" in (tmp_path / "next" / "docs" / "README.md").read_text()


def test_a_patch_the_network_cannot_halve_is_wrong_usage(tmp_path):
    from study.cli import run

    assert run(["train", "--out", str(tmp_path), "--patch", "50"]) == 2


@pytest.mark.parametrize("able", [True, False])
def test_bfloat16_is_used_only_where_the_processor_has_it(monkeypatch, able):
    monkeypatch.setattr(engine, "processor_has_bfloat16", lambda: able)
    with engine.half_precision(CPU):
        made = torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2))
    assert made.dtype == (torch.bfloat16 if able else torch.float32)
