"""Zones: quantiles against sorting, natural breaks against every possible cut, areas on the ellipsoid."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import rasterio

from scarp.model.errors import InputCorrupt, ParameterInvalid, TooFewData
from scarp.model.grid import Grid
from scarp.model.inputs.vectors import Points
from scarp.model.statistics import weighted_quantiles
from scarp.model.zones.natural_breaks import fisher_class_starts, natural_breaks
from scarp.model.zones.raster import assign_zones, read_breaks
from scarp.model.zones.schemes import read_scheme, zone_colours, zone_names
from scarp.tests.core.conftest import (
    Listener,
    classify_zones,
    degree_grid,
    read_band,
    read_csv,
    run_gdal,
    utm_grid,
    write_raster,
)

UTM = utm_grid(70, 90)
DEGREES = degree_grid(600, 60, 0.05, 95.0, 70.0)
"""From 70 to 40 degrees north, where a cell's area grows to more than the double."""


def scan_of(values: np.ndarray, weights: np.ndarray | None = None, portions: int = 3):
    """A scan of an array in portions."""
    values = values.astype(np.float32)
    weights = np.ones(len(values)) if weights is None else weights
    return lambda: zip(np.array_split(values, portions), np.array_split(weights, portions))


def sorted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The smallest value up to which the share of the weight lies, by sorting."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    index = np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-12))
    return float(values[order][min(index, len(values) - 1)])


def susceptibility(path, values: np.ndarray, grid: Grid = UTM) -> str:
    return write_raster(path, values.astype(np.float32), grid, nodata=np.nan)


def random_map(seed: int, nodata: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.beta(0.5, 3.0, UTM.shape)
    values[rng.random(UTM.shape) < nodata] = np.nan
    return values.astype(np.float32)


def classify(folder, values: np.ndarray, grid: Grid = UTM, **settings):
    """Cut a map in ``p.tif`` into zones in ``zones.tif``."""
    return classify_zones(susceptibility(folder / "p.tif", values, grid), folder / "zones.tif", **settings)


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
    }[kind].astype(np.float32)
    shares = [0.0, 0.3, 0.5, 0.7, 0.9, 0.999, 1.0]
    plain = weighted_quantiles(scan_of(values), shares)
    assert plain.values == [float(np.quantile(values, share, method="inverted_cdf")) for share in shares]
    weights = rng.uniform(0.5, 2.0, len(values))
    weighted = weighted_quantiles(scan_of(values, weights), shares)
    assert weighted.values == [sorted_quantile(values, weights, share) for share in shares]
    assert (weighted.minimum, weighted.maximum, weighted.cells) == (values.min(), values.max(), len(values))
    assert weighted.weight == pytest.approx(weights.sum())
    for value, *found in zip(weighted.values, weighted.cumulative_shares, weighted.tied_shares):
        expected = [weights[values <= value].sum(), weights[values == value].sum()] / weights.sum()
        assert found == pytest.approx(expected)


def test_minus_zero_is_zero():
    found = weighted_quantiles(scan_of(np.array([-0.0, 0.0, 0.0, 1.0])), [0.1, 0.6])
    assert (found.values, found.tied_shares) == ([0.0, 0.0], [0.75, 0.75])


def test_area_shares_are_exact_without_ties(tmp_path):
    """The paper's 30, 20, 20, 20, 10 % to less than one cell."""
    values = random_map(1)
    summary = classify(tmp_path, values, output_table=tmp_path / "zones.csv")
    count = np.isfinite(values).sum()
    assert np.abs(np.array(summary.cells) - count * np.array([0.3, 0.2, 0.2, 0.2, 0.1])).max() < 1
    breaks = np.quantile(values[np.isfinite(values)], (0.3, 0.5, 0.7, 0.9), method="inverted_cdf")
    expected, zones = assign_zones(values, breaks.tolist()), read_band(tmp_path / "zones.tif")
    assert np.array_equal(zones, expected) and not summary.ties
    assert np.array_equal(zones == 0, np.isnan(values))
    for zone in range(1, 5):
        assert values[zones == zone].max() < values[zones == zone + 1].min()
    rows, cells = read_csv(tmp_path / "zones.csv"), [(expected == zone).sum() for zone in range(1, 6)]
    assert [row["name"] for row in rows] == ["very low", "low", "medium", "high", "very high"]
    assert [int(row["cells"]) for row in rows] == cells
    assert [float(row["km2"]) for row in rows] == pytest.approx([count * 9e-4 for count in cells])
    assert float(rows[0]["lower"]) == pytest.approx(np.nanmin(values))
    assert all(np.float32(row["upper"]) == np.float32(after["lower"]) for row, after in zip(rows, rows[1:]))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


