"""Windows: blocks, split, places, cutting, padding, nodata."""

from __future__ import annotations

import numpy as np
import pytest

from scarp.model.errors import TooFewData
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.windows import split
from scarp.model.windows.collection import WindowPlan, collect_windows, place_windows
from scarp.model.windows.labelled_land import LabelledLand
from scarp.model.windows.split import NO_SUBSET, SHARES, Blocks, assign_blocks
from scarp.tests.core.conftest import degree_grid, utm_grid, write_raster, write_stack

HEIGHT, WIDTH, CELL = 150, 190, 30.0
GRID = utm_grid(HEIGHT, WIDTH, CELL)


def landslide_mask(seed=0, count=40, radius=4):
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for row, column in zip(generator.integers(0, HEIGHT, count), generator.integers(0, WIDTH, count)):
        mask |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return mask


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """Two factors, labels and a safety factor with ragged nodata, as files and as arrays."""
    folder = tmp_path_factory.mktemp("area")
    generator = np.random.default_rng(1)
    values = np.stack([generator.normal(20, 5, (HEIGHT, WIDTH)), generator.integers(1, 10, (HEIGHT, WIDTH))])
    values = values.astype(np.float32)
    values[0, :12, :30] = np.nan
    values[1, 100:, 170:] = np.nan
    labels = landslide_mask().astype(np.uint8)
    labels[60:90, :40] = 255
    safety = generator.uniform(0.2, 0.8, (HEIGHT, WIDTH)).astype(np.float32)
    safety[30:50, 100:130] = np.nan
    factors = [StackFactor("slope", "continuous", "degrees"), StackFactor("aspect", "categorical")]
    write_stack(folder / "stack.tif", values, factors, GRID)
    write_raster(folder / "labels.tif", labels, GRID, nodata=255)
    write_raster(folder / "safety.tif", safety, GRID, nodata=np.nan)
    return folder, values, labels, safety


def collect(folder, progress=None, **plan):
    with split.open_training_rasters(*(folder / f"{name}.tif" for name in ("stack", "labels", "safety"))) as rasters:
        plan = WindowPlan(**{"window": 600.0, "block": 1200.0, "align": 4, **plan})
        return collect_windows(rasters, plan, progress or NullProgress())


def place_in_grid(array, row, column, side, fill):
    """Cut a square that may reach over the border."""
    around = np.pad(array, [*[(0, 0)] * (array.ndim - 2), (200, 200), (200, 200)], constant_values=fill)
    return around[..., row + 200 : row + 200 + side, column + 200 : column + 200 + side]


@pytest.mark.parametrize(("rows", "columns"), [(7, 11), (150, 190), (1, 1), (40, 200)])
@pytest.mark.parametrize("piece", [(0, 0, 150, 190), (33, 21, 50, 80), (149, 189, 1, 1)])
def test_sums_by_block_equal_a_count_of_each_cell(rows, columns, piece):
    row, column, height, width = piece
    blocks = blocks_of(rows, columns)
    mask = landslide_mask()[row : row + height, column : column + width]
    found, expected = np.ones(blocks.shape, dtype=np.int64), np.ones(blocks.shape, dtype=np.int64)
    blocks.sums(mask, row, column, found)
    for i, j in np.argwhere(mask):
        expected[(row + i) // rows, (column + j) // columns] += 1
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("latitude", [0, 45])
def test_blocks_are_square_on_the_ground(latitude):
    grid = degree_grid(3600, 3600, left=90, top=latitude + 0.5)
    blocks = Blocks.for_grid(grid, 5000)
    width, height = grid.spacing(1800, 1)
    assert (blocks.rows * height[0], blocks.columns * width[0]) == pytest.approx((5000, 5000), rel=0.01)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [SHARES, (0.2,) * 5])
