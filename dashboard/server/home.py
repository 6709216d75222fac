"""The home this server was started on, opened once for routes and pages alike."""

import os
from functools import cache
from pathlib import Path

from study.home import Home, open_home

COOKIE = "gilbreth_session"


@cache
def server_home() -> Home:
    """The home named by `GILBRETH_HOME`."""
    return open_home(Path(os.environ["GILBRETH_HOME"]))
