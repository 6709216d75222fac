"""What a method finds in the real thoracic CTA: recall of its labelled arteries, share of the vertebra called vessel, seconds.

Run from the repository: `python benchmarks/thorax.py [METHOD ..]`. The scan is TotalSegmentator's test case (Apache-2.0, in
`tests/data`); its labels are model output, and other vessels in it are unlabelled, so precision is not given. The false lumen
of the dissection is barely enhanced and is not counted.
"""

import sys
import time
from pathlib import Path

import numpy as np

from inference import load, reconstruct
from inference.metrics import recall
from inference.volume import Volume

SAMPLES = Path(__file__).parents[1] / "tests" / "data"
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


def main(methods: list[str]) -> None:
    """Print a Markdown table."""
    volume = load(SAMPLES / "thorax_cta.nii.gz")
    labels = {name: load(SAMPLES / f"thorax_label_{name}.nii.gz") for name in (*ARTERIES, "vertebrae_T12")}
    print("| method | true lumen | brachiocephalic | left carotid | left subclavian | T12 called vessel | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, vessel in rivals(volume).items():
        print(row(name, vessel, labels, None))
    for method in methods:
        start = time.perf_counter()
        found = reconstruct(volume, method=method, recipe="masks")
        print(row(method, found.segmentation.vessel > 0, labels, time.perf_counter() - start))


if __name__ == "__main__":
    main(sys.argv[1:] or ["threshold"])
