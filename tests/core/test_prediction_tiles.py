"""How a map is computed: the network's own output whatever the tiles, in the memory there is, on devices that fail."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from scarp.model.artifact import load_model
from scarp.model.encoding import Encoding, FactorSpec
from scarp.model.errors import DeviceUnavailable, ParameterInvalid
from scarp.model.factors.polygons import AreaMask
from scarp.model.networks.unet import Curves, set_sample
from scarp.model.prediction import engines, pipeline, unet_inference
from scarp.model.prediction import tiling as module
from scarp.model.prediction.engines import ClassTables, FastCurves, ModuleEngine, StripEncoder, UNetEngine
from scarp.model.prediction.ensemble import Ensemble
from scarp.model.prediction.pipeline import choose_compute_setup, make_plan
from scarp.model.prediction.settings import PredictionOptions
from scarp.model.prediction.tiling import Tiling, coarsen, round_up
from scarp.model.prediction.unet_inference import FastUNet, Span, as_transposed_convolution
from scarp.model.progress import NullProgress
from scarp.model.stack import open_stack
from scarp.tests.core.conftest import utm_grid
from scarp.tests.core.prediction_models import KINDS, SPECS, in_one_piece, model, predict, saved, stack, values
from scarp.tests.core.properties import read

FP32 = {"device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(200, 230), (256, 512), (257, 513), (1025, 300)])
def test_the_map_does_not_depend_on_the_tiles(tmp_path, kind, height, width):
    """Rasters smaller than a tile, exactly one and two, one cell more, and with ragged nodata."""
    raw, output = values(height, width, seed=height), tmp_path / "p.tif"
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", kind)
    expected = in_one_piece(model(kind), raw)
    assert np.array_equal(np.isnan(expected), np.isnan(raw).any(axis=0))
    assert np.nanstd(expected) > 0.01
    expected = coarsen(expected, KINDS[kind].get("patch", 1))
    for tile in (64, 0) if height < 256 else (256, 512, 0):
        summary = predict(path, [trained], output, tile=tile, **FP32)
        assert np.allclose(read(output), expected, rtol=0, atol=2e-5, equal_nan=True)
        assert summary.cells == np.isfinite(expected).sum()
        assert summary.tile >= tile
        assert summary.mean == pytest.approx(np.nanmean(expected), abs=1e-5)


@pytest.mark.parametrize("kind", ["pcum", "pointwise", "parts", "unet4", "bpnn"])
def test_dropout_samples_do_not_depend_on_the_tiles(tmp_path, kind):
    raw, output, spread = values(150, 170), tmp_path / "p.tif", tmp_path / "u.tif"
    path, trained = stack(tmp_path / "stack.tif", raw), saved(tmp_path / "m.safetensors", kind)
    each = [coarsen(in_one_piece(model(kind), raw, seed), KINDS[kind].get("patch", 1)) for seed in (1, 2, 3)]
    for tile in (64, 256):
        predict(path, [trained], output, tile=tile, samples=3, output_uncertainty=spread, **FP32)
        assert np.allclose(read(output), np.mean(each, axis=0), rtol=0, atol=1e-5, equal_nan=True)
        assert np.allclose(read(spread), np.std(each, axis=0, ddof=1), rtol=0, atol=1e-5, equal_nan=True)
    assert np.nanmax(read(spread)) > 0.01


def test_tiles_are_ordered_by_bands(monkeypatch):
    monkeypatch.setattr(module, "BAND", 128)
    places = [(tile.core.row, tile.core.column) for tile in Tiling.of(utm_grid(130, 300), 64, 3, 4)]
    bands = ([0, 64], [128, 192], [256])
    assert places == [(row, column) for band in bands for row in (0, 64, 128) for column in band]


@pytest.mark.parametrize(("width", "height", "align"), [(1000, 700, 16), (513, 64, 4), (300, 1200, 20)])
def test_quarters_cover_a_tile_and_lie_within_what_was_read_for_it(width, height, align):
    tiling = Tiling.of(utm_grid(height, width), 512, 40, align)
    for tile in tiling:
        covered, waiting = np.zeros((height, width), dtype=int), [tile]
        while waiting:
            piece = waiting.pop()
            smaller = tiling.quarters(piece)
            if len(smaller) > 1:
                waiting += smaller
                continue
            core, inner, outer = piece.core, piece.read, tile.read
            covered[core.slices] += 1
            assert max(core.height, core.width) <= 160 and inner.row % align == inner.column % align == 0
            assert outer.row <= inner.row and inner.row + inner.height <= outer.row + outer.height
            assert outer.column <= inner.column and inner.column + inner.width <= outer.column + outer.width
        assert (covered[tile.core.slices] == 1).all()
        assert covered.sum() == tile.core.height * tile.core.width


# The engines, each piece against the plain way

CPU = torch.device("cpu")


def test_a_transposed_convolution_is_one_over_a_nearest_interpolation():
    weight, image = torch.randn(5, 7, 3, 3).double(), torch.randn(1, 7, 6, 9).double()
    plain = functional.conv2d(functional.interpolate(image, scale_factor=2, mode="nearest"), weight, padding=1)
    transposed = functional.conv_transpose2d(image, as_transposed_convolution(weight), stride=2, padding=1)
    assert torch.allclose(plain, transposed)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [8, 22, 10_000])
@pytest.mark.parametrize("sample", [None, 4])
def test_the_fast_unet_is_the_trained_one(monkeypatch, depth, rows, sample):
    """In strips of any height, for the core alone, with and without a sample's masks."""
    monkeypatch.setattr(unet_inference, "STRIP_ROWS", rows)
    monkeypatch.setattr(unet_inference, "MIN_ROWS", 2)
    network = model("unet1", depth=depth, width=4).network.eval()
    set_sample(network, sample)
    halo, height, width = round_up(network.halo, network.align), 70, 41
    size = [round_up(side, network.align) + 2 * halo for side in (height, width)]
    image = torch.randn(1, network.channels, *size).contiguous(memory_format=torch.channels_last)
    core, shares = Span(halo, halo, halo + height, halo + width), []
    found = torch.full((height, width), torch.nan)
    with torch.inference_mode():
        logits = network(image)[0]
        fast = FastUNet(network, CPU, torch.float32)
        for first, last, part in fast.logit(lambda top, bottom: image[:, :, top:bottom], *size, core, shares.append):
            found[first - halo : last - halo] = part
    expected = (logits[1] - logits[0])[halo : halo + height, halo : halo + width]
    assert (found - expected).abs().max() < 1e-5 * max(1, float(expected.abs().max()))
    assert expected.std() > 0.01
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("spacing", [1.0, 1e-3])
@pytest.mark.parametrize("encoding", ["one_hot", "codes"])
def test_the_fast_curves_are_the_trained_ones(spacing, encoding):
    """Also where knots lie a thousandth of a standard deviation apart."""
    torch.manual_seed(3)
    encoder = Encoding(SPECS, encoding)
    trained = Curves(encoder.channels, 2, 6)
    knots = torch.tensor([[-2.0, -1.5, 0.0, 0.1, 1.0, 2.0], [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]])
    with torch.no_grad():
        trained.knots.copy_(knots * torch.tensor([[1.0], [spacing]]))
        for value in trained.parameters():
            value.normal_(std=2)
    raw = values(90, 101)[[2, 1, 0, 3]]
    tables = ClassTables(encoder)
    tile, _, _ = tables.pack(raw)
    image, _ = encoder.encode(raw)
    with torch.inference_mode():
        logits = trained(torch.from_numpy(image)[None])[0]
        found = FastCurves(trained, tables, encoder, CPU).logit(tile, 7, 80, 3, 99)
    assert (found - (logits[1] - logits[0])[7:80, 3:99]).abs().max() < 4e-5


