"""The parts of a protocol that say how pictures are made, shown and rated."""

from typing import Literal

from pydantic import Field

from study.protocol.parts import Name, Part, Share


class Region(Part):
    """One vascular region that readers rate."""

    name: Name = Field(description="name in exports")
    label: str = Field(min_length=1, description="what readers see")
    label_zh: str = Field(default="", description="what readers see in Chinese")
    arteries: tuple[str, ...] = Field(default=(), description="arteries of this region, by their names in the label map")


class QualityLevel(Part):
    """One step of the quality scale."""

    value: int = Field(ge=1, le=5, description="1 is the worst")
    label: str = Field(min_length=1, description="what readers see")
    label_zh: str = Field(default="", description="what readers see in Chinese")


class Reason(Part):
    """Why a region fails."""

    name: Name = Field(description="name in exports")
    label: str = Field(min_length=1, description="what readers see")
    label_zh: str = Field(default="", description="what readers see in Chinese")


class Form(Part):
    """The reading form."""

    quality: tuple[QualityLevel, ...] = Field(min_length=2, description="the quality scale")
    reasons: tuple[Reason, ...] = Field(min_length=1, description="reasons for a fail")
    reason_required: bool = Field(default=True, description="a fail needs a reason")
    ask_confidence: bool = Field(default=True, description="ask how sure the reader is, 1 to 5")
    ask_arm: bool = Field(default=True, description="ask which arm the reader thinks it was (blinding index)")
    overall: Literal["asked", "all_regions_pass"] = Field(default="asked", description="how the overall verdict arises")


class Adjudication(Part):
    """What happens when two readings differ."""

    rule: Literal["none", "pass_differs", "pass_or_quality_differs"] = Field(description="which readings go to the adjudicator")
    quality_steps: int = Field(default=2, ge=1, le=4, description="quality difference that counts as different")


class ReadingPart(Part):
    """Who rates what, how often, in which order."""

    readers_per_image_set: int = Field(ge=1, description="independent readings of every image set")
    rounds: int = Field(default=1, ge=1, description="rounds over all image sets")
    washout_days: float = Field(default=28, ge=0, description="least time before the same reader sees the same case again")
    order: Literal["random", "latin_square"] = Field(default="random", description="order of each reader's queue")
    repeat_share: Share = Field(default=0.0, description="share of image sets that each reader rates a second time")
    calibration_cases: int = Field(default=0, ge=0, description="cases rated with feedback before the study")
    adjudication: Adjudication = Field(default=Adjudication(rule="none"), description="what happens when readings differ")


class Blinding(Part):
    """Who must not know what, and until when."""

    readers: Literal["arm_hidden", "open"] = Field(description="whether readers may know the arm")
    outcomes: Literal["until_unblinding", "open"] = Field(description="whether outcomes are hidden before unblinding")
    neutral_look: bool = Field(default=True, description="both arms' pictures share views, window, size and file names")


class Monitoring(Part):
    """What the monitor watches while outcomes are hidden from everybody else."""

    accrual_weeks: int = Field(default=26, gt=0, description="weeks planned for enrolment")
    source_check_share: Share = Field(default=0.1, description="share of tasks checked against the source")
    stop_rules: tuple[str, ...] = Field(default=(), description="conditions under which the study stops")


class Activity(Part):
    """One step of the work, for lap marks and observers."""

    name: Name = Field(description="name in exports")
    label: str = Field(min_length=1, description="what people see")
    label_zh: str = Field(default="", description="what people see in Chinese")
    arms: tuple[Literal["manual", "ai"], ...] = Field(default=("manual", "ai"), min_length=1, description="arms in which it occurs")
    hands_on: bool = Field(default=True, description="false for waiting for a machine")


class Taxonomy(Part):
    """What technologists do."""

    activities: tuple[Activity, ...] = Field(min_length=1, description="steps of the work")
    with_whom: tuple[str, ...] = Field(default=(), description="people, for observers")
    tools: tuple[str, ...] = Field(default=(), description="tools, for observers")


class Quality(Part):
    """Thresholds of the automatic check, handed to the reconstruction as they are."""

    min_coverage_mm: float = Field(default=250, gt=0, description="least head-foot length of the scan")
    max_slice_mm: float = Field(default=1.5, gt=0, description="largest slice thickness accepted without review")
    min_arterial_hu: float = Field(default=180, description="least contrast in the common carotids")
    max_bone_share: Share = Field(default=0.02, description="largest share of bone left in the pictures")
    max_vein_share: Share = Field(default=0.15, description="largest share of veins among arteries before review")
    max_gap_mm: float = Field(default=5, gt=0, description="largest gap in an artery before review")
    max_asymmetry: Share = Field(default=0.5, description="largest left-right difference in length before review")


class View(Part):
    """One kind of picture in an image set."""

    kind: Literal["mip", "vr", "mpr", "cpr"] = Field(description="kind of picture")
    angles: int = Field(gt=0, le=360, description="pictures over a full turn (mip, vr) or rotations (cpr)")
    bone: Literal["removed", "kept"] = Field(default="removed", description="with or without bone")


class Images(Part):
    """What both arms must deliver; a set that differs is kept from readers."""

    views: tuple[View, ...] = Field(min_length=1, description="kinds of pictures")
    size: int = Field(gt=0, le=4096, description="width and height of every picture [pixels]")
    window_centre_hu: float = Field(description="centre of the grey window [HU]")
    window_width_hu: float = Field(gt=0, description="width of the grey window [HU]")


class Eligibility(Part):
    """Which exams take part."""

    inclusion: tuple[str, ...] = Field(min_length=1, description="all must hold")
    exclusion: tuple[Reason, ...] = Field(default=(), description="reasons for leaving an exam out")


class ConsentPart(Part):
    """What technologists, readers and observers agree to."""

    version: str = Field(min_length=1, description="version of the text")
    text: str = Field(min_length=40, description="the text they agree to")
    retention_months: int = Field(gt=0, description="how long personal time records are kept after the study")


class Roles(Part):
    """Roles that one person must not hold together in this study, beside those the software always keeps apart."""

    technologists: int = Field(default=1, ge=1, description="technologists planned")
    readers: int = Field(default=0, ge=0, description="readers planned")
    apart: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of roles kept apart")