def test_area_shares_weigh_cells_by_their_true_area(tmp_path):
    """On degrees, rows in the south count more; a plain quantile of cells would miss the shares."""
    rng = np.random.default_rng(3)
    values = np.linspace(0, 1, DEGREES.height)[:, None] + rng.normal(0, 0.1, DEGREES.shape)
    summary = classify(tmp_path, values, DEGREES)
    area = np.repeat(DEGREES.cell_area(), DEGREES.width)
    zones = read_band(tmp_path / "zones.tif").ravel()
    shares = np.bincount(zones, area, minlength=6)[1:] / area.sum()
    assert np.abs(shares - [0.3, 0.2, 0.2, 0.2, 0.1]).max() < 1e-4
    assert summary.shares == pytest.approx(shares.tolist())
    # The area of a band between two latitudes has a closed form on the sphere; the ellipsoid is near it.
    sphere = 6371.0**2 * np.radians(3.0) * (np.sin(np.radians(70)) - np.sin(np.radians(40)))
    assert sum(summary.km2) == pytest.approx(sphere, rel=0.005)
    unweighted = np.bincount(zones, minlength=6)[1:] / len(zones)
    assert np.abs(unweighted - shares).max() > 0.02


def test_ties_are_reported(tmp_path):
    values, listener = np.full(UTM.shape, 0.5, dtype=np.float32), Listener()
    values[:35] = np.random.default_rng(1).random((35, 90)) * 0.4
    values[:5, :9] = 0.9
    summary = classify(tmp_path, values, progress=listener)
    assert (summary.breaks[1:], summary.cells[2:4]) == ([0.5] * 3, [0, 0])
    assert any("50.00% of the area" in text for text in summary.ties)
    told = " ".join(listener.warnings)
    assert "equal values" in told and "No cell lies in these zones: medium, high." in told


@pytest.mark.parametrize("shares", [(50.0, 50.0), (10.0, 20.0, 70.0), (12.5,) * 8])
def test_other_numbers_of_zones(tmp_path, shares):
    summary = classify(tmp_path, random_map(2), shares=shares)
    with pytest.raises(ParameterInvalid, match="SHARES"):
        read_scheme("area_shares", [100], [])
    assert summary.shares == pytest.approx([share / 100 for share in shares], abs=2e-4)
    assert len(set(summary.names)) == len(shares)
    with rasterio.open(tmp_path / "zones.tif") as dataset:
        stored = dataset.colormap(1)
    assert {zone: stored[zone] for zone in range(len(shares) + 1)} == zone_colours(len(shares))


def test_equal_interval(tmp_path):
    values = random_map(4)
    summary = classify(tmp_path, values, method="equal_interval")
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
    classify(tmp_path, values, method="natural_breaks")
    nearest = np.abs(values[..., None] - centres).argmin(axis=-1) + 1
    assert np.array_equal(read_band(tmp_path / "zones.tif"), nearest)
    with pytest.raises(TooFewData, match="different values"):
        classify(tmp_path, np.where(values > 0.5, 0.75, 0.25), method="natural_breaks")


def test_natural_breaks_against_kmeans():
    """K-means in one dimension seeks the same optimum; started from ours it must stay there."""
    from sklearn.cluster import KMeans

    values = np.random.default_rng(2).beta(0.6, 4.0, 20000).astype(np.float32)
    breaks = natural_breaks(scan_of(values), 5, float(values.min()), float(values.max()))
    zones = assign_zones(values, breaks)
    parts = [values[zones == zone] for zone in range(1, 6)]
    means = np.array([part.mean() for part in parts])[:, None]
    fitted = KMeans(5, init=means, n_init=1, max_iter=300).fit(values[:, None].astype(np.float64))
    assert sum(((part - part.mean()) ** 2).sum() for part in parts) <= fitted.inertia_ * 1.0005


