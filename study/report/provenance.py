"""Where everything comes from: models, deviations, amendments, hashes of data and code."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from study.report.document import Block, Paragraph, Section, table
from study.report.material import Material
from study.report.wording import design_words, share_words


def models(material: Material) -> Section:
    """Every combination of model, device and software that ran, and how often."""
    title = "Model versions"
    if material.runs is None or material.runs.empty:
        return Section(title, (Paragraph("Runs of the model: not recorded. Which version made the AI pictures cannot be shown."),))
    columns = ["model_name", "model_version", "model_sha256", "engine", "device", "software_version"]
    rows = []
    for key, part in material.runs.groupby(columns, dropna=False, sort=True):
        name, version, digest, engine, device, software = (str(value) for value in key)
        verdicts = ", ".join(f"{k} {n}" for k, n in part["verdict"].fillna("none").value_counts().sort_index().items())
        failed = share_words(int((part["state"] == "failed").sum()), len(part))
        rows.append(
            [
                f"{name} {version}".strip() or "not named",
                digest[:12] or "–",
                f"{engine} {device}".strip() or "–",
                software or "–",
                verdicts,
                failed,
            ]
        )
    header = ["Model", "sha256", "Engine, device", "Software", "Automatic check", "Failed"]
    return Section(title, (table(header, rows, caption="Runs of the AI arm.", weights=(1.6, 1.2, 1.3, 1, 1.7, 1.5)),))


def deviations(material: Material) -> Section:
    """Deviations as they were written down, and amendments of the protocol."""
    blocks: list[Block] = []
    if material.deviations is None:
        return Section("Deviations", (Paragraph("Deviations from the protocol: not recorded (tables from elsewhere carry none)."),))
    if material.deviations.empty:
        blocks.append(Paragraph("No deviation from the protocol was recorded."))
    else:
        rows = [[f"{row.recorded_at:%Y-%m-%d}", row.kind, row.case or "–", row.description] for row in material.deviations.itertuples()]
        blocks.append(table(["Date", "Kind", "Case", "What happened"], rows, caption="Deviations.", weights=(1, 1, 0.8, 5)))
    if material.amendments is not None and len(material.amendments):
        rows = [[row.number, f"{row.created_at:%Y-%m-%d}", row.reason, str(row.sha256)[:12]] for row in material.amendments.itertuples()]
        blocks.append(table(["Version", "Date", "Reason", "sha256"], rows, caption="Versions of the protocol.", weights=(0.7, 1, 4, 1.3)))
    return Section("Deviations", tuple(blocks))


def provenance(material: Material) -> tuple[tuple[str, str], ...]:
    """Study, protocol and hashes, for the head of the report."""
    study, result = material.study, material.result
    dates = [f"{name} {study[name]}" for name in ("activated", "locked", "unblinded") if name in study]
    rows = [
        ("Study", f"{study['name']}, {study['state']}; {', '.join(dates)}" if study else "tables from elsewhere"),
        ("Protocol", f"{result.protocol_name} {result.protocol_version}, {design_words(result.design)} design"),
        ("Protocol sha256", result.protocol_sha256),
        ("Data sha256", material.data_sha256),
        ("Code", f"gilbreth {result.versions.get('gilbreth', '')}, sha256 {code_sha256()}"),
        ("Packages", ", ".join(f"{name} {version}" for name, version in result.versions.items() if name != "gilbreth")),
    ]
    return tuple(rows)


@cache
def code_sha256() -> str:
    """Hash of the sources of the analysis and the report.

    Examples
    --------
    >>> len(code_sha256())
    64
    """
    digest = hashlib.sha256()
    for package in ("study.statistics", "study.analysis", "study.report"):
        for path in sorted(_sources(files(package)), key=lambda item: item.name):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources(folder: Traversable) -> list[Traversable]:
    return [item for item in folder.iterdir() if item.is_file() and item.name.endswith((".py", ".typ", ".css"))]
