"""Nothing that a reader is sent names an arm or lets it be told: bytes, ids, order, addresses, headers, sizes, times."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from dashboard.server import home as server
from dashboard.server import pictures
from tests.system.blinding import Room, Sent, make_room, stored_bytes, tell_arms, walk

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
ARM_WORDS = re.compile(
    rb"(?<![a-z])(manual|manually|ai|arm|reconstruct\w*|technologist\w*|vendor|network|gpu|cpu|run|task|case)(?![a-z])", re.I
)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a room and points the server's routes at it."""
    made: list[Room] = []

    def open_room(*, cases: int, readers: int) -> Room:
        room = make_room(tmp_path, cases=cases, readers=readers)
        monkeypatch.setenv("GILBRETH_HOME", str(room.place.path))
        server.server_home.cache_clear()
        pictures._cipher.cache_clear()
        made.append(room)
        return room

    yield open_room
    server.server_home().close()
    server.server_home.cache_clear()
    pictures._cipher.cache_clear()
    for room in made:
        room.place.close()


def check(room: Room, sent: list[Sent], *, least: int) -> None:
    """Every claim of blinding on what was sent."""
    assert len(sent) >= least
    secrets = [word.encode() for word in room.secrets if word]
    everything = b"\n".join(item.raw for item in sent)
    assert not [word for word in secrets if word in everything]
    assert not {word.group().lower() for word in ARM_WORDS.finditer(everything)}
    sizes = {
        tuple((name, value) for name, value in item.numbers.items() if name.endswith(("_bytes", "_address", "_headers"))) for item in sent
    }
    assert len(sizes) == 1  # one size, one length of address, one set of headers for every frame of a view, whichever arm
    arms, cases = [room.arms[item.image_set] for item in sent], [room.cases[item.image_set] for item in sent]
    rows = [list(item.numbers.values()) for item in sent]
    guess = tell_arms(rows, arms, cases)
    assert guess.low <= 0.5 <= guess.high, guess
    first = _first_arms(room, sent)
    half = 3.3 * np.sqrt(len(first)) / 2  # 99.9 %
    assert abs(first.count("ai") - len(first) / 2) <= half
    # The judge is no fool: sizes as they lie on the disk tell it the arm.
    told = tell_arms([stored_bytes(room, item.image_set) for item in sent], arms, cases)
    assert told.low > 0.9
    print(f"\n{len(sent)} readings: arm told from metadata {guess.right} of {guess.of} ({guess.low:.3f} to {guess.high:.3f}, 99.9 %);"
          f" from the sizes on the disk {told.right} of {told.of}; AI first for {first.count('ai')} of {len(first)}")  # fmt: skip


def _first_arms(room: Room, sent: list[Sent]) -> list[str]:
    """Which arm of a case each reader met first."""
    met: dict[tuple[str, str], str] = {}
    for item in sent:
        met.setdefault((item.reader, room.cases[item.image_set]), room.arms[item.image_set])
    return list(met.values())


def test_forty_cases_and_four_readers_are_sent_nothing_that_tells_the_arm(opened) -> None:
    room = opened(cases=40, readers=4)
    check(room, [item for name in room.readers for item in walk(room, name)], least=160)


@pytest.mark.slow
def test_five_hundred_cases_and_twenty_readers_are_sent_nothing_that_tells_the_arm(opened) -> None:
    room = opened(cases=500, readers=20)
    check(room, [item for name in room.readers for item in walk(room, name)], least=2000)


def test_the_source_scan_is_one_file_for_both_arms_and_its_header_holds_the_grid_only(opened, tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    from sqlmodel import select

    from db.engine import transaction
    from db.tables import Case

    array = np.random.default_rng(1).integers(-1000, 1500, (40, 64, 64)).astype(np.int16)
    scan = sitk.GetImageFromArray(array)
    scan.SetSpacing((0.5, 0.5, 1.0))
    scan.SetMetaData("descrip", "SECRET HOSPITAL")
    scan.SetMetaData("aux_file", "SECRET")
    sitk.WriteImage(scan, str(tmp_path / "scan.nii.gz"))
    room = opened(cases=1, readers=2)
    with transaction(room.place.engine) as db_session:
        case = db_session.exec(select(Case)).one()
        case.scan_path = str(tmp_path / "scan.nii.gz")
        db_session.add(case)
    one, other = (pictures._volume(image_set) for image_set in room.arms)
    assert one is not None
    assert one == other
    content = gzip.decompress(one)
    assert b"SECRET" not in content
    assert one[3] & 0b11000 == 0  # no file name and no comment in the gzip header
    assert one[4:8] == bytes(4)  # and no time
    assert struct.unpack("<8h", content[40:56])[1:4] == (32, 32, 40)
    assert content[148:252] == bytes(104)  # description and auxiliary file
    assert content[328:344] == bytes(16)  # name of the data
