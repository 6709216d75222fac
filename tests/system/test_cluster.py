"""A batch on a Ray cluster of two nodes on loopback, every part of which is killed while it runs, ends with every case exact.

The long form is done in parts with `GILBRETH_BATCH_CASES=50`; each adds a line to `out/endurance.jsonl`.
"""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import load
from study.batch.case import Options, run_case
from study.batch.intake import enter
from study.batch.listing import read_list
from study.batch.settle import Errand
from study.home import open_home
from tests.system.endurance import result, rounds
from tests.system.postgres import Server, throw_away_server

if sys.platform != "linux":
    pytest.skip("nodes are killed by their Linux process groups", allow_module_level=True)

from tests.system.ray_cluster import MASKS, Batch, Clusters, done_again, exact, write_list

pytestmark = pytest.mark.system


@pytest.fixture
def clusters() -> Iterator[Clusters]:
    made = Clusters()
    yield made
    made.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    with throw_away_server() as made:
        yield made


def run_and_kill(batch: Batch, count: int, kills: list[str], rng: random.Random) -> None:
    """Run a batch to its end and kill something of it every time that so many more cases are done."""
    batch.prepare(count)
    batch.drive()
    for number, what in enumerate(kills):
        batch.wait_until(1 + number * (count - 6) // len(kills))
        batch.kill(what, rng)
    assert batch.finish(seconds=1500) == 0, batch.said()
    assert batch.done() == count


@pytest.mark.timeout(900)
def test_worker_node_database_and_driver_are_killed_and_sixteen_cases_end_exact(
    tmp_path: Path, clusters: Clusters, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GILBRETH_DATABASE_URL", server.url)
    batch = Batch(tmp_path, clusters, server)
    run_and_kill(batch, 16, ["worker", "database", "node", "driver"], random.Random(16))
    assert exact(tmp_path, [f"c{number:03d}" for number in range(16)]) == 16
    assert done_again(batch, 16) == ["c003", "c007"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("on", ["postgresql", "sqlite"])
def test_two_hundred_cases_survive_the_loss_of_everything_at_random(
    tmp_path: Path, clusters: Clusters, server: Server, monkeypatch: pytest.MonkeyPatch, on: str
) -> None:
    count = rounds(200, full=200, variable="GILBRETH_BATCH_CASES", long=True)
    kinds = ["worker"] * 8 + ["node"] * 5 + ["driver"] * 2 + ["head"] * 2
    if on == "postgresql":
        monkeypatch.setenv("GILBRETH_DATABASE_URL", server.url)
        kinds += ["database"] * 5
    rng, began = random.Random(), time.monotonic()
    kills = rng.sample(kinds, max(4, len(kinds) * count // 200))
    batch = Batch(tmp_path, clusters, server)
    run_and_kill(batch, count, kills, rng)
    ran = time.monotonic() - began
    good = exact(tmp_path, [f"c{number:03d}" for number in range(count)])
    again = done_again(batch, count)
    figures = {f"{what} kills": number for what, number in sorted(batch.killed.items())}
    result(f"batch on Ray, {on}", long=True, rounds=count, exact=good, redone=len(again), seconds=round(ran, 1), **figures)
    assert good == count
    assert again == ["c003", "c007"]


@pytest.mark.timeout(600)
def test_cpu_stages_run_in_workers_and_the_network_on_gpus_of_the_cluster_with_the_same_masks(tmp_path: Path) -> None:
    from study.batch.cluster import run_ray

    clusters = Clusters(num_gpus=2)  # Ray believes what it is told; the models run on the CPU
    write_list(tmp_path, 3)
    (tmp_path / "out").mkdir()
    place = open_home(tmp_path / "home")
    options = Options(method="network", recipe="masks", device="cuda")
    try:
        entries = read_list(tmp_path / "list.csv")
        enter(place.engine, out=tmp_path / "out", entries=entries)
        errand = Errand(tmp_path / "out", frozenset(entry.case for entry in entries), options, 2, told=lambda settled: None)
        run_ray(place.engine, errand, address=clusters.start(), seer_device="cpu")
    finally:
        place.close()
        clusters.stop()
    here = {
        "path": str(entries[1].path),
        "out": str(tmp_path / "here"),
        "case": "one",
        "options": Options(recipe="masks", device="cpu").as_dict(),
    }
    assert run_case(here)["ok"]
    for mask in MASKS:
        far = load(tmp_path / "out" / entries[1].case / "masks" / f"{mask}.nii.gz").array
        near = load(tmp_path / "here" / "one" / "masks" / f"{mask}.nii.gz").array
        assert (far == near).all(), mask
        assert mask != "vessel" or near.any()
