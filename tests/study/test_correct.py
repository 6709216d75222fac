"""`gilbreth correct`: one click from the command line, a look first, undo, confirm, and one clear line for what cannot be."""

import json

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.pipeline import reconstruct
from inference.scans.load import load
from study.cli import run

SHAPE = (72, 60, 60)


def scan_with_a_tooth() -> Volume:
    """A vessel beside a bone, and a dense ball in front of both."""
    rng = np.random.default_rng(5)
    _, y, x = np.indices(SHAPE)
    array = np.where((y - 30) ** 2 + (x - 30) ** 2 < 28**2, 45.0, -1000.0)
    array = np.where((y - 30) ** 2 + (x - 20) ** 2 < 4.2**2, 380.0, array)
    array = np.where((y - 40) ** 2 + (x - 42) ** 2 < 7**2, 1100.0, array)
    return Volume(np.clip(np.rint(array + rng.normal(0, 10, SHAPE)), -1024, 3071).astype(np.int16), Geometry(SHAPE, (1.0, 1.0, 1.0)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = reconstruct(scan_with_a_tooth(), method="threshold", recipe="standard")
    return made.write(tmp_path_factory.mktemp("correct") / "case")


def called(capsys, *words: object) -> tuple[int, str]:
    status = run(["correct", *map(str, words)])
    return status, capsys.readouterr().out


def test_a_vessel_is_looked_at_removed_put_back_and_the_case_confirmed(made, tmp_path, capsys) -> None:
    from inference.correction.views import view_of

    x, y = view_of(load(made / "volumes" / "bone_removed.nii.gz"), "rotate_000", folder=made / "mip").project([(36, 30, 20)])[0]
    before = (made / "masks" / "vessel.nii.gz").read_bytes()
    click = (made, "--view", "rotate_000", "--at", f"{x:.0f},{y:.0f}", "--remove")
    code, told = called(capsys, *click, "--preview", tmp_path / "look.png")
    assert (code, (tmp_path / "look.png").exists()) == (0, True)
    assert told.startswith("Remove ")
    assert (made / "masks" / "vessel.nii.gz").read_bytes() == before
    code, told = called(capsys, *click, "--json")
    event = json.loads(told)["events"][0]
    assert event["event"] == "correction"
    assert event["after"]["vessel_ml"] < event["before"]["vessel_ml"]
    assert any(name.startswith("dicom/") or name == "case_sheet.html" for name in event["withdrawn"])
    code, told = called(capsys, made, "--undo", "--confirm")
    assert (made / "masks" / "vessel.nii.gz").read_bytes() == before
    assert (code, "Confirmed after 0 corrections" in told) == (0, True)


def test_wrong_usage_is_status_2_and_a_click_on_nothing_is_refused_in_one_line(made, capsys) -> None:
    assert run(["correct", str(made), "--remove"]) == 2
    assert run(["correct", str(made), "--remove", "--add", "--at", "1,1"]) == 2
    assert run(["correct", str(made), "--remove", "--at", "corner"]) == 2
    capsys.readouterr()
    assert run(["correct", str(made), "--remove", "--at", "1,1"]) == 4
    assert "nothing_there" in capsys.readouterr().err
    assert run(["correct", str(made / "masks"), "--undo"]) == 4
