"""Training crops made beside the training by processes of their own, kept in memory and used several times."""

import multiprocessing as mp
import os
import queue
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.process import BaseProcess
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from inference.network.crops.generator import ARTERY, BONE, CALCIUM, CLASS_BITS, VEIN, Crop, make_crop
from inference.network.crops.phantoms import phantom_crops
from inference.network.labelled import LabelledCases


@dataclass(frozen=True)
class CropRecipe:
    """How the pool's crops are made.

    Parameters
    ----------
    size : int
        Edge of a crop; training patches are cut from it. [voxels]
    spacing_mm : float
        Voxel edge. [mm]
    match_share : float
        Share of crops with bone near the lumen's HU.
    pooling : int
        Crops are merged by this factor after they were made: the coarse network learns from them.
    phantom_share : float
        Share of crops cut from full phantoms; small, so that the network does not learn their habits.
    phantom_cuts : int
        Crops cut from one phantom before the next is made.
    """

    size: int = 96
    spacing_mm: float = 0.7
    match_share: float = 0.5
    pooling: int = 1
    phantom_share: float = 0.0
    phantom_cuts: int = 48

    def make(self, seed: int) -> Crop:
        """The crop of a seed.

        Examples
        --------
        >>> CropRecipe(size=24, pooling=3).make(1).hu.shape
        (8, 8, 8)
        """
        return self._merged(make_crop(seed, size=self.size, spacing_mm=self.spacing_mm, match_share=self.match_share))

    def make_many(self, first_seed: int, step: int) -> Iterator[tuple[int, Crop]]:
        """Endless crops with their seeds, some of them from phantoms."""
        cuts: Iterator[Crop] = iter(())
        for seed in count(first_seed, step):
            if np.random.default_rng([seed, 9]).random() >= self.phantom_share:
                yield seed, self.make(seed)
                continue
            cut = next(cuts, None)
            if cut is None:
                cuts = phantom_crops(seed, size=self.size, spacing_mm=self.spacing_mm, count=self.phantom_cuts)
                cut = next(cuts)
            yield seed, self._merged(cut)

    def _merged(self, crop: Crop) -> Crop:
        return crop if self.pooling == 1 else merge_voxels(crop, self.pooling)


