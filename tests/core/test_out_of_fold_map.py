"""The out-of-fold map of a training: what each cell has, what it says of itself, failures, and the validation by it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import rasterio
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from scarp.model.artifact import load_model
from scarp.model.comparison.settings import ComparisonOptions
from scarp.model.errors import Cancelled, GridMismatch, LayerEmpty, OutputNotWritable, ParameterInvalid
from scarp.model.grid import Block
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.jobs.compare_models import compare_models
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.jobs.validate_with_points import validate_with_points
from scarp.model.outputs.run_record import sha256
from scarp.model.outputs.transaction import output_transaction
from scarp.model.progress import NullProgress, WarningLog
from scarp.model.provenance import records
from scarp.model.stack import StackFactor, open_stack
from scarp.model.training.settings import preset_settings
from scarp.model.validation import out_of_fold
from scarp.model.validation.settings import EvaluationLayers, ValidationOptions
from scarp.model.validation.verdict import Evidence
from scarp.model.windows.split import NO_SUBSET
from scarp.tests.core.conftest import read_band, utm_grid, write_raster, write_stack
from scarp.tests.core.cross_fitting import FACTORS, GRID, SIZE, area, collect, few_steps, fit_to  # noqa: F401
from scarp.tests.core.prediction_models import predict


def train(folder, name="model.safetensors", progress=None, block=200.0, start_from=None, **given):
    settings = preset_settings("recommended", {"block": block, **given})
    files = folder / "stack.tif", folder / "labels.tif", folder / name
    more = {"start_from": start_from, "progress": progress or NullProgress()}
    return train_pcum(*files, settings=settings, output_out_of_fold=folder / f"{name}.tif", **more)


def validate(folder, landslides, report=None, out_of_fold=True, susceptibility="map.tif", progress=None, **given):
    vectors = EvaluationLayers(landslides, windows=given.pop("windows", None), stable=given.pop("stable", None))
    raster = folder / "model.safetensors.tif" if out_of_fold is True else out_of_fold
    files = {"zones": given.pop("zones", None), "out_of_fold": raster or None}
    options = ValidationOptions(**{"distance": 60.0, "repeats": 25, **given})
    paths = folder / susceptibility, vectors, report, report and report.with_suffix(".csv")
    return validate_with_points(*paths, options, **files, progress=progress or NullProgress())


def blocks_of(result):
    boxes = [[(one.left, one.bottom), (one.right, one.top)] for one in result.windows]
    rings = [
        [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        for (left, bottom), (right, top) in boxes
    ]
    geometries = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    return Polygons(name="windows", fields={"subset": ["train"] * len(rings)}, geometries=geometries)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A trained model with its out-of-fold map, the cells of the training and the fit to them."""
    folder = tmp_path_factory.mktemp("study")
    np.save(folder / "xy.npy", area(folder, 80))
    result, cells = train(folder), collect(folder)
    fit = fit_to(cells)
    return folder, result, cells, fit, read_band(folder / "model.safetensors.tif").ravel()


@pytest.fixture(scope="module")
def mapped(study):
    """The folder with map and zones, and the landslides."""
    folder = study[0]
    predict(folder / "stack.tif", [folder / "model.safetensors"], folder / "map.tif")
    classify_zones(folder / "map.tif", folder / "zones.tif", progress=NullProgress())
    return folder, Points(name="slides", source="slides.gpkg", xy=np.load(folder / "xy.npy"))


def test_it_has_the_predictions_out_of_fold_of_the_training(study):
    _, _, cells, fit, values = study
    assert np.array_equal(np.isfinite(values[cells.places]), np.isfinite(fit.out_of_fold))
    known = np.isfinite(fit.out_of_fold)
    assert np.abs(values[cells.places][known] - expit(fit.out_of_fold[known])).max() < 1e-5


def test_it_has_a_value_in_every_cell_that_a_fold_holds_out(study):
    folder, _, cells, _, values = study
    whole = Block(0, 0, SIZE, SIZE)
    predict(folder / "stack.tif", [folder / "model.safetensors"], folder / "whole.tif")
    has_data = np.isfinite(read_band(folder / "whole.tif"))
    held_out = cells.lands[0].held_out.cell_groups(0, 0, SIZE, SIZE) != NO_SUBSET
    assert np.array_equal(np.isfinite(values.reshape(SIZE, SIZE)), held_out & has_data)
    strangers = cells.lands[0].held_out.strangers.mask(whole)
    assert (has_data & ~held_out & strangers).sum() == (has_data & ~held_out).sum() > 0


