"""The flow of cases: counted from records, drawn without overlap."""

import re
import xml.etree.ElementTree as ET

from study.report.flow import Box, Flow, draw, flow


def words(boxes):
    return [row for box in boxes if box for row in (box.title, *box.lines)]


def test_every_step_is_counted_from_the_records(material):
    found = flow(material)
    assert words(found.trunk)[:2] == ["Exams screened (n = 33)", "Eligible (n = 31)"]
    assert words(found.trunk)[2:] == ["Allocated (n = 30)", "AI then Manual: 15", "Manual then AI: 15"]
    assert words(found.aside) == [
        "Excluded (n = 2)", "Motion: 1", "Unenhanced: 1", "Left before processing (n = 1)", "not allocated: 1",
    ]  # fmt: skip
    manual, ai = found.arms
    assert manual[1] == Box("Processed (n = 30)")
    assert ai[1] == Box("Processed (n = 29)", ("not finished, software failed: 1",))
    assert ai[2] == Box("Rated by readers (n = 29)")
    assert found.end.lines == ("time and clicks: 29 cases", "pass or fail: 29 cases")


def test_what_tables_do_not_tell_is_said_to_be_unrecorded(tables):
    assert words(flow(tables).trunk) == ["Exams screened: not recorded", "Cases in the study (n = 30)"]


def test_the_drawing_is_sound_xml_with_boxes_that_do_not_overlap(material):
    svg, width, height = draw(flow(material))
    root = ET.fromstring(svg)
    boxes = [tuple(float(box.get(name)) for name in ("x", "y", "width", "height")) for box in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(boxes) == 12
    for index, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        for other_x, other_y, other_w, other_h in boxes[index + 1 :]:
            assert x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y


def test_names_from_the_protocol_cannot_become_markup():
    arm = (Box("<script>alert(1)</script>"),)
    svg, _, _ = draw(Flow((Box("Screened"),), (None,), (arm, arm), Box("End")))
    assert "<script" not in svg
    assert len(re.findall("&lt;script", svg)) == 2
