"""What the agent says to the server: who am I, and here are the counts. The token goes in a header, never in an address."""

from collections.abc import Sequence
from typing import Any

import httpx

from study.errors import Forbidden, RejectedInput, StudyError

AT_ONCE = 500


class Unreachable(StudyError):
    """The server does not answer now."""


class Server:
    """One task's server."""

    def __init__(self, address: str, *, token: str) -> None:
        self._client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=10.0)

    def task(self) -> dict[str, Any]:
        """Case number, arm, state and consent version of the token's task."""
        return self._call("GET", "/agent/task")

    def send(self, events: Sequence[dict[str, Any]]) -> int:
        """Send events; how many were new to the server. Sent twice they are stored once."""
        new = 0
        for start in range(0, len(events), AT_ONCE):
            new += int(self._call("POST", "/agent/events", {"events": list(events[start : start + AT_ONCE])})["new"])
        return new

    def _call(self, method: str, path: str, content: object = None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, json=content)
        except httpx.HTTPError as error:
            raise Unreachable(f"the server does not answer ({type(error).__name__}); the record stays on this machine") from error
        try:
            body: dict[str, Any] = answer.json()
        except ValueError:
            body = {}
        if answer.status_code == 200:
            return body
        reason = str(body.get("reason", f"status {answer.status_code}"))
        if answer.status_code in (401, 403, 409):
            raise Forbidden(reason)
        if answer.status_code < 500 and answer.status_code != 429:
            raise RejectedInput("refused", reason, "check --server and ask for a new token on the task's page")
        raise Unreachable(f"the server cannot take it now ({reason}); the record stays on this machine")
