"""Zones: quantiles against sorting, natural breaks against every possible cut, areas on the ellipsoid."""

from __future__ import annotations

import csv
import itertools
import json

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.errors import Cancelled, InputCorrupt, InputMissing, LayerEmpty, ParameterInvalid, TooFewData
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.inputs.vectors import Points
from scarp.model.jobs.classify_zones import classify_zones
from scarp.model.progress import NullProgress
from scarp.model.statistics.weighted_quantiles import weighted_quantiles
from scarp.model.zones.natural_breaks import fisher_class_starts, natural_breaks
from scarp.model.zones.raster import assign_zones, read_breaks
from scarp.model.zones.schemes import METHODS, read_scheme, zone_colours, zone_names

UTM = Grid(CRS.from_epsg(32646), from_origin(500000.0, 3300000.0, 30.0, 30.0), 90, 70)
DEGREES = Grid(CRS.from_epsg(4326), from_origin(95.0, 70.0, 0.05, 0.05), 60, 600)
"""From 70 to 40 degrees north, where a cell's area grows to more than the double."""


def walk_over(values: np.ndarray, weights: np.ndarray | None = None, portions: int = 3):
    """A walk over an array in portions."""
    values = values.astype(np.float32)
    weights = np.ones(len(values)) if weights is None else weights
    return lambda: zip(np.array_split(values, portions), np.array_split(weights, portions))


def sorted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The smallest value up to which the share of the weight lies, by sorting."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    place = np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-12))
    return float(values[order][min(place, len(values) - 1)])


def susceptibility(path, grid: Grid, values: np.ndarray) -> str:
    with create_raster(path, grid, "float32", np.nan, ["landslide susceptibility"]) as dataset:
        dataset.write(values.astype(np.float32), 1)
    return str(path)


