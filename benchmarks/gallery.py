"""The pictures of docs/gallery.md that show a phantom: `python -m benchmarks.gallery`.

A phantom of the whole field (arch to vertex, voxels of 0.8 × 0.7 × 0.7 mm) with stenoses of 70 % in the right internal and the
left vertebral artery and an occlusion of the left internal carotid over 20 mm. The masks are the phantom's truth, so that the
pictures show what the drawing can do and not the segmentation; names, centrelines, lumens and findings are found as in a
reconstruction. Simulated; research use; not a medical device.
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from inference.bone_removal import remove_bone
from inference.centrelines import Centreline, trace
from inference.checks import judge
from inference.naming import name_arteries
from inference.phantom import make_phantom
from inference.phantom.lesions import Lesion
from inference.pictures.case_sheet import write_case_sheet
from inference.pictures.image_sets import rotating_mips, rotating_vr
from inference.pictures.marks import marked_findings
from inference.pictures.mip import pixel_size, rotating_dense, slabs
from inference.pictures.window import Picture, angiography_window, marked, sides
from inference.reconstruction import Reconstruction, Request, fingerprint
from inference.reformat.profile import lumen_profile
from inference.reformat.writing import cpr_pictures, draw_profile, own_mask, standard_paths, window_for
from inference.segmentation.result import Segmentation
from inference.stages import Stopwatch
from inference.volume import Volume

LESIONS = (
    Lesion("stenosis", "internal_carotid_r", 0.4, 70.0),
    Lesion("stenosis", "vertebral_l", 0.5, 70.0),
    Lesion("occlusion", "internal_carotid_l", 0.3, length_mm=20.0),
)
SPACING_MM = (0.8, 0.7, 0.7)
"""Voxels of the phantom along (z, y, x). [mm]"""

FILLED_HU = 200.0
"""Veins that the contrast has hardly reached are in the phantom's truth; no method finds them, so they are left out. [HU]"""

MOST_BYTES = 140_000
"""A picture of the docs is no larger than this."""


def case_of(seed: int) -> Reconstruction:
    """A reconstruction from a phantom's own masks, with its MIPs and VRs."""
    watch = Stopwatch()
    with watch.stage("phantom"):
        phantom = make_phantom(preset="head-neck", seed=seed, lesions=list(LESIONS), metal=False, spacing_mm=SPACING_MM)
    scan, lumen = phantom.volume, float(np.percentile(phantom.volume.array[phantom.arteries > 0], 75))
    notes = {"enhanced": True, "lumen_hu": lumen, "ceiling_hu": lumen + 250.0}
    seen = (phantom.veins == 0) | (ndimage.gaussian_filter(scan.array.astype(np.float32), 2.0) > FILLED_HU)
    vessel, veins = (mask * seen.view(np.uint8) for mask in (phantom.vessel, phantom.veins))
    plain = Segmentation(vessel, veins, phantom.bone, np.zeros_like(phantom.arteries), notes=notes)
    with watch.stage("name arteries"):
        named = name_arteries(plain, scan)
    with watch.stage("remove bone"):
        removed = remove_bone(scan, named.vessel, named.bone)
    with watch.stage("trace centrelines"):
        lines = trace(named.arteries, scan)
    with watch.stage("judge"):
        verdict = judge(scan, named, removed, centrelines=lines)
    with watch.stage("MIP"):
        pictures, pixel_mm = rotating_mips(removed, lumen_hu=lumen, views=4)
        pictures |= marked_findings(pictures, removed, named.arteries, verdict.findings)
    with watch.stage("VR"):
        pictures |= rotating_vr(scan, named, views=9)
    request = Request("truth of a phantom", "full", "", fingerprint(scan))
    engine = {"device": "cpu", "engine": "numba", "model": {"name": "none", "version": "masks are the phantom's truth", "sha256": "–"}}
    return Reconstruction(scan, named, removed, verdict, request, tuple(watch.stages), engine, pictures, lines, pixel_mm)


def pictures_of(case: Reconstruction) -> dict[str, Picture]:
    """The pictures of the gallery, by name."""
    scan, named, lumen = case.volume, case.segmentation, float(case.segmentation.notes["lumen_hu"])
    found = {"mip": case.pictures["mip/rotate_000.png"], "findings": case.pictures["qc/findings_000.png"]}
    found |= {"mip_raw": raw_mip(scan, lumen), "mip_slab": willis_slab(case.bone_removed, case.centrelines, lumen)}
    found |= {"vr": rotating_vr(scan, named, views=1, size=1024)["vr/rotate_000.png"]}
    found |= {"vr_bone": rotating_vr(scan, named, views=1, size=1024, with_bone=True)["vr/bone_rotate_000.png"]}
    excluded = (named.bone > 0) | (named.veins > 0)
    for name in ("carotid_r", "vertebral_basilar_l"):
        line = standard_paths(case.centrelines)[name]
        reformats = cpr_pictures(scan, line, window=window_for(scan, [line]), angles=[0.0])
        found |= {f"cpr_{kind}_{name}": reformats[f"{name}_{kind}_000"] for kind in ("stretched", "straightened")}
        found[f"profile_{name}"] = draw_profile(lumen_profile(scan, line, own=own_mask(named.arteries, name), excluded=excluded))
    return found


def raw_mip(scan: Volume, lumen_hu: float) -> Picture:
    """The scan as it is, with bone, from the front."""
    (frame,) = rotating_dense(scan, [0.0], pixel_mm=pixel_size(scan))
    return marked(angiography_window(lumen_hu).grey(frame), *sides(0.0))


def willis_slab(bone_removed: Volume, lines: dict[str, Centreline], lumen_hu: float) -> Picture:
    """The axial slab of 20 mm whose middle lies nearest to the end of the basilar artery."""
    top = lines["basilar"].points_mm[-1]
    goal = float(bone_removed.geometry.indices(top)[0][0]) * bone_removed.spacing_mm[0]
    made = slabs(bone_removed, "axial", thickness_mm=20.0, pixel_mm=pixel_size(bone_removed))
    _, flat = min(made, key=lambda item: abs(item[0] - goal))
    return marked(angiography_window(lumen_hu).grey(flat), "R", "L")


def write_small(picture: Picture, path: Path, *, edge: int = 900) -> None:
    """A JPEG of at most `MOST_BYTES`."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((edge, edge))
    for quality in (85, 78, 70, 60):
        image.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return


def write_sheet(case: Reconstruction, folder: Path, shown: Path, *, photograph: Callable[[Path, Path], None]) -> None:
    """The case sheet, and a picture of it."""
    sheet, *_ = write_case_sheet(case, folder)
    photograph(sheet, shown)


def photograph_page(page: Path, shown: Path) -> None:
    """What a browser shows of a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1080, "height": 900})
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=str(shown), type="jpeg", quality=55, full_page=True)
        browser.close()


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=976)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--sheets", type=Path, default=Path("out/gallery"), help="Where the case sheet goes.")
    given = parser.parse_args()
    for folder in (given.out, given.sheets):
        folder.mkdir(parents=True, exist_ok=True)
    case = case_of(given.seed)
    print(*(f"{finding.severity} [{finding.code}]: {finding.text}" for finding in case.verdict.findings), sep="\n", flush=True)
    for name, picture in pictures_of(case).items():
        write_small(picture, given.out / f"phantom_{name}.jpg")
    write_sheet(case, given.sheets, given.out / "phantom_case_sheet.jpg", photograph=photograph_page)


if __name__ == "__main__":
    main()
