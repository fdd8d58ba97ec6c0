"""Line density against exact lengths within circles: on planes in closed form, on the ellipsoid by PROJ and shapely."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rasterio.warp import transform

from scarp.model.errors import Cancelled, ParameterInvalid
from scarp.model.factors import lines as prepared
from scarp.model.factors.density import LineDensity
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Lines
from scarp.model.progress import NullProgress
from scarp.tests.core.conftest import UTM, Listener, at_cells, by_blocks, degree_grid

CELL, SIDE = 30.0, 120
EXTENT = CELL * SIDE


def grid(side=SIDE, cell=(CELL, CELL)):
    return Grid(UTM, Affine(cell[0], 0, 0, 0, -cell[1], side * cell[1]), side, side)


def walks(count, vertices, step, extent=EXTENT, turn=0.3, seed=0):
    """Return lines that meander from random places in and about the area."""
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(count):
        heading = random.random() * 2 * np.pi + np.cumsum(random.normal(0, turn, vertices))
        steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * step
        parts.append((random.random(2) * 1.4 - 0.2) * extent + np.cumsum(steps, axis=0))
    return parts


def compute(parts, study, radius, side=1024, progress=None):
    density = LineDensity(Lines(name="rivers", parts=parts), study, radius, "rivers", progress or NullProgress())
    return by_blocks(study, density.read, side)


def exact(parts, xy, radius):
    """Return km of line per km² of circle about points, each segment against each circle in closed form."""
    start = np.concatenate([part[:-1] for part in parts])
    step = np.concatenate([np.diff(part, axis=0) for part in parts])
    size = np.hypot(*step.T)
    start, step, size = start[size > 0], step[size > 0], size[size > 0]
    result = []
    for point in xy:
        offset = start - point
        foot = -(offset * step).sum(axis=1) / size**2
        away = (offset[:, 0] * step[:, 1] - offset[:, 1] * step[:, 0]) / size
        half = np.sqrt(np.maximum(radius**2 - away**2, 0)) / size
        share = np.minimum(foot + half, 1) - np.maximum(foot - half, 0)
        result.append((np.maximum(share, 0) * size).sum())
    return np.array(result) * 1000 / (np.pi * radius**2)


def sample(study, count=400, seed=0):
    """Return random cells, corners and borders among them, and their centres."""
    random, last = np.random.default_rng(seed), study.width - 1
    cells = random.integers(0, study.width, (count, 2))
    border = count // 8
    cells[:border, 0], cells[border : 2 * border, 1] = random.choice([0, last], (2, border))
    cells[:4] = [[0, 0], [0, last], [last, 0], [last, last]]
    cells[4:7] = np.array([[0.70, 0.28], [0.71, 0.28], [0.72, 0.29]]) * study.width
    return cells, at_cells(study, *cells.T)


def largest_error(parts, study, radius, **options):
    density = compute(parts, study, radius, **options)
    cells, xy = sample(study)
    expected = exact(parts, xy, radius)
    assert expected.max() > 0
    return np.abs(density[cells[:, 0], cells[:, 1]] - expected).max() / max(expected.max(), density.max())


SCENES = {
    "longer than the cell": walks(15, 3, 4000.0),
    "about a cell": walks(60, 60, 40.0),
    "far finer than the cell": walks(10, 2000, 1.0, turn=0.1),
    "shorter than the cell": [xy + np.array([[0, 0], [7.0, 3.0]]) for xy in walks(200, 2, 1.0)],
    "zigzag within the cell": [np.stack([np.linspace(0, 3500, 1500), 1700 + np.tile([0, 9.0], 750)], axis=1)],
    "along rows": [np.array([[-3000.0, y], [8000.0, y]]) for y in (15.0, 30.0, 1815.0, 3600.0, 4000.0)],
    "along columns": [np.array([[x, -3000.0], [x, 8000.0]]) for x in (15.0, 30.0, 1815.0, 3600.0, 4000.0)],
    "beyond the border": [np.array([[-500.0, -1000.0], [-500.0, 5000.0]])],
    "closed": [np.array([[1000.0, 1000], [1010, 1000], [1010, 1010], [1000, 1010], [1000, 1000]])],
}


LEAST = {"shorter than the cell": 95.0, "closed": 95.0, "beyond the border": 1000.0}
"""Radius within which enough cells see a line."""
RADII = [(scene, radius) for scene in SCENES for radius in (20.0, 95.0, 1000.0) if radius >= LEAST.get(scene, 0.0)]
CASES = [(*case, CELL, CELL) for case in (*RADII, ("about a cell", 9000.0))]
CASES += [("about a cell", 500.0, 30.0, 12.0), ("about a cell", 500.0, 10.0, 40.0)]


@pytest.mark.parametrize(("scene", "radius", "width", "height"), CASES)
def test_equals_the_exact_length_within_the_circle(scene, radius, width, height):
    """Also for oblong cells, and a radius larger than the area."""
    assert largest_error(SCENES[scene], grid(cell=(width, height)), radius) < 0.001


@pytest.mark.parametrize("side", [17, 64])
def test_blocks_and_batches_of_lines_make_no_difference(monkeypatch, side):
    parts = [*SCENES["about a cell"], SCENES["about a cell"][3][::-1]]
    whole = compute(parts, grid(), 700.0)
    np.testing.assert_allclose(compute(parts, grid(), 700.0, side), whole, atol=1e-4)
    monkeypatch.setattr(prepared, "BATCH", 100)
    np.testing.assert_allclose(compute(parts, grid(), 700.0), whole, rtol=1e-3, atol=1e-3)


def test_equals_shapely_with_a_circle_of_a_thousand_corners():
    shapely = pytest.importorskip("shapely")
    parts = SCENES["about a cell"]
    density = compute(parts, grid(), 1000.0)
    lines = shapely.MultiLineString([shapely.LineString(part) for part in parts])
    cells, xy = sample(grid(), 100)
    expected = np.array([lines.intersection(shapely.Point(point).buffer(1000.0, quad_segs=250)).length for point in xy])
    got = density[cells[:, 0], cells[:, 1]] * np.pi * 1000.0**2 / 1000
    assert np.abs(got - expected).max() / expected.max() < 0.005


@pytest.mark.parametrize("radius", [1000.0, 5000.0])
@pytest.mark.parametrize("latitude", [0.0, 30.0, 60.0, -45.0])
def test_metres_on_the_ground_on_a_geographic_grid(latitude, radius):
    cell, side = 3 / 3600, 150
    study = degree_grid(side, side, cell, 94.0, latitude + side * cell / 2)
    parts = [np.array([94, latitude - side * cell / 2]) + part for part in walks(15, 20, side * cell / 25, side * cell)]
    density = compute(parts, study, radius)
    shares = np.linspace(0, 1, 30, endpoint=False)[:, None]
    steps = [[a + shares * (b - a) for a, b in zip(part[:-1], part[1:])] for part in parts]
    fine = [np.concatenate([*step, part[-1:]]) for step, part in zip(steps, parts)]
    cells, xy = sample(study, 25)
    worst = 0.0
    for (row, column), (longitude, phi) in zip(cells, xy):
        local = f"+proj=aeqd +lat_0={phi} +lon_0={longitude} +datum=WGS84 +units=m"
        flat = [np.stack(transform("EPSG:4326", local, *part.T), axis=1) for part in fine]
        worst = max(worst, abs(float(exact(flat, [(0.0, 0.0)], radius)[0]) - float(density[row, column])))
    assert worst / density.max() < 0.001


def test_duplicate_lines_count_once_with_a_warning():
    line, other = walks(2, 30, 50.0)
    progress = NullProgress()
    once = compute([line, other], grid(), 500.0)
    again = compute([line, other, line.copy(), line[::-1]], grid(), 500.0, progress=progress)
    np.testing.assert_array_equal(again, once)
    assert len(progress.warnings) == 1 and "2 lines" in progress.warnings[0]
    # A line that merely covers the same ground is another line.
    shifted = compute([line, line + 0.5], grid(), 500.0)
    assert shifted.max() > 1.9 * compute([line], grid(), 500.0).max()


def test_lines_without_length_change_nothing_and_vertices_without_coordinates_are_dropped():
    line, progress = walks(1, 30, 50.0)[0], NullProgress()
    point = np.array([[1800.0, 1800.0], [1800.0, 1800.0]])
    found = compute([np.repeat(line, 3, axis=0), point, line[:1]], grid(), 500.0)
    np.testing.assert_allclose(found, compute([line], grid(), 500.0), atol=1e-5)
    line[7] = np.nan
    found = compute([line], grid(), 500.0, progress=progress)
    np.testing.assert_array_equal(found, compute([np.delete(line, 7, axis=0)], grid(), 500.0))
    assert "no coordinates" in progress.warnings[0]


@pytest.mark.parametrize(("vertices", "step"), [(12, 60.0), (200, 4.0)])
def test_the_order_of_the_lines_does_not_matter(vertices, step):
    parts, study = walks(60, vertices, step), grid()
    before = compute(parts, study, 300.0)
    order = np.random.default_rng(1).permutation(len(parts))
    after = compute([parts[number] for number in order], study, 300.0)
    assert np.abs(after - before).max() < 1e-6 * before.max()


def test_no_line_nearby_gives_zero_and_a_warning():
    far = [np.array([[-9000.0, 0.0], [-9000.0, 3600.0]]), np.array([[20_000.0, 0.0], [20_000.0, 3600.0]])]
    progress = NullProgress()
    assert (compute(far, grid(), 1000.0, progress=progress) == 0).all()
    assert "0 everywhere" in progress.warnings[0]


def test_a_radius_below_the_cell_is_refused():
    with pytest.raises(ParameterInvalid, match="radius"):
        compute(SCENES["about a cell"], grid(), 4.0)


def test_cancel_stops_a_block():
    with pytest.raises(Cancelled):
        compute(SCENES["about a cell"], grid(), 1000.0, progress=Listener(cancel_after=0))
    progress = Listener()
    density = LineDensity(Lines(name="rivers", parts=SCENES["about a cell"]), grid(), 1000.0, "rivers", progress)
    progress.cancel_after = 0
    with pytest.raises(Cancelled):
        density.read(grid().whole)
