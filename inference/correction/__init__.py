"""Correct a finished reconstruction by one click on its MIP: take a piece out or put one back, look first, undo exactly."""

from inference.correction.case import CorrectionCase, corrections_of, open_case
from inference.correction.click import Click, CorrectionRefused
from inference.correction.previews import Preview, preview, preview_picture
from inference.correction.steps import apply, confirm, undo
from inference.correction.training import export_corrections

__all__ = [
    "Click",
    "CorrectionCase",
    "CorrectionRefused",
    "Preview",
    "apply",
    "confirm",
    "corrections_of",
    "export_corrections",
    "open_case",
    "preview",
    "preview_picture",
    "undo",
]
