"""Maps of any stack by every kind of model: tiles as the whole, nodata kept, values from 0 to 1, no cell shifted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from scarp.model.encoding import Encoding
from scarp.model.errors import TooFewData
from scarp.model.grid import Grid
from scarp.model.prediction.tiling import Tiling, coarsen
from scarp.tests.core.conftest import utm_grid
from scarp.tests.core.prediction_models import FACTORS, SPECS, in_one_piece, model, predict, saved, stack, values
from scarp.tests.core.properties import for_all, holes, read, windows_of, workplace

DEPTHS = {f"unet{depth}": {"kind": "unet1", "depth": depth, "width": 5 - depth} for depth in (1, 2, 3)}
ENGINES = {
    **DEPTHS,
    **{kind: {"kind": kind} for kind in ("pcum", "linear", "tables", "forest")},
    "bpnn": {"kind": "bpnn", "patch": 5},
    "resnet": {"kind": "resnet", "patch": 6},
}
CELLS = {"linear", "tables", "forest"}  # engines that predict each cell by itself


@st.composite
def scenes(draw, largest=40):
    """Draw a stack of four factors with gaps in each, a tile, and windows for what walks the grid."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    raw = values(height, width, draw(st.integers(0, 10**6)))
    for band in range(len(raw)):
        raw[band][draw(holes((height, width)))] = np.nan
    # Ragged gaps of each factor alone leave little; often one for all.
    if draw(st.booleans()):
        raw[:] = np.where(draw(holes((height, width))), np.nan, values(height, width, 5))
    return raw, draw(st.sampled_from((0, 8, 16, 24, 40))), draw(st.sampled_from((7, 1024)))


@pytest.mark.parametrize("engine", ENGINES)
@for_all(9, scene=scenes(), encoding=st.sampled_from(("one_hot", "codes")), seed=st.integers(1, 3))
def test_a_map_does_not_depend_on_the_tiles(engine, scene, encoding, seed):
    raw, tile, side = scene
    settings = {**ENGINES[engine], "encoding": "one_hot" if engine == "tables" else encoding, "seed": seed}
    trained = model(**settings)
    whole = in_one_piece(trained, raw)
    known = np.isfinite(raw).all(axis=0)
    assert np.array_equal(np.isfinite(whole), known), "nodata in is nodata out"
    expected = coarsen(whole, trained.patch)
    with workplace() as folder, windows_of(side):
        path, file = stack(folder / "s.tif", raw), saved(folder / "m.safetensors", **settings)
        before = {item.name for item in folder.iterdir()}
        try:
            found = predict(path, [file], folder / "p.tif", tile=tile, device="cpu", precision="fp32")
        except TooFewData:
            assert not np.isfinite(expected).any()
            assert {item.name for item in folder.iterdir()} == before
            return
        result = read(folder / "p.tif")
        grid, map_grid = Grid.from_file(path, "stack"), Grid.from_file(folder / "p.tif", "map")
    assert np.array_equal(np.isnan(result), np.isnan(expected)) and np.nanmax(np.abs(result - expected)) < 2e-5
    assert np.nanmin(result) >= 0 and np.nanmax(result) <= 1
    assert found.cells == np.isfinite(expected).sum()
    assert (found.minimum, found.maximum) == (np.nanmin(result), np.nanmax(result))
    place, map_place = grid.transform, map_grid.transform
    assert (map_place.c, map_place.f, map_place.a) == (place.c, place.f, place.a * trained.patch)


@for_all(25, scene=scenes(), engine=st.sampled_from(sorted(CELLS)), seed=st.integers(0, 99))
def test_a_cell_predicted_by_itself_has_the_same_value_at_any_place(scene, engine, seed):
    """Permuted cells have the same values, permuted: none is shifted, none depends on its neighbours."""
    raw, tile, side = scene
    order = np.random.default_rng(seed).permutation(raw[0].size)
    permuted = raw.reshape(len(raw), -1)[:, order].reshape(raw.shape)
    with workplace() as folder, windows_of(side):
        file, maps_ = saved(folder / "m.safetensors", engine), []
        for number, cells in enumerate((raw, permuted)):
            try:
                path = stack(folder / f"{number}.tif", cells)
                predict(path, [file], folder / "p.tif", tile=tile, device="cpu", precision="fp32")
            except TooFewData:
                assert not np.isfinite(raw).all(axis=0).any()
                return
            maps_.append(read(folder / "p.tif").ravel())
    assert np.allclose(maps_[0][order], maps_[1], atol=1e-6, equal_nan=True)


@for_all(40, scene=scenes(), mode=st.sampled_from(("codes", "one_hot")))
def test_channels_are_z_scores_and_one_hot_classes(scene, mode):
    raw, _, _ = scene
    encoding = Encoding(SPECS, mode)
    order = [[factor.name for factor in FACTORS].index(spec.name) for spec in SPECS]
    image, valid = encoding.encode(raw[order])
    assert np.array_equal(valid, np.isfinite(raw).all(axis=0))
    assert np.isfinite(image).all() and (image[:, ~valid] == 0).all()
    assert image.shape == (encoding.channels, *valid.shape)
    first = len(encoding.continuous)
    for channel, index in enumerate(encoding.continuous):
        spec = SPECS[index]
        assert image[channel][valid] == pytest.approx((raw[order[index]][valid] - spec.mean) / spec.std, abs=1e-4)
    if mode == "one_hot":
        for table, index in zip(encoding.tables, encoding.categorical):
            own = image[first : first + table.shape[1]]
            seen = np.isin(raw[order[index]], SPECS[index].seen) & valid
            assert np.array_equal(own.sum(axis=0), seen.astype(np.float32)), "one class a cell, none for unseen ones"
            first += table.shape[1]


@for_all(
    60,
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    tile=st.tuples(st.integers(1, 300), st.integers(1, 3)),
    around=st.tuples(st.integers(0, 60), st.sampled_from((1, 2, 4, 8, 20))),
)
def test_tiles_cover_every_cell_once_with_its_halo(size, tile, around):
    (side, tall), (halo, align) = tile, around
    covered = np.zeros(size, dtype=np.int32)
    for one in Tiling.of(utm_grid(*size), side, halo, align, tall * side):
        core, read_ = one.core, one.read
        covered[core.slices] += 1
        rows, columns = (
            (read_.row, read_.height, core.row, core.height),
            (read_.column, read_.width, core.column, core.width),
        )
        for first, length, inner, inner_length in (rows, columns):
            assert first % align == length % align == 0
            assert first + halo <= inner and inner + inner_length + halo <= first + length
    assert (covered == 1).all()
