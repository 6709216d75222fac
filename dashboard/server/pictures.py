"""Pictures by short-lived sealed address: it names a file of the home to the server alone, for one sign-in, for a quarter of an hour.

The address is encrypted and no header but type and length goes out, so nothing a browser sees tells one arm from the other.
"""

import json
import os
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.server.home import COOKIE, server_home
from study.sign_in import token_hash

VALID_SECONDS = 900
SIZE_STEP = 1 << 16
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
    headers = {"Cache-Control": f"private, max-age={VALID_SECONDS}", "X-Content-Type-Options": "nosniff"}
    content = await run_in_threadpool(path.read_bytes)
    if path.suffix == ".png":  # whatever follows a PNG's end is not shown; rounded sizes tell less about what made the picture
        content += bytes(-len(content) % SIZE_STEP)
    return Response(content, media_type=KINDS[path.suffix], headers=headers)


ROUTES = [Route("/picture/{token:str}", send_picture, methods=["GET"])]
