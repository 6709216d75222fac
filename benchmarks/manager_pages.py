"""Seconds of every managers' page on a filled home: from click to finished script, in a fresh process, again, and filtered.

    python -m benchmarks.department fill HOME
    python -m benchmarks.manager_pages HOME [--out FILE.json] [--cold]

Pages run in Streamlit's own test runner in this process, as the server runs them: sign-in, permission, figures, charts, tables; what the
browser draws after that is not in it. The first page pays the start of a fresh process. `--cold` throws the kept figures away first, as
after a restored backup: the pages then say how far the reading is, and open when it is done.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

PAGES = ("overview", "efficiency", "staffing", "dose", "accrual")


def signed_in(name: str, password: str) -> Any:
    """The dashboard as seen by an account."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    import dashboard
    from dashboard.server.home import COOKIE, server_home
    from db.base import utc_now
    from db.engine import transaction
    from study.sign_in import sign_in

    with transaction(server_home().engine) as db_session:
        token = sign_in(db_session, name=name, password=password, now=utc_now()).token
    type(st.context).cookies = property(lambda _: {COOKIE: token})  # type: ignore[assignment, method-assign]
    return AppTest.from_file(str(Path(dashboard.__file__).parent / "main.py"), default_timeout=600)


def timed(rows: list[dict[str, Any]], what: str, act: Any) -> Any:
    """Run and note; a page that failed is no measurement."""
    began, used = time.perf_counter(), time.process_time()
    app = act()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    if app.exception:
        raise RuntimeError(f"{what}: {app.exception[0].value}")
    rows.append({"what": what, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "charts": len(app.get("plotly_chart"))})
    print(json.dumps(rows[-1]), flush=True)
    return app


def measure(name: str, password: str) -> list[dict[str, Any]]:
    """Open every page twice, then filter the efficiency page by site, scanner and shift in every view."""
    rows: list[dict[str, Any]] = []
    began = time.perf_counter()
    app = signed_in(name, password)
    rows.append({"what": "start of the process: imports, home, sign-in", "seconds": round(time.perf_counter() - began, 2)})
    print(json.dumps(rows[-1]), flush=True)
    timed(rows, "front page, fresh process", app.run)
    for page in PAGES:
        for turn in ("first", "again"):
            timed(rows, f"{page}, {turn}", lambda page=page: app.switch_page(f"app_pages/{page}.py").run())
    app.switch_page("app_pages/efficiency.py").run()
    for view in ("time", "flow", "pass", "models"):
        timed(rows, f"efficiency, view {view}", lambda view=view: app.segmented_control[0].set_value(view).run())
        for key in ("filter-site", "filter-scanner", "filter-shift"):
            every = list(app.multiselect(key=key).options)
            timed(rows, f"efficiency, {view}, {key} to one", lambda key=key, one=every[0]: app.multiselect(key=key).set_value([one]).run())
            app.multiselect(key=key).set_value([]).run()
    return rows


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--account", default="manager")
    parser.add_argument("--password", default="a-password-for-tests-only")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.environ["GILBRETH_HOME"] = str(options.home)
    if options.cold:
        for path in (options.home / "cache").glob("*"):
            path.unlink()
    rows = measure(options.account, options.password)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
