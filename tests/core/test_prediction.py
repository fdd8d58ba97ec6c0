"""Prediction: the map does not depend on the tiles, classes are matched by label, what is outside is counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.artifact import TrainedModel, save_model
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.errors import (
    Cancelled,
    FactorMissing,
    InputMissing,
    ModelFileInvalid,
    NoOverlap,
    ParameterInvalid,
    TooFewData,
)
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Polygons
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.networks import build_network
from scarp.model.outputs.atomic import sha256
from scarp.model.prediction.tiling import Tiling
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack

ROCKS = {1: "granite", 2: "schist", 3: "till"}
FACTORS = [
    StackFactor("slope", "continuous", "degrees"),
    StackFactor("lithology", "categorical", classes=ROCKS),
    StackFactor("precipitation", "continuous", "mm"),
]


def specs(classes=None, seen=(1, 2, 3)) -> list[FactorSpec]:
    return [
        FactorSpec("precipitation", "continuous", "mm", mean=900, std=200, minimum=300, maximum=1500),
        FactorSpec("slope", "continuous", "degrees", mean=25, std=12, minimum=0, maximum=60),
        FactorSpec(
            "lithology",
            "categorical",
            classes=classes or ROCKS,
            mean=2,
            std=0.8,
            minimum=1,
            maximum=3,
            seen=tuple(seen),
        ),
    ]


def model(
    seed: int = 1,
    depth: int = 2,
    width: int = 4,
    encoding: str = "one_hot",
    dropout: float = 0.3,
    factors: list[FactorSpec] | None = None,
) -> TrainedModel:
    """An untrained network with strong weights and busy batch statistics, so that any wrong context shows."""
    factors = factors or specs()
    architecture = {
        "type": "unet",
        "channels": Encoding(factors, encoding).channels,
        "width": width,
        "depth": depth,
        "dropout": dropout,
    }
    torch.manual_seed(seed)
    network = build_network(architecture)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_mean"):
                value.uniform_(-0.5, 0.5)
            elif name.endswith("running_var"):
                value.uniform_(0.05, 0.3)
            elif name.endswith("bias"):
                value.uniform_(-0.5, 0.5)
    return TrainedModel(
        kind="pcum",
        architecture=architecture,
        encoding=encoding,
        factors=factors,
        pixel_size=30.0,
        settings={},
        seed=seed,
        history=[],
        metrics={},
        training={},
        versions={},
        network=network,
    )


def saved(path, **settings) -> str:
    save_model(model(**settings), path)
    return str(path)


def values(height: int, width: int, seed: int = 1, ragged: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    raw = np.stack(
        [
            rng.uniform(0, 55, (height, width)),
            rng.integers(1, 4, (height, width)),
            rng.uniform(400, 1400, (height, width)),
        ]
    ).astype(np.float32)
    if ragged:
        raw[0][rng.random((height, width)) < 0.02] = np.nan
        raw[2, : height // 5, : width // 3] = np.nan
        raw[:, np.add.outer(np.arange(height), np.arange(width)) > 0.85 * (height + width)] = np.nan
    return raw


def stack(path, raw: np.ndarray, factors=None, cell: float = 30.0) -> str:
    grid = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, cell, cell), raw.shape[2], raw.shape[1])
    with create_stack(path, grid, factors or FACTORS) as dataset:
        dataset.write(raw)
    return str(path)


def band(path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def in_one_piece(trained: TrainedModel, raw: np.ndarray, margin: int = 64, sample: int | None = None) -> np.ndarray:
    """The whole raster with empty country around it, through the network at once."""
    order = [0 if spec.name == "slope" else 1 if spec.name == "lithology" else 2 for spec in trained.factors]
    around = np.pad(raw[order], [(0, 0), (margin, margin), (margin, margin)], constant_values=np.nan)
    return trained.probability(around, sample)[margin:-margin, margin:-margin]


@pytest.mark.parametrize(("height", "width"), [(40, 50), (64, 64), (65, 129), (200, 150), (1, 70)])
@pytest.mark.parametrize("depth", [1, 3])
def test_the_map_does_not_depend_on_the_tiles(tmp_path, height, width, depth):
    """Rasters smaller than a tile, exactly one, one cell more, and with ragged nodata."""
    raw = values(height, width, seed=height)
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", depth=depth)
    expected = in_one_piece(model(depth=depth), raw)
    assert np.array_equal(np.isnan(expected), np.isnan(raw).any(axis=0))
    assert np.nanstd(expected) > 0.02
    for tile in (0, 24, 64, 128, 256):
        summary = predict_susceptibility(
            path, [trained], tmp_path / "p.tif", tile=tile, device="cpu", precision="fp32", progress=NullProgress()
        )
        found = band(tmp_path / "p.tif")
        assert np.array_equal(np.isnan(found), np.isnan(expected))
        assert np.nanmax(np.abs(found - expected)) < 1e-5
        assert summary.cells == np.isfinite(expected).sum()
        assert summary.tile >= tile
        assert summary.mean == pytest.approx(np.nanmean(expected), abs=1e-5)


def test_a_grid_of_tiles_off_the_alignment_would_show():
    """The check above can fail: a piece cut at an odd place differs, however much context it has."""
    raw, trained = values(160, 160, ragged=False), model(depth=3)
    whole = in_one_piece(trained, raw)
    cut = in_one_piece(trained, raw[:, 3:, 3:])
    assert np.abs(cut[60:, 60:] - whole[63:, 63:]).mean() > 1e-3


@pytest.mark.parametrize(
    ("height", "width", "side", "halo", "align"),
    [(100, 130, 32, 10, 4), (64, 64, 64, 33, 16), (65, 1, 64, 7, 8), (7, 9, 256, 96, 16), (300, 200, 50, 0, 1)],
)
@pytest.mark.parametrize("times", [1, 3])
def test_tiles_cover_the_grid_once_and_start_on_the_alignment(height, width, side, halo, align, times):
    grid = Grid(CRS.from_epsg(32646), from_origin(0, 0, 30, 30), width, height)
    tiling = Tiling.of(grid, side, halo, align, times * side)
    covered = np.zeros(grid.shape, dtype=int)
    tiles = list(tiling)
    assert len(tiles) == len(tiling)
    for tile in tiles:
        core, read = tile.core, tile.read
        covered[core.row : core.row + core.height, core.column : core.column + core.width] += 1
        for first, size, core_first, core_size in (
            (read.row, read.height, core.row, core.height),
            (read.column, read.width, core.column, core.width),
        ):
            assert first % align == 0
            assert size % align == 0
            assert core_first - first >= halo
            assert first + size - core_first - core_size >= halo
        assert read.height <= tiling.largest[0]
        assert read.width <= tiling.largest[1]
    assert (covered == 1).all()


def test_area_restricts_and_changes_nothing_inside(tmp_path):
    raw = values(150, 150)
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors")
    left, top = 500000.0, 3300000.0
    ring = [[left + 30 * c, top - 30 * r] for c, r in ((20, 40), (70, 40), (70, 95), (20, 95), (20, 40))]
    area = Polygons(name="valley", geometries=[{"type": "Polygon", "coordinates": [ring]}])
    whole = predict_susceptibility(path, [trained], tmp_path / "w.tif", tile=32, progress=NullProgress())
    expected = np.full((150, 150), np.nan)
    expected[40:95, 20:70] = band(tmp_path / "w.tif")[40:95, 20:70]
    # Within a tile, too, only the part around the area is computed.
    for tile in (0, 32):
        summary = predict_susceptibility(
            path, [trained], tmp_path / "p.tif", area=area, tile=tile, progress=NullProgress()
        )
        found = band(tmp_path / "p.tif")
        assert np.array_equal(np.isnan(found), np.isnan(expected))
        assert np.nanmax(np.abs(found - expected)) < 1e-6
    assert summary.tiles_skipped == 25 - 6
    assert whole.tiles_skipped < 5
    triangle = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    elsewhere = Polygons(name="far", geometries=[triangle])
    with pytest.raises(NoOverlap, match="far"):
        predict_susceptibility(path, [trained], tmp_path / "x.tif", area=elsewhere, progress=NullProgress())
    assert not (tmp_path / "x.tif").exists()


def test_several_models_give_mean_and_spread(tmp_path):
    """Members of other depth, order and encoding; each as it is alone."""
    raw = values(90, 70)
    path = stack(tmp_path / "stack.tif", raw)
    settings = [
        {"seed": 1, "depth": 1},
        {"seed": 2, "depth": 3, "encoding": "codes"},
        {"seed": 3, "factors": specs()[::-1]},
    ]
    paths = [saved(tmp_path / f"{n}.safetensors", **each) for n, each in enumerate(settings)]
    summary = predict_susceptibility(
        path, paths, tmp_path / "p.tif", tile=48, output_uncertainty=tmp_path / "u.tif", progress=NullProgress()
    )
    each = np.stack([in_one_piece(model(**one), raw) for one in settings])
    assert summary.members == 3
    assert np.nanmax(np.abs(band(tmp_path / "p.tif") - each.mean(axis=0))) < 1e-5
    assert np.nanmax(np.abs(band(tmp_path / "u.tif") - each.std(axis=0, ddof=1))) < 1e-5
    assert np.array_equal(np.isnan(band(tmp_path / "u.tif")), np.isnan(each[0]))


def test_dropout_samples_do_not_depend_on_the_tiles(tmp_path):
    raw = values(100, 80)
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors")
    maps = []
    for tile in (32, 64, 256):
        predict_susceptibility(
            path,
            [trained],
            tmp_path / "p.tif",
            tile=tile,
            samples=4,
            output_uncertainty=tmp_path / "u.tif",
            progress=NullProgress(),
        )
        maps.append((band(tmp_path / "p.tif"), band(tmp_path / "u.tif")))
    each = np.stack([in_one_piece(model(), raw, sample=seed) for seed in (1, 2, 3, 4)])
    for mean, spread in maps:
        assert np.nanmax(np.abs(mean - each.mean(axis=0))) < 1e-5
        assert np.nanmax(np.abs(spread - each.std(axis=0, ddof=1))) < 1e-5
    assert np.nanmax(maps[0][1]) > 0.01


def test_samples_of_a_model_without_dropout_are_said_to_be_the_same(tmp_path):
    progress = NullProgress()
    predict_susceptibility(
        stack(tmp_path / "s.tif", values(30, 30)),
        [saved(tmp_path / "m.safetensors", dropout=0.0)],
        tmp_path / "p.tif",
        samples=2,
        output_uncertainty=tmp_path / "u.tif",
        progress=progress,
    )
    assert any("DROPOUT" in text for text in progress.warnings)
    assert np.nanmax(band(tmp_path / "u.tif")) == 0


@pytest.mark.parametrize("encoding", ["codes", "one_hot"])
def test_classes_are_matched_by_label_not_by_code(tmp_path, encoding):
    """The same rocks under other codes and spellings give the same map."""
    raw = values(60, 60)
    trained = saved(tmp_path / "m.safetensors", encoding=encoding)
    renamed = [
        FACTORS[0],
        StackFactor("lithology", "categorical", classes={7: "Till ", 20: "GRANITE", 31: "schist"}),
        FACTORS[2],
    ]
    other = raw.copy()
    for code, new in ((1, 20), (2, 31), (3, 7)):
        other[1][raw[1] == code] = new
    predict_susceptibility(stack(tmp_path / "a.tif", raw), [trained], tmp_path / "pa.tif", progress=NullProgress())
    progress = NullProgress()
    predict_susceptibility(stack(tmp_path / "b.tif", other, renamed), [trained], tmp_path / "pb.tif", progress=progress)
    assert np.array_equal(band(tmp_path / "pa.tif"), band(tmp_path / "pb.tif"), equal_nan=True)
    assert not progress.warnings


def test_classes_the_model_does_not_know_are_counted_by_name(tmp_path):
    """Another rock under a code that the model has for something else must not be taken for it."""
    raw = values(60, 60, ragged=False)
    factors = [
        FACTORS[0],
        StackFactor("lithology", "categorical", classes={1: "granite", 2: "ophiolite", 3: "till"}),
        FACTORS[2],
    ]
    progress = NullProgress()
    summary = predict_susceptibility(
        stack(tmp_path / "s.tif", raw, factors),
        [saved(tmp_path / "m.safetensors", factors=specs(seen=(1, 2)))],
        tmp_path / "p.tif",
        output_applicability=tmp_path / "a.tif",
        progress=progress,
    )
    # Till is in the model's table but was never met in training.
    ophiolite, till = (raw[1] == 2), (raw[1] == 3)
    assert summary.unseen_classes == {"lithology": {"ophiolite": ophiolite.sum(), "till": till.sum()}}
    assert np.array_equal(band(tmp_path / "a.tif"), (ophiolite | till).astype(np.uint8))
    assert summary.share_outside == pytest.approx((ophiolite | till).mean())
    assert any("ophiolite" in text and "OUTPUT_APPLICABILITY" in text for text in progress.warnings)
    assert np.isfinite(band(tmp_path / "p.tif")).all()


def test_applicability_counts_factors_outside_the_trained_range(tmp_path):
    raw = values(70, 50)
    raw[0, 5:10] = 75.0
    raw[2, 8:20] = 2500.0
    raw[2, 30] = 100.0
    expected = ((raw[0] > 60) | (raw[0] < 0)).astype(int) + ((raw[2] > 1500) | (raw[2] < 300))
    nodata = np.isnan(raw).any(axis=0)
    path, trained = stack(tmp_path / "s.tif", raw), saved(tmp_path / "m.safetensors")
    for tile in (16, 256):
        summary = predict_susceptibility(
            path,
            [trained],
            tmp_path / "p.tif",
            tile=tile,
            output_applicability=tmp_path / "a.tif",
            progress=NullProgress(),
        )
        found = band(tmp_path / "a.tif")
        assert np.array_equal(found, np.where(nodata, 255, expected))
        assert summary.share_outside == pytest.approx((expected[~nodata] > 0).mean())
        assert summary.cells_outside_by_factor["slope"] == ((raw[0] > 60) & ~nodata).sum()


def test_the_ends_of_the_trained_range_are_inside(tmp_path):
    raw = values(20, 20, ragged=False)
    raw[0, 0], raw[0, 1], raw[2, 2], raw[2, 3] = 0.0, 60.0, 300.0, 1500.0
    summary = predict_susceptibility(
        stack(tmp_path / "s.tif", raw), [saved(tmp_path / "m.safetensors")], tmp_path / "p.tif", progress=NullProgress()
    )
    assert summary.share_outside == 0
    assert not summary.cells_outside_by_factor


def test_factors_are_found_by_name_and_missing_ones_are_named(tmp_path):
    raw = values(50, 50)
    trained = saved(tmp_path / "m.safetensors")
    order = [2, 0, 1]
    predict_susceptibility(stack(tmp_path / "a.tif", raw), [trained], tmp_path / "pa.tif", progress=NullProgress())
    predict_susceptibility(
        stack(tmp_path / "b.tif", raw[order], [FACTORS[i] for i in order]),
        [trained],
        tmp_path / "pb.tif",
        progress=NullProgress(),
    )
    assert np.array_equal(band(tmp_path / "pa.tif"), band(tmp_path / "pb.tif"), equal_nan=True)
    with pytest.raises(FactorMissing, match="lithology, precipitation|precipitation, lithology"):
        predict_susceptibility(
            stack(tmp_path / "c.tif", raw[:1], FACTORS[:1]), [trained], tmp_path / "pc.tif", progress=NullProgress()
        )
    wrong = [FACTORS[0], StackFactor("lithology", "continuous"), FACTORS[2]]
    with pytest.raises(ParameterInvalid, match="categorical in the model"):
        predict_susceptibility(
            stack(tmp_path / "d.tif", raw, wrong), [trained], tmp_path / "pd.tif", progress=NullProgress()
        )


def test_another_cell_size_or_unit_is_said(tmp_path):
    progress = NullProgress()
    factors = [FACTORS[0], FACTORS[1], StackFactor("precipitation", "continuous", "inch")]
    predict_susceptibility(
        stack(tmp_path / "s.tif", values(30, 30), factors, cell=31.0),
        [saved(tmp_path / "m.safetensors")],
        tmp_path / "p.tif",
        progress=progress,
    )
    assert any("31 m" in text and "30 m" in text for text in progress.warnings)
    assert any("inch" in text for text in progress.warnings)


def test_what_the_map_says_of_itself(tmp_path):
    trained = saved(tmp_path / "m.safetensors")
    raw = values(600, 300)
    predict_susceptibility(stack(tmp_path / "s.tif", raw), [trained], tmp_path / "p.tif", progress=NullProgress())
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.dtypes == ("float32",)
        assert np.isnan(dataset.nodata)
        assert dataset.descriptions == ("relative landslide susceptibility",)
        assert dataset.tags()["MODEL_SHA256"] == sha256(trained)
        assert "not a calibrated probability" in dataset.tags()["MEANING"]
        assert dataset.is_tiled
        assert dataset.overviews(1) == [2]
        assert np.nanmin(dataset.read(1)) >= 0
        assert np.nanmax(dataset.read(1)) <= 1
    record = json.loads((tmp_path / "p.tif.run.json").read_text())
    assert record["inputs"]["MODEL"][0]["sha256"] == sha256(trained)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    path, trained = stack(tmp_path / "s.tif", values(150, 140)), saved(tmp_path / "m.safetensors")
    for name in ("a", "b"):
        predict_susceptibility(
            path,
            [trained],
            tmp_path / f"{name}.tif",
            tile=64,
            samples=2,
            output_uncertainty=tmp_path / f"{name}_u.tif",
            output_applicability=tmp_path / f"{name}_o.tif",
            progress=NullProgress(),
        )
    for kind in ("", "_u", "_o"):
        assert sha256(tmp_path / f"a{kind}.tif") == sha256(tmp_path / f"b{kind}.tif")


def test_cancel_and_failures_leave_nothing(tmp_path):
    class StopLater(NullProgress):
        def __init__(self, calls: int) -> None:
            super().__init__()
            self.calls = calls

        def cancelled(self):
            self.calls -= 1
            return self.calls < 0

    path, trained = stack(tmp_path / "s.tif", values(150, 140)), saved(tmp_path / "m.safetensors")
    before = sorted(item.name for item in tmp_path.iterdir())
    for calls in (0, 3):
        with pytest.raises(Cancelled):
            predict_susceptibility(
                path,
                [trained],
                tmp_path / "p.tif",
                tile=32,
                output_applicability=tmp_path / "a.tif",
                progress=StopLater(calls),
            )
    with pytest.raises(ParameterInvalid, match="OUTPUT_UNCERTAINTY"):
        predict_susceptibility(
            path, [trained], tmp_path / "p.tif", output_uncertainty=tmp_path / "u.tif", progress=NullProgress()
        )
    with pytest.raises(ParameterInvalid, match="MODEL"):
        predict_susceptibility(path, [], tmp_path / "p.tif", progress=NullProgress())
    with pytest.raises(ParameterInvalid, match="SAMPLES"):
        predict_susceptibility(path, [trained], tmp_path / "p.tif", samples=-1, progress=NullProgress())
    with pytest.raises(InputMissing):
        predict_susceptibility(path, [tmp_path / "none.safetensors"], tmp_path / "p.tif", progress=NullProgress())
    with pytest.raises(ModelFileInvalid):
        predict_susceptibility(path, [path], tmp_path / "p.tif", progress=NullProgress())
    assert sorted(item.name for item in tmp_path.iterdir()) == before


def test_a_stack_without_a_complete_cell_is_an_error(tmp_path):
    raw = values(40, 40, ragged=False)
    raw[2] = np.nan
    with pytest.raises(TooFewData, match="precipitation"):
        predict_susceptibility(
            stack(tmp_path / "s.tif", raw),
            [saved(tmp_path / "m.safetensors")],
            tmp_path / "p.tif",
            progress=NullProgress(),
        )
    assert not (tmp_path / "p.tif").exists()