def test_files_without_breaks(tmp_path):
    files = {
        "rows.json": "[{}]",
        "text.json": "breaks",
        "zones.csv": "zone,upper\n1,wide\n2,\n",
        "one.csv": "zone,upper\n1,0.3\n",
        "falling.csv": "zone,upper\n1,0.5\n2,0.3\n3,1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputCorrupt, match=f"BREAKS_FROM.*{name}"):
            read_breaks(tmp_path / name)
    (tmp_path / "breaks.txt").write_text("0.2")
    with pytest.raises(ParameterInvalid, match="run record"):
        read_breaks(tmp_path / "breaks.txt")


def test_table_as_json_and_with_the_range_of_the_map(tmp_path):
    values, table = random_map(9), {"method": "breaks", "output_table": tmp_path / "z.csv"}
    classify(tmp_path, values, breaks=[0.2], **table)
    rows = json.loads((tmp_path / "z.json").read_text())
    assert [row["upper"] for row in rows] == pytest.approx([0.2, float(np.nanmax(values))])
    assert (rows[0]["lower"], sum(row["share"] for row in rows)) == (pytest.approx(float(np.nanmin(values))), 1)
    # A break above all values leaves the upper zone empty, and no bound comes before another.
    classify(tmp_path, values, breaks=[2.0], **table)
    rows = json.loads((tmp_path / "z.json").read_text())
    assert [row["cells"] for row in rows] == [np.isfinite(values).sum(), 0]
    assert all(row["lower"] <= row["upper"] for row in rows)


def test_landslide_share(tmp_path):
    values, listener = random_map(6, nodata=0.05), Listener()
    rng = np.random.default_rng(6)
    rows, columns = rng.integers(0, 70, 400), rng.integers(0, 90, 400)
    xy = np.stack(UTM.transform * (columns + 0.5, rows + 0.5), axis=1)
    points = Points("slides", xy=np.concatenate([xy, [[0.0, 0.0]]]))
    share = {"method": "landslide_share", "progress": listener}
    summary = classify(tmp_path, values, shares=[1, 4, 15, 30, 50], landslides=points, **share)
    zones = read_band(tmp_path / "zones.tif")[rows, columns]
    used = (zones > 0).sum()
    assert summary.landslides_used == used == np.isfinite(values[rows, columns]).sum()
    assert np.abs(np.bincount(zones, minlength=6)[1:] / used - [0.01, 0.04, 0.15, 0.3, 0.5]).max() < 0.01
    assert any("off the map or on nodata" in text for text in listener.warnings)
    classify(tmp_path, values, shares=[30, 20, 20, 20, 10], landslides=points, **share)
    assert any("usually rise" in text for text in listener.warnings)


def test_zone_raster_stores_names_and_colours(tmp_path):
    classify(tmp_path, random_map(7))
    with rasterio.open(tmp_path / "zones.tif") as dataset:
        assert (dataset.nodata, dataset.dtypes) == (0, ("uint8",))
        names = json.loads(dataset.tags(1)["classes"])
        assert names == {str(zone): name for zone, name in enumerate(zone_names(5), 1)}
        assert dataset.colormap(1)[0][3] == 0
    text = (tmp_path / "zones.tif.aux.xml").read_text()
    assert text.count("<Category>") == 6 and "very high" in text


def test_gdalinfo_reads_the_names(tmp_path):
    """GDAL, and with it QGIS, finds category names and the attribute table beside the file."""
    classify(tmp_path, random_map(7))
    text = run_gdal("gdalinfo", tmp_path / "zones.tif")
    assert "5: very high" in text and "<GDALRasterAttributeTable" in text


@pytest.mark.parametrize("zones", [2, 3, 5, 8, 12])
def test_each_zone_is_darker_than_the_one_below(zones):
    """Zones can be told apart without seeing red and green, and in a grey print."""
    colours = zone_colours(zones)
    light = [np.dot(colours[zone][:3], [0.299, 0.587, 0.114]) for zone in range(1, zones + 1)]
    assert (np.diff(light) < 0).all()
