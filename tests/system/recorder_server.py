"""A server's write path under many clients, in a forked process that can be killed: each thread is a client."""

import os
import random
import resource
import signal
import threading
import time

from db.engine import open_engine, transaction
from db.errors import DatabaseFull
from study.clock import read_clock
from study.recording import NewEvent, append_events


def fork(work) -> tuple[int, int]:
    """Run `work(pipe)` in a child; returns its pid and the reading end of its pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    os.close(reader)
    try:
        work(writer)
    finally:
        os._exit(0)


def write_forever(pipe, *, url, anchor, tasks, clients, run, seconds=None, kinds=("click",), pace_seconds=0.0):
    """Clients post batches one after the other, an event of each kind in a batch, and tell each acknowledged key and its delay."""
    engine = open_engine(url, anchor=anchor)
    stop = time.monotonic() + (seconds or 3600)

    def client(number):
        task_id, actor = tasks[number % len(tasks)]
        place = 0
        while time.monotonic() < stop:
            key = f"run{run}-client{number}-{place}"
            place += 1
            began = time.monotonic()
            try:
                with transaction(engine, actor=actor, quick=True) as db_session:
                    events = [NewEvent(kind="input", input=kind, count=1, key=f"{key}-{kind}") for kind in kinds]
                    append_events(db_session, task_id=task_id, events=events, actor=actor, now=read_clock())
            except Exception as error:
                os.write(pipe, f"ERROR {type(error).__name__} {error}\n".replace("\n", " ").encode() + b"\n")
                continue
            delay = time.monotonic() - began
            time.sleep(max(0.0, random.uniform(0.5, 1.5) * pace_seconds - delay))
            os.write(pipe, "".join(f"{key}-{kind} {delay:.4f}\n" for kind in kinds).encode())

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write_until_full(pipe, *, url, anchor, tasks, extra_bytes, run, clients=4):
    """Write with room for some bytes more; when it is used up, every client says so; make room and write once more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    engine = open_engine(url, anchor=anchor)
    path = url.removeprefix("sqlite:///")
    largest = max(os.path.getsize(name) for name in (path, f"{path}-wal") if os.path.exists(name))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + extra_bytes, resource.RLIM_INFINITY))

    def write(key, number):
        task_id, actor = tasks[number % len(tasks)]
        with transaction(engine, actor=actor, quick=True) as db_session:
            event = NewEvent(kind="note", reason="x" * 300, key=key)
            append_events(db_session, task_id=task_id, events=[event], actor=actor, now=read_clock())
        os.write(pipe, f"{key} 0\n".encode())

    def client(number):
        try:
            for place in range(100):
                write(f"full{run}-{number}-{place}", number)
        except DatabaseFull:
            os.write(pipe, b"FULL\n")
        except Exception as error:
            os.write(pipe, f"ERROR {type(error).__name__} {error}".replace("\n", " ").encode() + b"\n")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    write(f"full{run}-again", 0)
    os.write(pipe, b"RECOVERED\n")


def read_lines(reader, *, until=None):
    """Lines from a pipe until it closes, or until a moment has passed."""
    buffer = b""
    while until is None or time.monotonic() < until:
        part = os.read(reader, 1 << 16)
        if not part:
            break
        buffer += part
    return buffer.decode().splitlines()


def pause(chance: random.Random, *, least=0.05, most=0.6):
    """A moment of random length."""
    time.sleep(chance.uniform(least, most))