def merge_voxels(crop: Crop, factor: int) -> Crop:
    """Merge cubes of voxels: mean HU; vessel where two or more voxels are, else calcium, else bone where a third is.

    Generous to vessels, because the coarse network only has to say where a fine look pays.
    """
    edge = crop.hu.shape[0] // factor
    cut = slice(0, edge * factor)

    def cubes(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        blocks = array[cut, cut, cut].reshape(edge, factor, edge, factor, edge, factor)
        return blocks.transpose(0, 2, 4, 1, 3, 5).reshape(edge, edge, edge, -1)

    classes = cubes(crop.labels & CLASS_BITS)
    counts = [(classes == number).sum(-1) for number in range(5)]
    labels = np.zeros((edge,) * 3, np.uint8)
    labels[counts[BONE] * 3 >= factor**3] = BONE
    labels[counts[CALCIUM] >= 2] = CALCIUM
    vessel = counts[ARTERY] + counts[VEIN] >= 2
    labels[vessel] = np.where(counts[VEIN] > counts[ARTERY], VEIN, ARTERY)[vessel]
    hu = np.rint(cubes(crop.hu).astype(np.float32).mean(-1)).astype(np.int16)
    return Crop(hu, labels, crop.spacing_mm * factor)


def _produce(out: Any, recipe: CropRecipe, first_seed: int, step: int) -> None:
    """Endless work of one process; the full queue is the brake."""
    os.nice(9)  # the training matters more, and a full pool needs little
    parent = mp.parent_process()
    for seed, crop in recipe.make_many(first_seed, step):
        while True:
            if parent is None or not parent.is_alive():  # a parent that was killed does not end its children
                return
            try:
                out.put((seed, crop.hu, crop.labels), timeout=5)
                break
            except queue.Full:
                continue


class CropPool:
    """A rolling store of crops, refilled by background processes; a context manager.

    Parameters
    ----------
    recipe : CropRecipe
        What to make.
    capacity : int
        Crops held; the oldest leaves. One 96³ crop takes 2.7 MB.
    workers : int
        Processes that make crops; with 0 they are made in this process, when they are wanted.
    reuse : int
        Patches cut from a crop on average before a new one is taken in.
    first_seed : int
        Crops have the seeds from here on, each used once.
    labelled : LabelledCases, optional
        Scans that half of the patches are cut from.
    """

    def __init__(
        self,
        recipe: CropRecipe,
        *,
        capacity: int = 300,
        workers: int = 1,
        reuse: int = 8,
        first_seed: int = 0,
        labelled: LabelledCases | None = None,
    ) -> None:
        self.recipe, self.reuse, self.next_seed, self.labelled = recipe, reuse, first_seed, labelled
        self._store: deque[Crop] = deque(maxlen=capacity)
        self._processes: list[BaseProcess] = []
        # spawn: a forked child of a process that has used OpenMP hangs
        context = mp.get_context("spawn")
        self._queue: Any = context.Queue(maxsize=8)
        for worker in range(workers):
            arguments = (self._queue, recipe, first_seed + worker, workers)
            self._processes.append(context.Process(target=_produce, args=arguments, daemon=True))

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def __len__(self) -> int:
        return len(self._store)

    def _take(self, *, wait_seconds: float) -> bool:
        if not self._processes:
            self._store.append(self.recipe.make(self.next_seed))
            self.next_seed += 1
            return True
        try:
            seed, hu, labels = self._queue.get(timeout=wait_seconds) if wait_seconds else self._queue.get_nowait()
        except queue.Empty:
            return False
        self._store.append(Crop(hu, labels, self.recipe.spacing_mm * self.recipe.pooling))
        self.next_seed = max(self.next_seed, seed + 1)
        return True

    def patch(self, rng: np.random.Generator, size: int) -> Crop:
        """Cut a random patch of edge `size`; waits for the first crop, later takes new ones in as they are due."""
        while not self._store:
            if not self._take(wait_seconds=300):
                raise RuntimeError("no training crop was made within 300 s; see the messages of the worker processes")
        growing = len(self._store) < (self._store.maxlen or 0) // 4
        if rng.random() < (0.4 if growing else 1 / self.reuse):
            self._take(wait_seconds=0)
        if self.labelled is not None and rng.random() < 0.5:
            crop = self.labelled.crop(rng, self.recipe.size)
            return cut_patch(rng, crop if self.recipe.pooling == 1 else merge_voxels(crop, self.recipe.pooling), size)
        return cut_patch(rng, self._store[int(rng.integers(len(self._store)))], size)


def cut_patch(rng: np.random.Generator, crop: Crop, size: int) -> Crop:
    """A patch that usually holds vessel or bone, turned and mirrored at random.

    Examples
    --------
    >>> patch = cut_patch(np.random.default_rng(0), make_crop(7, size=32), 16)
    >>> patch.hu.shape
    (16, 16, 16)
    """
    shape = np.array(crop.hu.shape)
    start = rng.integers(0, np.maximum(shape - size, 0) + 1)
    chance = rng.random()
    if chance < 0.75:
        thin = crop.labels[::4, ::4, ::4] & CLASS_BITS
        wanted = np.argwhere((thin == ARTERY) | (thin == VEIN) if chance < 0.5 else thin == BONE)
        if len(wanted):
            middle = wanted[rng.integers(len(wanted))] * 4
            start = np.clip(middle - rng.integers(size // 8, size - size // 8, 3), 0, np.maximum(shape - size, 0))
    box = tuple(slice(int(a), int(a) + size) for a in start)
    axes = tuple(int(a) for a in rng.permutation(3))
    mirror = tuple(slice(None, None, -1 if rng.random() < 0.5 else 1) for _ in range(3))
    return Crop(crop.hu[box].transpose(axes)[mirror], crop.labels[box].transpose(axes)[mirror], crop.spacing_mm)


def vary_contrast(rng: np.random.Generator, hu: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Random offset, scale and contrast gain above soft tissue, as of tube voltage and bolus, and a little more noise. [HU]"""
    picture = hu.astype(np.float32) * np.float32(rng.uniform(0.93, 1.07)) + np.float32(rng.normal(0, 10))
    if rng.random() < 0.8:
        gain = np.float32(np.exp(rng.uniform(-0.45, 0.4)))
        picture = np.where(picture > 80, 80 + (picture - 80) * gain, picture)
    if rng.random() < 0.3:
        picture = picture + rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0, 12))
    return picture
