"""Against a real Orthanc: found, fetched, reconstructed, stored into the same study, once, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.system.browser import free_port
from tests.system.orthanc import PROGRAM, Server, orthanc, plugin

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(600),
    pytest.mark.skipif(PROGRAM is None or plugin() is None, reason="orthanc and orthanc-dicomweb are not installed"),
]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from inference.phantom import make_phantom
    from inference.phantom.dicom import write_series

    folder = tmp_path_factory.mktemp("scan") / "dicom"
    phantom = make_phantom(preset="small", seed=5)
    write_series(phantom.volume, folder, name="pacs-test", seed=5, number=2, description="CTA head and neck", contrast=True)
    return folder


def gilbreth(*words: str, home: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "study.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "GILBRETH_HOME": str(home)}, timeout=400)


def send(scan: Path, server: Server, home: Path) -> None:
    done = gilbreth("send", str(scan), "--aet", server.aet, "--host", "127.0.0.1", "--port", str(server.port), home=home)
    assert done.returncode == 0, done.stderr


def watch(server: Server, home: Path) -> dict[str, Any]:
    done = gilbreth("watch", "--dicomweb", server.web, "--once", "--method", "threshold", "--json", home=home)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def results(server: Server, scan: Path) -> dict[str, int]:
    """Instances per result series of the source's study, by description."""
    from dicomweb_client.api import DICOMwebClient

    study = pydicom.dcmread(next(scan.glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID
    client = DICOMwebClient(url=server.web)
    counts = {}
    for item in client.search_for_series(study, fields=["0008103E", "00201209"]):
        counts[item["0008103E"]["Value"][0]] = len(client.search_for_instances(study, item["0020000E"]["Value"][0]))
    counts.pop("CTA head and neck")
    return counts


WANTED = {"AI VR bone removed, rotating (research)": 1, "AI vessels and bone (research)": 1}


def test_a_new_cta_comes_back_with_results_and_a_second_pass_does_nothing(tmp_path: Path, scan: Path) -> None:
    with orthanc(tmp_path / "pacs") as server:
        send(scan, server, tmp_path / "home")
        first = watch(server, tmp_path / "home")
        assert len(first["done"]) == 1
        assert results(server, scan) == WANTED
        second = watch(server, tmp_path / "home")
        assert second["done"] == []
        assert results(server, scan) == WANTED


def test_killed_on_the_way_and_started_again_leaves_exactly_one_set(tmp_path: Path, scan: Path) -> None:
    home = tmp_path / "home"
    with orthanc(tmp_path / "pacs") as server:
        send(scan, server, home)
        command = [sys.executable, "-m", "study.cli", "watch", "--dicomweb", server.web, "--once", "--method", "threshold"]
        for pause in (4.0, 9.0):
            program = subprocess.Popen(
                command, env={**os.environ, "GILBRETH_HOME": str(home)}, stderr=subprocess.DEVNULL, start_new_session=True
            )
            time.sleep(pause)
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        watch(server, home)
        assert results(server, scan) == WANTED


def test_a_lost_ledger_doubles_nothing(tmp_path: Path, scan: Path) -> None:
    with orthanc(tmp_path / "pacs") as server:
        send(scan, server, tmp_path / "home")
        watch(server, tmp_path / "home")
        watch(server, tmp_path / "another-home")
        assert results(server, scan) == WANTED


def test_a_pacs_that_goes_away_is_tried_again_and_told(tmp_path: Path, scan: Path) -> None:
    http, dimse, home = free_port(), free_port(), tmp_path / "home"
    with orthanc(tmp_path / "pacs", http=http, dimse=dimse) as server:
        send(scan, server, home)
    command = [sys.executable, "-m", "study.cli", "watch", "--dicomweb", server.web, "--once", "--method", "threshold"]
    environment = {**os.environ, "GILBRETH_HOME": str(home)}
    program = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    assert "trying again" in program.stderr.readline()
    with orthanc(tmp_path / "pacs", http=http, dimse=dimse) as server:
        _, rest = program.communicate(timeout=400)
        assert program.returncode == 0, rest
        assert results(server, scan) == WANTED


def test_nobody_at_the_address_is_told_in_one_line(tmp_path: Path, scan: Path) -> None:
    done = gilbreth("send", str(scan), "--aet", "NOBODY", "--host", "127.0.0.1", "--port", str(free_port()), home=tmp_path)
    assert done.returncode == 1
    assert "does not accept an association" in done.stderr
    assert "Traceback" not in done.stderr
