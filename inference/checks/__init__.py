"""The findings behind the verdict: what is looked at in the scan and in the reconstruction."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from inference.checks.arteries import artery_findings
from inference.checks.lumen import lumen_findings
from inference.checks.scan import scan_findings
from inference.checks.tree import bone_findings, repair_findings, tree_findings
from inference.qc import Finding, QcSettings, Verdict
from inference.segmentation.morphology import label
from inference.segmentation.result import Segmentation
from inference.volume import Volume

if TYPE_CHECKING:
    from inference.centrelines.centreline import Centreline

__all__ = ["in_order", "judge", "lumen_findings"]


def judge(
    volume: Volume,
    segmentation: Segmentation,
    bone_removed: Volume,
    *,
    centrelines: Mapping[str, "Centreline"] | None = None,
    settings: QcSettings | None = None,
    also: tuple[Finding, ...] = (),
    lumens: Sequence[Finding] | Callable[[], Sequence[Finding]] | None = None,
) -> Verdict:
    """Look at scan and output and come to a verdict.

    Parameters
    ----------
    volume : Volume
        The scan. [HU]
    segmentation : Segmentation
        What was found in it.
    bone_removed : Volume
        The scan without bone. [HU]
    centrelines : mapping of str to Centreline, optional
        Of the named arteries; with them lengths are compared and lumens measured.
    settings : QcSettings, optional
        Limits, from the protocol.
    also : tuple of Finding
        Findings of earlier steps (input checks, stages that failed).
    lumens : sequence of Finding, or what waits for it, optional
        What `lumen_findings` said of the same, where it was asked before, or is being asked in another thread; it takes seconds.

    Returns
    -------
    Verdict
        Findings in the order in which a technologist should read them.
    """
    settings, lines = settings or QcSettings(), centrelines or {}
    pieces = label(segmentation.vessel > 0, connectivity=26)
    findings = [*scan_findings(volume, segmentation, settings), *tree_findings(volume, segmentation, pieces, settings)]
    findings += artery_findings(volume, segmentation, pieces, settings, lines)
    measured = lumen_findings(volume, segmentation, settings, lines) if lumens is None else lumens
    findings += measured() if callable(measured) else measured
    findings += repair_findings(segmentation.repairs, settings)
    findings += bone_findings(segmentation, bone_removed, settings)
    # the checks of the scan itself may have said the same already
    told = {(finding.code, finding.artery) for finding in also}
    findings = [*also, *(finding for finding in findings if (finding.code, finding.artery) not in told)]
    return in_order(findings)


def in_order(findings: Sequence[Finding]) -> Verdict:
    """The verdict that findings make together, the gravest first and otherwise as they come."""
    order = {"reject": 0, "review": 1, "note": 2}
    return Verdict(tuple(sorted(findings, key=lambda finding: order[finding.severity])))
