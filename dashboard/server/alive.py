"""`POST /alive`: somebody is there, though no page was run: reading, turning pictures, typing. It says nothing else."""

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.checks import keep_signed_in, signed_in_post
from study.sign_in import Person


def _store(person: Person, token: str, _: Any) -> Response:
    keep_signed_in(person, token)
    return JSONResponse({})


ROUTES = [Route("/alive", signed_in_post(dict, _store), methods=["POST"])]
