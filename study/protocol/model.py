"""The whole protocol: frozen, with the hash of the text it was read from."""

import hashlib

from pydantic import Field, PrivateAttr

from study.protocol.parts import AllocationPart, Analysis, Arm, Endpoint, Part, RollOut, StudyPart, Timing
from study.protocol.reading_part import (
    Blinding,
    ConsentPart,
    Eligibility,
    Form,
    Images,
    Monitoring,
    Quality,
    ReadingPart,
    Region,
    Roles,
    Taxonomy,
)


class Arms(Part):
    """The two arms."""

    manual: Arm = Field(description="the arm without AI")
    ai: Arm = Field(description="the arm with AI")


class Protocol(Part):
    """A study protocol.

    Notes
    -----
    `sha256` is the hash of the text with `\\n` line ends, so `sha256sum` of the file shows the same. Activation stores
    the text and freezes it; an amendment is a new version with a reason.
    """

    format: int = Field(default=1, ge=1, le=1, description="format of this file: 1")
    study: StudyPart = Field(description="what the study is")
    arms: Arms = Field(description="the two arms")
    endpoints: tuple[Endpoint, ...] = Field(min_length=1, description="what is measured")
    analysis: Analysis = Field(description="the plan")
    timing: Timing = Field(description="what time and clicks mean")
    allocation: AllocationPart = Field(description="how arms are drawn")
    roll_out: RollOut | None = Field(default=None, description="before_after: the switch")
    eligibility: Eligibility = Field(description="which exams take part")
    regions: tuple[Region, ...] = Field(default=(), description="vascular regions that readers rate")
    form: Form | None = Field(default=None, description="the reading form")
    reading: ReadingPart | None = Field(default=None, description="who rates what")
    blinding: Blinding = Field(description="who must not know what")
    monitoring: Monitoring = Field(default=Monitoring(), description="what is watched while the study runs")
    roles: Roles = Field(default=Roles(), description="people planned")
    taxonomy: Taxonomy = Field(description="what technologists do")
    qc: Quality = Field(default=Quality(), description="thresholds of the automatic check")
    images: Images = Field(description="what both arms must deliver")
    consent: ConsentPart = Field(description="what technologists, readers and observers agree to")

    _text: str = PrivateAttr(default="")

    @property
    def text(self) -> str:
        """The TOML text it was read from."""
        return self._text

    @property
    def sha256(self) -> str:
        """Hash of the text with `\\n` line ends."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.name

    @property
    def design(self) -> str:
        """`paired`, `parallel`, `before_after` or `multi_reader`."""
        return self.study.design

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of this name; `KeyError` when there is none."""
        for endpoint in self.endpoints:
            if endpoint.name == name:
                return endpoint
        raise KeyError(name)
