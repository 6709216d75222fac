"""Work that takes seconds, done once in another process and shared; a page asks, shows what is there, and comes back."""

import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from dashboard.state import text

# Not multiprocessing: Streamlit puts the page's script in the place of the main module, and a spawned process would run it.
WORKER = """
import importlib, os, sys, threading, time
def end_with_the_server(server=os.getppid()):
    while os.getppid() == server:
        time.sleep(1)
    os._exit(1)
threading.Thread(target=end_with_the_server, daemon=True).start()
os.nice(5)
module, name = sys.argv[1:]
sys.stdout.write(getattr(importlib.import_module(module), name)(sys.stdin.read()))
"""
LONGEST_SECONDS = 600


def elsewhere(work: Callable[[str], str], question: str) -> str:
    """`work(question)` in a process of its own, so that pages stay quick.

    Examples
    --------
    >>> from html import escape
    >>> elsewhere(escape, "a < b")
    'a &lt; b'
    """
    command = [sys.executable, "-c", WORKER, work.__module__, work.__name__]
    done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise RuntimeError(said[-1] if said else f"the worker ended with {done.returncode}")
    return done.stdout


@st.cache_resource(show_spinner=False)
def _pool() -> ThreadPoolExecutor:
    """One question at a time; the next one waits."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")


@st.cache_resource(max_entries=64, show_spinner=False)
def _asked(key: str, _work: Callable[[str], str], _question: Callable[[], str]) -> "Future[str]":
    """Shared by everyone who may see the data: the key holds data version and inputs, never who asked."""
    return _pool().submit(lambda: elsewhere(_work, _question()))


@st.fragment(run_every=1.0)
def _come_back(future: "Future[str]") -> None:
    """Looks every second whether the answer is there, without running the page."""
    if future.done():
        st.rerun()
    st.info(text("background.working"), icon=":material/hourglass_top:")


def answer_or_wait(key: str, work: Callable[[str], str], question: Callable[[], str]) -> str | None:
    """The result of `work(question())`, or None while it is being worked out or when it could not be, which the page then says.

    Parameters
    ----------
    key : str
        Tells this question from every other: data version and all inputs.
    work : callable
        A function of a module, for it runs in another process: JSON in, JSON out.
    question : callable
        Makes what `work` is given; called once for a key.
    """
    future = _asked(key, work, question)
    if not future.done():
        _come_back(future)
        return None
    try:
        return future.result()
    except (RuntimeError, subprocess.SubprocessError) as error:
        said = str(error).partition(": ")[2] or str(error)
        st.warning(re.sub(r"^rejected \[\w+\]: ", "", said))
        return None
