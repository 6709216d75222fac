"""nnU-Net v2 results folders behind our interface, run by nnU-Net itself.

Its checkpoints are pickles and its plans name classes to import, so both could run code. Checkpoints are read as numbers, and plans may
name nothing but layers of torch and networks of nnU-Net's own library.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from inference.errors import MissingPart, RejectedScan
from inference.network.adapters import LabelModel, Progress, chosen_device, quiet, require_vessel
from inference.network.numbers_only import numbers_only, require_numbers
from inference.volume import Volume

CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
WHOLE = "give the folder that holds dataset.json, plans.json and fold_0, fold_1, ... or fold_all, as nnU-Net's training leaves it"
_NETWORK = re.compile(r"dynamic_network_architectures\.architectures\.\w+\.[A-Z]\w*")
_LAYER = re.compile(r"(torch\.nn\.(modules\.\w+\.)?|dynamic_network_architectures\.building_blocks\.\w+\.)[A-Z]\w*")
_TURNS_TO_RAS = ("NibabelIOWithReorient", "SimpleITKIOWithReorient")  # readers that give x to the right and y to the front


def open_nnunet_results(folder: Path) -> LabelModel:
    """Open an nnU-Net v2 results folder (`dataset.json`, `plans.json`, `fold_*`) with nnU-Net itself.

    Numbered folds are averaged, as nnU-Net does; `fold_all` is taken where there are none. Labels are told by their names.

    Parameters
    ----------
    folder : Path
        The folder of one trainer, plans and configuration, such as `Dataset001_X/nnUNetTrainer__nnUNetPlans__3d_fullres`.

    Raises
    ------
    MissingPart
        If nnunetv2 is not installed, or its torchvision does not fit the torch that is.
    RejectedScan
        If the folder is broken, a file of it could run code, or the model needs more than one CT volume or finds no vessel.
    """
    folder = folder.resolve()
    try:
        with quiet():
            from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    except ImportError:
        told = f"{folder.name} is an nnU-Net results folder; install its package with: pip install 'gilbreth[nnunet]'"
        raise MissingPart(told) from None
    dataset, plans = _read(folder / "dataset.json"), _read(folder / "plans.json")
    names = _checked(folder, dataset, plans)
    folds, checkpoint = _folds(folder)
    files = [folder / f"fold_{fold}" / checkpoint for fold in folds]
    require_numbers(files)
    with quiet():
        predictor = nnUNetPredictor(use_mirroring=False, allow_tqdm=False, device=torch.device("cpu"))
    _load(predictor, folder, folds, checkpoint)
    digest = _digest([folder / "dataset.json", folder / "plans.json", *files])
    turned = (1, 2) if plans.get("image_reader_writer") in _TURNS_TO_RAS else ()
    name = str(plans.get("dataset_name") or folder.parent.name)
    return LabelModel(name, digest[:12], digest, _Prediction(predictor, turned), names)


@dataclass(frozen=True)
class _Prediction:
    """A scan in, labels out, by one of nnU-Net's predictors.

    Parameters
    ----------
    turned : tuple of int
        Axes (z, y, x) that run the other way in what the network learned from.
    """

    predictor: Any
    turned: tuple[int, ...]

    def __call__(self, volume: Volume, *, device: str, threads: int | None, progress: Progress) -> npt.NDArray[Any]:
        """Labels (z, y, x) on the scan's grid; arrays and spacings are (z, y, x) on both sides."""
        from nnunetv2.inference.data_iterators import PreprocessAdapterFromNpy
        from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape

        target, model = chosen_device(device), self.predictor
        if threads:
            torch.set_num_threads(threads)
        model.device, model.perform_everything_on_device = target, target.type == "cuda"
        image = np.ascontiguousarray(np.flip(volume.array, self.turned), np.float32)[None]
        spacing = {"spacing": [float(step) for step in volume.spacing_mm]}
        managers = (model.plans_manager, model.dataset_json, model.configuration_manager)
        with quiet():
            prepared = next(PreprocessAdapterFromNpy([image], None, [spacing], None, *managers))
            with _told(model, tuple(prepared["data"].shape[1:]), progress):
                logits = model.predict_logits_from_preprocessed_data(prepared["data"]).cpu()
            labels: npt.NDArray[Any] = convert_predicted_logits_to_segmentation_with_correct_shape(
                logits,
                model.plans_manager,
                model.configuration_manager,
                model.label_manager,
                prepared["data_properties"],
                num_threads_torch=torch.get_num_threads(),  # its own default is eight, however many were allowed
            )
        return np.flip(labels, self.turned)


@contextmanager
def _told(predictor: Any, shape: tuple[int, ...], progress: Progress) -> Iterator[None]:
    """While it lasts, every patch that the network has seen is told as a share of all."""
    from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

    patch = predictor.configuration_manager.patch_size  # two-dimensional for a network of slices
    inner = [max(n, edge) for n, edge in zip(shape[-len(patch) :], patch, strict=True)]
    steps = compute_steps_for_sliding_window(inner, patch, predictor.tile_step_size)
    total = prod(map(len, steps)) * prod(shape[: -len(patch)]) * len(predictor.list_of_parameters)
    seen = 0

    def tell(*_: Any) -> None:
        nonlocal seen
        seen += 1
        progress(min(1.0, seen / total))  # on a device short of memory nnU-Net starts again

    hook = predictor.network.register_forward_hook(tell)
    try:
        yield
    finally:
        hook.remove()


