"""Points, windows and regions that a map cannot be evaluated with."""

from __future__ import annotations

import numpy as np

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import ELSEWHERE, WHOLE, changed, many_points, places, points, raster
from scarp.tests.qgis.tiny import CELL, LEFT, TOP, memory_layer

_MIDDLE = (LEFT + 60.5 * CELL, TOP - 60.5 * CELL)


def _map(change):
    return lambda at: {"SUSCEPTIBILITY": changed(at.chain["susceptibility"], at.folder / "map.tif", change)}


def _percent(values: np.ndarray) -> None:
    values *= 100


def _void(values: np.ndarray) -> None:
    values[:] = np.nan


def _shared_cell(at: Workplace) -> dict:
    rng = np.random.default_rng(4)
    return {"LANDSLIDES": points([(_MIDDLE[0] + dx, _MIDDLE[1] + dy) for dx, dy in rng.uniform(-14, 14, (50, 2))])}


def _windows(value, fields: str = "subset:string"):
    rows = [[value]] if fields else [[]]
    return lambda at: {"WINDOWS": memory_layer("Polygon", fields, [(WHOLE, rows[0])], name="windows")}


def _many(at: Workplace) -> dict:
    return {"LANDSLIDES": many_points(), "DISTANCE": 0}


def _multi(at: Workplace) -> dict:
    both = places(at)
    shapes = [
        "MultiPointZ (" + ", ".join(f"({x} {y} 5)" for x, y in both[i : i + 5]) + ")" for i in range(0, len(both), 5)
    ]
    return {"LANDSLIDES": memory_layer("MultiPointZ", "", [(shape, []) for shape in shapes])}


def _auc(outcome: Outcome) -> None:
    assert 0 < outcome.results["AUC"] < 1
    assert 0 < outcome.results["RECALL"] < 1


def _half(outcome: Outcome) -> None:
    assert abs(outcome.results["AUC"] - 0.5) < 1e-9


def _points_elsewhere(name: str):
    return lambda at: {name: memory_layer("Point", "", [(ELSEWHERE, [])], name="elsewhere")}


def _empty(name: str, geometry: str, layer: str, fields: str = ""):
    return lambda at: {name: memory_layer(geometry, fields, [], name=layer)}


def _regions_elsewhere(at: Workplace) -> dict:
    return {"REGIONS": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="counties")}


def _void_zones(at: Workplace) -> dict:
    return {"ZONES": changed(at.chain["zones"], at.folder / "zones.tif", np.zeros_like)}


def _second_map_void(at: Workplace) -> dict:
    first = at.chain["susceptibility"]
    return {"SUSCEPTIBILITY": [first, changed(first, at.folder / "void.tif", _void)]}


def _judge(name: str, given: str, make, error: str = "", **more) -> Case:
    return Case(f"judge-{name}", "validatewithpoints", given, make, error, **more)


def _compare(name: str, given: str, make, error: str) -> Case:
    return Case(f"compare-{name}", "comparemodels", given, make, error)