def test_every_subset_gets_its_share_of_landslides_and_of_area(seed, shares):
    generator = np.random.default_rng(seed)
    labelled = generator.integers(0, 1000, (9, 11))
    labelled[0] = 0
    landslide = np.where(generator.random((9, 11)) < 0.3, labelled // 5, 0)
    subsets = assign_blocks(landslide, labelled, shares, seed)
    assert np.array_equal(subsets, assign_blocks(landslide, labelled, shares, seed))
    assert not np.array_equal(subsets, assign_blocks(landslide, labelled, shares, seed + 100))
    assert np.array_equal(subsets == NO_SUBSET, labelled == 0)
    for subset, share in enumerate(shares):
        for counts in (landslide, labelled):
            assert counts[subsets == subset].sum() / counts.sum() == pytest.approx(share, abs=0.1)


def test_as_few_landslide_blocks_as_subsets_still_give_each_one():
    landslide, labelled = np.zeros((4, 4), dtype=int), np.full((4, 4), 100)
    landslide[0, 0], landslide[2, 3], landslide[3, 1] = 90, 1, 3
    for seed in range(10):
        subsets = assign_blocks(landslide, labelled, SHARES, seed)
        assert {int(item) for item in subsets[landslide > 0]} == {0, 1, 2}
    landslide[0, 0] = 0
    with pytest.raises(TooFewData, match="BLOCK smaller"):
        assign_blocks(landslide, labelled, SHARES, 1)


def test_subset_of_cells_follows_the_blocks():
    blocks = blocks_of(7, 9)
    table = np.random.default_rng(0).integers(0, 3, blocks.shape).astype(np.uint8)
    cells = split.BlockSplit(blocks, table).cell_groups(-3, 100, 200, 120)
    for row, column in ((0, 0), (3, 0), (50, 40), (199, 5), (20, 119)):
        inside = 0 <= row - 3 < blocks.shape[0] * 7 and (column + 100) < blocks.shape[1] * 9
        assert cells[row, column] == (table[(row - 3) // 7, (column + 100) // 9] if inside else NO_SUBSET)


def blocks_of(rows, columns):
    return Blocks(rows, columns, (-(-HEIGHT // rows), -(-WIDTH // columns)))


def scan_of(mask, labelled, step=5):
    fine = blocks_of(step, step)
    counts = np.zeros(fine.shape, dtype=np.int64)
    fine.sums(labelled, 0, 0, counts)
    return split.LabelScan(
        GRID, np.array([[mask.sum()]]), np.array([[labelled.sum()]]), fine, counts, np.argwhere(mask)
    )


def test_one_scan_serves_all_blocks(area, monkeypatch):
    folder, values, labels, _ = area
    known = np.isfinite(values).all(axis=0) & (labels != 255)
    reads = []
    monkeypatch.setattr(split, "read_labels", lambda *given, read=split.read_labels: reads.append(1) or read(*given))
    with split.open_training_rasters(folder / "stack.tif", folder / "labels.tif") as rasters:
        for rows, columns in ((7, 9), (150, 190), (40, 33)):
            blocks = blocks_of(rows, columns)
            found = split.scan_labels(rasters, blocks, blocks_of(5, 5), 1, NullProgress())
            for mask, counts in ((known, found.labelled), (known & (labels == 1), found.landslide)):
                expected = np.zeros(blocks.shape, dtype=np.int64)
                blocks.sums(mask, 0, 0, expected)
                assert np.array_equal(counts, expected) and counts.sum() == mask.sum()
            assert found.fine_labelled.shape == (30, 38) and found.fine_labelled.sum() == known.sum()
    assert len(reads) == len(list(GRID.blocks()))


def test_bits_of_parts_give_the_counts_of_any_blocks():
    mask, everywhere = landslide_mask(), np.indices(GRID.shape).sum(axis=0) % 3 > 0
    land = LabelledLand(np.empty((0, 2), dtype=np.int64))
    for block in GRID.blocks(37):
        part = slice(block.row, block.row + block.height), slice(block.column, block.column + block.width)
        land.add(block, (mask & everywhere)[part], everywhere[part])
    landslide, labelled = land.count(blocks_of(13, 11))
    expected = np.zeros(labelled.shape, dtype=np.int64)
    blocks_of(13, 11).sums(everywhere, 0, 0, expected)
    assert np.array_equal(labelled, expected) and land.labelled == everywhere.sum()
    assert landslide.sum() == land.landslide == (mask & everywhere).sum()


@pytest.mark.parametrize("side", [5, 20, 37, 150, 180])
@pytest.mark.parametrize("seed", [1, 2])
def test_windows_cover_landslides_and_area(side, seed):
    mask, everywhere = landslide_mask(), np.ones((HEIGHT, WIDTH), dtype=bool)
    origins = place_windows(scan_of(mask, everywhere), side, 100000, seed)
    assert np.array_equal(origins, place_windows(scan_of(mask, everywhere), side, 100000, seed))
    assert len(np.unique(origins, axis=0)) == len(origins)
    for axis, size in enumerate((HEIGHT, WIDTH)):
        assert origins[:, axis].min() >= min(0, size - side) and origins[:, axis].max() <= max(0, size - side)
    covered = np.zeros((HEIGHT, WIDTH), dtype=int)
    for row, column in origins:
        covered[max(row, 0) : row + side, max(column, 0) : column + side] += 1
    assert (covered > 0).all()


def test_landslides_do_not_sit_in_the_middle_of_windows():
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[75, 95] = True
    places = []
    for seed in range(60):
        origins = place_windows(scan_of(mask, mask), 40, 1000, seed)
        hold = origins[(origins[:, 0] <= 75) & (origins[:, 0] > 35) & (origins[:, 1] <= 95) & (origins[:, 1] > 55)]
        assert len(hold)
        places.append([75, 95] - hold[0])
    places = np.array(places)
    assert (places.min(axis=0) <= 8).all() and (places.max(axis=0) >= 31).all()
    assert (np.abs(places.mean(axis=0) - 20) < 5).all()


def test_number_of_windows_is_bounded():
    everywhere = np.ones((HEIGHT, WIDTH), dtype=bool)
    for most in (3, 50, 200):
        assert 0.8 * most <= len(place_windows(scan_of(landslide_mask(), everywhere), 10, most, 1)) <= most


@pytest.mark.parametrize(("window", "align"), [(600, 1), (600, 2), (600, 16), (750, 4), (390, 8), (1230, 16)])
@pytest.mark.parametrize("spatial", [True, False])
def test_windows_hold_what_the_rasters_hold(area, window, align, spatial):
    folder, values, labels, safety = area
    collected = collect(folder, window=float(window), block=1500.0, spatial=spatial, align=align)
    windows = collected.windows
    side, padded = round(window / CELL), windows.labels.shape[-1]
    assert windows.side == side and padded % align == 0
    assert padded == WindowPlan(600.0, 1500.0, align=align).padded_side(side) >= side
    invalid = ~np.isfinite(values).all(axis=0)
    generator = np.random.default_rng(0)
    for index in generator.choice(len(windows), 12, replace=False):
        row, column = windows.origins[index] - windows.margin
        # Padding shows the real surroundings, and nothing where the raster ends.
        around = place_in_grid(values, row, column, padded, np.nan)
        assert np.array_equal(windows.factors[index], around, equal_nan=True)
        expected = place_in_grid(np.where(invalid, 255, labels).astype(np.uint8), row, column, padded, 255)
        hidden = np.ones((padded, padded), dtype=bool)
        hidden[windows.margin : windows.margin + side, windows.margin : windows.margin + side] = False
        if spatial:
            hidden |= collected.split.cell_groups(row, column, padded, padded) != windows.subsets[index]
        expected[hidden] = 255
        assert np.array_equal(windows.labels[index], expected)
        fs = place_in_grid(np.where(invalid, np.nan, safety).astype(np.float32), row, column, padded, np.nan)
        assert np.array_equal(windows.safety[index], np.where(hidden, np.nan, fs), equal_nan=True)
        assert (windows.labels[index] != 255).sum() >= 0.25 * side * side


def test_random_split_shares_out_windows_of_both_kinds(area):
    windows = collect(area[0], spatial=False).windows
    landslide = windows.landslide_shares() > 0
    for kind in (True, False):
        for subset, share in enumerate(SHARES):
            found = ((windows.subsets == subset) & (landslide == kind)).sum()
            assert found == pytest.approx(share * (landslide == kind).sum(), abs=1)


@pytest.mark.parametrize("spatial", [True, False])
def test_same_seed_same_windows(area, spatial):
    one, two, other = (collect(area[0], spatial=spatial, seed=seed).windows for seed in (4, 4, 5))
    for name in ("origins", "factors", "labels", "safety", "subsets"):
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=name in ("factors", "safety"))
    assert not (len(one) == len(other) and np.array_equal(one.origins, other.origins))


def test_training_cells_are_the_labelled_cells_of_training_windows(area):
    windows = collect(area[0]).windows
    cells = np.concatenate(list(windows.training_cells(per_batch=7)), axis=1)
    expected = [windows.factors[i][:, windows.labels[i] != 255] for i in windows.indices_of(0)]
    assert np.array_equal(cells, np.concatenate(expected, axis=1)) and np.isfinite(cells).all()


def test_features_have_map_coordinates(area):
    windows = collect(area[0]).windows
    features = windows.features(GRID, 1)
    assert len(features) == len(windows)
    for feature, site, marks in zip(features, windows.origins, windows.labels):
        left, top, size = 5e5 + CELL * site[1], 3e6 - CELL * site[0], CELL * windows.side
        assert (feature.left, feature.top, feature.right, feature.bottom) == (left, top, left + size, top - size)
        share = (marks == 1).sum() / (marks != 255).sum()
        assert feature.landslide_share == pytest.approx(share)
        assert feature.kind == ("landslide" if share else "stable")


def test_landslides_without_factors_warn(area, tmp_path):
    progress = NullProgress()
    collect(area[0], progress=progress)
    lost = int(((area[2] == 1) & ~np.isfinite(area[1]).all(axis=0)).sum())
    assert lost > 0 and any(f"{lost:,} landslide cells" in text for text in progress.warnings)


NAMES = "slope", "ndvi", "rain"
LACKING = {  # cells of each factor without data as (row slice), what the message names
    "one factor everywhere": ({"ndvi": slice(None)}, r"ndvi has no data \(\d"),
    "two factors in parts": (
        {"ndvi": slice(0, 100), "rain": slice(90, None)},
        r"ndvi has no data \([\d,]+ cells\) and rain has no data \([\d,]+ cells\)\.",
    ),
    "all, one of them more": (
        {"slope": slice(0, 20), "ndvi": slice(0, 90), "rain": slice(80, None)},
        r"ndvi .* and rain .* and 1 more factors lack some",
    ),
    "two alike": ({"slope": slice(None), "rain": slice(None)}, r"slope, rain have no data"),
    "all alike": (dict.fromkeys(NAMES, slice(None)), r"every factor has no data"),
}


@pytest.mark.parametrize("case", LACKING)
@pytest.mark.parametrize("kind", ("landslide", "stable"))
def test_the_factor_without_data_is_named(tmp_path, case, kind):
    gaps, text = LACKING[case]
    values = np.ones((3, HEIGHT, WIDTH), dtype=np.float32)
    for name, rows in gaps.items():
        values[NAMES.index(name), rows] = np.nan
    labels = np.full((HEIGHT, WIDTH), 1 if kind == "landslide" else 0, dtype=np.uint8)
    if kind == "stable":
        # Landslides have data, in a strip of their own.
        labels[50:60], values[:, 50:60] = 1, 1
    stack = write_stack(tmp_path / "s.tif", values, [StackFactor(name, "continuous") for name in NAMES], GRID)
    raster = write_raster(tmp_path / "l.tif", labels, GRID, nodata=255)
    named = pytest.raises(TooFewData, match=f"no {kind} cell to learn from: its [0-9,]+ {kind} cells.*{text}")
    with split.open_training_rasters(stack, raster) as rasters, named:
        collect_windows(rasters, WindowPlan(window=600.0, block=1200.0), NullProgress())
