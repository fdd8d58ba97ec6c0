"""The physics constraint in a training by cross-fitting."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from scarp.model.artifact import load_model
from scarp.model.errors import ParameterInvalid
from scarp.model.networks.unet import PcumLoss
from scarp.model.progress import NullProgress
from scarp.model.training import cross_fitted, pointwise_fit
from scarp.model.training.cell_constraint import CellConstraint
from scarp.model.training.settings import preset_settings
from scarp.model.windows.folded_cells import collect_folded_cells
from scarp.model.windows.split import open_training_rasters
from scarp.tests.core.conftest import Listener, read_band, write_raster
from scarp.tests.core.cross_fitting import FACTORS, GRID, SIZE, area, train


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30, 60, 120))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An area with warnings on its gentle slopes, where labels see no landslides; the west is not assessed."""
    result = tmp_path_factory.mktemp("area")
    area(result, 80)
    slope = read_band(result / "stack.tif")
    safety = np.where(slope < 22, 0.2, 0.9).astype(np.float32)
    safety[:, :10] = np.nan
    write_raster(result / "safety.tif", safety, GRID, nodata=np.nan)
    return result


def collect(folder):
    with open_training_rasters(folder / "stack.tif", folder / "labels.tif", folder / "safety.tif") as rasters:
        return collect_folded_cells([rasters], 200.0, None, 1, NullProgress())


def test_cells_have_their_safety_factor(folder):
    cells = collect(folder)
    expected = read_band(folder / "safety.tif").ravel()[cells.places]
    assert np.array_equal(cells.safety, expected, equal_nan=True) and np.isnan(cells.safety).any()


@pytest.mark.parametrize("physics", ("hinge", "indicator"))
def test_the_term_is_that_of_windows(folder, physics):
    cells = collect(folder)
    cells = dataclasses.replace(cells, counts=np.ones(len(cells.labels)))
    settings = preset_settings("recommended", {"physics": physics, "lambda_": 0.8})
    own = CellConstraint.of(cells, settings)
    logit = np.random.default_rng(2).normal(-2, 1.5, len(cells.labels))
    loss = PcumLoss(physics, 0.8, settings.p_low, settings.critical, 1.0, 1.0)
    image = torch.from_numpy(np.stack([np.zeros(len(logit)), logit])).float()[None, :, None]
    labels, safety = (torch.from_numpy(each)[None, None] for each in (cells.labels, cells.safety))
    terms = loss(image, labels, safety)
    # Both classes weigh one together on cells, and one each on windows: half the weight.
    assert np.isclose(own.weight * own.mean_term(logit), float(terms.physics / terms.safety_known) / 2, rtol=1e-5)
    assert np.isclose(own.violation_rate(logit), float(terms.violations / terms.constrained))


def test_warnings_against_the_labels_lower_the_violation_rate(folder):
    cells, found = collect(folder), {}
    for weight in (0.0, 30.0):
        settings = preset_settings("recommended", {"lambda_": weight, "p_low": 0.5})
        found[weight] = cross_fitted.fit_cross_fitted(
            cross_fitted.FitInputs(cells, FACTORS, settings), NullProgress()
        ).choice
    plain, constrained = found[0.0], found[30.0]
    assert plain.violation > 0.4 and constrained.violation < plain.violation - 0.1
    assert constrained.violation_additive == pytest.approx(plain.violation_additive)
    assert all(len(row) == 3 for row in plain.residuals)
    # What decides is the sum of both losses; the log loss is told too.
    steps, shrink, loss, total = min(constrained.residuals, key=lambda row: row[-1])
    assert (steps, shrink) == (constrained.steps, constrained.shrink)
    assert loss < total < constrained.residuals[0][-1] and loss >= min(row[2] for row in constrained.residuals)


def test_the_job_reports_the_violation_rate(folder):
    log = Listener()
    safety = folder / "safety.tif"
    result = train(folder, progress=log, report=True, block=200.0, safety_factor=safety, lambda_=30.0, p_low=0.5)
    plain = train(folder, "plain.safetensors", block=200.0, safety_factor=safety, physics="none", p_low=0.5)
    assert 0 <= result.metrics["violation_rate"] < plain.metrics["violation_rate"]
    assert load_model(folder / "model.safetensors").settings["physics"] == "hinge"
    assert any("Of the land under warning" in text for text in log.texts)
    assert any("is below 0.5 in" in text for text in log.texts) and not log.warnings
    assert "with the physics term" in (folder / "model.safetensors.html").read_text()
    without = train(folder, "without.safetensors", block=200.0)
    assert without.metrics["violation_rate"] is None and without.settings.physics == "none"
    assert without.metrics["auc"] == plain.metrics["auc"]


def test_a_safety_factor_elsewhere_is_refused(folder):
    write_raster(folder / "none.tif", np.full((SIZE, SIZE), np.nan, dtype=np.float32), GRID, nodata=np.nan)
    with pytest.raises(ParameterInvalid, match="no data in any training cell"):
        train(folder, "refused.safetensors", block=200.0, safety_factor=folder / "none.tif")
