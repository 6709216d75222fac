"""Planar and curved reformats of vessels, lumen profiles and narrowings. Measurements are for research."""

from inference.reformat.curved import Reformat, straightened, stretched
from inference.reformat.profile import LumenProfile, Stenosis, lumen_profile
from inference.reformat.writing import standard_paths, write_cpr, write_mpr

__all__ = [
    "LumenProfile",
    "Reformat",
    "Stenosis",
    "lumen_profile",
    "standard_paths",
    "straightened",
    "stretched",
    "write_cpr",
    "write_mpr",
]
