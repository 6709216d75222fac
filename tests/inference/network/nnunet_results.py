"""A tiny nnU-Net v2 results folder whose network tells vessel and bone by HU alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

LABELS = {"background": 0, "carotid_artery": 1, "skull": 2}
VESSEL_HU, BONE_HU = 250, 700  # above the first a voxel is vessel, above the second bone
NETWORK = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
LAYERS = {"conv_op": "torch.nn.modules.conv.Conv3d", "norm_op": None, "dropout_op": None, "nonlin": "torch.nn.LeakyReLU"}
SHAPE = {"n_stages": 2, "features_per_stage": [2, 2], "kernel_sizes": [[1, 1, 1]] * 2, "strides": [[1, 1, 1], [2, 2, 2]]}
DEPTH = {"n_conv_per_stage": [1, 1], "n_conv_per_stage_decoder": [1], "conv_bias": True}
OPTIONS = {"norm_op_kwargs": None, "dropout_op_kwargs": None, "nonlin_kwargs": {"inplace": True}}
RESAMPLING = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}


def plans(*, spacing_mm: tuple[float, float, float] = (2.0, 1.0, 0.8), reader: str = "SimpleITKIO", **layers: Any) -> dict[str, Any]:
    """What `plans.json` holds; `layers` takes the place of arguments of the network."""
    made = {"network_class_name": NETWORK, "_kw_requires_import": list(LAYERS)}
    configuration: dict[str, Any] = {
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [16, 16, 16],
        "spacing": list(spacing_mm),
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {**made, "arch_kwargs": {**SHAPE, **DEPTH, **LAYERS, **OPTIONS, **layers}},
    }
    for part in ("data", "seg", "probabilities"):
        configuration[f"resampling_fn_{part}"] = "resample_data_or_seg_to_shape"
        configuration[f"resampling_fn_{part}_kwargs"] = {**RESAMPLING, "is_seg": part == "seg"}
    intensities = {"mean": VESSEL_HU, "std": 100.0, "percentile_00_5": -1000.0, "percentile_99_5": 3000.0}
    return {
        "dataset_name": "Dataset001_Neck",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": reader,
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


def weights(*, regions: bool = False, inputs: int = 1) -> dict[str, torch.Tensor]:
    """Weights that turn x = (HU - 250) / 100 into the logits 0, x and 2x - 4.5, or into x and x - 4.5 of two regions.

    Two features carry x, one for either sign, so that the bend of the activation between takes nothing away but a factor.
    """
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    ops: dict[str, Any] = {**LAYERS, "conv_op": torch.nn.Conv3d, "nonlin": torch.nn.LeakyReLU}
    network = PlainConvUNet(inputs, num_classes=2 if regions else 3, deep_supervision=True, **SHAPE, **DEPTH, **ops, **OPTIONS)
    found = {name: torch.zeros_like(values) for name, values in network.state_dict().items()}
    both = torch.tensor([1.0, -1.0])
    for name, values in found.items():
        if "encoder.stages.0." in name and name.endswith("weight"):
            values[:, 0, 0, 0, 0] = both
        if name.startswith("decoder.stages.0.") and name.endswith("weight"):
            values[0, 2:, 0, 0, 0], values[1, 2:, 0, 0, 0] = both, -both  # what the first stage handed across
    factors = [1.0, 1.0] if regions else [0.0, 1.0, 2.0]
    found["decoder.seg_layers.0.weight"][:, :, 0, 0, 0] = torch.tensor(factors)[:, None] * both
    found["decoder.seg_layers.0.bias"][-1] = -(BONE_HU - VESSEL_HU) / 100.0 * 1.01**2  # the activation adds 1 % twice
    return found


def checkpoint(plan: dict[str, Any], values: dict[str, torch.Tensor], **others: Any) -> dict[str, Any]:
    """What nnU-Net's trainer saves, with the numbers of numpy that it keeps from the training."""
    return {
        "network_weights": values,
        "optimizer_state": {},
        "grad_scaler_state": None,
        "logging": {"ema_fg_dice": [np.float64(0.5)], "train_losses": [np.float32(-0.5)]},
        "_best_ema": np.float64(0.5),
        "current_epoch": 1000,
        "init_args": {"plans": plan, "configuration": "3d_fullres", "fold": 0, "dataset_json": {}, "device": torch.device("cuda")},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
        **others,
    }


def results(
    root: Path,
    *,
    plan: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
    values: dict[str, torch.Tensor] | None = None,
    folds: tuple[str, ...] = ("fold_0",),
    file: str = "checkpoint_final.pth",
    **others: Any,
) -> Path:
    """Write the folder and give its path; `others` takes the place of what the checkpoint holds."""
    folder = root / "Dataset001_Neck" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    described = {"channel_names": {"0": "CT"}, "labels": LABELS, "numTraining": 1, "file_ending": ".nii.gz", **(dataset or {})}
    plan = plan or plans()
    for fold in folds:
        (folder / fold).mkdir(parents=True)
        torch.save(checkpoint(plan, weights() if values is None else values, **others), folder / fold / file)
    (folder / "dataset.json").write_text(json.dumps(described))
    (folder / "plans.json").write_text(json.dumps(plan))
    return folder