def _checked(folder: Path, dataset: dict[str, Any], plans: dict[str, Any]) -> dict[int, str]:
    """Names of the labels, where the folder describes a model that can be run here."""
    try:
        channels = [str(name) for name in (dataset.get("channel_names") or dataset["modality"]).values()]
        names = _label_names(dataset)
        imported = sorted(_forbidden(plans))
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise _broken(folder, f"dataset.json or plans.json lacks what nnU-Net v2 writes ({type(fault).__name__}: {fault})") from fault
    if len(channels) != 1:
        found = f"the model takes {len(channels)} images at once: {', '.join(channels)}"
        raise RejectedScan("nnunet_channels", found, "give a model trained on CT angiography alone")
    if imported:
        found = f"plans.json names {', '.join(imported)}, which could run code"
        raise RejectedScan("model_code", found, "only layers of torch.nn and networks of dynamic_network_architectures are built")
    require_vessel(names)
    return names


def _label_names(dataset: dict[str, Any]) -> dict[int, str]:
    """Name of every number that can stand in a label map.

    Where labels are regions (lists of numbers that may overlap), `regions_class_order` says what is written for each. The label
    `ignore` is of the training alone.

    Examples
    --------
    >>> _label_names({"labels": {"background": 0, "artery": 1, "bone": [2], "ignore": 3}})
    {0: 'background', 1: 'artery', 2: 'bone'}
    >>> _label_names({"labels": {"background": 0, "vessel": [1, 2], "vein": [2]}, "regions_class_order": [1, 2]})
    {1: 'vessel', 2: 'vein'}
    """
    labels = {str(name): [int(n) for n in np.ravel(value)] for name, value in dataset["labels"].items() if name != "ignore"}
    if all(len(numbers) == 1 for numbers in labels.values()):
        return {number: name for name, (number,) in labels.items()}
    regions = [name for name, numbers in labels.items() if set(numbers) != {0}]
    return dict(zip(map(int, dataset["regions_class_order"]), regions, strict=True))


def _forbidden(plans: dict[str, Any]) -> set[str]:
    """What the plans would have imported beyond layers of torch and networks of nnU-Net's library.

    Examples
    --------
    >>> kwargs = {"conv_op": "torch.nn.modules.conv.Conv3d", "nonlin": "subprocess.Popen", "norm_op": None}
    >>> network = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
    >>> made = {"network_class_name": network, "arch_kwargs": kwargs, "_kw_requires_import": list(kwargs)}
    >>> _forbidden({"configurations": {"3d_fullres": {"architecture": made}}})
    {'subprocess.Popen'}
    """
    found = set()
    for configuration in plans["configurations"].values():
        made = configuration.get("architecture")  # absent where another configuration is inherited, and before nnU-Net 2.4
        if made is not None:
            layers = [made["arch_kwargs"][name] for name in made["_kw_requires_import"]]
            found |= {str(name) for name in layers if name is not None and not _LAYER.fullmatch(str(name))}
            found |= {str(name) for name in [made["network_class_name"]] if not _NETWORK.fullmatch(str(name))}
    return found


def _folds(folder: Path) -> tuple[tuple[str, ...], str]:
    """Folds to average and the name of their checkpoints: the final ones, else the best."""
    for checkpoint in CHECKPOINTS:
        found = sorted(path.parent.name.removeprefix("fold_") for path in folder.glob(f"fold_*/{checkpoint}"))
        folds = tuple(fold for fold in found if fold.isdigit()) or tuple(fold for fold in found if fold == "all")
        if folds:
            return folds, checkpoint
    raise _broken(folder, f"there is no fold_*/{CHECKPOINTS[0]}")


def _load(predictor: Any, folder: Path, folds: tuple[str, ...], checkpoint: str) -> None:
    """Build the network and read its weights."""
    load: Callable[..., None] = predictor.initialize_from_trained_model_folder
    try:
        with quiet(), numbers_only():
            load(str(folder), use_folds=folds, checkpoint_name=checkpoint)
    except Exception as fault:  # of the trainer's class, of the network's, of the weights
        told = f"{type(fault).__name__}: {str(fault).strip().splitlines()[0] if str(fault).strip() else 'no reason given'}"
        if "torchvision" in told:
            raise MissingPart(f"torchvision does not fit this torch; install both from one place ({told[:120]})") from fault
        raise _broken(folder, told[:240]) from fault
    if predictor.configuration_manager.previous_stage_name is not None:
        found = "the model is the second stage of a cascade and needs the labels of the first"
        raise RejectedScan("nnunet_cascade", found, "give the folder of 3d_fullres, 3d_lowres or 2d")


def _read(path: Path) -> dict[str, Any]:
    """A JSON object from a file of the folder."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise _broken(path.parent, f"{path.name} cannot be read as JSON") from fault
    if not isinstance(values, dict):
        raise _broken(path.parent, f"{path.name} holds no object")
    return values


def _broken(folder: Path, found: str) -> RejectedScan:
    return RejectedScan("nnunet_folder", f"{folder.name} cannot be opened as nnU-Net results: {found}", WHOLE)


def _digest(files: list[Path]) -> str:
    """One checksum over several files."""
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()
