"""Scans that judge a segmentation: unseen phantoms, hybrid heads, one real thorax, scans without contrast. None is trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform, binary_dilation, gaussian_filter

from inference.geometry import Geometry
from inference.metrics import skeleton
from inference.phantom import Lesion, Motion, Phantom, make_phantom
from inference.segmentation.morphology import dilated
from inference.volume import Volume

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
UNSEEN = 6_000_000  # of no training phantom; 5,000,000 to 5,000,020 were looked at when the rules were chosen
MINIATURE = "miniature phantoms, a style never trained on"
Wanted = Callable[[str], bool]  # whether a case is to be made, by its name: making one can take minutes
UNENHANCED = "unenhanced phantoms"
HYBRID = "hybrid heads"
BRANCHES = ("brachiocephalic_trunk", "common_carotid_artery_left", "subclavian_artery_left")
TREE_VOXEL_MM = 0.33  # of the 3D rotational angiography, near its true size


@dataclass(frozen=True)
class Judge:
    """A scan with what is known about it."""

    group: str
    name: str
    volume: Volume
    truth: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    unenhanced: Volume | None = None

    @cached_property
    def skeleton(self) -> npt.NDArray[np.bool_]:
        """The skeleton of the true vessels, worked out once for all methods."""
        return skeleton(self.truth["vessel"])


def phantoms(
    count: int,
    *,
    preset: str,
    group: str,
    spacing_mm: float | None = None,
    motion_mm: float | None = None,
    lesions: tuple[Lesion, ...] | None = None,
    metal: bool | None = None,
    wanted: Wanted = lambda name: True,
) -> Iterator[Judge]:
    """Phantoms of seeds no training used."""
    for seed in range(UNSEEN, UNSEEN + count):
        if not wanted(f"{preset} {seed}"):
            continue
        options: dict[str, Any] = {"metal": metal} if spacing_mm is None else {"metal": metal, "spacing_mm": spacing_mm}
        if motion_mm is not None:
            options |= {"paired": True, "motion": _motion(seed, motion_mm)}
        if lesions is not None:
            options["lesions"] = list(lesions)
        phantom = make_phantom(preset=preset, seed=seed, **options)  # type: ignore[arg-type]
        truth = {"vessel": phantom.vessel > 0, "bone": phantom.bone > 0, "arteries": phantom.arteries > 0, "veins": phantom.veins > 0}
        truth["plaque"] = phantom.plaque > 0
        truth |= _parts(phantom)
        yield Judge(group, f"{preset} {seed}", phantom.volume, truth, phantom.unenhanced)


def _motion(seed: int, size_mm: float) -> Motion:
    """A shift of that size in a direction of the seed's own, two thirds of a degree of turn for each millimetre, jaw and swallow."""
    direction, axis = np.random.default_rng([seed, 7]).normal(size=(2, 3))
    shift, turn = size_mm * direction / np.linalg.norm(direction), size_mm * 2 / 3 * axis / np.linalg.norm(axis)
    x, y, z = shift.tolist()
    nod, tilt, rotation = turn.tolist()
    return Motion((x, y, z), (nod, tilt, rotation), jaw_mm=0.5 * size_mm, swallow_mm=0.6 * size_mm)


def _parts(phantom: Phantom) -> dict[str, npt.NDArray[np.bool_]]:
    """Parts of the tree whose recall is told apart: thin branches, narrow places, places near metal."""
    lumen, spacing = phantom.arteries > 0, phantom.volume.spacing_mm
    lines = phantom.centrelines
    thin = np.concatenate([lines[name].points_mm for name in lines if "." in name] or [np.zeros((0, 3))])
    parts = {"branches of the third order": (thin, 1.5)}
    narrow = [lines[name].points_mm[_narrowest(lines[name].radius_mm)] for name in _diseased(phantom, "stenosis") if name in lines]
    if narrow:
        parts["within 4 mm of a stenosis"] = (np.array(narrow), 4.0)
    masks = {f"part: {name}": lumen & _around(phantom, points, reach) for name, (points, reach) in parts.items() if len(points)}
    metal = np.asarray(phantom.volume.array) > 2500
    if metal.any():
        masks["part: within 10 mm of metal"] = lumen & dilated(metal, 10.0, spacing)
    return {name: mask for name, mask in masks.items() if mask.any()}


def _diseased(phantom: Phantom, kind: str) -> list[str]:
    return [str(lesion["artery"]) for lesion in phantom.notes["lesions"] if lesion["kind"] == kind]


def _narrowest(radius_mm: npt.NDArray[np.float64]) -> int:
    """Where the radius falls most below its surroundings; the ends do not count."""
    usual = np.convolve(np.pad(radius_mm, 15, mode="edge"), np.ones(31) / 31, mode="valid")
    return int(np.argmin((radius_mm / usual)[5:-5])) + 5