def test_its_auc_is_that_of_the_training(study):
    folder, result, _, _, values = study
    labels = read_band(folder / "labels.tif").ravel()
    known = np.isfinite(values)
    assert roc_auc_score(labels[known] == 1, values[known]) == pytest.approx(result.metrics["auc"], abs=0.01)


def test_it_says_what_it_is(study):
    folder, result, *_ = study
    with rasterio.open(folder / "model.safetensors.tif") as dataset:
        tags = dataset.tags()
        assert dataset.descriptions == (records.OUT_OF_FOLD_SUSCEPTIBILITY,)
    assert tags[records.OUT_OF_FOLD_TAG] == result.sha256 == sha256(folder / "model.safetensors")
    assert records.MODEL_TAG not in tags and records.OUT_OF_FOLD_MEANING in tags[records.MEANING_TAG]
    found = Evidence.from_tags(tags)
    assert found.auc == result.metrics["auc"] and found.span is not None
    assert (folder / "model.safetensors.tif.run.json").is_file()


@pytest.mark.parametrize("align", [1, 7, 64])
def test_it_does_not_depend_on_tiles_and_alignment(study, tmp_path, monkeypatch, align):
    folder, _, cells, fit, values = study
    model, plan = load_model(folder / "model.safetensors"), out_of_fold.make_plan
    monkeypatch.setattr(out_of_fold._OneModelForEach, "align", align)
    monkeypatch.setattr(out_of_fold, "make_plan", lambda *given: plan(*given, 35))
    with open_stack(folder / "stack.tif") as stack:
        given = fit.of_folds, cells.lands[0].held_out, tmp_path / "again.tif", "band", {}, Evidence(), NullProgress()
        out_of_fold.predict_every_fold(stack, model, *given)
    assert np.allclose(read_band(tmp_path / "again.tif").ravel(), values, rtol=0, atol=1e-6, equal_nan=True)


