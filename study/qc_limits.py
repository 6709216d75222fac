"""A protocol's `[qc]` part as the limits of the reconstruction's verdict."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.protocol.reading_part import Quality

NO_LIMIT = 1e6
"""The protocol limits bone left in the pictures by its share alone."""


def qc_settings(quality: "Quality") -> Any:
    """Limits of `inference.checks.judge` from a protocol.

    Examples
    --------
    >>> from study.protocol.load import load_protocol
    >>> settings = qc_settings(load_protocol("head_neck_cta").qc)
    >>> settings.most_repair_mm, settings.most_veins, settings.most_asymmetry, settings.most_bone_share
    (5.0, 0.15, 0.5, 0.02)
    """
    from inference.qc import QcSettings

    usual = QcSettings()
    return QcSettings(
        thick_slice_mm=quality.max_slice_mm,
        thickest_slice_mm=max(usual.thickest_slice_mm, quality.max_slice_mm),
        least_enhancement_hu=quality.min_arterial_hu,
        most_bone_share=quality.max_bone_share,
        most_bone_left_ml=NO_LIMIT,
        most_veins=quality.max_vein_share,
        most_repair_mm=quality.max_gap_mm,
        most_cut_off_mm=max(quality.max_gap_mm, usual.most_cut_off_mm),
        most_asymmetry=quality.max_asymmetry,
    )
