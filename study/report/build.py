"""Material into a document: which sections a report has, in which order."""

from datetime import datetime

from study.console import DISCLAIMER
from study.report import course, participants, provenance, quality, results
from study.report.checklist import checklists
from study.report.document import Document, Section
from study.report.facts import facts
from study.report.material import Material
from study.report.methods import methods, references
from study.report.wording import design_words


def build_report(material: Material, *, now: datetime) -> Document:
    """The report of a study.

    Parameters
    ----------
    material : Material
        From `from_home` or `from_tables`.
    now : datetime
        Printed as the date of the report; the only part that is not a function of the material.

    Examples
    --------
    >>> from datetime import UTC
    >>> from study.protocol import load_protocol
    >>> from study.report.material import from_tables
    >>> from study.simulation import simulate_paired_study
    >>> drawn = simulate_paired_study(cases=30, readers=2, seed=1)
    >>> material = from_tables(load_protocol("head_neck_cta"), drawn.tasks, drawn.readings)
    >>> made = build_report(material, now=datetime(2026, 11, 23, tzinfo=UTC))
    >>> made.sections[0].title, made.simulated
    ('Summary', True)
    """
    sections: list[Section | None] = [
        results.summary(material),
        participants.participants(material),
        results.results(material),
        course.roll_out(material),
        results.sensitivity(material),
        quality.quality(material),
        quality.agreement(material),
        quality.blinding(material),
        course.strata(material),
        course.learning(material),
        participants.missing(material),
        provenance.models(material),
        provenance.deviations(material),
        methods(material),
        checklists(facts(material)),
        references(material),
    ]
    return Document(
        title=material.protocol.study.title,
        subtitle=f"Report of the {design_words(material.protocol.design)} study {material.protocol.name}",
        made_at=now,
        simulated=material.simulated,
        notice=f"{DISCLAIMER[0].upper()}{DISCLAIMER[1:]}.",
        facts=provenance.provenance(material),
        sections=tuple(section for section in sections if section is not None),
        keywords=("CT angiography", "artificial intelligence", "time and motion"),
    )