def test_noise_is_told_by_the_fit_alone(tmp_path):
    """Classes of single small patches, each with its own luck: a model knows those that it saw."""
    generator = np.random.default_rng(8)
    area(tmp_path, 60, strength=0.0, seed=8)
    patch = np.arange((SIZE // 12) ** 2).reshape(SIZE // 12, -1).repeat(12, 0).repeat(12, 1)
    values = np.stack([generator.normal(30, 5, patch.shape), generator.normal(0, 1, patch.shape), patch + 1])
    classes = {int(code): f"patch {code}" for code in np.unique(patch + 1)}
    factors = [*FACTORS[:2], StackFactor("patch", "categorical", classes=classes)]
    write_stack(tmp_path / "stack.tif", values.astype(np.float32), factors, GRID)
    train(tmp_path, buffer=0.0)
    predict(tmp_path / "stack.tif", [tmp_path / "model.safetensors"], tmp_path / "map.tif")
    labels, held_out, fit = (
        read_band(tmp_path / name).ravel() for name in ("labels.tif", "model.safetensors.tif", "map.tif")
    )
    known = np.isfinite(held_out) & (labels != 255)
    slide = labels[known] == 1
    assert abs(roc_auc_score(slide, held_out[known]) - 0.5) < 0.1 < roc_auc_score(slide, fit[known]) - 0.5


def test_a_training_on_windows_leaves_it_out_and_says_so(study):
    folder = study[0]
    log = WarningLog(NullProgress())
    result = train(folder, "windows.safetensors", log, block=300.0, method="windows", epochs=1, window=150.0)
    assert "OUTPUT_OUT_OF_FOLD is left out" in " ".join(result.warnings)
    assert not (folder / "windows.safetensors.tif").exists() and (folder / "windows.safetensors").exists()


def test_with_probability_it_has_the_calibration_of_the_map(study):
    folder, _, cells, fit, _ = study
    train(folder, "calibrated.safetensors", probability=True)
    model = load_model(folder / "calibrated.safetensors")
    values, known = read_band(folder / "calibrated.safetensors.tif").ravel(), np.isfinite(fit.out_of_fold)
    assert np.allclose(values[cells.places][known], expit(model.calibration(fit.out_of_fold[known])), atol=1e-5)
    with rasterio.open(folder / "calibrated.safetensors.tif") as dataset:
        assert float(dataset.tags()[records.PROBABILITY_TAG]) == pytest.approx(model.calibration.share)


def test_of_a_fine_tuned_model_it_warns_that_the_start_may_have_seen_the_land(study):
    folder, landslides = study[0], Points(name="slides", source="slides.gpkg", xy=np.load(study[0] / "xy.npy"))
    result = train(folder, "tuned.safetensors", start_from=folder / "model.safetensors")
    predict(folder / "stack.tif", [folder / "tuned.safetensors"], folder / "tuned.tif")
    validated = validate(folder, landslides, out_of_fold=folder / "tuned.safetensors.tif", susceptibility="tuned.tif")
    for warnings in (result.warnings, validated.warnings):
        assert "If the model model.safetensors (START_FROM) was trained on this land" in " ".join(warnings)


def test_a_map_that_cannot_be_written_leaves_the_model(study, monkeypatch):
    folder = study[0]

    def full(*_):
        raise OutputNotWritable("The disk is full.")

    monkeypatch.setattr(out_of_fold, "write_tiles", full)
    with pytest.raises(OutputNotWritable, match="The model is complete and stays"), output_transaction():
        train(folder, "kept.safetensors")
    assert load_model(folder / "kept.safetensors").kind == "pcum"
    assert not list(folder.glob("*kept.safetensors.tif*")) and not list(folder.glob(".kept*"))


def test_cancel_leaves_nothing(study):
    folder = study[0]

    class StopInTheMap(NullProgress):
        stopped = False

        def report(self, share, text=""):
            self.stopped = self.stopped or "holds it out" in text

        def cancelled(self):
            return self.stopped

    with pytest.raises(Cancelled), output_transaction():
        train(folder, "cancelled.safetensors", StopInTheMap())
    assert not list(folder.glob("*cancelled*")) and not list(folder.glob(".cancelled*"))


def test_validation_takes_its_values(study, mapped, tmp_path):
    folder, landslides = mapped
    held_out, fit = read_band(folder / "model.safetensors.tif"), read_band(folder / "map.tif")
    result = validate(folder, landslides, tmp_path / "report.html", zones=folder / "zones.tif")
    row, column, _ = GRID.cell_indices(landslides.xy)
    slide = np.zeros(GRID.shape, dtype=bool)
    slide[row, column] = True
    known = np.isfinite(held_out)
    for values, found in ((held_out, result.auc), (fit, result.auc_fit)):
        assert found == pytest.approx(roc_auc_score(slide[known], values[known]), abs=1e-6)
    assert result.auc < result.auc_fit
    points = [point.susceptibility for point in result.points if point.kind == "landslide"]
    assert points == pytest.approx(held_out[row, column][known[row, column]].tolist())
    zones = result.of("all").zones
    with rasterio.open(folder / "zones.tif") as dataset:
        breaks = [float(one) for one in dataset.tags()["BREAKS"].split(",")]
    number = np.searchsorted(np.float32(breaks), held_out[slide & known])
    assert [row.landslides for row in zones] == np.bincount(number, minlength=5).tolist()
    share = np.bincount(np.searchsorted(np.float32(breaks), held_out[known]), minlength=5) / known.sum()
    assert [row.area_share for row in zones] == pytest.approx(share.tolist())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Every place is judged by a model that has not seen it." in text
    assert f"has an AUC of {result.auc_fit:.3f} on the same places: a fit, not a test" in text
    assert "training windows" not in text and "OUTPUT_OUT_OF_FOLD" not in text
    assert not [one for one in result.warnings if "fit" in one or "trained" in one]
    table = (tmp_path / "report.csv").read_text(encoding="utf-8")
    assert f"all,auc_fit,{str(result.auc_fit)[:8]}" in table


def test_a_zone_raster_without_breaks_is_read_from_the_map(mapped, tmp_path):
    folder, landslides = mapped
    stated = validate(folder, landslides, zones=folder / "zones.tif").of("all").zones
    with rasterio.open(folder / "zones.tif") as dataset:
        profile, cells = dataset.profile, dataset.read()
    with rasterio.open(tmp_path / "bare.tif", "w", **profile) as dataset:
        dataset.write(cells)
    found = validate(folder, landslides, zones=tmp_path / "bare.tif")
    assert "does not state its breaks" in " ".join(found.warnings)
    # A break lies between two values of the map; values out of fold between them may change zones.
    assert [row.landslides for row in found.of("all").zones] == pytest.approx([r.landslides for r in stated], abs=1)


def test_without_it_the_map_of_all_land_is_called_a_fit(study, mapped, tmp_path):
    folder, landslides = mapped
    result = validate(folder, landslides, tmp_path / "report.html", out_of_fold=None, windows=blocks_of(study[1]))
    assert result.auc_fit is None
    (note,) = [one for one in result.warnings if one.startswith("All landslides trained the model")]
    assert "OUTPUT_OUT_OF_FOLD" in note and f"an AUC of {study[1].metrics['auc']:.3f}" in note
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "All landslides trained the model" in text and "AUC, a fit" in text
    with pytest.raises(LayerEmpty, match="use OUT_OF_FOLD"):
        validate(folder, landslides, out_of_fold=None, windows=blocks_of(study[1]), subset="test")


def test_subset_windows_and_stable_points(study, mapped):
    folder, landslides = mapped
    plain = validate(folder, landslides)
    windows = blocks_of(study[1])
    assert validate(folder, landslides, windows=windows).auc == plain.auc
    assert validate(folder, landslides, windows=windows, subset="train").auc == pytest.approx(plain.auc, abs=0.02)
    row, column = np.divmod(np.arange(0, SIZE**2, 97), SIZE)
    stable = Points(name="stable", source="", xy=np.stack(GRID.transform * (column + 0.5, row + 0.5), axis=1))
    given = validate(folder, landslides, stable=stable)
    assert given.auc == plain.auc and given.stable > 100
    values = read_band(folder / "model.safetensors.tif")
    points = [point.susceptibility for point in given.points if point.kind == "stable"]
    assert set(np.float32(points)) <= set(values[row, column])


def test_by_itself_it_is_judged_as_land_not_seen(mapped):
    folder, landslides = mapped
    alone = validate(folder, landslides, out_of_fold=None, susceptibility="model.safetensors.tif")
    assert alone.auc == pytest.approx(validate(folder, landslides).auc)
    assert not [one for one in alone.warnings if "fit" in one or "trained" in one]


def compare(folder, landslides, report, *names):
    vectors, options = EvaluationLayers(landslides), ComparisonOptions(distance=60.0, repeats=25)
    rasters = [folder / f"{name}.tif" for name in names]
    return compare_models(rasters, vectors, report, None, options, progress=NullProgress())


def test_a_comparison_asks_for_out_of_fold_maps(study, mapped, tmp_path):
    folder, landslides = mapped
    fit = " ".join(compare(folder, landslides, None, "map", "model.safetensors").warnings)
    assert 'All landslides trained the model of "map": the map shows a fit' in fit and "OUTPUT_OUT_OF_FOLD" in fit
    train(folder, "other.safetensors", seed=2)
    both = compare(folder, landslides, tmp_path / "report.html", "model.safetensors", "other.safetensors")
    assert not [one for one in both.warnings if "fit" in one or "trained" in one]
    assert both.auc.value >= validate(folder, landslides).auc - 0.02
    assert "Every place is judged by a model that has not seen it." in (tmp_path / "report.html").read_text("utf-8")


def test_a_map_of_another_model_is_refused(mapped, tmp_path):
    folder, landslides = mapped
    other = tmp_path / "other.tif"
    for change, message in (
        ({records.OUT_OF_FOLD_TAG: "0" * 64}, "is not of the model that made the map map.tif"),
        ({records.OUT_OF_FOLD_TAG: ""}, "is of a cross-validation"),
        ({records.OUT_OF_FOLD_TAG: "", "FOLDS": ""}, "is no out-of-fold map"),
    ):
        shutil.copy(folder / "model.safetensors.tif", other)
        with rasterio.open(other, "r+") as dataset:
            dataset.update_tags(**change)
        with pytest.raises(ParameterInvalid, match=message):
            validate(folder, landslides, out_of_fold=other)
    write_raster(tmp_path / "foreign.tif", read_band(folder / "map.tif"), GRID, nodata=np.nan)
    with pytest.raises(ParameterInvalid, match="does not say which model made it"):
        validate(tmp_path, landslides, susceptibility="foreign.tif", out_of_fold=folder / "model.safetensors.tif")
    with rasterio.open(folder / "model.safetensors.tif") as dataset:
        values, tags = dataset.read(1), dataset.tags()
    write_raster(tmp_path / "smaller.tif", values[:60], utm_grid(60, SIZE, 10.0), nodata=np.nan)
    with rasterio.open(tmp_path / "smaller.tif", "r+") as dataset:
        dataset.update_tags(**tags)
    with pytest.raises(GridMismatch, match="OUT_OF_FOLD"):
        validate(folder, landslides, out_of_fold=tmp_path / "smaller.tif")
