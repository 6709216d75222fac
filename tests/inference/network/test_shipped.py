"""The weights that ship: they know vessels by how they look, not by where they lie."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.metrics import dice
from inference.network.architecture import ResidualUNet
from inference.network.engine import Engines
from inference.network.models import open_model
from inference.phantom import generator, make_phantom
from inference.segmentation.network import NetworkSettings, segment_network
from inference.segmentation.threshold import segment_threshold

ARTERIES_MM, VEINS_MM = (6.0, -5.0, 4.0), (-5.0, 6.0, 3.0)


def _moved(grow, by_mm):
    def grown(*args, **options):
        return [replace(branch, points_mm=branch.points_mm + np.asarray(by_mm)) for branch in grow(*args, **options)]

    return grown


@pytest.fixture(scope="module")
def phantom():
    """A head whose arteries and veins lie where those of no other phantom do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "grow_arteries", _moved(generator.grow_arteries, ARTERIES_MM))
        patch.setattr(generator, "grow_veins", _moved(generator.grow_veins, VEINS_MM))
        return make_phantom(preset="head", seed=7_000_001, spacing_mm=0.9, metal=False)


def _noise(model):
    torch.manual_seed(0)
    fine = ResidualUNet(model.fine.plan).eval()
    coarse = ResidualUNet(model.coarse.plan).eval() if model.coarse is not None else None
    return replace(model, fine=fine, coarse=coarse, engines=Engines())


class Once:
    """A model that looks at a scan once and says the same again."""

    def __init__(self, model):
        self.name, self.version, self.sha256, self._look, self._said = model.name, model.version, model.sha256, model.evidence, None

    def evidence(self, volume, **options):
        self._said = self._said or self._look(volume, **options)
        return self._said


def test_vessels_and_veins_that_were_moved_are_found_better_than_by_noise_weights_and_by_thresholds(phantom, tmp_path, monkeypatch):
    def reached(segmentation):
        return dice(segmentation.vessel > 0, phantom.vessel > 0, spacing_mm=phantom.volume.spacing_mm)

    def joined_and_alone(model):
        return [
            reached(segment_network(phantom.volume, model=model, settings=NetworkSettings(join_threshold=join))) for join in (True, False)
        ]

    trained = joined_and_alone(Once(open_model()))
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))  # what is compiled of noise need not be kept
    noise = joined_and_alone(Once(_noise(open_model())))
    threshold = reached(segment_threshold(phantom.volume))
    assert min(trained) > max(threshold, *noise) + 0.05
