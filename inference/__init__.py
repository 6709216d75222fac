"""A scan in; vessels, bone, centrelines, pictures and DICOM out. Knows nothing of studies or databases."""

from typing import TYPE_CHECKING, Any

from inference.geometry import Geometry
from inference.volume import Volume

if TYPE_CHECKING:
    from inference.pipeline import Reconstruction, reconstruct
    from inference.scans.load import load

__all__ = ["Geometry", "Reconstruction", "Volume", "load", "reconstruct"]

_LAZY = {"load": "inference.scans.load", "reconstruct": "inference.pipeline", "Reconstruction": "inference.pipeline"}


def __getattr__(name: str) -> Any:
    """Import the heavy parts only when they are asked for."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'inference' has no attribute {name!r}")