def _around(phantom: Phantom, points_mm: npt.NDArray[np.float64], reach_mm: float) -> npt.NDArray[np.bool_]:
    mask = np.zeros(phantom.vessel.shape, bool)
    index = np.rint(phantom.volume.geometry.indices(points_mm)).astype(int)
    index = index[np.all((index >= 0) & (index < mask.shape), axis=1)]
    mask[tuple(index.T)] = True
    return dilated(mask, reach_mm, phantom.volume.spacing_mm)


def _read(path: Path) -> tuple[npt.NDArray[np.int16], tuple[float, float, float]]:
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    x, y, z = image.GetSpacing()
    return sitk.GetArrayFromImage(image).astype(np.int16), (z, y, x)


def real_thorax() -> Iterator[Judge]:
    """The one real CTA with labels; they are a model's output, and real vessels outside them are unlabelled."""
    folder = DATA / "thorax_cta_labels"
    if not folder.is_dir():
        return
    array, spacing = _read(folder / "ct.nii.gz")
    truth = {path.name[6:-7]: _read(path)[0] > 0 for path in sorted(folder.glob("label_*.nii.gz"))}
    yield Judge("real thoracic CTA", "thorax", Volume(array, Geometry(array.shape, spacing)), truth)


def unenhanced_phantoms(count: int, *, wanted: Wanted = lambda name: True) -> Iterator[Judge]:
    """Twins without contrast: nothing should be claimed."""
    for judge in phantoms(count, preset="head", group="", spacing_mm=0.7, motion_mm=0.0, wanted=wanted):
        if judge.unenhanced is not None:
            yield Judge(UNENHANCED, judge.name, judge.unenhanced)


def unenhanced_scans() -> Iterator[Judge]:
    """Plastic head and neck scanned without contrast."""
    path = DATA / "headneck_phantom_ct" / "headneck_phantom_ct.nii.gz"
    if path.exists():
        array, spacing = _read(path)
        yield Judge("unenhanced plastic head and neck", "headneck", Volume(array, Geometry(array.shape, spacing)))


def hybrid_heads(count: int, *, wanted: Wanted = lambda name: True) -> Iterator[Judge]:
    """A real artery tree (3D rotational angiography) of a kind never trained on, over a plastic skull's CT never trained on.

    The skull is filled with brain and covered with scalp; contrast, side, place and noise differ from head to head. A
    plastic skull has no marrow and rewards telling bone by HU, so do not tune to these figures.
    """
    tree_file = DATA / "vessel_3dra_aneurysm" / "ica_tree_3dra_uint8.nii.gz"
    skull_file = DATA / "skull_phantom_std" / "skull_phantom_std_kernel.nii.gz"
    if not tree_file.exists() or not skull_file.exists():
        return
    tree = _read(tree_file)[0].transpose(1, 0, 2) > 60  # head, back, side
    skull, spacing = _read(skull_file)
    body = _filled(skull)
    for k in range(count):
        rng = np.random.default_rng(UNSEEN + k)
        if not wanted(f"hybrid {k}"):
            continue
        share = _placed(tree[:, :, ::-1] if k % 2 else tree, skull.shape, spacing, midline=170 if k % 2 else 85, rng=rng)
        lumen_hu = rng.uniform(220, 480)
        picture = gaussian_filter(body * (1 - share) + lumen_hu * share, [0.3, 0.6, 0.6]) + rng.normal(0, rng.uniform(8, 20), skull.shape)
        vessel = share > 0.5
        truth = {"vessel": vessel, "arteries": vessel, "bone": (skull > 300) & ~vessel, "veins": np.zeros_like(vessel)}
        volume = Volume(np.rint(picture).astype(np.int16), Geometry(skull.shape, spacing))
        yield Judge(HYBRID, f"hybrid {k}", volume, {**truth, "plaque": np.zeros_like(vessel)})


def _filled(skull: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Brain within the hull of every slice's bone, scalp over it."""
    import cc3d
    from skimage.morphology import convex_hull_image

    bone = cc3d.largest_k(skull > 300, k=1) > 0  # without the table
    inside = np.stack([convex_hull_image(plane) if plane.sum() > 50 else plane for plane in bone])
    scalp = binary_dilation(inside, iterations=8)
    body = np.where(inside, 34.0, np.where(scalp, 45.0, -1000.0))
    return np.where((skull > 120) & scalp, skull, body).astype(np.float32)


def _placed(
    tree: npt.NDArray[np.bool_],
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    *,
    midline: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Share of each voxel that is lumen; the carotid enters through the base, the anterior arteries run in the midline."""
    step = np.array(spacing) / TREE_VOXEL_MM
    middle = np.array([12.0, shape[1] * spacing[1] * 0.47, shape[2] * spacing[2] / 2]) + rng.uniform(-4, 4, 3)  # [mm]
    offset = np.array([20.0, 150.0, midline]) - middle / TREE_VOXEL_MM
    soft = gaussian_filter(tree.astype(np.float32), step / 3)
    return np.clip(affine_transform(soft, step, offset, output_shape=shape, order=1), 0, 1)
