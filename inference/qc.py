"""Is this reconstruction fit to show? `accept`, `review` or `reject`, with findings in words and a code for each.

The verdict is taken from the output, never from the network's own confidence. Every limit is a field of `QcSettings`, so
that a study's protocol sets it.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["note", "review", "reject"]


@dataclass(frozen=True)
class QcSettings:
    """Limits of the verdict; a protocol may change each.

    Parameters
    ----------
    thickest_slice_mm : float
        Slices farther apart than this do not resolve arteries: reject. [mm]
    thick_slice_mm : float
        Slices farther apart than this: review. [mm]
    least_slices : int
        Fewer slices than this are a crop: review.
    least_vessel_ml : float
        Less vessel than this: reject. [ml]
    least_enhancement_hu : float
        Lumen below this HU is poorly enhanced: review. [HU]
    most_fragments : int
        More vessel fragments than this, besides the main tree: review.
    fragment_mm3 : float
        Fragments smaller than this are not counted. [mm³]
    least_connected : float
        Smallest share of an artery's voxels in one piece with the main tree.
    most_cut_off_mm : float
        A longer piece of an artery that does not hang on the rest of it is an interruption; one voxel thick, twice as long. [mm]
    least_lost_mm : float
        A thin bright structure beside an artery that is at least this long and no vessel is a lost branch. [mm]
    least_symmetry : float
        Smallest ratio of the smaller to the larger of a left-right pair, by volume.
    most_asymmetry : float
        Largest difference of length within a left-right pair, as a share of the longer.
    narrowing_percent : float
        Narrowings of the carotid, vertebral and basilar arteries from this loss of diameter on are told. [%]
    most_bone_left_ml : float
        Dense voxels outside vessel and its margin that bone removal may leave. [ml]
    most_bone_share : float
        The same as a share of all bone.
    most_veins : float
        Largest share of veins in what is as bright in the MIP as arteries are.
    most_repair_mm : float
        A bridge longer than this may hide an occlusion: review. [mm]
    expected : tuple of str
        Arteries that must be found where the scan covers them; missing ones are reviewed.
    """

    thickest_slice_mm: float = 3.0
    thick_slice_mm: float = 1.5
    least_slices: int = 150
    least_vessel_ml: float = 0.3
    least_enhancement_hu: float = 200.0
    most_fragments: int = 40
    fragment_mm3: float = 60.0
    least_connected: float = 0.8
    most_cut_off_mm: float = 8.0
    least_lost_mm: float = 20.0
    least_symmetry: float = 0.3
    most_asymmetry: float = 0.5
    narrowing_percent: float = 50.0
    most_bone_left_ml: float = 1.5
    most_bone_share: float = 0.02
    most_veins: float = 0.3
    most_repair_mm: float = 5.0
    expected: tuple[str, ...] = (
        "common_carotid_r",
        "common_carotid_l",
        "internal_carotid_r",
        "internal_carotid_l",
        "vertebral_r",
        "vertebral_l",
    )


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    Parameters
    ----------
    code : str
        Stable name (`unenhanced`, `interrupted`, ...), listed in `docs/quality.md`.
    severity : {"note", "review", "reject"}
        What it does to the verdict.
    text : str
        One sentence for a technologist.
    value : float, optional
        The figure behind it.
    artery : str, optional
        The artery it is about.
    points_mm : tuple
        LPS points (x, y, z) where to look. [mm]
    """

    code: str
    severity: Severity
    text: str
    value: float | None = None
    artery: str | None = None
    points_mm: tuple[tuple[float, float, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what is absent."""
        kept = {"code": self.code, "severity": self.severity, "text": self.text, "value": self.value, "artery": self.artery}
        points = {"points_mm": [list(point) for point in self.points_mm]} if self.points_mm else {}
        return {**{key: value for key, value in kept.items() if value is not None}, **points}


@dataclass(frozen=True)
class Verdict:
    """What the findings come to.

    Examples
    --------
    >>> Verdict((Finding("veins", "note", "Veins are filled."),)).verdict
    'accept'
    >>> Verdict((Finding("veins", "note", "Veins are filled."), Finding("crop", "review", "A crop."))).verdict
    'review'
    """

    findings: tuple[Finding, ...] = field(default=())

    @property
    def verdict(self) -> Literal["accept", "review", "reject"]:
        """`reject` if any finding rejects, else `review` if any asks for it, else `accept`."""
        severities = {finding.severity for finding in self.findings}
        if "reject" in severities:
            return "reject"
        return "review" if "review" in severities else "accept"

    def to_dict(self) -> dict[str, Any]:
        """`{"verdict": .., "findings": [..]}`."""
        return {"verdict": self.verdict, "findings": [finding.to_dict() for finding in self.findings]}
