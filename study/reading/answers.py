"""What a reader answers, checked against the form of the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from study.errors import RejectedInput
from study.protocol import Protocol

OVERALL = "overall"


@dataclass(frozen=True)
class Answer:
    """One rating: quality, pass or fail, and the reasons for a fail."""

    quality: int | None = None
    passed: bool | None = None
    reasons: tuple[str, ...] = ()

    @property
    def reason(self) -> str | None:
        """The reasons as one text, as in readings.csv."""
        return "; ".join(self.reasons) or None


@dataclass(frozen=True)
class Answers:
    """A filled form.

    Parameters
    ----------
    regions : mapping
        Answer per region, and `overall` for the verdict.
    confidence : int, optional
        1 to 5.
    guess : str, optional
        `manual`, `ai` or `unsure`: which arm the reader thinks it was.
    """

    regions: Mapping[str, Answer] = field(default_factory=dict)
    confidence: int | None = None
    guess: str | None = None
    remark: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Answers":
        """From a draft: `{"regions": {"basilar": {"quality": 4, "passed": true, "reasons": []}}, "confidence": 4, ..}`."""
        try:
            regions = {
                name: Answer(item.get("quality"), item.get("passed"), tuple(item.get("reasons") or ()))
                for name, item in values.get("regions", {}).items()
            }
            return cls(regions, values.get("confidence"), values.get("guess"), str(values.get("remark") or ""))
        except (AttributeError, TypeError) as error:
            raise RejectedInput("bad_answers", "the answers are not a filled form", "send regions, confidence, guess and remark") from error

    def to_dict(self) -> dict[str, Any]:
        """As a draft, and as the content that is signed."""
        regions = {
            name: {"quality": answer.quality, "passed": answer.passed, "reasons": list(answer.reasons)}
            for name, answer in sorted(self.regions.items())
        }
        return {"regions": regions, "confidence": self.confidence, "guess": self.guess, "remark": self.remark}

    def missing(self, protocol: Protocol) -> list[str]:
        """What is still to be answered, in the order of the form.

        Examples
        --------
        >>> from study.protocol import load_protocol
        >>> Answers().missing(load_protocol("head_neck_cta"))[:2]
        ['aortic_arch: quality', 'aortic_arch: pass or fail']
        """
        form = protocol.form
        if form is None:
            return []
        lacking = []
        names = [region.name for region in protocol.regions] + ([OVERALL] if form.overall == "asked" else [])
        for name in names:
            answer = self.regions.get(name, Answer())
            if answer.quality is None:
                lacking.append(f"{name}: quality")
            if answer.passed is None:
                lacking.append(f"{name}: pass or fail")
            if answer.passed is False and form.reason_required and not answer.reasons and name != OVERALL:
                lacking.append(f"{name}: reason")
        if form.ask_confidence and self.confidence is None:
            lacking.append("confidence")
        if form.ask_arm and self.guess is None:
            lacking.append("which arm")
        return lacking


def checked(answers: Answers, protocol: Protocol) -> Answers:
    """The answers, complete and within the form; the overall verdict worked out where the protocol says so.

    Raises
    ------
    RejectedInput
        When something is missing or is not on the form.
    """
    form = protocol.form
    if form is None:
        raise RejectedInput("no_form", "this protocol has no reading form", "add [form] to the protocol")
    if lacking := answers.missing(protocol):
        raise RejectedInput("incomplete", f"not answered yet: {', '.join(lacking)}", "answer them, then submit")
    levels, reasons = {level.value for level in form.quality}, {reason.name for reason in form.reasons}
    known = {region.name for region in protocol.regions} | {OVERALL}
    for name, answer in answers.regions.items():
        if name not in known:
            raise RejectedInput("no_such_region", f"{name!r} is no region of this protocol", f"use {', '.join(sorted(known))}")
        if answer.quality is not None and answer.quality not in levels:
            raise RejectedInput("no_such_level", f"{name} has the quality {answer.quality!r}", f"use {sorted(levels)}")
        if not set(answer.reasons) <= reasons:
            raise RejectedInput("no_such_reason", f"{name} has the reasons {list(answer.reasons)}", f"use {', '.join(sorted(reasons))}")
    if form.overall == "asked":
        return answers
    regions = [answers.regions[region.name] for region in protocol.regions]
    verdict = Answer(min(answer.quality or 1 for answer in regions), all(answer.passed for answer in regions))
    return Answers({**answers.regions, OVERALL: verdict}, answers.confidence, answers.guess, answers.remark)
