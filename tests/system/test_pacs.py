"""Against a real Orthanc: found, fetched, reconstructed, stored into the same study, once, whatever happens on the way."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
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


def test_beside_a_cta_the_rest_of_its_study_is_passed_over_and_results_are_no_input(tmp_path: Path, scan: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(scan, study)
    _add_the_rest_of_a_study(study)
    with orthanc(tmp_path / "pacs") as server:
        send(study, server, tmp_path / "home")
        first = watch(server, tmp_path / "home")
        header = pydicom.dcmread(next(scan.glob("*.dcm")), stop_before_pixels=True)
        assert first["done"] == [header.SeriesInstanceUID]
        assert first["seen"] == 2  # the CTA and the unenhanced scan
        assert [text.split("]")[0] for text in first["passed_over"].values()] == ["rejected [unenhanced"]
        rest = {"Topogram": 2, "Patient protocol": 1, "Dose report": 1, "Unenhanced": len(list(scan.glob("*.dcm")))}
        assert results(server, scan) == {**WANTED, **rest}
        second = watch(server, tmp_path / "home")
        assert (second["seen"], second["done"]) == (2, [])
        assert results(server, scan) == {**WANTED, **rest}


def _add_the_rest_of_a_study(folder: Path) -> None:
    """An unenhanced scan, a localizer, a dose page and a dose report of the same study."""
    slices = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    for number, data in enumerate(slices):
        stored, intercept = data.pixel_array, int(data.RescaleIntercept)
        hu = stored.astype(np.int32) + intercept
        data.PixelData = (np.where((hu > 120) & (hu < 700), 45, hu) - intercept).astype(stored.dtype).tobytes()
        if "ContrastBolusAgent" in data:
            del data.ContrastBolusAgent
        _save_as(data, folder / f"plain-{number}.dcm", series=".1", instance=f".1.{number}", description="Unenhanced")
    for number, data in enumerate(slices[:2]):
        data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        _save_as(data, folder / f"scout-{number}.dcm", series=".2", instance=f".2.{number}", description="Topogram")
    page, report = slices[2], slices[3]
    page.SOPClassUID, page.ImageType = pydicom.uid.SecondaryCaptureImageStorage, ["DERIVED", "SECONDARY", "DOSE_INFO"]
    _save_as(page, folder / "page.dcm", series=".3", instance=".3.1", description="Patient protocol")
    del report.PixelData
    report.SOPClassUID, report.Modality = pydicom.uid.XRayRadiationDoseSRStorage, "SR"
    _save_as(report, folder / "dose.dcm", series=".4", instance=".4.1", description="Dose report")


def _save_as(data: Any, path: Path, *, series: str, instance: str, description: str) -> None:
    root = data.StudyInstanceUID[:40].rstrip(".")
    data.SeriesInstanceUID, data.SOPInstanceUID, data.SeriesDescription = root + series, root + instance, description
    data.file_meta.MediaStorageSOPInstanceUID, data.file_meta.MediaStorageSOPClassUID = data.SOPInstanceUID, data.SOPClassUID
    data.save_as(path, enforce_file_format=True)


KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_at_random_points_leave_exactly_one_set(tmp_path: Path, scan: Path) -> None:
    home, random_points = tmp_path / "home", random.Random(20261123)
    with orthanc(tmp_path / "pacs") as server:
        send(scan, server, home)
        command = [sys.executable, "-m", "study.cli", "watch", "--dicomweb", server.web, "--once", "--method", "threshold"]
        killed = 0
        while killed < KILLS:
            program = subprocess.Popen(
                command, env={**os.environ, "GILBRETH_HOME": str(home)}, stderr=subprocess.DEVNULL, start_new_session=True
            )
            try:
                program.wait(random_points.uniform(1.0, 25.0))
                shutil.rmtree(home)  # it was done before the kill: the ledger is lost, and everything is stored again
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
                killed += 1
        watch(server, home)
        assert results(server, scan) == WANTED
        assert watch(server, home)["done"] == []


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