@pytest.mark.parametrize("encoding", ["one_hot", "codes"])
@pytest.mark.parametrize("largest", [1, 20, 10_000])
def test_rows_of_a_compact_tile_are_the_encoded_image(monkeypatch, encoding, largest):
    """With one table for all classes, and with one a factor."""
    monkeypatch.setattr(engines, "MAX_TABLE_ROWS", largest)
    encoder = Encoding(SPECS, encoding)
    tables, raw = ClassTables(encoder), values(60, 70)[[2, 1, 0, 3]]
    tile, numbers, valid = tables.pack(raw)
    image, known = encoder.encode(raw)
    assert len(tables.groups) == (1 if largest > 20 else 2)
    assert np.array_equal(valid, known) and np.array_equal(numbers, encoder.split(raw)[1])
    found = StripEncoder(tables, encoder, CPU, torch.float32).image(tile, 11, 40)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(found[0].numpy(), image[:, 11:40])


@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_factors_of_one_kind_only(kind):
    encoder = Encoding([spec for spec in SPECS if spec.kind == kind], "one_hot")
    tables = ClassTables(encoder)
    raw = np.ones((2, 8, 9), dtype=np.float32)
    tile, _, _ = tables.pack(raw)
    image = StripEncoder(tables, encoder, CPU, torch.float32).image(tile, 0, 8)
    assert np.array_equal(image[0].numpy(), encoder.encode(raw)[0])


