"""Tiles and threads fit the memory, lower arithmetic is checked, and devices that give up are replaced."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import torch
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.artifact import load_model
from scarp.model.errors import DeviceUnavailable, ParameterInvalid
from scarp.model.factors.polygons import AreaMask
from scarp.model.grid import Grid
from scarp.model.jobs.predict_susceptibility import predict_susceptibility
from scarp.model.prediction import pipeline, precision
from scarp.model.prediction.engines import ModuleEngine, UNetEngine
from scarp.model.prediction.ensemble import Ensemble
from scarp.model.prediction.pipeline import make_plan
from scarp.model.prediction.precision import choose_compute_setup
from scarp.model.progress import NullProgress
from scarp.model.stack import open_stack
from scarp.tests.core.prediction_models import saved, stack, values

CPU = torch.device("cpu")


@pytest.fixture
def open_with(tmp_path):
    """Opens a small stack with models of the kinds given."""
    with contextlib.ExitStack() as closing:

        def opened(*kinds):
            paths = [saved(tmp_path / f"{number}.safetensors", kind) for number, kind in enumerate(kinds)]
            progress, dataset = (
                NullProgress(),
                closing.enter_context(open_stack(stack(tmp_path / "s.tif", values(300, 280)))),
            )
            ensemble = Ensemble(dataset, [load_model(path) for path in paths], paths, 0, progress)
            return SimpleNamespace(
                stack=dataset,
                ensemble=ensemble,
                progress=progress,
                engines=ensemble.engines(CPU, [torch.float32] * len(paths)),
                mask=AreaMask(dataset.grid, None),
            )

        yield opened


def grid(width: int, height: int) -> Grid:
    return Grid(CRS.from_epsg(32646), from_origin(0, 0, 30, 30), width, height)


@pytest.mark.parametrize("cores", [1, 2, 8, 16])
@pytest.mark.parametrize("kinds", [["unet1"], ["unet4"], ["pcum", "unet4", "bpnn"], ["forest"]])
def test_the_plan_fits_the_memory_whatever_the_raster(open_with, monkeypatch, cores, kinds):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    opened = open_with(*kinds)
    for width, height in ((50, 40), (1000, 700), (4000, 4000), (300_000, 200_000)):
        made = make_plan(grid(width, height), opened.ensemble, opened.engines, CPU)
        assert made.bytes_expected <= pipeline.MEMORY
        assert 1 <= made.workers * made.threads <= cores
        assert made.workers <= len(made.tiling)
        assert made.tiling.halo >= opened.ensemble.halo
        assert made.tiling.side % opened.ensemble.align == 0
    # A large map leaves no core idle.
    assert made.workers * made.threads == cores


def test_less_memory_means_smaller_tiles_or_fewer_at_once(open_with, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    opened = open_with("unet4")
    expected = []
    for memory in (4e8, 7e8, 1e9, 4e9):
        monkeypatch.setattr(pipeline, "MEMORY", memory)
        made = make_plan(grid(20_000, 20_000), opened.ensemble, opened.engines, CPU)
        expected.append(made.bytes_expected)
        assert made.bytes_expected <= memory
    assert expected == sorted(expected)


def test_the_side_asked_for_is_taken(open_with):
    opened = open_with("unet4")
    assert make_plan(grid(900, 900), opened.ensemble, opened.engines, CPU, 100).tiling.side == 112
    for wrong in (-1, 10**6):
        with pytest.raises(ParameterInvalid, match="TILE"):
            make_plan(grid(900, 900), opened.ensemble, opened.engines, CPU, wrong)


def test_patches_that_do_not_fit_together(open_with, monkeypatch):
    opened = open_with("bpnn")
    monkeypatch.setattr(Ensemble, "align", 503 * 509)
    with pytest.raises(ParameterInvalid, match="each of them by itself"):
        make_plan(grid(900, 900), opened.ensemble, opened.engines, CPU)


@pytest.mark.parametrize("kind", ["pcum", "unet1", "bpnn", "forest"])
def test_bf16_is_taken_where_it_gives_the_map_of_fp32(open_with, kind):
    opened = open_with(kind)
    chosen = choose_compute_setup(opened.stack, opened.ensemble, opened.mask, "cpu", "bf16", opened.progress)
    assert chosen.name == ("float32" if kind == "forest" else "bfloat16")
    assert not opened.progress.warnings


@pytest.mark.parametrize("name", ["MAX_DIFFERENCE", "MIN_RANK_CORRELATION"])
def test_bf16_that_differs_is_said_and_not_used(open_with, monkeypatch, name):
    opened = open_with("pcum")
    monkeypatch.setattr(precision, name, {"MAX_DIFFERENCE": 1e-9, "MIN_RANK_CORRELATION": 0.9999999}[name])
    chosen = choose_compute_setup(opened.stack, opened.ensemble, opened.mask, "cpu", "bf16", opened.progress)
    assert chosen.name == "float32"
    assert len(opened.progress.warnings) == 1
    assert "mean difference" in opened.progress.warnings[0]


def test_a_network_that_overflows_in_bf16_is_computed_in_fp32(open_with, monkeypatch):
    """No number is no agreement."""
    opened = open_with("pcum")
    plain = UNetEngine.logit

    def broken(self, tile, core, sample, step):
        result = plain(self, tile, core, sample, step)
        return np.full_like(result, np.nan) if self._dtype == torch.bfloat16 else result

    monkeypatch.setattr(UNetEngine, "logit", broken)
    chosen = choose_compute_setup(opened.stack, opened.ensemble, opened.mask, "cpu", "bf16", opened.progress)
    assert chosen.name == "float32"
    assert opened.progress.warnings


def test_auto_takes_bf16_for_large_maps_on_processors_that_have_it(open_with, monkeypatch):
    opened = open_with("pcum")

    def chosen() -> str:
        return choose_compute_setup(opened.stack, opened.ensemble, opened.mask, "cpu", "auto", NullProgress()).name

    for has, small, expected in ((True, 0, "bfloat16"), (True, 10**6, "float32"), (False, 0, "float32")):
        monkeypatch.setattr(precision, "cpu_has_bf16", lambda has=has: has)
        monkeypatch.setattr(precision, "SMALL_MAP_CELLS", small)
        assert chosen() == expected


def test_the_whole_map_in_bf16_is_near_that_in_fp32(tmp_path):
    path = stack(tmp_path / "stack.tif", values(300, 280))
    trained = saved(tmp_path / "m.safetensors", "pcum")
    maps = []
    for arithmetic in ("fp32", "bf16"):
        summary = predict_susceptibility(
            path, [trained], tmp_path / "p.tif", precision=arithmetic, device="cpu", progress=NullProgress()
        )
        with rasterio.open(tmp_path / "p.tif") as dataset:
            maps.append(dataset.read(1))
    assert summary.precision == "bfloat16"
    assert 0 < np.nanmean(np.abs(maps[0] - maps[1])) < 0.002


@pytest.mark.parametrize("kind", ["pcum", "bpnn"])
def test_tiles_too_large_for_the_device_are_computed_in_pieces(tmp_path, monkeypatch, kind):
    """The memory of a GPU, simulated: more cells than so many are too many. The map is the same."""
    path, trained = stack(tmp_path / "stack.tif", values(300, 280)), saved(tmp_path / "m.safetensors", kind)

    def predicted():
        progress = NullProgress()
        predict_susceptibility(
            path, [trained], tmp_path / "p.tif", tile=512, device="cpu", precision="fp32", progress=progress
        )
        with rasterio.open(tmp_path / "p.tif") as dataset:
            return dataset.read(1), [text for text in progress.warnings if "processor" in text]

    whole, _ = predicted()
    engine = UNetEngine if kind == "pcum" else ModuleEngine
    plain, sizes = engine.logit, []

    def small(self, tile, core, sample, step):
        if core.height * core.width > 20_000:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        sizes.append((core.height, core.width))
        return plain(self, tile, core, sample, step)

    monkeypatch.setattr(engine, "logit", small)
    pieces, warnings = predicted()
    assert len(sizes) > 4
    assert not warnings
    assert np.array_equal(np.isnan(pieces), np.isnan(whole))
    assert np.nanmax(np.abs(pieces - whole)) < 1e-5

    def never(self, tile, core, sample, step):
        raise MemoryError()

    monkeypatch.setattr(engine, "logit", never)
    with pytest.raises(DeviceUnavailable, match="memory"):
        predicted()
    assert sorted(item.name for item in tmp_path.iterdir() if ".scarp" in item.name) == []


def test_a_gpu_without_memory_hands_over_to_the_processor(open_with, monkeypatch):
    """Simulated with the only other device that every torch has: one that computes nothing."""
    from scarp.model.prediction.applicability import Applicability
    from scarp.model.prediction.tile_inference import MEAN, TileWork

    opened = open_with("pcum")
    tiling = make_plan(opened.stack.grid, opened.ensemble, opened.engines, CPU, 512).tiling
    applicability = Applicability(opened.ensemble.factors, opened.ensemble.specs)

    class Full:
        bytes_per_cell = 1.0

        def logit(self, *_):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    exact = TileWork(opened.ensemble, opened.engines, tiling, opened.mask, applicability, [MEAN], CPU, NullProgress())
    work = TileWork(
        opened.ensemble, [Full()], tiling, opened.mask, applicability, [MEAN], torch.device("meta"), opened.progress
    )
    tile = next(iter(tiling))
    expected, found = (
        one.compute(tile, one.read(opened.stack, tile), lambda share: None).arrays[MEAN] for one in (exact, work)
    )
    assert np.nanmax(np.abs(found - expected)) < 1e-6
    assert len(opened.progress.warnings) == 1
    assert "processor" in opened.progress.warnings[0]


def test_threads_of_torch_are_put_back(tmp_path):
    before = torch.get_num_threads()
    path = stack(tmp_path / "stack.tif", values(300, 280))
    predict_susceptibility(
        path, [saved(tmp_path / "m.safetensors", "pcum")], tmp_path / "p.tif", tile=64, progress=NullProgress()
    )
    assert torch.get_num_threads() == before


def test_a_device_that_fails_when_tried_is_not_used(open_with, monkeypatch):
    """With torch's device without memory, whose results cannot be fetched, in the place of a GPU."""
    opened = open_with("pcum")
    monkeypatch.setattr(precision, "choose_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(precision, "choose_precision", lambda name, device: torch.float32)
    chosen = choose_compute_setup(opened.stack, opened.ensemble, opened.mask, "cuda", "auto", opened.progress)
    assert chosen.device == CPU
    assert chosen.name == "float32"
    assert len(opened.progress.warnings) == 1
    assert "meta failed" in opened.progress.warnings[0]
