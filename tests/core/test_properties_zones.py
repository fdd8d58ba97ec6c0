"""Zones, warning classes and safety factors of any map: nothing lost, nothing shifted, order kept, sums right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import strategies as st

from scarp.model.errors import ParameterInvalid, ScarpError, TooFewData
from scarp.model.warning.classes import KEYS, NO_WARNING, NODATA, NOT_ASSESSED, SEVERE, WARNING, WATCH, WarningOptions
from scarp.model.zones.schemes import AREA_SHARES, BREAKS, EQUAL_INTERVAL, NATURAL_BREAKS
from scarp.tests.core.conftest import build_safety_factor, classify_zones, rainfall_warning, read_csv
from scarp.tests.core.properties import for_all, grids, maps, read, same_place, windows_of, workplace, write

SIDES = st.sampled_from((1, 3, 16, 1024))
"""Of the windows in which a grid is processed."""
LEFT_BEHIND = "z.tif z.tif.run.json z.csv z.json z.csv.run.json".split()


@st.composite
def shares(draw):
    """Draw whole percents that sum to 100, some of them 0."""
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=1, max_size=7)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, 100])]


@st.composite
def zoned(draw):
    """Draw a map and how to cut it."""
    grid = draw(grids())
    method = draw(st.sampled_from((AREA_SHARES, EQUAL_INTERVAL, NATURAL_BREAKS, BREAKS)))
    given = (
        {"breaks": draw(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=6, unique=True).map(sorted))}
        if method == BREAKS
        else {"shares": draw(shares())}
    )
    return grid, draw(maps(grid.shape)), method, given, draw(SIDES)


@for_all(60, case=zoned())
def test_zones_cover_the_map_in_order_and_their_areas_add_up(case):
    grid, values, method, given, side = case
    known = np.isfinite(values)
    with workplace() as folder, windows_of(side):
        path = write(folder / "map.tif", grid, values)
        try:
            found = classify_zones(path, folder / "z.tif", method=method, **given, output_table=folder / "z.csv")
        except TooFewData:
            assert not known.any() or method == NATURAL_BREAKS
            assert [item.name for item in folder.iterdir()] == ["map.tif"]
            return
        zones, numbers = read(folder / "z.tif"), range(1, len(found.names) + 1)
        same_place(folder / "z.tif", grid)
        assert np.array_equal(zones > 0, known), "nodata in is nodata out"
        assert zones.max() <= len(found.names)
        assert found.cells == [int((zones == number).sum()) for number in numbers]
        area = np.broadcast_to(grid.cell_area()[:, None], grid.shape)
        assert found.km2 == pytest.approx([area[zones == number].sum() / 1e6 for number in numbers])
        assert sum(found.shares) == pytest.approx(1) and min(found.shares) >= 0
        assert sum(found.cells) == known.sum()
        # The same as cutting at the breaks: so order is kept and equal values stay together.
        breaks = np.array(found.breaks, dtype=np.float32)
        assert np.array_equal(zones[known], 1 + np.searchsorted(breaks, values[known], side="left"))
        if method == AREA_SHARES:
            reached = np.cumsum(found.shares)[:-1]
            assert (reached >= np.cumsum(given["shares"])[:-1] / 100 - 1e-9).all()
        rows = read_csv(folder / "z.csv")
        assert [int(row["cells"]) for row in rows] == found.cells
        assert [row["lower"] for row in rows[1:]] == [row["upper"] for row in rows[:-1]]


@for_all(25, case=zoned(), other=st.integers(0, 2**31))
def test_the_breaks_of_a_run_cut_again_as_it_did(case, other):
    """Whatever a run left behind cuts its own map into the same zones, to the bit; and another map of other ties."""
    grid, values, method, given, side = case
    with workplace() as folder, windows_of(side):
        path, table = write(folder / "map.tif", grid, values), {"output_table": folder / "again.csv"}
        try:
            found = classify_zones(path, folder / "z.tif", method=method, **given, output_table=folder / "z.csv")
        except ScarpError:
            return
        sources = [{"breaks_from": folder / name} for name in LEFT_BEHIND]
        if all(low < high for low, high in zip(found.breaks, found.breaks[1:])) and found.breaks:
            sources.append({"breaks": found.breaks})
        for source in sources:
            again = classify_zones(path, folder / "again.tif", method=BREAKS, **source, **table)
            assert (again.breaks, again.cells) == (found.breaks, found.cells)
            assert np.array_equal(read(folder / "again.tif"), read(folder / "z.tif"))
            assert (folder / "again.csv").read_text() == (folder / "z.csv").read_text()
            record = json.loads((folder / "again.tif.run.json").read_text())
            assert record["parameters"]["BREAKS"] == found.breaks == record["summary"]["breaks"]
            assert "breaks" in source or record["inputs"]["BREAKS_FROM"]["sha256"]
        shuffled = np.random.default_rng(other).permutation(values.ravel()).reshape(values.shape)
        write(path, grid, shuffled)
        again = classify_zones(path, folder / "s.tif", method=BREAKS, breaks_from=folder / "z.tif")
        assert again.cells == found.cells, "how many cells a zone has does not depend on where they lie"


@st.composite
def warned(draw):
    """Draw a map, the rain of a week and thresholds."""
    grid = draw(grids(largest=30))
    low, high = draw(st.sampled_from(((0.1, 0.15), (0.15, 0.5), (0.3, 0.75))))
    thresholds = {"p_low": low, "p_high": high, "fs_watch": draw(st.sampled_from((None, 0.6, 0.9)))}
    options = WarningOptions(k=draw(st.sampled_from((0.0129, 0.004))), **thresholds)
    return grid, draw(maps(grid.shape)), draw(maps(grid.shape, 0.0, 250.0)), options, draw(SIDES)


@for_all(40, case=warned())
def test_a_warning_follows_its_rule_in_every_cell(case):
    grid, values, rain, options, side = case
    known = np.isfinite(values)
    assessed = known & np.isfinite(rain)
    with workplace() as folder, windows_of(side):
        path, wet = write(folder / "map.tif", grid, values), write(folder / "rain.tif", grid, rain)
        try:
            outputs = folder / "w.tif", folder / "w.csv"
            found = rainfall_warning(path, [wet], *outputs, output_safety_factor=folder / "fs.tif", **options.as_dict())
        except TooFewData:
            assert not assessed.any()
            return
        classes, factor = read(folder / "w.tif"), read(folder / "fs.tif")
        for made in ("w.tif", "fs.tif"):
            same_place(folder / made, grid)
    assert np.array_equal(classes == NODATA, ~known)
    assert np.array_equal(classes == NOT_ASSESSED, known & ~assessed)
    assert np.array_equal(np.isfinite(factor), assessed)
    assert ((factor[assessed] > 0) & (factor[assessed] <= 1)).all()
    # The table of the rule, where the rounding of a threshold cannot matter.
    exact = 1 / (1 + options.k * rain.astype(np.float64))
    watch, critical = options.fs_watch or 0.0, options.fs_critical
    at_threshold = np.isin(values, np.array([options.p_low, options.p_high], dtype=np.float32))
    clear = assessed & (np.abs(exact - critical) > 1e-6) & (np.abs(exact - watch) > 1e-6) & ~at_threshold
    level = (values > options.p_low).astype(int) + (values > options.p_high)
    below = np.where((exact < watch) & (level > 0), WATCH, NO_WARNING)
    expected = np.where(exact < critical, np.array([WATCH, WARNING, SEVERE])[level], below)
    assert np.array_equal(classes[clear], expected[clear])
    area = np.broadcast_to(grid.cell_area()[:, None], grid.shape)
    assert sum(found.km2.values()) == pytest.approx(area[known].sum() / 1e6)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.km2[KEYS[NOT_ASSESSED]] == pytest.approx(area[known & ~assessed].sum() / 1e6)


@st.composite
def rained(draw):
    """Draw a reference, the rain of a year, and a season."""
    grid = draw(grids(largest=30))
    ranges = {"alpha": st.floats(0.01, 1), "beta": st.floats(0.1, 20), "rainy_days": st.integers(7, 366)}
    season = {name: draw(values) for name, values in ranges.items()}
    k = draw(st.floats(0.0005, 0.1))
    return grid, draw(maps(grid.shape)), draw(maps(grid.shape, 0.0, 3000.0)), season, k, draw(SIDES)


@for_all(40, case=rained())
def test_the_safety_factor_is_its_formula_in_every_cell(case):
    grid, reference, rain, season, k, side = case
    known = np.isfinite(reference) & np.isfinite(rain)
    with workplace() as folder, windows_of(side):
        try:
            rasters = write(folder / "r.tif", grid, reference), write(folder / "p.tif", grid, rain)
            settings = {"k_table": {"all": k}, "output_rainfall": folder / "r7.tif", **season}
            found = build_safety_factor(*rasters, folder / "fs.tif", **settings)
        except TooFewData:
            assert not known.any()
            assert {item.name for item in folder.iterdir()} == {"r.tif", "p.tif"}
            return
        factor, week = read(folder / "fs.tif"), read(folder / "r7.tif")
        for made in ("fs.tif", "r7.tif"):
            same_place(folder / made, grid)
    assert np.array_equal(np.isfinite(factor), known) and found.cells == known.sum()
    expected = season["alpha"] * season["beta"] * 7 / season["rainy_days"] * rain.astype(np.float64)
    assert week[known] == pytest.approx(expected[known], rel=1e-5, abs=1e-5)
    assert factor[known] == pytest.approx(1 / (1 + k * expected[known]), rel=1e-5)
    assert ((factor[known] > 0) & (factor[known] <= 1)).all()
    # More rain, less safety.
    order = np.argsort(rain[known], kind="stable")
    assert (np.diff(factor[known][order]) <= 0).all()
    assert found.share_warned == pytest.approx((factor[known] < 0.5).mean(), abs=2 / known.sum())


@for_all(20, breaks=st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8))
def test_breaks_that_do_not_rise_are_refused(breaks):
    if all(low < high for low, high in zip(breaks, breaks[1:])):
        return
    with workplace() as folder, pytest.raises(ParameterInvalid, match="greater"):
        classify_zones(folder / "map.tif", folder / "z.tif", method=BREAKS, breaks=breaks)
