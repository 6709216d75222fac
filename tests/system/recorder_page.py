"""The recorder on a bare page before the real server routes, with both clocks in the test's hand.

The browser's clock is Playwright's, the server's is `Clock`; they move together, the server's first, so that everything seems to
arrive a little late, as over a network, and never before it was sent.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dashboard.components import asset
from dashboard.components.recorder import HTML, LABELS, WORDS
from dashboard.server import checks, record
from dashboard.server.gate import Gate
from dashboard.server.home import COOKIE, server_home
from db.base import utc_now
from db.engine import transaction
from study import workplace
from study.clock import Instant, read_clock
from study.sign_in import sign_in
from tests.system.browser import free_port
from tests.system.conftest import PASSWORD

PAGE = """<!doctype html><meta charset="utf-8"><title>task</title><style>%(css)s main { height: 70vh; background: #ddd; }</style>
<div id="strip">%(strip)s</div><main data-rec-area="work">work here</main><script type="module">
import strip from "/recorder.js";
const tell = (name, value) => { document.title = JSON.stringify([name, value]); };
strip({ data: %(data)s, parentElement: document.getElementById("strip"), setTriggerValue: tell });
</script>"""


@dataclass
class Clock:
    """The server's clocks, standing still until the test moves them."""

    start: Instant
    seconds: float = 0.0
    kinds: list[str] = field(default_factory=list)  # of every event that arrived
    batches: int = 0

    def __call__(self) -> Instant:
        """The moment now."""
        return self.start.after(self.seconds)


async def _page(request: Request) -> Response:
    actor, holder = record.__dict__["test_person"].acting("technologist"), workplace.new_holder()
    task = workplace.open_my_task(server_home().engine, actor=actor, task_id=request.query_params["task"], holder=holder)
    data = {
        "task": task.task_id, "case": task.case_number, "arm": task.arm, "state": task.state, "holder": holder,
        "read_only": task.read_only, "reasons": ["break"], "abort_reasons": ["scan unusable"], "undo_reasons": ["other"], "colleagues": [],
        "needs_images": False, "finish": "", "words": {name: name for name in WORDS},
    }  # fmt: skip
    strip = HTML.format(**dict(zip(LABELS, LABELS, strict=True)))
    return HTMLResponse(PAGE % {"css": asset("recorder.css"), "strip": strip, "data": json.dumps(data)})


async def _script(_: Request) -> Response:
    return Response(asset("recorder.js"), media_type="text/javascript")


@contextmanager
def recorder_page(home: Path, *, name: str = "tess") -> Iterator[tuple[str, str, Clock]]:
    """Serve the page for one technologist; yields its address, the sign-in cookie's token, and the server's clock."""
    clock = Clock(read_clock())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(home))
        server_home.cache_clear()
        with transaction(server_home().engine) as db_session:
            entered = sign_in(db_session, name=name, password=PASSWORD, now=utc_now())
        patch.setattr(record, "test_person", entered.person, raising=False)
        patch.setattr(checks, "MOST_REQUESTS", 1_000_000)  # an hour's heartbeats come within seconds here
        patch.setattr(record, "require_images", lambda *_, **__: None)  # there are no pictures here, only clicks and times
        append = record.append_events

        def noted(*values: Any, **options: Any) -> Any:
            done = append(*values, **options)
            clock.kinds.extend(event.kind for event in options["events"])
            clock.batches += 1
            return done

        patch.setattr(record, "append_events", noted)
        patch.setattr(record, "read_clock", clock)
        patch.setattr(workplace, "read_clock", clock)
        routes = [Route("/", _page), Route("/recorder.js", _script), *record.ROUTES]
        port = free_port()
        app = Starlette(routes=routes, middleware=[Middleware(Gate)])
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.05)
        try:
            yield f"http://127.0.0.1:{port}", str(entered.token), clock
        finally:
            server.should_exit = True
            thread.join(20)
            server_home().close()
            server_home.cache_clear()


def cookie(address: str, token: str) -> dict[str, Any]:
    """The sign-in cookie for a browser context."""
    return {"name": COOKIE, "value": token, "url": address}
