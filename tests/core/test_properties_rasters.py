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
from scarp.tests.core import conftest
from scarp.tests.core.conftest import cell_box, utm_grid, write_raster
from scarp.tests.core.prediction_models import FACTORS, predict, saved
from scarp.tests.core.properties import for_all, grids, holes, maps, read, same_place, windows_of, workplace, write

SIDES = st.sampled_from((1, 5, 17, 1024))
"""Of the windows in which a grid is walked."""
AREAS = st.none() | st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 24), st.integers(1, 24))


@st.composite
def stacks(draw):
    """Draw a grid, values of some factors, and the order and the piece in which they are asked for."""
    grid = draw(grids(largest=30))
    count = draw(st.integers(1, 4))
    values = np.stack([draw(maps(grid.shape, -50, 4000)) for _ in range(count)])
    asked = draw(st.permutations(range(count)))
    corner = draw(st.integers(-5, grid.height)), draw(st.integers(-5, grid.width))
    block = Block(*corner, draw(st.integers(1, 40)), draw(st.integers(1, 40)))
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
    elevation, amount = draw(maps(grid.shape, 0, 3000)), draw(maps(grid.shape, 0, 2000))
    return grid, elevation, amount, np.round(draw(maps(grid.shape, 1, 5))), draw(AREAS), draw(SIDES)


def area_of(grid: Grid, cells) -> tuple[Polygons | None, np.ndarray]:
    """Return a rectangle of cells as polygons, and which cells it holds."""
    inside = np.ones(grid.shape, dtype=bool)
    if cells is None:
        return None, inside
    row, column, height, width = cells
    inside[:] = False
    inside[row : row + height, column : column + width] = True
    return Polygons("area", geometries=[cell_box(grid, row, column, height, width)]), inside


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
            found = conftest.build_factor_stack(folder / "dem.tif", folder / "s.tif", **layers)
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
    assert (found.valid_cells, found.cells) == (known.sum(), grid.width * grid.height)
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
    return grid, draw(holes(grid.shape)), cells, radii, sizes, ring, draw(AREAS), draw(SIDES)


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
            found = conftest.build_buffered_labels(points, folder / "r.tif", folder / "l.tif", **settings)
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
    assert found.used + found.outside == found.landslides == sum(found.used_by_scale.values()) == len(points)
    assert (found.used, found.on_unknown) == (here.sum(), (gaps | ~inside)[row[here], column[here]].sum())


WRONG = {  # of a correct (30, 0, 5e5, 0, -30, 3.3e6)
    "rotated": Affine(30, 5, 5e5, 5, -30, 3.3e6),
    "sheared": Affine(30, 5, 5e5, 0, -30, 3.3e6),
    "far away": Affine(30, 0, 5e13, 0, -30, 3.3e6),
    "tiny": Affine(1e-10, 0, 5e5, 0, -1e-10, 3.3e6),
}


@pytest.mark.parametrize("way", WRONG)
@pytest.mark.parametrize("job", ["stack", "labels", "safety", "zones", "predict", "warning", "validate"])
def test_a_raster_of_an_impossible_grid_is_refused_by_every_job(tmp_path, job, way):
    """South-up and mirrored ones are read: see test_source_rasters.py."""
    path = tmp_path / "wrong.tif"
    write_raster(path, np.full((16, 20), 0.5, dtype=np.float32), transform=WRONG[way], nodata=np.nan)
    with rasterio.open(path, "r+") as dataset:
        dataset.set_band_description(1, "slope")
    points = Points("slides", xy=np.array([[5e5 + 50, 3.3e6 - 50]]))
    out, model = tmp_path / "out.tif", saved(tmp_path / "m.safetensors", "linear") if job == "predict" else ""
    before = {item.name for item in tmp_path.iterdir()}
    calls = {
        "stack": lambda: conftest.build_factor_stack(path, out),
        "labels": lambda: conftest.build_buffered_labels(points, path, out),
        "safety": lambda: conftest.build_safety_factor(path, path, out, k_table={"all": 0.01}),
        "zones": lambda: conftest.classify_zones(path, out),
        "predict": lambda: predict(path, [model], out),
        "warning": lambda: conftest.rainfall_warning(path, [path], out, tmp_path / "w.csv", k=0.01),
        "validate": lambda: conftest.validate_with_points(path, points, None, tmp_path / "v.csv"),
    }
    with pytest.raises(GridUnsupported, match="wrong.tif"):
        calls[job]()
    assert {item.name for item in tmp_path.iterdir()} == before
    # The check of factors reports all that is wrong instead.
    if job == "stack":
        found = check_factors(path, tmp_path / "c.html", tmp_path / "c.csv", progress=NullProgress())
        assert [finding for finding in found.findings if finding.severity == "error" and finding.check == "grid"]


def test_a_marked_cell_stays_where_it_is_through_every_step(tmp_path):
    """Elevation, stack, labels, map, zones, warning: one cell off the middle, of 900, all the way."""
    grid, cell = utm_grid(29, 37, top=3.3e6), (19, 30)
    point = Points("one", xy=np.array([grid.transform * (cell[1] + 0.5, cell[0] + 0.5)]))
    mark = np.zeros(grid.shape)
    mark[cell] = 1
    stack, labels, scene, susceptibility, zones, warning = (tmp_path / f"{name}.tif" for name in "slpmzw")

    def marked(values) -> list:
        """Return the cells that differ from the first."""
        return [tuple(one) for one in np.argwhere(values != values[0, 0])]

    rain = write(tmp_path / "rain.tif", grid, 400 + 500 * mark)
    dem = write(tmp_path / "dem.tif", grid, 1000 + 7 * np.arange(37) + mark * 0)
    conftest.build_factor_stack(dem, stack, precipitation=rain)
    with open_stack(stack) as dataset:
        assert marked(dataset.read(Block(1, 1, 27, 35), ["precipitation"])[0]) == [(cell[0] - 1, cell[1] - 1)]
    conftest.build_buffered_labels(point, stack, labels, radii={"unrecorded": 1.0})
    assert np.argwhere(read(labels) == 1).tolist() == [list(cell)]
    with create_stack(scene, grid, FACTORS) as dataset:
        dataset.write(np.stack([25 + 30 * mark, 1 + 2 * mark, 900 + 0 * mark, 2 + 0 * mark]).astype(np.float32))
    file = saved(tmp_path / "m.safetensors", "linear")
    predict(scene, [file], susceptibility, tile=16, precision="fp32", device="cpu")
    values = read(susceptibility)
    assert marked(values) == [cell]
    middle = float((values[cell] + values[0, 0]) / 2)
    conftest.classify_zones(susceptibility, zones, method="breaks", breaks=[middle])
    week = write(tmp_path / "week.tif", grid, 5 + 300 * mark)
    conftest.rainfall_warning(susceptibility, [week], warning, tmp_path / "w.csv", k=0.0129)
    assert marked(read(zones)) == marked(read(warning)) == [cell]
    for path in (stack, labels, susceptibility, zones, warning):
        same_place(path, grid)
    with open_raster(susceptibility, "map") as dataset:
        assert dataset.index(*point.xy[0]) == cell