def random_map(grid: Grid, seed: int, nodata: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.beta(0.5, 3.0, grid.shape)
    values[rng.random(grid.shape) < nodata] = np.nan
    return values.astype(np.float32)


def band(path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["uniform", "tiny", "negative", "tied", "one value", "few"])
def test_quantiles_equal_sorting(seed, kind):
    rng = np.random.default_rng(seed)
    values = {
        "uniform": rng.random(5000),
        "tiny": rng.random(5000) * 1e-30,
        "negative": rng.normal(0, 1e3, 5000),
        "tied": rng.integers(0, 7, 5000) / 6,
        "one value": np.full(50, 0.25),
        "few": rng.random(3),
    }[kind]
    values = values.astype(np.float32)
    shares = [0.0, 0.3, 0.5, 0.7, 0.9, 0.999, 1.0]
    plain = weighted_quantiles(walk_over(values), shares)
    assert plain.values == [float(np.quantile(values, share, method="inverted_cdf")) for share in shares]
    weights = rng.uniform(0.5, 2.0, len(values))
    weighted = weighted_quantiles(walk_over(values, weights), shares)
    assert weighted.values == [sorted_quantile(values, weights, share) for share in shares]
    assert weighted.minimum == values.min()
    assert weighted.maximum == values.max()
    assert weighted.weight == pytest.approx(weights.sum())
    assert weighted.cells == len(values)
    for value, cumulative_shares, tied_shares in zip(weighted.values, weighted.cumulative_shares, weighted.tied_shares):
        assert cumulative_shares == pytest.approx(weights[values <= value].sum() / weights.sum())
        assert tied_shares == pytest.approx(weights[values == value].sum() / weights.sum())


def test_minus_zero_is_zero():
    found = weighted_quantiles(walk_over(np.array([-0.0, 0.0, 0.0, 1.0])), [0.1, 0.6])
    assert found.values == [0.0, 0.0]
    assert found.tied_shares == [0.75, 0.75]


def test_area_shares_are_exact_without_ties(tmp_path):
    """The paper's 30, 20, 20, 20, 10 % to less than one cell."""
    values = random_map(UTM, 1)
    summary = classify_zones(
        susceptibility(tmp_path / "p.tif", UTM, values),
        tmp_path / "zones.tif",
        output_table=tmp_path / "zones.csv",
        progress=NullProgress(),
    )
    count = np.isfinite(values).sum()
    assert np.abs(np.array(summary.cells) - count * np.array([0.3, 0.2, 0.2, 0.2, 0.1])).max() < 1
    expected = assign_zones(
        values,
        [np.quantile(values[np.isfinite(values)], share, method="inverted_cdf") for share in (0.3, 0.5, 0.7, 0.9)],
    )
    zones = band(tmp_path / "zones.tif")
    assert np.array_equal(zones, expected)
    assert not summary.ties
    assert np.array_equal(zones == 0, np.isnan(values))
    for zone in range(1, 5):
        assert values[zones == zone].max() < values[zones == zone + 1].min()
    with open(tmp_path / "zones.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["very low", "low", "medium", "high", "very high"]
    assert [int(row["cells"]) for row in rows] == [(expected == zone).sum() for zone in range(1, 6)]
    assert [float(row["km2"]) for row in rows] == pytest.approx([(expected == z).sum() * 9e-4 for z in range(1, 6)])
    assert float(rows[0]["lower"]) == pytest.approx(np.nanmin(values))
    assert all(np.float32(row["upper"]) == np.float32(after["lower"]) for row, after in zip(rows, rows[1:]))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


def test_area_shares_weigh_cells_by_their_true_area(tmp_path):
    """On degrees, rows in the south count more; a plain quantile of cells would miss the shares."""
    rng = np.random.default_rng(3)
    values = (np.linspace(0, 1, DEGREES.height)[:, None] + rng.normal(0, 0.1, DEGREES.shape)).astype(np.float32)
    summary = classify_zones(
        susceptibility(tmp_path / "p.tif", DEGREES, values), tmp_path / "zones.tif", progress=NullProgress()
    )
    area = np.repeat(DEGREES.cell_area(), DEGREES.width)
    zones = band(tmp_path / "zones.tif").ravel()
    shares = np.bincount(zones, area, minlength=6)[1:] / area.sum()
    assert np.abs(shares - [0.3, 0.2, 0.2, 0.2, 0.1]).max() < 1e-4
    assert summary.shares == pytest.approx(shares.tolist())
    # The area of a band between two latitudes has a closed form on the sphere; the ellipsoid is near it.
    sphere = 6371.0**2 * np.radians(3.0) * (np.sin(np.radians(70)) - np.sin(np.radians(40)))
    assert sum(summary.km2) == pytest.approx(sphere, rel=0.005)
    unweighted = np.bincount(zones, minlength=6)[1:] / len(zones)
    assert np.abs(unweighted - shares).max() > 0.02


def test_ties_are_said(tmp_path):
    values = np.full(UTM.shape, 0.5, dtype=np.float32)
    values[:35] = np.random.default_rng(1).random((35, 90)) * 0.4
    values[:5, :9] = 0.9
    progress = NullProgress()
    summary = classify_zones(susceptibility(tmp_path / "p.tif", UTM, values), tmp_path / "zones.tif", progress=progress)
    assert summary.breaks[1:] == [0.5] * 3
    assert summary.cells[2:4] == [0, 0]
    assert any("50.00% of the area" in text for text in summary.ties)
    assert any("equal values" in text for text in progress.warnings)
    assert any("No cell lies in these zones: medium, high." in text for text in progress.warnings)


@pytest.mark.parametrize("shares", [(50.0, 50.0), (10.0, 20.0, 70.0), tuple([12.5] * 8)])
def test_other_numbers_of_zones(tmp_path, shares):
    summary = classify_zones(
        susceptibility(tmp_path / "p.tif", UTM, random_map(UTM, 2)),
        tmp_path / "zones.tif",
        shares=shares,
        progress=NullProgress(),
    )
    assert summary.shares == pytest.approx([share / 100 for share in shares], abs=2e-4)
    assert len(set(summary.names)) == len(shares)
    with rasterio.open(tmp_path / "zones.tif") as dataset:
        assert [dataset.colormap(1)[zone] for zone in range(len(shares) + 1)] == [
            zone_colours(len(shares))[zone] for zone in range(len(shares) + 1)
        ]


def test_equal_interval(tmp_path):
    values = random_map(UTM, 4)
    summary = classify_zones(
        susceptibility(tmp_path / "p.tif", UTM, values),
        tmp_path / "zones.tif",
        method="equal_interval",
        progress=NullProgress(),
    )
    edges = np.linspace(np.nanmin(values), np.nanmax(values), 6)
    assert summary.breaks == pytest.approx(edges[1:-1].tolist(), rel=1e-6)
    assert summary.cells == np.histogram(values[np.isfinite(values)], edges)[0].tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_fisher_finds_the_least_variance(seed, classes):
    rng = np.random.default_rng(seed)
    values, weights = np.sort(rng.random(11)), rng.uniform(0.5, 3.0, 11)

    def spread(cuts) -> float:
        parts = zip(np.split(values, cuts), np.split(weights, cuts))
        return sum((w * (v - np.average(v, weights=w)) ** 2).sum() for v, w in parts)

    best = min(itertools.combinations(range(1, 11), classes - 1), key=spread)
    assert tuple(fisher_class_starts(values, weights, classes)) == best


def test_natural_breaks_lie_in_the_gaps(tmp_path):
    rng = np.random.default_rng(1)
    centres = np.array([0.05, 0.3, 0.45, 0.7, 0.95])
    values = (centres[rng.integers(0, 5, UTM.shape)] + rng.uniform(-0.03, 0.03, UTM.shape)).astype(np.float32)
    path = susceptibility(tmp_path / "p.tif", UTM, values)
    classify_zones(path, tmp_path / "zones.tif", method="natural_breaks", progress=NullProgress())
    nearest = np.abs(values[..., None] - centres).argmin(axis=-1) + 1
    assert np.array_equal(band(tmp_path / "zones.tif"), nearest)
    few = susceptibility(tmp_path / "few.tif", UTM, np.where(values > 0.5, 0.75, 0.25))
    with pytest.raises(TooFewData, match="different values"):
        classify_zones(few, tmp_path / "few_zones.tif", method="natural_breaks", progress=NullProgress())
    assert not (tmp_path / "few_zones.tif").exists()


def test_natural_breaks_against_kmeans():
    """K-means in one dimension seeks the same optimum; started from ours it must stay there."""
    cluster = pytest.importorskip("sklearn.cluster")
    values = np.random.default_rng(2).beta(0.6, 4.0, 20000).astype(np.float32)
    breaks = natural_breaks(walk_over(values), 5, float(values.min()), float(values.max()))
    zones = assign_zones(values, breaks)
    means = np.array([values[zones == zone].mean() for zone in range(1, 6)])[:, None]
    fitted = cluster.KMeans(5, init=means, n_init=1, max_iter=300).fit(values[:, None].astype(np.float64))
    ours = sum(((values[zones == zone] - values[zones == zone].mean()) ** 2).sum() for zone in range(1, 6))
    assert ours <= fitted.inertia_ * 1.0005


def test_given_breaks_and_a_cell_equal_to_one(tmp_path):
    values = np.array([[0.1, 0.2, 0.20001, 0.4, 0.6, 0.9, np.nan]])
    grid = Grid(UTM.crs, UTM.transform, 7, 1)
    summary = classify_zones(
        susceptibility(tmp_path / "p.tif", grid, values),
        tmp_path / "zones.tif",
        method="breaks",
        breaks=[0.2, 0.4, 0.6, 0.8],
        progress=NullProgress(),
    )
    assert band(tmp_path / "zones.tif").tolist() == [[1, 1, 2, 2, 3, 5, 0]]
    assert summary.cells == [2, 2, 1, 0, 1]


def test_breaks_of_one_map_cut_another_alike(tmp_path):
    first = susceptibility(tmp_path / "a.tif", UTM, random_map(UTM, 5))
    found = classify_zones(first, tmp_path / "a_zones.tif", progress=NullProgress())
    again = classify_zones(
        first, tmp_path / "b_zones.tif", method="breaks", breaks=found.breaks, progress=NullProgress()
    )
    assert again.cells == found.cells
    assert np.array_equal(band(tmp_path / "a_zones.tif"), band(tmp_path / "b_zones.tif"))
    record = json.loads((tmp_path / "a_zones.tif.run.json").read_text())
    assert record["summary"]["breaks"] == found.breaks


@pytest.mark.parametrize("source", ["zones.tif", "zones.tif.run.json", "table.csv", "table.json", "table.csv.run.json"])
@pytest.mark.parametrize("tied_shares", [False, True])
def test_breaks_of_an_earlier_run(tmp_path, source, tied_shares):
    """Whatever that run left behind cuts its own map into the same zones, to the cell, also where breaks are equal."""
    values = random_map(UTM, 5)
    if tied_shares:
        values[10:60] = 0.2
    path = susceptibility(tmp_path / "a.tif", UTM, values)
    found = classify_zones(path, tmp_path / "zones.tif", output_table=tmp_path / "table.csv", progress=NullProgress())
    again = classify_zones(
        path,
        tmp_path / "b.tif",
        method="breaks",
        breaks_from=tmp_path / source,
        output_table=tmp_path / "b.csv",
        progress=NullProgress(),
    )
    assert again.breaks == found.breaks
    assert again.cells == found.cells
    assert (len(set(found.breaks)) < 4) == tied_shares
    assert np.array_equal(band(tmp_path / "zones.tif"), band(tmp_path / "b.tif"))
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "table.csv").read_text()
    record = json.loads((tmp_path / "b.tif.run.json").read_text())
    assert record["parameters"]["BREAKS"] == found.breaks
    assert record["inputs"]["BREAKS_FROM"]["sha256"]


def test_files_without_breaks(tmp_path):
    path = susceptibility(tmp_path / "a.tif", UTM, random_map(UTM, 5))
    files = {
        "rows.json": "[{}]",
        "text.json": "breaks",
        "other.run.json": '{"algorithm": "scarp:trainpcum"}',
        "other.csv": "name,value\na,1\n",
        "zones.csv": "zone,upper\n1,wide\n2,\n",
        "one.csv": "zone,upper\n1,0.3\n",
        "falling.csv": "zone,upper\n1,0.5\n2,0.3\n3,1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputCorrupt, match=f"BREAKS_FROM.*{name}"):
            read_breaks(tmp_path / name)
    with pytest.raises(InputCorrupt, match="no breaks"):
        read_breaks(path)
    with pytest.raises(InputMissing, match="nowhere"):
        read_breaks(tmp_path / "nowhere.csv")
    (tmp_path / "breaks.txt").write_text("0.2")
    with pytest.raises(ParameterInvalid, match="run record"):
        read_breaks(tmp_path / "breaks.txt")
    for more in ({"breaks": [0.5], "method": "breaks"}, {"method": "natural_breaks"}):
        with pytest.raises(ParameterInvalid, match="BREAKS_FROM"):
            classify_zones(
                path, tmp_path / "z.tif", breaks_from=tmp_path / "zones.csv", progress=NullProgress(), **more
            )


def test_table_as_json_and_with_the_range_of_the_map(tmp_path):
    values = random_map(UTM, 9)
    classify_zones(
        susceptibility(tmp_path / "p.tif", UTM, values),
        tmp_path / "z.tif",
        method="breaks",
        breaks=[0.2],
        output_table=tmp_path / "z.csv",
        progress=NullProgress(),
    )
    rows = json.loads((tmp_path / "z.json").read_text())
    assert [row["upper"] for row in rows] == pytest.approx([0.2, float(np.nanmax(values))])
    assert rows[0]["lower"] == pytest.approx(float(np.nanmin(values)))
    assert sum(row["share"] for row in rows) == 1
    # A break above all values leaves the upper zone empty, and no bound comes before another.
    classify_zones(
        tmp_path / "p.tif",
        tmp_path / "z.tif",
        method="breaks",
        breaks=[2.0],
        output_table=tmp_path / "z.csv",
        progress=NullProgress(),
    )
    rows = json.loads((tmp_path / "z.json").read_text())
    assert [row["cells"] for row in rows] == [np.isfinite(values).sum(), 0]
    assert all(row["lower"] <= row["upper"] for row in rows)


def test_landslide_share(tmp_path):
    """Each zone gets its share of the landslides, whatever its area."""
    values = random_map(UTM, 6, nodata=0.05)
    rng = np.random.default_rng(6)
    rows, columns = rng.integers(0, 70, 400), rng.integers(0, 90, 400)
    xy = np.stack([500000.0 + 30 * (columns + 0.5), 3300000.0 - 30 * (rows + 0.5)], axis=1)
    points = Points(name="slides", xy=np.concatenate([xy, [[0.0, 0.0]]]))
    progress = NullProgress()
    path = susceptibility(tmp_path / "p.tif", UTM, values)
    summary = classify_zones(
        path,
        tmp_path / "zones.tif",
        method="landslide_share",
        shares=[1, 4, 15, 30, 50],
        landslides=points,
        progress=progress,
    )
    zones = band(tmp_path / "zones.tif")[rows, columns]
    used = (zones > 0).sum()
    assert summary.landslides_used == used == np.isfinite(values[rows, columns]).sum()
    assert np.abs(np.bincount(zones, minlength=6)[1:] / used - [0.01, 0.04, 0.15, 0.3, 0.5]).max() < 0.01
    assert any("off the map or on nodata" in text for text in progress.warnings)
    classify_zones(
        path,
        tmp_path / "zones.tif",
        method="landslide_share",
        shares=[30, 20, 20, 20, 10],
        landslides=points,
        progress=progress,
    )
    assert any("usually rise" in text for text in progress.warnings)
    with pytest.raises(ParameterInvalid, match="LANDSLIDES"):
        classify_zones(path, tmp_path / "z.tif", method="landslide_share", progress=NullProgress())
    with pytest.raises(LayerEmpty, match="slides"):
        classify_zones(
            path,
            tmp_path / "z.tif",
            method="landslide_share",
            progress=NullProgress(),
            landslides=Points(name="slides", xy=np.array([[0.0, 0.0]])),
        )


def test_zone_raster_carries_names_and_colours(tmp_path):
    classify_zones(
        susceptibility(tmp_path / "p.tif", UTM, random_map(UTM, 7)), tmp_path / "zones.tif", progress=NullProgress()
    )
    with rasterio.open(tmp_path / "zones.tif") as dataset:
        assert dataset.nodata == 0
        assert dataset.dtypes == ("uint8",)
        names = json.loads(dataset.tags(1)["classes"])
        assert names == {str(zone): name for zone, name in enumerate(zone_names(5), 1)}
        assert dataset.colormap(1)[1][:3] == zone_colours(5)[1][:3]
        assert dataset.colormap(1)[0][3] == 0
    text = (tmp_path / "zones.tif.aux.xml").read_text()
    assert text.count("<Category>") == 6
    assert "very high" in text


def test_gdalinfo_reads_the_names(tmp_path):
    """GDAL, and with it QGIS, finds category names and the attribute table beside the file."""
    import shutil
    import subprocess

    if shutil.which("gdalinfo") is None:
        pytest.skip("gdalinfo is not installed")
    classify_zones(
        susceptibility(tmp_path / "p.tif", UTM, random_map(UTM, 7)), tmp_path / "zones.tif", progress=NullProgress()
    )
    said = subprocess.run(["gdalinfo", str(tmp_path / "zones.tif")], capture_output=True, text=True, check=True).stdout
    assert "5: very high" in said
    assert "<GDALRasterAttributeTable" in said


def test_each_zone_is_darker_than_the_one_below():
    """Zones can be told apart without seeing red and green, and in a grey print."""
    for zones in (2, 3, 5, 8, 12):
        colours = zone_colours(zones)
        light = [np.dot(colours[zone][:3], [0.299, 0.587, 0.114]) for zone in range(1, zones + 1)]
        assert all(late < early for early, late in zip(light, light[1:]))


@pytest.mark.parametrize(
    ("method", "shares", "breaks", "match"),
    [
        ("quantile", [], [], "METHOD"),
        ("area_shares", [30, 20, 20, 20], [], "sums to 90"),
        ("area_shares", [110, -10], [], "SHARES"),
        ("area_shares", [100], [], "SHARES"),
        ("breaks", [], [], "BREAKS is empty"),
        ("breaks", [], [0.4, 0.2], "greater"),
        ("breaks", [], [0.2, 0.2], "greater"),
        ("breaks", [], [0.2, float("nan")], "greater"),
    ],
)
def test_choices_that_cannot_be_used(method, shares, breaks, match):
    with pytest.raises(ParameterInvalid, match=match):
        read_scheme(method, shares, breaks)


def test_maps_without_data_and_cancel_leave_nothing(tmp_path):
    class Stop(NullProgress):
        def cancelled(self):
            return True

    empty = susceptibility(tmp_path / "empty.tif", UTM, np.full(UTM.shape, np.nan))
    for method in METHODS:
        if method != "landslide_share":
            with pytest.raises(TooFewData, match="no cell"):
                classify_zones(empty, tmp_path / "z.tif", method=method, breaks=[0.5], progress=NullProgress())
    path = susceptibility(tmp_path / "p.tif", UTM, random_map(UTM, 1))
    with pytest.raises(Cancelled):
        classify_zones(path, tmp_path / "z.tif", progress=Stop())
    assert sorted(item.name for item in tmp_path.iterdir()) == ["empty.tif", "p.tif"]
