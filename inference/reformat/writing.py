"""PNG sets of curved and multiplanar reformats."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from inference.anatomy import NUMBERS
from inference.centrelines.centreline import Centreline, join
from inference.pictures.window import Window, angiography_window
from inference.reformat.curved import sample_hu, straightened, stretched
from inference.reformat.planar import PLANES, best_plane, plane
from inference.reformat.profile import LumenProfile, lumen_profile
from inference.volume import Volume

Array = npt.NDArray[Any]
Picture = npt.NDArray[np.uint8]

PATHS: dict[str, tuple[str, ...]] = {
    "carotid_r": ("common_carotid_r", "internal_carotid_r"),
    "carotid_l": ("common_carotid_l", "internal_carotid_l"),
    "vertebral_basilar_r": ("vertebral_r", "basilar"),
    "vertebral_basilar_l": ("vertebral_l", "basilar"),
}
"""The ways that a report follows: common to internal carotid and vertebral to basilar, on each side."""

ANGLES: tuple[int, ...] = (0, 45, 90, 135)


def standard_paths(centrelines: Mapping[str, Centreline]) -> dict[str, Centreline]:
    """The lines of `PATHS` as far as their arteries were found; every artery that is in none of them goes by itself."""
    found: dict[str, Centreline] = {}
    for name, parts in PATHS.items():
        lines = [centrelines[part] for part in parts if part in centrelines]
        if parts[0] in centrelines or (lines and name.startswith("carotid")):
            found[name] = join(lines, name=name)
    used = {part for name in found for part in PATHS[name]}
    return found | {name: line for name, line in centrelines.items() if name not in used}


def window_for(volume: Volume, lines: Sequence[Centreline]) -> Window:
    """The window in which these vessels are grey to white, from the HU on their lines."""
    values = [np.median(sample_hu(volume, line.points_mm)) for line in lines]
    return angiography_window(float(np.median(values)) if values else 0.0)


def cpr_pictures(
    volume: Volume, line: Centreline, *, window: Window, angles: Sequence[float] = ANGLES, pixel_mm: float = 0.5
) -> dict[str, Picture]:
    """Straightened and stretched reformats of one vessel, grey, by name `<line>_<kind>_<angle>`."""
    pictures = {}
    for angle in angles:
        for kind, made in (
            ("straightened", straightened(volume, line, angle_degrees=angle, pixel_mm=pixel_mm)),
            ("stretched", stretched(volume, line, angle_degrees=angle, pixel_mm=pixel_mm)),
        ):
            pictures[f"{line.name}_{kind}_{round(angle):03d}"] = window.grey(made.hu)
    return pictures


def write_cpr(
    volume: Volume,
    centrelines: Mapping[str, Centreline],
    folder: Path | str,
    *,
    paths: Mapping[str, Sequence[str]] | None = None,
    angles: Sequence[float] = ANGLES,
    arteries: Array | None = None,
    excluded: Array | None = None,
) -> list[Path]:
    """Write curved reformats, and beside them the lumen profile as picture and JSON, for every vessel.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    centrelines : mapping of str to Centreline
        By artery, from `inference.centrelines.trace`.
    folder : path
        Where `<vessel>_straightened_<angle>.png`, `<vessel>_stretched_<angle>.png`, `<vessel>_profile.png` and
        `<vessel>_profile.json` go.
    paths : mapping, optional
        Vessels by name, each a sequence of arteries from proximal to distal; `standard_paths` by default.
    angles : sequence of float
        Rotations. [degrees]
    arteries : numpy.ndarray, optional
        Labels of `inference.anatomy.LABELS` (z, y, x), to keep what lies beside a vessel out of its lumen.
    excluded : numpy.ndarray, optional
        Bone and veins (z, y, x), left out of the lumen's area.

    Returns
    -------
    list of Path
        Files written; empty without centrelines.
    """
    target, written = Path(folder), []
    chosen = standard_paths(centrelines) if paths is None else _asked(centrelines, paths)
    if not chosen:
        return []
    target.mkdir(parents=True, exist_ok=True)
    window = window_for(volume, list(chosen.values()))
    for name, line in sorted(chosen.items()):
        own = None if arteries is None else own_mask(arteries, name, paths=paths)
        profile = lumen_profile(volume, line, own=own, excluded=excluded)
        pictures = cpr_pictures(volume, line, window=window, angles=angles)
        pictures[f"{name}_profile"] = draw_profile(profile)
        written += [_write_png(target / f"{key}.png", picture) for key, picture in pictures.items()]
        record = target / f"{name}_profile.json"
        record.write_text(json.dumps(profile.to_dict(), indent=1), encoding="utf-8")
        written.append(record)
    return written


def own_mask(arteries: Array, name: str, *, paths: Mapping[str, Sequence[str]] | None = None) -> Array:
    """Mask of the arteries that a vessel is made of."""
    parts = (PATHS if paths is None else paths).get(name, (name,))
    mask: Array = np.zeros(arteries.shape, bool)
    for part in parts:  # a comparison for each is many times as fast as np.isin
        if part in NUMBERS:
            mask |= arteries == NUMBERS[part]
    return mask


def _asked(centrelines: Mapping[str, Centreline], paths: Mapping[str, Sequence[str]]) -> dict[str, Centreline]:
    """The named paths as far as their arteries were found."""
    parts = {name: [centrelines[artery] for artery in arteries if artery in centrelines] for name, arteries in paths.items()}
    return {name: join(lines, name=name) for name, lines in parts.items() if lines}


def write_mpr(volume: Volume, centrelines: Mapping[str, Centreline], folder: Path | str, *, pixel_mm: float = 0.5) -> list[Path]:
    """Write axial, coronal and sagittal planes through the middle of every artery and the plane it lies in best.

    Files are `<artery>_<axial|coronal|sagittal|oblique>.png`; slabs are 3 mm thick.
    """
    target, written = Path(folder), []
    if not centrelines:
        return []
    target.mkdir(parents=True, exist_ok=True)
    window = window_for(volume, list(centrelines.values()))
    for name, line in sorted(centrelines.items()):
        middle = line.points_mm[int(np.searchsorted(line.arc_mm, line.length_mm / 2))]
        centre = (line.points_mm.min(axis=0) + line.points_mm.max(axis=0)) / 2
        views = {view: (middle, *axes) for view, axes in PLANES.items()} | {"oblique": (line.points_mm.mean(axis=0), *best_plane(line))}
        for view, (through, columns, rows) in views.items():
            place = through if view in ("axial", "oblique") else _in_plane(through, centre, columns, rows)
            size = _size(line, place, columns, rows)
            hu = plane(volume, place, columns, rows, size_mm=size, pixel_mm=pixel_mm)
            written.append(_write_png(target / f"{name}_{view}.png", window.grey(hu)))
    return written


def _in_plane(point: Array, goal: Array, columns: npt.ArrayLike, rows: npt.ArrayLike) -> Array:
    """The point moved within the plane to below the goal, so that the whole vessel is in the picture."""
    right, down = np.asarray(columns), np.asarray(rows)
    way = goal - point
    moved: Array = point + (way @ right) * right + (way @ down) * down
    return moved


def _size(line: Centreline, centre: Array, columns: npt.ArrayLike, rows: npt.ArrayLike) -> tuple[float, float]:
    """Height and width that show the vessel with 20 mm around it, at least 80 and at most 400 mm."""
    high, wide = (2 * np.abs((line.points_mm - centre) @ np.asarray(axis)).max() + 40.0 for axis in (rows, columns))
    return float(np.clip(high, 80.0, 400.0)), float(np.clip(wide, 80.0, 400.0))


def draw_profile(profile: LumenProfile, *, size: tuple[int, int] = (640, 240)) -> Picture:
    """Diameter over length as a picture, with every narrowing, the narrowest point and the words *measurement for research*."""
    wide, high = size
    sheet = Image.new("L", size, 0)
    pen, left, top, bottom = ImageDraw.Draw(sheet), 44, 30, high - 26
    longest, widest = max(float(profile.arc_mm[-1]), 1.0), max(2.0, 1.15 * float(profile.diameter_mm.max()))
    x = left + profile.arc_mm / longest * (wide - left - 12)
    y = bottom - profile.diameter_mm / widest * (bottom - top)
    for tick in range(int(widest) + 1):
        level = bottom - tick / widest * (bottom - top)
        pen.line([(left, level), (wide - 12, level)], fill=45)
        pen.text((6, level - 6), f"{tick} mm", fill=150)
    pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=235, width=2)
    pen.text((left, bottom + 8), f"0 to {longest:.0f} mm along {profile.name}", fill=150)
    worst, others = profile.stenosis(), profile.narrowings()
    words = "no narrowing can be measured on so short a line"
    for narrowing in others:
        place = int(np.abs(profile.arc_mm - narrowing.at_mm).argmin())
        pen.ellipse([x[place] - 3, y[place] - 3, x[place] + 3, y[place] + 3], outline=170)
        pen.text((x[place] + 5, y[place] - 12), "no lumen" if narrowing.occluded else f"{narrowing.percent:.0f} %", fill=170)
    if worst is not None:
        place = int(np.abs(profile.arc_mm - worst.at_mm).argmin())
        pen.ellipse([x[place] - 4, y[place] - 4, x[place] + 4, y[place] + 4], outline=255)
        kind = "no lumen" if worst.occluded else f"{worst.percent:.0f} % ± {worst.uncertainty_percent:.0f}"
        words = f"narrowest {worst.diameter_mm:.1f} of {worst.reference_mm:.1f} mm at {worst.at_mm:.0f} mm: {kind}"
    pen.text((left, 2), words, fill=235)
    pen.text((left, 15), "measurement for research", fill=150)
    return np.asarray(sheet, np.uint8)


def _write_png(path: Path, picture: Picture) -> Path:
    Image.fromarray(picture).save(path, optimize=False, compress_level=4)
    return path
