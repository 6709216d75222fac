"""TotalSegmentator tasks behind our interface, run by TotalSegmentator itself where it is installed.

Its weights come from its makers when a task first runs. They are read as numbers, and nothing is told to its makers' server.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from inference.errors import MissingPart, RejectedScan
from inference.network.adapters import LabelModel, Progress, chosen_device, quiet, require_vessel
from inference.network.crops.generator import ARTERY
from inference.network.labelled import class_of
from inference.network.numbers_only import numbers_only
from inference.volume import Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def open_totalsegmentator(task: str) -> LabelModel:
    """Run a TotalSegmentator task where that program is installed.

    Parameters
    ----------
    task : str
        Name of a task whose labels hold vessels, such as `headneck_bones_vessels`.

    Raises
    ------
    MissingPart
        If it is not installed; when the model runs, if its weights cannot be fetched or the task needs a licence.
    RejectedScan
        If there is no such task, or it finds no vessel.
    """
    try:
        with quiet():
            from totalsegmentator import python_api
            from totalsegmentator.map_to_binary import class_map
    except ImportError:
        raise MissingPart("TotalSegmentator is not installed; install it with: pip install TotalSegmentator") from None
    if task not in class_map:
        vessels = sorted(name for name, labels in class_map.items() if ARTERY in map(class_of, map(str, labels.values())))
        raise RejectedScan("totalsegmentator_task", f"there is no task {task!r}", f"these hold vessels: {', '.join(vessels)}")
    names = {int(number): str(name) for number, name in class_map[task].items()}
    require_vessel(names)
    python_api.send_usage_stats = _tell_nobody  # it tells a server of every run otherwise
    try:
        release = version("TotalSegmentator")
    except PackageNotFoundError:
        release = "unknown"
    digest = hashlib.sha256(f"{task} {release}".encode()).hexdigest()  # the weights are fetched later, by release
    return LabelModel(f"totalsegmentator:{task}", release, digest, _Task(python_api, task), names)


def _tell_nobody(*_: Any, **__: Any) -> None:
    """Stands where usage is reported."""


@dataclass(frozen=True)
class _Task:
    """A scan in, labels out, by TotalSegmentator."""

    program: Any
    task: str

    def __call__(self, volume: Volume, *, device: str, threads: int | None, progress: Progress) -> npt.NDArray[Any]:
        """Labels (z, y, x) on the scan's grid. On the CPU the program itself takes every processor, however many were allowed."""
        import nibabel

        target = chosen_device(device)
        affine = LPS_TO_RAS @ volume.geometry.affine
        image = nibabel.Nifti1Image(np.asarray(volume.array).transpose(2, 1, 0), affine)
        options = {"ml": True, "quiet": True, "nr_thr_resamp": threads or 1, "nr_thr_saving": 1}
        before = torch.get_num_threads()
        try:
            with quiet(), numbers_only():
                found = self.program.totalsegmentator(
                    image, None, task=self.task, device="gpu" if target.type == "cuda" else "cpu", **options
                )
        except MemoryError:
            raise
        except (Exception, SystemExit) as fault:  # it ends the whole process where a licence is missing
            raise _not_run(self.task, fault) from fault
        finally:
            torch.set_num_threads(before)
        return _on_grid(found, affine)


def _not_run(task: str, fault: BaseException) -> MissingPart | RejectedScan:
    """One line for whoever asked for the task."""
    told = f"{type(fault).__name__}: {(str(fault).strip().splitlines() or ['no reason given'])[0][:160]}"
    if "Weights only" in told:
        return RejectedScan("model_code", f"the weights of {task} hold more than numbers", "install another release of TotalSegmentator")
    remedy = "its weights are fetched when a task first runs, and some tasks need a licence: try TotalSegmentator --task on its own"
    return MissingPart(f"TotalSegmentator could not run {task} ({told}); {remedy}")


def _on_grid(image: Any, affine: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Labels (z, y, x) of a nibabel image, its axes turned as those of `affine`, in RAS millimetres, run."""
    from nibabel.orientations import apply_orientation, io_orientation, ornt_transform

    turn = ornt_transform(io_orientation(image.affine), io_orientation(affine))
    turned: npt.NDArray[Any] = apply_orientation(np.asarray(image.dataobj), turn)
    return turned.transpose(2, 1, 0)
