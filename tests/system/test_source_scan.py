"""The source scan beside the pictures: a click on the MIP finds the vessel, and a browser without WebGL2 says so and loses nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD
from tests.system.reading_home import consent, reading_home

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(1200)]
PATIENCE = 120_000
SPACING_MM = 1.0
SHAPE = (60, 80, 80)
ROD = (20, 52)  # y to the back, x to the left; a vessel from foot to head
NO_WEBGL = """const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return kind === 'webgl2' ? null : get.call(this, kind, ...more); };"""


def scan(path: Path) -> Path:
    sitk = pytest.importorskip("SimpleITK")
    array = np.full(SHAPE, 40, np.int16)
    array[:, ROD[0] - 1 : ROD[0] + 2, ROD[1] - 1 : ROD[1] + 2] = 350
    array[:, 60:66, 36:44] = 1200  # bone behind it
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((SPACING_MM,) * 3)
    sitk.WriteImage(image, str(path))
    return path


def start(context: Any, address: str) -> Any:
    page = context.new_page()
    sign_in(page, address, name="rita", password=PASSWORD)
    settle(page)
    page.locator(".st-key-next button").click()
    page.locator(".viewer[data-first-ms]").wait_for(timeout=PATIENCE)
    settle(page)
    page.locator('[class*="st-key-source-"] button').first.click()
    return page


def middle_mm(index: int, count: int) -> float:
    return (index - (count - 1) / 2) * SPACING_MM


def test_a_click_on_the_mip_moves_the_crosshair_to_the_vessel_and_a_browser_without_webgl_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    reading_home(home, cases=1, both=False, scan=scan(tmp_path / "scan.nii.gz")).close()
    consent(home, "rita")
    asked: set[str] = set()
    with serving(home) as address:
        with chromium() as context:
            page = start(context, address)
            page.on("request", lambda request: asked.add(request.url.split("/")[2]))
            page.locator('.source[data-state="ready"]').wait_for(timeout=PATIENCE)
            side = float(np.hypot(SHAPE[1], SHAPE[2]) * SPACING_MM)  # the turning scan fills the square
            for frame in (0, 9):  # from the front, then from the patient's left
                across = middle_mm(ROD[1], SHAPE[2]) if frame == 0 else middle_mm(ROD[0], SHAPE[1])
                box = page.locator(".viewer canvas").first.bounding_box()
                page.mouse.click(box["x"] + box["width"] * (0.5 + across / side), box["y"] + box["height"] * (0.5 - 10 / side))
                found = page.evaluate("globalThis.__gilbrethSource.at")
                assert found == pytest.approx([middle_mm(ROD[1], SHAPE[2]), middle_mm(ROD[0], SHAPE[1]), 10], abs=2.5)
                shown = page.evaluate(f"globalThis.__gilbrethProject('mip', {frame}, 36)")
                assert shown["u"] == pytest.approx(across / side, abs=0.03)
                expect(page.locator(".source .place")).to_contain_text("HU")
                page.keyboard.press("ArrowUp")  # a quarter turn
            assert asked <= {address.removeprefix("http://"), ""}
        with chromium() as context:
            context.add_init_script(NO_WEBGL)
            page = start(context, address)
            page.get_by_text("it lacks WebGL2").wait_for(timeout=PATIENCE)
            page.locator('.viewer[data-loaded="true"]').wait_for(timeout=PATIENCE)
            page.locator('[class*="st-key-all-"] button').click()
            expect(page.get_by_text("Still open: How sure are you?")).to_be_visible(timeout=PATIENCE)
