"""The methods paragraph, written from what was run, and the references of just those methods."""

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from study.analysis.finding import Finding
from study.report.document import Bullets, Paragraph, Section
from study.report.material import Material
from study.report.wording import arms, plain


def methods(material: Material) -> Section:
    """What was done, from the protocol and the findings themselves: a method that was not run is not named."""
    plan = material.protocol.analysis
    lines = material.result.findings
    timing = material.protocol.timing
    measured = (
        f"Time starts when {timing.starts} and stops when {timing.stops}. Hands-on time is elapsed time less pauses and less waiting "
    )
    measured += f"for the AI. The click endpoint counts inputs of the kind “{timing.click.replace('_', ' ')}”."
    test = f"Tests are two-sided at {plan.alpha:g}; intervals are at {100 * plan.level:g} %. "
    test += f"To be claimed, all of these have to hold, each at that level: {', '.join(plan.all_must_hold)}. "
    if plan.then:
        test += f"Only then {', '.join(plan.then)} are tested, {'adjusted by Holm' if plan.adjustment == 'holm' else 'in that order'}. "
    test += f"Resampling uses the seed {plan.seed}. {_looks(material)}"
    own = [_sentence(line) for line in lines if line.role != "supporting"]
    beside = sorted(
        {f"{plain(line.endpoint)}: {arms(line.method)}" for line in lines if line.role == "supporting" and line.method != "not computed"}
    )
    blocks = [Paragraph(measured, lead="Measurement. "), Paragraph(_verdict(material), lead="Verdicts. "), Paragraph(test, lead="Tests. ")]
    blocks.append(Paragraph(" ".join(own), lead="Endpoints. "))
    if beside:
        blocks.append(Paragraph("; ".join(beside) + ".", lead="Beside them. "))
    words = ", ".join(f"{name} {version}" for name, version in material.result.versions.items())
    blocks.append(Paragraph(f"Computed with {words}.", lead="Software. "))
    return Section("Methods", tuple(blocks))


def _verdict(material: Material) -> str:
    if not len(material.readings):
        return "Nothing was rated."
    return (
        "An image set passes when more than half of its first-round readers pass it overall; a tie is a fail. Raw ratings of every reader "
        "are kept and analysed beside the verdicts."
    )


def _looks(material: Material) -> str:
    interim = material.protocol.analysis.interim
    if interim is None:
        return "No interim look was planned."
    looks = ", ".join(f"{100 * share:g} %" for share in interim.looks)
    return f"Interim looks at {looks} of the cases spend alpha by the {interim.spending} function."


def _sentence(line: Finding) -> str:
    if line.estimate is None:
        return f"{plain(line.endpoint)}: not computed ({'; '.join(line.notes)})."
    return f"{plain(line.endpoint)} ({line.role}): {arms(f'{line.effect}, {line.method}')}; n = {line.n}."


def references(material: Material) -> Section:
    """The works behind the methods that were run, and no others."""
    content = _works()
    used = " ".join(line.method for line in (*material.result.findings, *material.result.sensitivity)).lower()
    found = [entry["work"] for entry in content["works"] if entry["word"].lower() in used]
    named = [content["named"][name]["work"] for name in ("founding", "flow", *_further(material))]
    return Section("References", (Bullets((*named[:2], *found, *named[2:]), numbered=True),))


def _works() -> dict[str, Any]:
    return tomllib.loads(files("study.report").joinpath("references.toml").read_text("utf-8"))


def _further(material: Material) -> Iterable[str]:
    if any(line.adjusted_p is not None for line in material.result.findings) and material.protocol.analysis.adjustment == "holm":
        yield "holm"
    if material.data.readers > 1:
        yield "gwet"
    if material.guesses is not None and len(material.guesses):
        yield "bang"
