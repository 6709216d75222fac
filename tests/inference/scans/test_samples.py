"""The samples that ship with the source can be read, and their licences are named."""

from pathlib import Path

import pytest

from inference.scans.inspect import inspect
from inference.scans.load import load
from inference.scans.quality import assess

DATA = Path(__file__).resolve().parents[2] / "data"


def test_every_sample_is_named_in_the_notice():
    notice = (DATA / "NOTICE.md").read_text()
    for path in DATA.iterdir():
        assert path.name in notice or path.name.startswith("thorax_label_") or path.name == "NOTICE.md"


@pytest.mark.parametrize(
    ("name", "shape", "code"),
    [
        ("head_phantom_5mm_28slices.zip", (28, 512, 512), None),
        ("thorax_cta.nii.gz", (164, 126, 120), None),
        ("headneck_phantom_crop.nii.gz", (48, 211, 478), None),
        ("thorax_label_aorta_true_lumen.nii.gz", (164, 126, 120), "not_hu"),
    ],
)
def test_a_sample_is_accepted(name, shape, code):
    answer = inspect(DATA / name)
    assert answer.accepted
    assert answer.shape == shape
    assert list(answer.warnings) == ([code] if code else [])


def test_the_stray_file_of_the_head_series_is_left_out_by_name():
    assert [item["name"] for item in inspect(DATA / "head_phantom_5mm_28slices.zip").left_out] == ["DIRFILE"]


def test_the_real_cta_is_enhanced_and_the_head_phantom_is_not():
    assert "unenhanced" not in {finding.code for finding in assess(load(DATA / "thorax_cta.nii.gz")).findings}
    assert "unenhanced" in {finding.code for finding in assess(load(DATA / "head_phantom_5mm_28slices.zip")).findings}
