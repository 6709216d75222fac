"""Checkpoints of other programs read as numbers: what could run code in them is refused before anything of it is built.

A checkpoint of nnU-Net is a pickle that its own package reads without limits. Here torch is told to build tensors, plain values and
numpy's numbers, whoever asks it to read; torch from 2.10 on holds to that (`docs/decisions/0007-weights-are-safetensors.md`).
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.errors import RejectedScan

FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torch heeds it even where its caller asks for the opposite
_SCALAR: Callable[..., Any] = np.float64(0).__reduce__()[0]  # type: ignore[assignment]
_NUMBERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (_SCALAR, "numpy.core.multiarray.scalar"),  # as numpy 1 wrote it
    np.dtype,
    *(type(np.dtype(code)) for code in "?bBhHiIlLqQefd"),
]
_ONE_AT_A_TIME = threading.RLock()  # what torch allows holds for the whole process


@contextmanager
def numbers_only() -> Iterator[None]:
    """While it lasts, `torch.load` builds tensors, plain values and numpy's numbers, and raises at anything else."""
    with _ONE_AT_A_TIME:
        before = os.environ.get(FORCED)
        os.environ[FORCED] = "1"
        try:
            with torch.serialization.safe_globals(_NUMBERS):
                yield
        finally:
            if before is None:
                del os.environ[FORCED]
            else:
                os.environ[FORCED] = before


def require_numbers(checkpoints: Iterable[Path]) -> None:
    """Refuse checkpoints that name anything but tensors, plain values and numpy's numbers; nothing of them is built.

    Parameters
    ----------
    checkpoints : iterable of Path
        Files as `torch.save` writes them.

    Raises
    ------
    RejectedScan
        If a file asks for anything else (`model_code`), or is no such file (`model_damaged`).
    """
    for path in checkpoints:
        shown = f"{path.parent.name}/{path.name}"
        try:
            with _ONE_AT_A_TIME, torch.serialization.safe_globals(_NUMBERS):
                asked = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
        except (OSError, EOFError, IndexError, RuntimeError, ValueError) as fault:
            raise RejectedScan("model_damaged", f"{shown} is no checkpoint of torch", "copy the model's folder again") from fault
        if asked:
            raise RejectedScan(
                "model_code",
                f"{shown} asks for {', '.join(asked[:3])}, which could run code",
                "give a checkpoint that holds weights and numbers only, as nnU-Net's own trainer writes it",
            )
