"""Blocks are put together without a seam, and only wanted blocks are seen."""

import numpy as np

from inference.network.tiling import Tiling, run_blocks


class Echo:
    """An engine whose evidence is the picture itself, so that every misplaced voxel shows."""

    name = "echo"

    def __init__(self):
        self.calls = 0

    def __call__(self, patches):
        self.calls += len(patches)
        return np.repeat(patches.astype(np.uint8)[:, None], 4, axis=1)


def test_blocks_put_together_give_the_picture_back_at_any_shape():
    rng = np.random.default_rng(0)
    for shape in ((70, 33, 90), (20, 20, 20), (32, 32, 32)):
        array = rng.integers(0, 255, shape).astype(np.int16)
        tiling = Tiling(shape, patch=32, halo=8)
        found = run_blocks(array, Echo(), tiling, np.ones(tiling.blocks, bool))
        assert np.array_equal(found[0], array)


def test_blocks_not_wanted_are_neither_seen_nor_written():
    array = np.full((64, 32, 32), 9, np.int16)
    tiling, engine = Tiling((64, 32, 32), patch=32, halo=8), Echo()
    wanted = np.zeros(tiling.blocks, bool)
    wanted[1, 0, 1] = True
    found = run_blocks(array, engine, tiling, wanted)
    assert engine.calls == 1
    assert found[0, 16:32, :16, 16:].all()
    assert found[0].sum() == 9 * 16**3


def test_progress_ends_at_one():
    seen = []
    tiling = Tiling((40, 20, 20), patch=32, halo=8)
    run_blocks(np.zeros((40, 20, 20), np.int16), Echo(), tiling, np.ones(tiling.blocks, bool), progress=seen.append)
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_a_coarse_voxel_across_a_border_wants_both_blocks():
    tiling = Tiling((80, 40, 40), patch=64, halo=12)  # blocks of 40
    coarse = np.zeros((5, 5, 5), bool)  # voxels of 16 along z: the third spans 32 to 48
    coarse[2, 0, 0] = True
    assert tiling.any_in_block(coarse)[:, 0, 0].tolist() == [True, True]


def test_an_engine_that_likes_batches_gets_them_and_gives_the_same_picture():
    array = np.random.default_rng(1).integers(0, 255, (70, 33, 90)).astype(np.int16)
    tiling, echo = Tiling(array.shape, patch=32, halo=8), Echo()
    echo.batch = 4
    assert np.array_equal(run_blocks(array, echo, tiling, np.ones(tiling.blocks, bool))[0], array)
    assert echo.calls == np.prod(tiling.blocks)


def test_while_other_work_is_under_way_half_of_the_streams_get_patches():
    sizes = []

    class Streams(Echo):
        streams, batch = 4, 16

        def __call__(self, patches):
            sizes.append(len(patches))
            return super().__call__(patches)

    tiling = Tiling((40, 40, 400), 24, 4)
    array = np.random.default_rng(0).integers(0, 255, tiling.shape).astype(np.int16)
    found = run_blocks(array, Streams(), tiling, np.ones(tiling.blocks, bool), crowded=lambda: len(sizes) < 3)
    assert np.array_equal(found[0], array)
    assert sizes[:4] == [2, 2, 2, 16]
    assert sum(sizes) == np.prod(tiling.blocks)
