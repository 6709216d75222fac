"""Make a phantom: draw a person, a disease, a bolus and a scanner from one seed, and render them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from inference.errors import InferenceError
from inference.geometry import Geometry
from inference.phantom.arteries import Variants, draw_variants, grow_arteries
from inference.phantom.body import make_body
from inference.phantom.curves import Branch
from inference.phantom.lesions import Lesion, apply_lesions, draw_lesions
from inference.phantom.pose import Motion, Pose, draw_motion, draw_pose
from inference.phantom.render import BLOOD_HU, Rendering, Scene, render
from inference.phantom.result import Centreline, Phantom
from inference.phantom.scanner import Scanner, draw_scanner
from inference.phantom.veins import grow_veins
from inference.volume import Source, Volume

Preset = Literal["head-neck", "head", "small"]
Phase = Literal["early", "arterial", "late"]


class UnknownPreset(InferenceError, ValueError):
    """A preset or phase that does not exist."""

    exit_status = 2


@dataclass(frozen=True)
class _Field:
    """A preset: its grid in the scene's millimetres, and how much smaller than life it is written out."""

    geometry: Geometry
    scale: float = 1.0
    swell_mm: float = 0.0


PRESETS: dict[str, _Field] = {
    "head-neck": _Field(Geometry((600, 512, 512), (0.6, 0.45, 0.45), (-114.975, -116.0, 0.3))),
    "head": _Field(Geometry((180, 400, 400), (0.6, 0.5, 0.5), (-99.75, -102.0, 195.3))),
    "small": _Field(Geometry((160, 104, 104), (2.25, 2.25, 2.25), (-115.875, -116.0, 1.125)), scale=4 / 9, swell_mm=0.9),
}
_FILLING = {"early": (0.03, 0.15), "arterial": (0.15, 0.5), "late": (0.6, 0.95)}


def make_phantom(
    *,
    preset: Preset = "head-neck",
    seed: int = 0,
    paired: bool = False,
    spacing_mm: float | tuple[float, float, float] | None = None,
    lesions: Sequence[Lesion] | None = None,
    missing: Iterable[str] = (),
    variants: Variants | None = None,
    phase: Phase = "arterial",
    lumen_hu: float | None = None,
    metal: bool | None = None,
    motion: Motion | None = None,
    scanner: Scanner | None = None,
    progress: Callable[[str], None] | None = None,
) -> Phantom:
    """A phantom head-and-neck CTA with truth, the same for the same arguments.

    Parameters
    ----------
    preset : str
        `head-neck`: arch to vertex, 512 × 512 × 600 at 0.45 × 0.45 × 0.6 mm. `head`: circle of Willis and skull base.
        `small`: the whole body as a miniature (4/9 of life size, 160 × 104 × 104 at 1 mm), for demos and quick tests.
    seed : int
        Of everything that is drawn.
    paired : bool
        Also render the unenhanced twin, with motion.
    spacing_mm : float or tuple, optional
        Other voxel size (z, y, x) over the same field. Ignored by nothing: coarser is proportionally faster. [mm]
    lesions : sequence of Lesion, optional
        Exactly these; by default an ordinary patient's calcium and narrowing are drawn.
    missing : iterable of str
        Arteries to leave out, with their children.
    variants : Variants, optional
        Anatomy; drawn by default.
    phase : str
        Bolus timing: `early`, `arterial` or `late` (veins full).
    lumen_hu : float, optional
        Enhancement at the inflow, drawn from 260 to 560 by default. [HU]
    metal : bool, optional
        Filled teeth; drawn (one in four) by default.
    motion : Motion, optional
        Motion of the twin; drawn (0 to 3 mm, 0 to 2°, jaw, swallow) by default.
    scanner : Scanner, optional
        Image quality; drawn by default.
    progress : callable, optional
        Called with a line per rendered slab.

    Returns
    -------
    Phantom

    Raises
    ------
    UnknownPreset
        If preset or phase is not one of those above.

    Examples
    --------
    >>> phantom = make_phantom(preset="small", seed=1)
    >>> phantom.volume.shape, phantom.volume.spacing_mm
    ((160, 104, 104), (1.0, 1.0, 1.0))
    >>> {"aortic_arch", "basilar", "middle_cerebral_l"} <= set(phantom.centrelines)
    True
    """
    if preset not in PRESETS or phase not in _FILLING:
        raise UnknownPreset(f"expected a preset of {', '.join(PRESETS)} and a phase of {', '.join(_FILLING)}, got {preset}, {phase}")
    chosen = PRESETS[preset]
    geometry = _grid(chosen, spacing_mm)
    rng = {
        part: np.random.default_rng([seed, k]) for k, part in enumerate(("anatomy", "disease", "bolus", "body", "pose", "scan", "motion"))
    }
    variants = variants or draw_variants(rng["anatomy"])
    pose, scanner = draw_pose(rng["pose"]), scanner or draw_scanner(rng["scan"])
    lumen = float(rng["bolus"].uniform(260, 560)) if lumen_hu is None else lumen_hu
    filling, side = float(rng["bolus"].uniform(*_FILLING[phase])), str(rng["bolus"].choice(["r", "l"]))
    inflow = float(rng["bolus"].uniform(0.7, 2.6))
    arteries = grow_arteries(rng["anatomy"], variants=variants, fall_mm=900.0 if phase == "early" else 1800.0, missing=missing)
    drawn = draw_lesions(rng["disease"], arteries) if lesions is None else lesions
    diseased = apply_lesions(arteries, drawn, rng["disease"])
    veins = grow_veins(rng["bolus"], filling=filling, inflow=inflow, injected_side=side)
    filled = bool(rng["body"].random() < 0.25) if metal is None else metal
    low, high = _corners(geometry)
    coarse = max(1.0, 0.9 * max(geometry.spacing_mm))
    body = make_body(rng["body"], arteries=arteries, venous=filling, metal=filled, spacing_mm=coarse, low_mm=low, high_mm=high)
    scene = Scene(body, diseased.arteries, veins, diseased.plaques, diseased.metals, lumen)
    sources = _streaks(scene, pose, rng["scan"], side=side, inflow=inflow)
    seeds = np.random.SeedSequence([seed, 99]).generate_state(2)
    options: dict[str, Any] = {"scanner": scanner, "sources": sources, "swell_mm": chosen.swell_mm, "progress": progress}
    image = render(scene, geometry, pose=pose, seed=int(seeds[0]), **options)
    notes = {
        **{"preset": preset, "seed": seed, "phase": phase, "lumen_hu": round(lumen, 1), "venous_filling": round(filling, 3)},
        **{"injected_side": side, "metal": filled, "variants": asdict(variants), "lesions": diseased.records},
        **{"scanner": asdict(scanner), "scale": chosen.scale, "simulated": True},
    }
    phantom = _assemble(image, scene, geometry, pose, chosen, notes)
    if not paired:
        return phantom
    moved = motion or draw_motion(rng["motion"])
    twin = render(
        scene, geometry, pose=replace(pose, motion=moved), seed=int(seeds[1]), enhanced=False, **options | {"sources": sources[1:]}
    )
    phantom.notes["motion"] = {**asdict(moved), "note": "applied to the first scan's points to give the second's; turn about (0, 0, 250)"}
    return replace(phantom, unenhanced=phantom.volume.with_array(twin.hu), motion=moved)