CASES = (
    _judge(
        "slides-outside",
        "Landslides of another country",
        _points_elsewhere("LANDSLIDES"),
        r'None of the 1 landslides of "elsewhere" lies on the map',
    ),
    _judge(
        "slides-none",
        "An inventory without any feature",
        _empty("LANDSLIDES", "Point", "slides"),
        r'"slides" given as LANDSLIDES',
    ),
    _judge(
        "one-slide",
        "One landslide only",
        lambda at: {"LANDSLIDES": points([_MIDDLE])},
        r"landslides lie in 1 cell of the map only",
    ),
    _judge("one-cell", "Fifty landslides in one cell", _shared_cell, r"landslides lie in 1 cell of the map only"),
    _judge("multi", "Multi-points with heights", _multi, works="Every part is a point.", holds=_auc),
    _judge(
        "100000", "100,000 landslides on 14,400 cells", _many, works="Cells count once; the report is made.", holds=_auc
    ),
    _judge(
        "no-room",
        "DISTANCE 100,000 m on a map of 3,600 m",
        lambda at: {"DISTANCE": 100000},
        r"no stable point can be drawn. Make DISTANCE smaller",
    ),
    _judge(
        "stable-outside",
        "Stable points of another country",
        _points_elsewhere("STABLE"),
        r'"elsewhere" given as STABLE',
    ),
    _judge(
        "stable-empty",
        "Stable points without any feature",
        _empty("STABLE", "Point", "quiet"),
        r'"quiet" given as STABLE has no feature',
    ),
    _judge(
        "stable-polygons",
        "Polygons of stable land",
        lambda at: {"STABLE": at.area / "regions.gpkg"},
        works="Stable points are drawn in them.",
        holds=_auc,
    ),
    _judge("stable-lines", "Lines as stable land", lambda at: {"STABLE": at.area / "rivers.gpkg"}, r"STABLE"),
    _judge(
        "out-of-fold-map",
        "The map itself as its out-of-fold map",
        lambda at: {"OUT_OF_FOLD": at.chain["susceptibility"]},
        r"given as OUT_OF_FOLD, is no out-of-fold map",
    ),
    _judge("map-void", "A map without any value", _map(_void), r"(?i)map|susceptibility"),
    _judge("map-percent", "A map in percent", _map(_percent), r"map\.tif holds values .*It looks like percent. Divide"),
    _judge(
        "map-one-value",
        "A map of one value only",
        _map(lambda values: np.full_like(values, 0.3)),
        works="The AUC is 0.5.",
        holds=_half,
    ),
    _judge(
        "windows-no-field",
        "Windows without the field subset",
        _windows(None, ""),
        r'"windows" for WINDOWS has no field "subset"',
    ),
    _judge(
        "windows-value",
        "Windows of the subset holdout",
        _windows("holdout"),
        r'"subset" of the layer "windows" given as WINDOWS has "holdout"',
    ),
    _judge(
        "windows-none",
        "Windows without any polygon",
        _empty("WINDOWS", "Polygon", "windows", "subset:string"),
        r'"windows" given as WINDOWS has no window',
    ),
    _judge(
        "windows-no-test",
        "SUBSET test, but every window is of train",
        lambda at: {**_windows("train")(at), "SUBSET": "test"},
        r"test windows",
    ),
    _judge(
        "regions-none",
        "Regions without any polygon",
        _empty("REGIONS", "Polygon", "counties"),
        r'"counties" given as REGIONS has no polygon',
    ),
    _judge(
        "regions-elsewhere",
        "Regions of another country",
        _regions_elsewhere,
        works="The report is made without numbers for them, and the log says so.",
        said="Fewer than 2 landslides lie in these regions",
    ),
    _judge(
        "region-field",
        "REGION_FIELD names a field that the layer lacks",
        lambda at: {"REGIONS": at.area / "regions.gpkg", "REGION_FIELD": "county"},
        r"county.*region",
    ),
    _judge(
        "zones-of-map",
        "A susceptibility map where zones should be",
        lambda at: {"ZONES": at.chain["susceptibility"]},
        r"zone raster .*whole numbers",
    ),
    _judge("zones-void", "Zones without any value", _void_zones, r"zone raster .*no zone"),
    _judge(
        "dem-missing",
        "A DEM for the relief that does not exist",
        lambda at: {"DEM": at.folder / "dem.tif"},
        r"DEM.*dem\.tif",
    ),
    _judge(
        "dem-elsewhere",
        "A DEM for the relief of another country",
        lambda at: {"DEM": raster(at.folder / "far.tif", np.ones((40, 40)), left=LEFT + 1e6)},
        works="The report is made without relief, and the log says so.",
        said=r"does not cover the map",
    ),
    _compare("slides-outside", "Landslides of another country", _points_elsewhere("LANDSLIDES"), r"elsewhere"),
    _compare("one-slide", "One landslide only", lambda at: {"LANDSLIDES": points([_MIDDLE])}, r"(?i)landslide"),
    _compare(
        "map-void",
        "A second map without any value",
        _second_map_void,
        r'The map "second" of SUSCEPTIBILITY has no cell with data',
    ),
    _compare("subset", "SUBSET test without WINDOWS", lambda at: {"SUBSET": "test"}, r"WINDOWS"),
)
