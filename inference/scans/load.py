"""Untrusted scans in: a path becomes a `Volume` in LPS order, or a rejection with a stable code."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inference.geometry import Geometry
from inference.scans import sandbox
from inference.scans.limits import Limits
from inference.scans.lps import towards_lps, turn
from inference.volume import Source, Volume


def load(path: str | Path, *, limits: Limits | None = None, progress: Callable[[int, int], None] | None = None) -> Volume:
    """Read a scan or a mask: a DICOM folder, zip or file, NIfTI, NRRD or MetaImage.

    The file is parsed in a child process with limits on memory and time; what cannot be read correctly is refused by name
    (`docs/rejections.md`). Axes are swapped and reversed, never resampled, until they are nearest to LPS; only a uniform gantry
    tilt is sheared upright, with a warning.

    Parameters
    ----------
    path : str or Path
        A file, a folder or a zip.
    limits : Limits, optional
        Bounds on size and time.
    progress : callable, optional
        Called with `(done, total)`.

    Returns
    -------
    Volume
        int16 HU where nothing is lost, else float32; `source.warnings` says what was noticed.

    Raises
    ------
    RejectedScan
        With `code`, `found` and `remedy`.
    """
    return to_volume(*read_facts(path, limits=limits, progress=progress))


def read_facts(
    path: str | Path, *, limits: Limits | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[dict[str, Any], Any]:
    """What the child process found, and the stored array."""
    return sandbox.read(os.path.abspath(os.fspath(path)), limits=limits or Limits(), progress=progress)


def to_volume(facts: dict[str, Any], array: Any) -> Volume:
    """A stored array and its facts as a volume in LPS order."""
    grid = facts["geometry"]
    stored = Geometry(tuple(grid["shape"]), tuple(grid["spacing_mm"]), tuple(grid["origin_mm"]), tuple(grid["direction"]))
    orientation, geometry = towards_lps(stored)
    slices = 0 if 0 not in orientation.axes else orientation.axes.index(0)
    step = -1 if orientation.flips[slices] else 1
    uids = facts["uids"]
    source = Source(
        kind=facts["kind"],
        orientation=orientation,
        header=dict(facts["header"]),
        files=tuple(facts["files"][::step]),
        warnings=tuple(facts["warnings"]),
        study_uid=uids.get("study", ""),
        series_uid=uids.get("series", ""),
        frame_of_reference_uid=uids.get("frame_of_reference", ""),
        sop_class_uid=uids.get("sop_class", ""),
        instance_uids=tuple(facts["instances"][::step]),
    )
    return Volume(np.ascontiguousarray(turn(array, orientation)), geometry, source)
