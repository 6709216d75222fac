"""A real Orthanc on loopback, started for a test and ended by its pid."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.browser import free_port

PROGRAM = shutil.which("Orthanc") or ("/usr/sbin/Orthanc" if Path("/usr/sbin/Orthanc").exists() else None)


@dataclass(frozen=True)
class Server:
    """Addresses of a running Orthanc."""

    web: str
    aet: str
    port: int


def plugin() -> str | None:
    """The DICOMweb plugin, if it is installed."""
    found = sorted(Path("/usr").glob("*/orthanc/plugins/libOrthancDicomWeb.so*")) + sorted(
        Path("/usr/share/orthanc").glob("plugins/libOrthancDicomWeb*")
    )
    return str(found[0]) if found else None


@contextmanager
def orthanc(folder: Path, *, http: int | None = None, dimse: int | None = None) -> Iterator[Server]:
    """Start it on free ports with its storage in a folder."""
    http, dimse = http or free_port(), dimse or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "Name": "TESTPACS", "DicomAet": "TESTPACS", "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"),
        "HttpPort": http, "DicomPort": dimse, "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True,
        "Plugins": [plugin()], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    assert PROGRAM is not None
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen([PROGRAM, str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(f"http://127.0.0.1:{http}/system")
            yield Server(f"http://127.0.0.1:{http}/dicom-web", "TESTPACS", dimse)
        finally:
            process.terminate()
            process.wait(20)


def _wait(address: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
