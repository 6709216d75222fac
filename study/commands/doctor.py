"""`gilbreth doctor`: what is installed, which device and engine, database reachable, migrations current."""

import importlib.util
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

EXTRAS = {
    "infer": ("torch", "monai", "SimpleITK", "pydicom", "numba", "openvino", "vtk"),
    "dicom": ("highdicom", "pynetdicom", "dicomweb_client", "dicomanonymizer"),
    "report": ("typst", "docx", "matplotlib", "tableone"),
    "postgres": ("psycopg",),
    "cluster": ("ray",),
    "agent": ("pynput",),
}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor(
    home: Annotated[Path | None, typer.Option(help="Home of the study; GILBRETH_HOME otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Say what is installed, which device and engine would be used, and whether the database is there and current.

    Example: `gilbreth doctor --home ./demo`
    """
    from db.engine import database_url, describe
    from study.console import answer, home_directory

    found: dict[str, Any] = {
        "gilbreth": metadata.version("gilbreth"),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "extras": {extra: _missing(modules) for extra, modules in EXTRAS.items()},
        **_devices(),
        "database": describe(database_url(home_directory(home))),
    }
    answer(found, as_json=as_json, lines=_lines(found))
    return 0 if found["database"]["state"] != "unreachable" else 1


def _memory_gib() -> float:
    import psutil

    return round(float(psutil.virtual_memory().total) / 2**30, 1)


def _missing(modules: tuple[str, ...]) -> list[str]:
    return [module for module in modules if importlib.util.find_spec(module) is None]


def _devices() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return {"device": "none", "engine": "none"}
    import torch

    device = "cuda: " + torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        return {"device": device, "engine": f"torch {torch.__version__}"}
    engine = f"openvino {metadata.version('openvino')}" if importlib.util.find_spec("openvino") else f"torch {torch.__version__}"
    return {"device": device, "engine": engine}


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"gilbreth {found['gilbreth']}, Python {found['python']}, {found['platform']}"]
    lines.append(f"{found['cores']} cores, {found['memory_gib']} GiB memory")
    lines.append(f"device {found['device']}, engine {found['engine']}")
    for extra, missing in found["extras"].items():
        remedy = f"missing {', '.join(missing)}: pip install 'gilbreth[{extra}]'" if missing else "installed"
        lines.append(f"[{extra}] {remedy}")
    database = found["database"]
    lines.append(f"database {database['url']}: {database['state']}" + (f", {database['detail']}" if database.get("detail") else ""))
    return lines