def _grid(chosen: _Field, spacing_mm: float | tuple[float, float, float] | None) -> Geometry:
    if spacing_mm is None:
        return chosen.geometry
    asked = (spacing_mm,) * 3 if isinstance(spacing_mm, int | float) else spacing_mm
    z, y, x = (float(value) / chosen.scale for value in asked)
    return chosen.geometry.resampled((z, y, x))


def _corners(geometry: Geometry) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The part of the canonical body that can be seen in a field, with room for posture. [mm]"""
    low = np.asarray(geometry.origin_mm) - (8.0, 8.0, 24.0)
    high = np.asarray(geometry.origin_mm) + np.array(geometry.extent_mm[::-1]) + (8.0, 8.0, 14.0)
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))


def _streaks(scene: Scene, pose: Pose, rng: np.random.Generator, *, side: str, inflow: float) -> npt.NDArray[np.float64]:
    """Dense spots that throw streaks: the injected vein first, then metal teeth. Rows as in `scanner.expose`."""
    sign = 1.0 if side == "l" else -1.0
    strength = 14.0 * max(0.0, inflow - 0.8) * (scene.lumen_hu - BLOOD_HU) / 350.0
    rows = [[*pose.forward(np.array([[sign * 34.0, -16.0, 80.0]]))[0], strength, 9.0, *rng.uniform(0, 2 * np.pi, 2)]]
    for spot in pose.forward(scene.body.metal_mm) if len(scene.body.metal_mm) else []:
        rows.append([*spot, float(rng.uniform(60, 160)), 5.0, *rng.uniform(0, 2 * np.pi, 2)])
    return np.array(rows, float)


def _assemble(image: Rendering, scene: Scene, geometry: Geometry, pose: Pose, chosen: _Field, notes: dict[str, Any]) -> Phantom:
    """Scale a miniature, clip centrelines to the field, and hold everything together."""
    scale = chosen.scale
    z, y, x = (round(value * scale, 6) for value in geometry.spacing_mm)
    ox, oy, oz = (round(value * scale, 6) for value in geometry.origin_mm)
    grid = Geometry(geometry.shape, (z, y, x), (ox, oy, oz))
    header = {"modality": "CT", "kvp": 100, "slice_thickness_mm": z, "manufacturer": "Gilbreth phantom", "simulated": True}
    volume = Volume(image.hu, grid, Source(kind="phantom", header=header))
    lines = {branch.name: line for branch in scene.arteries if (line := _centreline(branch, pose, grid, chosen))}
    return Phantom(volume, image.vessel, image.veins, image.bone, image.arteries, image.plaque, lines, notes=notes)


def _centreline(branch: Branch, pose: Pose, grid: Geometry, chosen: _Field) -> Centreline | None:
    """The longest stretch inside the field, or None."""
    points = pose.forward(branch.points_mm) * chosen.scale
    index = grid.indices(points)
    inside = np.all((index >= -0.5) & (index <= np.array(grid.shape) - 0.5), axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    if not len(edges):
        return None
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    cut = slice(int(edges[2 * longest]), int(edges[2 * longest + 1]))
    if cut.stop - cut.start < 2:
        return None
    radius = (branch.radius_mm[cut] + chosen.swell_mm) * chosen.scale
    return Centreline(points[cut], radius, branch.label, branch.patent[cut])
