"""Pictures and source scans by short-lived sealed address, which names a file of the home to the server alone.

It holds for one sign-in and a quarter of an hour. It is encrypted, no header but type and length goes out, and every picture of a
view has one size, so nothing that a browser sees tells one arm from the other.
"""

import gzip
import hashlib
import json
import os
import struct
from functools import cache
from importlib.resources import files
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.server.home import COOKIE, server_home
from study.errors import StudyError
from study.reading_room import scan_of
from study.sign_in import token_hash
from study.source_volume import prepare

VALID_SECONDS = 900
SIZE_STEP = 1 << 12
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
LIBRARY = "niivue-0.69.0.js.gz"
HEADERS = {"Cache-Control": f"private, max-age={VALID_SECONDS}", "X-Content-Type-Options": "nosniff"}
KINDS = {".png": "image/png", ".gz": "application/gzip", ".glb": "model/gltf-binary"}


@cache
def _cipher() -> Fernet:
    """One key per home, so that several server processes behind one address understand each other."""
    path = server_home().keys / "pictures.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Fernet(path.read_bytes())
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
    return Fernet(path.read_bytes())


def address_of(path: Path, *, session_id: str) -> str:
    """An address under which this sign-in may fetch a file of the home.

    Raises
    ------
    ValueError
        If the file lies outside the home.
    """
    relative = path.resolve().relative_to(server_home().path.resolve())
    return "/picture/" + _cipher().encrypt(json.dumps([str(relative), session_id]).encode()).decode()


def constant_size(content: bytes) -> int:
    """Bytes that every PNG of these dimensions and channels is sent with: what it would take without any compression.

    How well a picture compresses tells how noisy it is, and with that which arm made it; so no picture is sent at its own size.

    Examples
    --------
    >>> from PIL import Image
    >>> import io
    >>> def picture(noise):
    ...     buffer = io.BytesIO()
    ...     Image.frombytes("L", (64, 64), noise).save(buffer, "PNG")
    ...     return buffer.getvalue()
    >>> constant_size(picture(bytes(4096))) == constant_size(picture(os.urandom(4096))) >= len(picture(os.urandom(4096)))
    True
    """
    width, height, _, colour = struct.unpack(">IIBB", content[16:26])
    rows = height * (1 + width * PNG_CHANNELS.get(colour, 4))
    needed = rows + rows // 1000 + 1024  # deflate's and the chunks' own bytes at their worst
    return -(-max(needed, len(content)) // SIZE_STEP) * SIZE_STEP


async def send_picture(request: Request) -> Response:
    """The file, if the address is fresh and asked for by the sign-in it was made for."""
    try:
        relative, session_id = json.loads(_cipher().decrypt(request.path_params["token"].encode(), ttl=VALID_SECONDS))
    except InvalidToken:
        return Response("this address has run out; reload the page", status_code=403)
    if token_hash(request.cookies.get(COOKIE, "")) != session_id:
        return Response("this address belongs to another sign-in", status_code=403)
    path = server_home().path / relative
    if path.suffix not in KINDS or not path.is_file():
        return Response("not there", status_code=404)
    content = await run_in_threadpool(path.read_bytes)
    if path.suffix == ".png":  # whatever follows a PNG's end is not shown
        content = content.ljust(constant_size(content), b"\0")
    return Response(content, media_type=KINDS[path.suffix], headers=HEADERS)


def volume_address(image_set_id: str, *, session_id: str) -> str:
    """An address under which this sign-in may fetch the source scan behind some pictures."""
    return "/volume/" + _cipher().encrypt(json.dumps([image_set_id, session_id]).encode()).decode()


async def send_volume(request: Request) -> Response:
    """The source scan, blinded; made when it is first asked for, while the browser waits and no page does."""
    try:
        image_set_id, session_id = json.loads(_cipher().decrypt(request.path_params["token"].encode(), ttl=VALID_SECONDS))
    except InvalidToken:
        return Response("this address has run out; reload the page", status_code=403)
    if token_hash(request.cookies.get(COOKIE, "")) != session_id:
        return Response("this address belongs to another sign-in", status_code=403)
    content = await run_in_threadpool(_volume, image_set_id)
    if content is None:
        return Response("there is no source scan", status_code=404)
    return Response(content, media_type=KINDS[".gz"], headers=HEADERS)


def _volume(image_set_id: str) -> bytes | None:
    home = server_home()
    scan = scan_of(home.engine, image_set_id=image_set_id)
    if scan is None:
        return None
    target = home.path / "sources" / f"{hashlib.sha256(scan.encode()).hexdigest()[:16]}.nii.gz"
    try:
        return prepare(Path(scan), target=target).read_bytes()
    except StudyError:
        return None


async def send_library(request: Request) -> Response:
    """NiiVue, as it lies in this package; nothing is fetched from elsewhere."""
    content = await run_in_threadpool(files("dashboard.components").joinpath("assets", LIBRARY).read_bytes)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": "private, max-age=86400", "Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if packed else {})
    return Response(content if packed else gzip.decompress(content), media_type="text/javascript", headers=headers)


ROUTES = [
    Route("/picture/{token:str}", send_picture, methods=["GET"]),
    Route("/volume/{token:str}", send_volume, methods=["GET"]),
    Route("/library/niivue.js", send_library, methods=["GET"]),
]