def test_sums_too_large_for_their_type_are_no_gap():
    factors = [FactorSpec(name, "continuous", mean=0, std=1e38) for name in "ab"]
    raw = np.full((2, 2, 2), 3e38, dtype=np.float32)
    raw[0, 0, 0], raw[1, 1, 1] = np.inf, np.nan
    assert ClassTables(Encoding(factors, "codes")).pack(raw)[2].tolist() == [[False, True], [True, False]]


# Tiles and threads that fit the memory, precision and devices


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
        assert 1 <= made.workers * made.threads <= cores and made.workers <= len(made.tiling)
        assert made.tiling.halo >= opened.ensemble.halo and made.tiling.side % opened.ensemble.align == 0
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


def test_patches_that_do_not_fit_together(open_with, monkeypatch):
    opened = open_with("bpnn")
    monkeypatch.setattr(Ensemble, "align", 503 * 509)
    with pytest.raises(ParameterInvalid, match="each of them by itself"):
        make_plan(utm_grid(900, 900), opened.ensemble, opened.setup)


@pytest.mark.parametrize("kind", ["pcum", "unet1", "bpnn", "parts", "forest", "pointwise", "parts_trees"])
def test_bf16_is_used_where_it_gives_the_map_of_fp32(open_with, kind):
    opened, full = open_with(kind), ("forest", "pointwise", "parts_trees")
    assert chosen_setup(opened).name == ("float32" if kind in full else "bfloat16")
    assert not opened.progress.warnings


@pytest.mark.parametrize(("name", "limit"), [("MAX_DIFFERENCE", 1e-9), ("MIN_RANK_CORRELATION", 0.9999999)])
def test_bf16_that_differs_is_warned_of_and_not_used(open_with, monkeypatch, name, limit):
    opened = open_with("pcum")
    monkeypatch.setattr(pipeline, name, limit)
    assert chosen_setup(opened).name == "float32"
    assert ["mean difference" in text for text in opened.progress.warnings] == [True]


def test_a_network_that_overflows_in_bf16_is_computed_in_fp32(open_with, monkeypatch):
    opened, plain = open_with("pcum"), UNetEngine.logit

    def broken(self, tile, core, sample, step):
        result = plain(self, tile, core, sample, step)
        return np.full_like(result, np.nan) if self._dtype == torch.bfloat16 else result

    monkeypatch.setattr(UNetEngine, "logit", broken)
    assert chosen_setup(opened).name == "float32" and opened.progress.warnings


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
    assert len(sizes) > 4 and not warnings
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
    assert ["meta failed" in text for text in opened.progress.warnings] == [True]
