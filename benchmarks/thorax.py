"""What a method finds in the real thoracic CTA: recall of its labelled arteries, share of the vertebra called vessel, seconds.

Run from the repository: `python benchmarks/thorax.py [FOLDER] [METHOD ..]`. The folder holds `ct.nii.gz` and `label_*.nii.gz`
(TotalSegmentator's test case, Apache-2.0); its labels are model output, and other vessels in it are unlabelled, so precision is
not given. The false lumen of the dissection is barely enhanced and is not counted.
"""

import sys
import time
from pathlib import Path

import numpy as np

from inference import load, reconstruct
from inference.metrics import recall
from inference.volume import Volume

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "thorax_cta_labels"
ARTERIES = ("aorta_true_lumen", "brachiocephalic_trunk", "common_carotid_artery_left", "subclavian_artery_left")


def rivals(volume: Volume) -> dict[str, np.ndarray]:
    """What is done in a few lines: a threshold, and a threshold less grown dense bone."""
    from scipy.ndimage import binary_dilation

    bright = volume.array > 150
    return {
        "rival: 150 to 500 HU": bright & (volume.array < 500),
        "rival: over 150 HU less grown bone": bright & ~binary_dilation(volume.array > 500, iterations=2),
    }


def row(name: str, vessel: np.ndarray, labels: dict[str, Volume], seconds: float | None) -> str:
    """One line of the table."""
    shares = [recall(vessel, labels[artery].array, spacing_mm=labels[artery].spacing_mm) for artery in (*ARTERIES, "vertebrae_T12")]
    return f"| {name} | " + " | ".join(f"{share:.3f}" for share in shares) + f" | {'' if seconds is None else f'{seconds:.1f}'} |"


def main(folder: Path, methods: list[str]) -> None:
    """Print a Markdown table."""
    volume = load(folder / "ct.nii.gz")
    labels = {name: load(folder / f"label_{name}.nii.gz") for name in (*ARTERIES, "vertebrae_T12")}
    print("| method | true lumen | brachiocephalic | left carotid | left subclavian | T12 called vessel | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, vessel in rivals(volume).items():
        print(row(name, vessel, labels, None))
    for method in methods:
        start = time.perf_counter()
        found = reconstruct(volume, method=method, recipe="masks")
        print(row(method, found.segmentation.vessel > 0, labels, time.perf_counter() - start))


if __name__ == "__main__":
    words = sys.argv[1:]
    place = Path(words[0]) if words and Path(words[0]).is_dir() else FOLDER
    main(place, [word for word in words if not Path(word).is_dir()] or ["threshold"])
