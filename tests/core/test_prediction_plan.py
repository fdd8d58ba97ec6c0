"""Tiles and threads fit the memory, lower precision is checked, and devices that fail are replaced."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from scarp.model.artifact import load_model
from scarp.model.errors import DeviceUnavailable, ParameterInvalid
from scarp.model.factors.polygons import AreaMask
from scarp.model.prediction import pipeline
from scarp.model.prediction.engines import ModuleEngine, UNetEngine
from scarp.model.prediction.ensemble import Ensemble
from scarp.model.prediction.pipeline import choose_compute_setup, make_plan
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.progress import NullProgress
from scarp.model.stack import open_stack
from scarp.tests.core.conftest import utm_grid
from scarp.tests.core.prediction_models import predict, saved, stack, values
from scarp.tests.core.properties import read

CPU = torch.device("cpu")


@pytest.fixture
def open_with(tmp_path):
    """Opens a small stack with models of the kinds given."""
    with contextlib.ExitStack() as closing:

        def opened(*kinds):
            paths = [saved(tmp_path / f"{number}.safetensors", kind) for number, kind in enumerate(kinds)]
            progress, path = NullProgress(), stack(tmp_path / "s.tif", values(300, 280))
            dataset = closing.enter_context(open_stack(path))
            ensemble = Ensemble(dataset, [load_model(path) for path in paths], paths, 0, progress)
            setup, mask = ensemble.setup(CPU, torch.float32), AreaMask(dataset.grid, None)
            return SimpleNamespace(stack=dataset, ensemble=ensemble, progress=progress, setup=setup, mask=mask)

        yield opened


def chosen_setup(opened, **options):
    options = PredictionOptions(**{"device": "cpu", "precision": "bf16", **options})
    return choose_compute_setup(opened.stack, opened.ensemble, opened.mask, options, opened.progress)


@pytest.mark.parametrize("cores", [1, 2, 8, 16])
@pytest.mark.parametrize("kinds", [["unet1"], ["unet4"], ["pcum", "unet4", "bpnn"], ["forest"]])
def test_the_plan_fits_the_memory_whatever_the_raster(open_with, monkeypatch, cores, kinds):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    opened = open_with(*kinds)
    for height, width in ((40, 50), (700, 1000), (4000, 4000), (200_000, 300_000)):
        made = make_plan(utm_grid(height, width), opened.ensemble, opened.setup)
        assert made.bytes_expected <= pipeline.MEMORY
        assert 1 <= made.workers * made.threads <= cores
        assert made.workers <= len(made.tiling)
        assert made.tiling.halo >= opened.ensemble.halo
        assert made.tiling.side % opened.ensemble.align == 0
    # A large map leaves no core idle.
    assert made.workers * made.threads == cores


def test_less_memory_means_smaller_tiles_or_fewer_at_once(open_with, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    opened, expected = open_with("unet4"), []
    for memory in (4e8, 7e8, 1e9, 4e9):
        monkeypatch.setattr(pipeline, "MEMORY", memory)
        expected.append(make_plan(utm_grid(20_000, 20_000), opened.ensemble, opened.setup).bytes_expected)
        assert expected[-1] <= memory
    assert expected == sorted(expected)


def test_a_given_tile_size_is_rounded_to_the_alignment(open_with):
    opened = open_with("unet4")
    assert make_plan(utm_grid(900, 900), opened.ensemble, opened.setup, 100).tiling.side == 112
    for wrong in (-1, 10**6):
        with pytest.raises(ParameterInvalid, match="TILE"):
            PredictionOptions(tile=wrong)


def test_patches_that_do_not_fit_together(open_with, monkeypatch):
    opened = open_with("bpnn")
    monkeypatch.setattr(Ensemble, "align", 503 * 509)
    with pytest.raises(ParameterInvalid, match="each of them by itself"):
        make_plan(utm_grid(900, 900), opened.ensemble, opened.setup)


@pytest.mark.parametrize("kind", ["pcum", "unet1", "bpnn", "forest"])
def test_bf16_is_used_where_it_gives_the_map_of_fp32(open_with, kind):
    opened = open_with(kind)
    assert chosen_setup(opened).name == ("float32" if kind == "forest" else "bfloat16")
    assert not opened.progress.warnings


@pytest.mark.parametrize(("name", "limit"), [("MAX_DIFFERENCE", 1e-9), ("MIN_RANK_CORRELATION", 0.9999999)])
def test_bf16_that_differs_is_warned_of_and_not_used(open_with, monkeypatch, name, limit):
    opened = open_with("pcum")
    monkeypatch.setattr(pipeline, name, limit)
    assert chosen_setup(opened).name == "float32"
    assert len(opened.progress.warnings) == 1
    assert "mean difference" in opened.progress.warnings[0]


def test_a_network_that_overflows_in_bf16_is_computed_in_fp32(open_with, monkeypatch):
    opened, plain = open_with("pcum"), UNetEngine.logit

    def broken(self, tile, core, sample, step):
        result = plain(self, tile, core, sample, step)
        return np.full_like(result, np.nan) if self._dtype == torch.bfloat16 else result

    monkeypatch.setattr(UNetEngine, "logit", broken)
    assert chosen_setup(opened).name == "float32"
    assert opened.progress.warnings


def test_auto_takes_bf16_for_large_maps_on_processors_that_have_it(open_with, monkeypatch):
    opened = open_with("pcum")
    for has, small, expected in ((True, 0, "bfloat16"), (True, 10**6, "float32"), (False, 0, "float32")):
        monkeypatch.setattr(pipeline, "cpu_has_bf16", lambda has=has: has)
        monkeypatch.setattr(pipeline, "SMALL_MAP_CELLS", small)
        assert chosen_setup(opened, precision="auto").name == expected


def test_the_whole_map_in_bf16_is_close_to_that_in_fp32(tmp_path):
    path, trained = stack(tmp_path / "stack.tif", values(300, 280)), saved(tmp_path / "m.safetensors", "pcum")
    maps = []
    for name in ("fp32", "bf16"):
        summary = predict(path, [trained], tmp_path / "p.tif", precision=name, device="cpu")
        maps.append(read(tmp_path / "p.tif"))
    assert summary.precision == "bfloat16"
    assert 0 < np.nanmean(np.abs(maps[0] - maps[1])) < 0.002


@pytest.mark.parametrize("kind", ["pcum", "bpnn"])
def test_tiles_too_large_for_the_device_are_computed_in_pieces(tmp_path, monkeypatch, kind):
    """The memory of a GPU, simulated: more cells than so many are too many. The map is the same."""
    path, trained = stack(tmp_path / "stack.tif", values(300, 280)), saved(tmp_path / "m.safetensors", kind)

    def predicted():
        progress, output = NullProgress(), tmp_path / "p.tif"
        predict(path, [trained], output, tile=512, device="cpu", precision="fp32", progress=progress)
        return read(output), [text for text in progress.warnings if "processor" in text]

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
    assert np.allclose(pieces, whole, rtol=0, atol=1e-5, equal_nan=True)

    def never(self, tile, core, sample, step):
        raise MemoryError()

    monkeypatch.setattr(engine, "logit", never)
    with pytest.raises(DeviceUnavailable, match="memory"):
        predicted()
    assert not [item for item in tmp_path.iterdir() if ".scarp" in item.name]


def test_torch_threads_are_restored(tmp_path):
    before, path = torch.get_num_threads(), stack(tmp_path / "stack.tif", values(300, 280))
    predict(path, [saved(tmp_path / "m.safetensors", "pcum")], tmp_path / "p.tif", tile=64)
    assert torch.get_num_threads() == before


def test_a_device_that_fails_when_tried_is_not_used(open_with, monkeypatch):
    """With torch's device without memory, whose results cannot be fetched, in the place of a GPU."""
    opened = open_with("pcum")
    monkeypatch.setattr(pipeline, "choose_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(pipeline, "choose_precision", lambda name, device: torch.float32)
    chosen = chosen_setup(opened, device="cuda", precision="auto")
    assert (chosen.device, chosen.name) == (CPU, "float32")
    assert len(opened.progress.warnings) == 1
    assert "meta failed" in opened.progress.warnings[0]
