"""Factor stacks and labels of any raster: no cell shifted, nodata kept, counts add up, labels where they belong."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import strategies as st

from scarp.model.errors import GridUnsupported, LayerEmpty, ScarpError, TooFewData
from scarp.model.factors.settings import CategoricalInput
from scarp.model.grid import Block, Grid
from scarp.model.inputs.rasters import open_raster
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.check_factors import check_factors
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, create_stack, open_stack
from scarp.tests.core.conftest import (
    box,
    build_buffered_labels,
    build_factor_stack,
    build_safety_factor,
    classify_zones,
    rainfall_warning,
    utm_grid,
    validate_with_points,
    write_raster,
)
from scarp.tests.core.prediction_models import FACTORS, predict, saved
from scarp.tests.core.properties import for_all, grids, holes, maps, read, same_place, windows_of, workplace, write

SIDES = st.sampled_from((1, 5, 17, 1024))
"""Of the windows in which a grid is walked."""


@st.composite
def stacks(draw):
    """Draw a grid, values of some factors, and the order and the piece in which they are asked for."""
    grid = draw(grids(largest=30))
    count = draw(st.integers(1, 4))
    values = np.stack([draw(maps(grid.shape, -50, 4000)) for _ in range(count)])
    asked = draw(st.permutations(range(count)))
    block = Block(
        draw(st.integers(-5, grid.height)),
        draw(st.integers(-5, grid.width)),
        draw(st.integers(1, 40)),
        draw(st.integers(1, 40)),
    )
    return grid, values, asked, block, draw(SIDES)


@for_all(60, case=stacks())
def test_a_stack_gives_back_every_cell_where_it_was(case):
    grid, values, asked, block, side = case
    factors = [StackFactor(f"f{number}", "continuous") for number in range(len(values))]
    with workplace() as folder:
        with create_stack(folder / "s.tif", grid, factors) as dataset:
            for part in grid.blocks(side):
                dataset.write(values[(..., *part.slices)], window=part.window)
        same_place(folder / "s.tif", grid)
        with open_stack(folder / "s.tif") as stack:
            whole = stack.read(grid.whole, [f"f{number}" for number in asked])
            piece = stack.read(block)
    assert np.array_equal(whole, values[list(asked)], equal_nan=True)
    around = np.pad(values, [(0, 0), (45, 45), (45, 45)], constant_values=np.nan)
    row, column = block.row + 45, block.column + 45
    assert np.array_equal(piece, around[:, row : row + block.height, column : column + block.width], equal_nan=True)


@st.composite
def terrains(draw):
    """Draw elevation, an amount, classes and an area, all on one grid."""
    grid = draw(grids(largest=24, least=2))
    classes = draw(maps(grid.shape, 1, 5))
    return (
        grid,
        draw(maps(grid.shape, 0, 3000)),
        draw(maps(grid.shape, 0, 2000)),
        np.round(classes),
        draw(st.none() | st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 24), st.integers(1, 24))),
        draw(SIDES),
    )


def area_of(grid: Grid, cells) -> tuple[Polygons | None, np.ndarray]:
    """Return a rectangle of cells as polygons, and which cells it holds."""
    inside = np.ones(grid.shape, dtype=bool)
    if cells is None:
        return None, inside
    row, column, height, width = cells
    inside[:] = False
    inside[row : row + height, column : column + width] = True
    left, top = grid.transform * (column, row)
    right, bottom = grid.transform * (column + width, row + height)
    return Polygons("area", geometries=[box(left, bottom, right, top)]), inside


@for_all(40, case=terrains())
def test_a_built_stack_keeps_every_cell_in_its_place(case):
    grid, elevation, amount, classes, box, side = case
    area, inside = area_of(grid, box)
    with workplace() as folder, windows_of(side):
        write(folder / "dem.tif", grid, elevation)
        write(folder / "rain.tif", grid, amount)
        write(folder / "rock.tif", grid, np.where(np.isnan(classes), 0, classes), "uint8", 0)
        before = {item.name for item in folder.iterdir()}
        try:
            rock = CategoricalInput(raster=str(folder / "rock.tif"), name="rock")
            layers = {"area": area, "precipitation": folder / "rain.tif", "lithology": rock}
            found = build_factor_stack(folder / "dem.tif", folder / "s.tif", **layers)
        except ScarpError:
            assert {item.name for item in folder.iterdir()} == before
            return
        same_place(folder / "s.tif", grid)
        with open_stack(folder / "s.tif") as stack:
            values = dict(zip(stack.names, stack.read(grid.whole)))
            labels = stack.factor("lithology").classes
    known = np.isfinite(values["slope"])
    for name, band in values.items():
        assert np.array_equal(np.isfinite(band), known), f"{name} has data where others have none"
    # Where any input lacks data there is none, and nowhere else but beside gaps of the elevation.
    possible = inside & np.isfinite(elevation) & np.isfinite(amount) & np.isfinite(classes)
    assert not (known & ~possible).any()
    assert np.array_equal(values["precipitation"][known], amount[known]), "an amount on the same grid stays as it is"
    names = np.array([int(float(labels[int(code)])) for code in values["lithology"][known]])
    assert np.array_equal(names, classes[known].astype(int)), "a class stays in its cell"
    assert ((values["slope"][known] >= 0) & (values["slope"][known] <= 90)).all()
    assert set(np.unique(values["aspect"][known])) <= set(range(1, 10))
    assert found.valid_cells == known.sum()
    assert found.cells == grid.width * grid.height
    assert found.study_cells == (inside & np.isfinite(elevation)).sum()
    assert all(0 <= alone <= found.without_data[name] <= found.study_cells for name, alone in found.lost_alone.items())


@st.composite
def inventories(draw):
    """Draw a reference, points in and around it with radii, a ring and an area."""
    grid = draw(grids(largest=24, degrees=False))
    count = draw(st.integers(1, 8))
    places = st.tuples(st.floats(-6, grid.width + 6), st.floats(-6, grid.height + 6))
    cells = np.array(draw(st.lists(places, min_size=count, max_size=count)))
    cell = grid.cell_size()
    radii = {name: draw(st.floats(0, 6)) * cell for name in ("small", "large")}
    sizes = draw(st.lists(st.sampled_from(("small", "large", " Large ", "SMALL")), min_size=count, max_size=count))
    ring = draw(st.sampled_from((0.0, 0.0, 3.0, 9.0))) * cell
    box = draw(st.none() | st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 24), st.integers(1, 24)))
    return grid, draw(holes(grid.shape)), cells, radii, sizes, ring, box, draw(SIDES)


@for_all(60, case=inventories())
def test_labels_are_where_the_landslides_are(case):
    grid, gaps, cells, radii, sizes, ring, box, side = case
    area, inside = area_of(grid, box)
    xy = np.stack(grid.transform * (cells[:, 0], cells[:, 1]), axis=1)
    points = Points("slides", fields={"size": sizes}, xy=xy)
    with workplace() as folder, windows_of(side):
        write(folder / "r.tif", grid, np.where(gaps, np.nan, 1.0))
        try:
            settings = {"scale_field": "size", "radii": radii, "ring": ring, "area": area}
            found = build_buffered_labels(points, folder / "r.tif", folder / "l.tif", **settings)
        except (LayerEmpty, TooFewData, ScarpError):
            assert [item.name for item in folder.iterdir()] == ["r.tif"]
            return
        labels = read(folder / "l.tif")
        same_place(folder / "l.tif", grid)
    # Each cell by itself: the distance from its centre to each point.
    t = grid.transform
    x, y = t.c + t.a * (np.arange(grid.width) + 0.5), t.f + t.e * (np.arange(grid.height) + 0.5)
    away = np.hypot(x[None, None] - xy[:, 0, None, None], y[None, :, None] - xy[:, 1, None, None])
    radius = np.array([radii[size.strip().lower()] for size in sizes])[:, None, None]
    slide, near = (away <= radius).any(axis=0), (away <= ring).any(axis=0)
    close = 1e-4 * grid.cell_size()
    on_circle = ((np.abs(away - radius) < close) | (np.abs(away - ring) < close)).any(axis=0)
    row, column, here = grid.cell_indices(xy)
    slide[row[here], column[here]] = True
    expected = np.where(gaps | ~inside, 255, np.where(slide, 1, np.where(near & (ring > 0), 255, 0)))
    own = np.zeros(grid.shape, dtype=bool)
    own[row[here], column[here]] = True
    compared = ~on_circle | own | gaps | ~inside
    assert np.array_equal(labels[compared], expected[compared])
    counts = [int((labels == value).sum()) for value in (1, 0, 255)]
    assert counts == [found.landslide_cells, found.stable_cells, found.unknown_cells]
    assert sum(counts) == grid.width * grid.height
    assert found.used + found.outside == found.landslides == len(points)
    assert found.used == here.sum()
    assert sum(found.used_by_scale.values()) == len(points)
    assert found.on_unknown == (gaps | ~inside)[row[here], column[here]].sum()


WRONG = {
    "south-up": Affine(30, 0, 5e5, 0, 30, 3.2e6),
    "mirrored": Affine(-30, 0, 5e5, 0, -30, 3.3e6),
    "rotated": Affine(30, 5, 5e5, 5, -30, 3.3e6),
    "sheared": Affine(30, 5, 5e5, 0, -30, 3.3e6),
    "far away": Affine(30, 0, 5e13, 0, -30, 3.3e6),
    "tiny": Affine(1e-10, 0, 5e5, 0, -1e-10, 3.3e6),
}


@pytest.mark.parametrize("way", WRONG)
@pytest.mark.parametrize("job", ["stack", "labels", "safety", "zones", "predict", "warning", "validate"])
def test_a_raster_that_does_not_lie_north_up_is_refused_by_every_job(tmp_path, job, way):
    """Silently read as north-up, it would give a map upside down."""
    path = tmp_path / "wrong.tif"
    values = np.full((16, 20), 0.5, dtype=np.float32)
    write_raster(path, values, transform=WRONG[way], nodata=np.nan)
    with rasterio.open(path, "r+") as dataset:
        dataset.set_band_description(1, "slope")
    points = Points("slides", xy=np.array([[5e5 + 50, 3.3e6 - 50]]))
    out, quiet = tmp_path / "out.tif", NullProgress()
    model = saved(tmp_path / "m.safetensors", "linear") if job == "predict" else ""
    before = {item.name for item in tmp_path.iterdir()}
    calls = {
        "stack": lambda: build_factor_stack(path, out, progress=quiet),
        "labels": lambda: build_buffered_labels(points, path, out, progress=quiet),
        "safety": lambda: build_safety_factor(path, path, out, k_table={"all": 0.01}),
        "zones": lambda: classify_zones(path, out, progress=quiet),
        "predict": lambda: predict(path, [model], out, progress=quiet),
        "warning": lambda: rainfall_warning(path, [path], out, tmp_path / "w.csv", k=0.01, progress=quiet),
        "validate": lambda: validate_with_points(path, points, None, tmp_path / "v.csv", progress=quiet),
    }
    with pytest.raises(GridUnsupported, match="wrong.tif"):
        calls[job]()
    assert {item.name for item in tmp_path.iterdir()} == before
    # The check of factors reports all that is wrong instead.
    if job == "stack":
        found = check_factors(path, tmp_path / "c.html", tmp_path / "c.csv", progress=quiet)
        assert [finding for finding in found.findings if finding.severity == "error" and finding.check == "grid"]


def test_a_marked_cell_stays_where_it_is_through_every_step(tmp_path):
    """Elevation, stack, labels, map, zones, warning: one cell off the middle, of 900, all the way."""
    grid = utm_grid(29, 37, top=3.3e6)
    row, column = 19, 30
    point = Points("one", xy=np.array([grid.transform * (column + 0.5, row + 0.5)]))
    mark = np.zeros(grid.shape)
    mark[row, column] = 1
    rain = write(tmp_path / "rain.tif", grid, 400 + 500 * mark)
    dem = write(tmp_path / "dem.tif", grid, 1000 + 7 * np.arange(37) + mark * 0)
    build_factor_stack(dem, tmp_path / "s.tif", precipitation=rain)
    with open_stack(tmp_path / "s.tif") as stack:
        cells = stack.read(grid.whole, ["precipitation"])[0]
    assert np.argwhere(cells > 800).tolist() == [[row, column]]
    build_buffered_labels(point, tmp_path / "s.tif", tmp_path / "l.tif", radii={"unrecorded": 1.0})
    assert np.argwhere(read(tmp_path / "l.tif") == 1).tolist() == [[row, column]]
    with create_stack(tmp_path / "p.tif", grid, FACTORS) as dataset:
        dataset.write(np.stack([25 + 30 * mark, 1 + 2 * mark, 900 + 0 * mark, 2 + 0 * mark]).astype(np.float32))
    predict(
        tmp_path / "p.tif",
        [saved(tmp_path / "m.safetensors", "linear")],
        tmp_path / "map.tif",
        tile=16,
        precision="fp32",
        device="cpu",
        progress=NullProgress(),
    )
    values = read(tmp_path / "map.tif")
    assert (values != values[0, 0]).sum() == 1
    assert values[row, column] != values[0, 0]
    low, high = sorted((values[row, column], values[0, 0]))
    classify_zones(tmp_path / "map.tif", tmp_path / "z.tif", method="breaks", breaks=[float((low + high) / 2)])
    zones = read(tmp_path / "z.tif")
    assert np.argwhere(zones != zones[0, 0]).tolist() == [[row, column]]
    week = write(tmp_path / "week.tif", grid, 5 + 300 * mark)
    rainfall_warning(tmp_path / "map.tif", [week], tmp_path / "w.tif", tmp_path / "w.csv", k=0.0129)
    warned = read(tmp_path / "w.tif")
    assert np.argwhere(warned != warned[0, 0]).tolist() == [[row, column]]
    for name in ("s.tif", "l.tif", "map.tif", "z.tif", "w.tif"):
        same_place(tmp_path / name, grid)
    with open_raster(tmp_path / "map.tif", "map") as dataset:
        assert dataset.index(*point.xy[0]) == (row, column)
