"""Prediction: classes are matched by label, ensembles averaged, extrapolation counted; failures leave nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from scarp.model import errors
from scarp.model.encoding import FactorSpec
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Polygons
from scarp.model.outputs.run_record import sha256
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.tests.core import prediction_models
from scarp.tests.core.conftest import cell_box, warnings_of
from scarp.tests.core.prediction_models import ROCKS, predict
from scarp.tests.core.properties import read

FACTORS = prediction_models.FACTORS[:3]
SLOPE, LITHOLOGY, PRECIPITATION = FACTORS


def specs(seen=(1, 2, 3)) -> list[FactorSpec]:
    precipitation, _, slope, _ = prediction_models.SPECS
    rocks = {"mean": 2, "std": 0.8, "minimum": 1, "maximum": 3, "seen": tuple(seen)}
    return [precipitation, slope, FactorSpec("lithology", "categorical", classes=ROCKS, **rocks)]


def model(depth: int = 2, **settings):
    return prediction_models.model("unet1", **{"factors": specs(), "depth": depth, "width": 4, **settings})


def saved(path, depth: int = 2, **settings) -> str:
    return prediction_models.saved(path, "unet1", **{"factors": specs(), "depth": depth, "width": 4, **settings})


def values(height: int, width: int, **options) -> np.ndarray:
    return prediction_models.values(height, width, **options)[:3]


def stack(path, raw: np.ndarray, factors=FACTORS, **options) -> str:
    return prediction_models.stack(path, raw, factors, **options)


@pytest.fixture
def trained(tmp_path) -> str:
    return saved(tmp_path / "m.safetensors")


def test_area_restricts_the_map_and_changes_nothing_inside(tmp_path, trained):
    path = stack(tmp_path / "stack.tif", values(150, 150))
    area = Polygons(name="valley", geometries=[cell_box(Grid.from_file(path, "stack"), 40, 20, 55, 50)])
    whole = predict(path, [trained], tmp_path / "w.tif", tile=32)
    expected = np.full((150, 150), np.nan)
    expected[40:95, 20:70] = read(tmp_path / "w.tif")[40:95, 20:70]
    # Within a tile, too, only the part around the area is computed.
    for tile in (0, 32):
        summary = predict(path, [trained], tmp_path / "p.tif", area=area, tile=tile)
        assert np.allclose(read(tmp_path / "p.tif"), expected, rtol=0, atol=1e-6, equal_nan=True)
    assert summary.tiles_skipped == 25 - 6 and whole.tiles_skipped < 5


def test_an_ensemble_gives_mean_and_standard_deviation_of_its_models(tmp_path):
    """Members of other depth, factor order and encoding; each as it is alone."""
    raw = values(90, 70)
    settings = [{"depth": 1}, {"seed": 2, "depth": 3, "encoding": "codes"}, {"seed": 3, "factors": specs()[::-1]}]
    paths = [saved(tmp_path / f"{number}.safetensors", **one) for number, one in enumerate(settings)]
    output, spread = tmp_path / "p.tif", tmp_path / "u.tif"
    summary = predict(stack(tmp_path / "s.tif", raw), paths, output, tile=48, output_uncertainty=spread)
    each = np.stack([prediction_models.in_one_piece(model(**one), raw) for one in settings])
    assert summary.members == 3
    assert np.allclose(read(output), each.mean(axis=0), rtol=0, atol=1e-5, equal_nan=True)
    assert np.allclose(read(spread), each.std(axis=0, ddof=1), rtol=0, atol=1e-5, equal_nan=True)


def test_samples_of_a_model_without_dropout_are_warned_of(tmp_path):
    path, plain = stack(tmp_path / "s.tif", values(30, 30)), saved(tmp_path / "m.safetensors", dropout=0.0)
    paths, spread = (path, [plain], tmp_path / "p.tif"), tmp_path / "u.tif"
    assert any("DROPOUT" in text for text in warnings_of(predict, *paths, samples=2, output_uncertainty=spread))
    assert np.nanmax(read(tmp_path / "u.tif")) == 0


def test_classes_the_model_does_not_know_are_counted_by_label(tmp_path):
    """Another rock under a code that the model has for something else must not be taken for it."""
    raw, progress = values(60, 60, ragged=False), NullProgress()
    rocks = StackFactor("lithology", "categorical", classes={1: "granite", 2: "ophiolite", 3: "till"})
    path, trained = stack(tmp_path / "s.tif", raw, [SLOPE, rocks, PRECIPITATION]), tmp_path / "m.safetensors"
    saved(trained, factors=specs(seen=(1, 2)))
    outside = tmp_path / "a.tif"
    summary = predict(path, [trained], tmp_path / "p.tif", output_applicability=outside, progress=progress)
    # Till is in the model's table but did not occur in training.
    ophiolite, till = (raw[1] == 2), (raw[1] == 3)
    assert summary.unseen_classes == {"lithology": {"ophiolite": ophiolite.sum(), "till": till.sum()}}
    assert np.array_equal(read(outside), (ophiolite | till).astype(np.uint8))
    assert summary.share_outside == pytest.approx((ophiolite | till).mean())
    assert any("ophiolite" in text and "OUTPUT_APPLICABILITY" in text for text in progress.warnings)
    assert np.isfinite(read(tmp_path / "p.tif")).all()


def test_applicability_counts_factors_outside_the_trained_range(tmp_path, trained):
    raw = values(70, 50)
    raw[0, 5:10], raw[2, 8:20], raw[2, 30] = 75.0, 2500.0, 100.0
    # The ends of the trained range are inside.
    raw[0, 40], raw[0, 41], raw[2, 42], raw[2, 43] = 0.0, 60.0, 300.0, 1500.0
    expected = ((raw[0] > 60) | (raw[0] < 0)).astype(int) + ((raw[2] > 1500) | (raw[2] < 300))
    nodata = np.isnan(raw).any(axis=0)
    path, outside = stack(tmp_path / "s.tif", raw), tmp_path / "a.tif"
    for tile in (16, 256):
        summary = predict(path, [trained], tmp_path / "p.tif", tile=tile, output_applicability=outside)
        assert np.array_equal(read(outside), np.where(nodata, 255, expected))
        assert summary.share_outside == pytest.approx((expected[~nodata] > 0).mean())
        assert summary.cells_outside_by_factor["slope"] == ((raw[0] > 60) & ~nodata).sum()


def test_factors_are_found_by_name_and_the_one_without_data_is_named(tmp_path, trained):
    raw, order = values(50, 50), [2, 0, 1]
    predict(stack(tmp_path / "a.tif", raw), [trained], tmp_path / "pa.tif")
    predict(stack(tmp_path / "b.tif", raw[order], [FACTORS[i] for i in order]), [trained], tmp_path / "pb.tif")
    assert np.array_equal(read(tmp_path / "pa.tif"), read(tmp_path / "pb.tif"), equal_nan=True)
    raw[2] = np.nan
    with pytest.raises(errors.TooFewData, match="precipitation"):
        predict(stack(tmp_path / "e.tif", raw), [trained], tmp_path / "pe.tif")


def test_another_cell_size_or_unit_is_warned_of(tmp_path, trained):
    factors = [SLOPE, LITHOLOGY, StackFactor("precipitation", "continuous", "inch")]
    path = stack(tmp_path / "s.tif", values(30, 30), factors, cell=31.0)
    said = warnings_of(predict, path, [trained], tmp_path / "p.tif")
    assert any("31 m" in text and "30 m" in text for text in said) and any("inch" in text for text in said)


def test_the_map_describes_itself(tmp_path, trained):
    predict(stack(tmp_path / "s.tif", values(600, 300)), [trained], tmp_path / "p.tif")
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.dtypes == ("float32",) and np.isnan(dataset.nodata) and dataset.profile["tiled"]
        assert dataset.descriptions == ("relative landslide susceptibility",)
        assert dataset.tags()["MODEL_SHA256"] == sha256(trained)
        assert "not a calibrated probability" in dataset.tags()["MEANING"]
        assert dataset.overviews(1) == [2]
        cells = dataset.read(1)
    assert np.nanmin(cells) >= 0 and np.nanmax(cells) <= 1
    record = json.loads((tmp_path / "p.tif.run.json").read_text())
    assert record["inputs"]["MODEL"][0]["sha256"] == sha256(trained)
    assert record["parameters"] == {"TILE": 0, "DEVICE": "auto", "PRECISION": "auto", "SAMPLES": 0}
