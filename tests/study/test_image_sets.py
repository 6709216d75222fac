"""Both arms' pictures end in one look; what would betray the arm is flagged."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.errors import RejectedInput
from study.image_sets import BORDER, border_text, frames_of_reconstruction, missing_views, normalised, png
from study.protocol import load_protocol


def picture(array: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def frames(*, text: bool) -> list[Image.Image]:
    made = []
    for angle in range(12):
        array = np.zeros((300, 240), np.uint8)
        array[60:240, 100 + angle : 130 + angle] = 220
        if text:
            array[32:36, 60:120:3] = 255
        made.append(normalised(picture(array), size=256))
    return made


def test_frames_of_any_size_and_kind_come_out_alike() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (300, 200), dtype=np.uint8)
    colour = np.repeat(grey[..., None], 3, axis=-1)
    one, two, three = (normalised(content, size=128) for content in (picture(grey), picture(colour), picture(colour, "JPEG")))
    assert {item.size for item in (one, two, three)} == {(128, 128)}
    assert one.mode == two.mode == "L"


def test_the_border_is_black_in_both_arms() -> None:
    array = np.full((100, 100), 255, np.uint8)
    edge = round(128 * BORDER)
    out = np.asarray(normalised(picture(array), size=128))
    assert out[:edge].max() == 0
    assert out[:, -edge:].max() == 0
    assert out[64, 64] == 255


def test_no_metadata_survives() -> None:
    buffer = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo

    secret = PngInfo()
    secret.add_text("arm", "manual workstation")
    Image.new("L", (50, 50), 9).save(buffer, "PNG", pnginfo=secret)
    assert b"manual" not in png(normalised(buffer.getvalue(), size=64))


def test_text_that_stands_still_while_the_picture_turns_is_found() -> None:
    assert border_text(frames(text=True))
    assert not border_text(frames(text=False))


def test_another_number_of_frames_than_the_protocol_asks_for_is_told() -> None:
    protocol = load_protocol("head_neck_cta")
    assert missing_views({"mip": [0] * 36, "vr": [0] * 36}, protocol) == []
    assert missing_views({"mip": [0] * 36}, protocol) == ["vr: 0 frames where the protocol asks for 36"]
    assert "cpr: not asked for" in missing_views({"mip": [0] * 36, "vr": [0] * 36, "cpr": [0]}, protocol)[0]


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(RejectedInput, match="no PNG"):
        normalised(b"hello", size=64)


def test_a_dicom_secondary_capture_is_taken() -> None:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality, dataset.PatientName = (
        "1.2.840.10008.5.1.4.1.1.7",
        "1.2.3",
        "OT",
        "Secret^Name",
    )
    dataset.Rows = dataset.Columns = 40
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = np.full((40, 40, 3), (200, 60, 20), np.uint8).tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    out = normalised(buffer.getvalue(), size=64)
    assert out.mode == "RGB"
    assert out.getpixel((32, 32)) == (200, 60, 20)


def test_an_artery_that_stays_near_the_axis_of_the_turn_is_no_text():
    frames = []
    for turn in range(12):
        array = np.zeros((512, 512), np.uint8)
        array[430:476, 230 - turn : 282 + turn] = 220  # the ascending aorta, seen from all sides, down to the blackened border
        frames.append(Image.fromarray(array))
    assert not border_text(frames)
    for frame in frames:
        for left in range(60, 140, 12):
            frame.paste(220, (left, 50, left + 4, 68))  # strokes of burned-in letters
    assert border_text(frames)


def test_side_marks_of_a_picture_that_is_narrower_than_the_square_are_blackened_too() -> None:
    array = np.zeros((300, 200), np.uint8)
    array[140:150, 2:8] = 255  # a side mark at the picture's own border, far inside the square
    array[100:200, 90:110] = 200
    out = np.asarray(normalised(picture(array), size=300))
    assert out[:, :80].max() == 0
    assert out.max() >= 190


def test_the_kind_of_file_follows_the_view_and_not_what_an_arm_delivered() -> None:
    grey = picture(np.full((64, 64), 90, np.uint8))
    colour = picture(np.dstack([np.full((64, 64), value, np.uint8) for value in (200, 90, 40)]))
    assert [normalised(content, size=64, colour=True).mode for content in (grey, colour)] == ["RGB", "RGB"]
    assert [normalised(content, size=64, colour=False).mode for content in (grey, colour)] == ["L", "L"]


def test_curved_reformats_come_in_one_order_and_a_vessel_that_was_not_found_is_black(tmp_path: Path) -> None:
    (tmp_path / "cpr").mkdir()
    for number, vessel in enumerate(("carotid_l", "vertebral_basilar_l", "vertebral_basilar_r")):
        for turn in ("000", "090"):
            (tmp_path / "cpr" / f"{vessel}_stretched_{turn}.png").write_bytes(picture(np.full((20, 20), 50 * (number + 1), np.uint8)))
    made = frames_of_reconstruction(tmp_path, views=("mip", "cpr"))
    assert list(made) == ["cpr"]
    levels = [int(np.asarray(normalised(content, size=20)).max()) for content in made["cpr"]]
    assert levels == [0, 0, 50, 50, 150, 150, 100, 100]
