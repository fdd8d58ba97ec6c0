"""Points, windows and regions that a map cannot be judged by."""

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


CASES = (
    Case(
        "judge-slides-outside",
        "validatewithpoints",
        "Landslides of another country",
        lambda at: {"LANDSLIDES": memory_layer("Point", "", [(ELSEWHERE, [])], name="elsewhere")},
        r'None of the 1 landslides of "elsewhere" lies on the map',
    ),
    Case(
        "judge-slides-none",
        "validatewithpoints",
        "An inventory without any feature",
        lambda at: {"LANDSLIDES": memory_layer("Point", "", [], name="slides")},
        r'"slides" given as LANDSLIDES',
    ),
    Case(
        "judge-one-slide",
        "validatewithpoints",
        "One landslide only",
        lambda at: {"LANDSLIDES": points([_MIDDLE])},
        r"landslides lie in 1 cell of the map only",
    ),
    Case(
        "judge-one-cell",
        "validatewithpoints",
        "Fifty landslides in one cell",
        _shared_cell,
        r"landslides lie in 1 cell of the map only",
    ),
    Case(
        "judge-multi",
        "validatewithpoints",
        "Multi-points with heights",
        _multi,
        works="Every part is a point.",
        holds=_auc,
    ),
    Case(
        "judge-100000",
        "validatewithpoints",
        "100,000 landslides on 14,400 cells",
        _many,
        works="Cells count once; the report is made.",
        holds=_auc,
    ),
    Case(
        "judge-no-room",
        "validatewithpoints",
        "DISTANCE 100,000 m on a map of 3,600 m",
        lambda at: {"DISTANCE": 100000},
        r"no stable point can be drawn. Make DISTANCE smaller",
    ),
    Case(
        "judge-stable-outside",
        "validatewithpoints",
        "Stable points of another country",
        lambda at: {"STABLE": memory_layer("Point", "", [(ELSEWHERE, [])], name="elsewhere")},
        r'"elsewhere" given as STABLE',
    ),
    Case(
        "judge-stable-empty",
        "validatewithpoints",
        "Stable points without any feature",
        lambda at: {"STABLE": memory_layer("Point", "", [], name="quiet")},
        r'"quiet" given as STABLE has no feature',
    ),
    Case(
        "judge-stable-polygons",
        "validatewithpoints",
        "Polygons as stable points",
        lambda at: {"STABLE": at.area / "regions.gpkg"},
        r"STABLE",
    ),
    Case("judge-map-void", "validatewithpoints", "A map without any value", _map(_void), r"(?i)map|susceptibility"),
    Case(
        "judge-map-percent",
        "validatewithpoints",
        "A map in percent",
        _map(_percent),
        r"map\.tif holds values .*between 0 and 1",
    ),
    Case(
        "judge-map-one-value",
        "validatewithpoints",
        "A map of one value only",
        _map(lambda values: np.full_like(values, 0.3)),
        works="The AUC is 0.5.",
        holds=lambda outcome: _half(outcome),
    ),
    Case(
        "judge-windows-no-field",
        "validatewithpoints",
        "Windows without the field subset",
        _windows(None, ""),
        r'"windows" for WINDOWS has no field "subset"',
    ),
    Case(
        "judge-windows-value",
        "validatewithpoints",
        "Windows of the subset holdout",
        _windows("holdout"),
        r'"subset" of the layer "windows" given as WINDOWS has "holdout"',
    ),
    Case(
        "judge-windows-none",
        "validatewithpoints",
        "Windows without any polygon",
        lambda at: {"WINDOWS": memory_layer("Polygon", "subset:string", [], name="windows")},
        r'"windows" given as WINDOWS has no window',
    ),
    Case(
        "judge-windows-no-test",
        "validatewithpoints",
        "SUBSET test, but every window is of train",
        lambda at: {**_windows("train")(at), "SUBSET": "test"},
        r"test windows",
    ),
    Case(
        "judge-regions-none",
        "validatewithpoints",
        "Regions without any polygon",
        lambda at: {"REGIONS": memory_layer("Polygon", "", [], name="counties")},
        r'"counties" given as REGIONS has no polygon',
    ),
    Case(
        "judge-regions-elsewhere",
        "validatewithpoints",
        "Regions of another country",
        lambda at: {
            "REGIONS": memory_layer("Polygon", "", [("Polygon ((0 0, 0 900, 900 900, 0 0))", [])], name="counties")
        },
        works="The report is made without numbers for them, and the log says so.",
        said="Fewer than 2 landslides lie in these regions",
    ),
    Case(
        "judge-region-field",
        "validatewithpoints",
        "REGION_FIELD names a field that the layer lacks",
        lambda at: {"REGIONS": at.area / "regions.gpkg", "REGION_FIELD": "county"},
        r"county.*region",
    ),
    Case(
        "judge-zones-of-map",
        "validatewithpoints",
        "A susceptibility map where zones should be",
        lambda at: {"ZONES": at.chain["susceptibility"]},
        r"zone raster .*whole numbers",
    ),
    Case(
        "judge-zones-void",
        "validatewithpoints",
        "Zones without any value",
        lambda at: {"ZONES": changed(at.chain["zones"], at.folder / "zones.tif", lambda values: np.zeros_like(values))},
        r"zone raster .*no zone",
    ),
    Case(
        "judge-dem-missing",
        "validatewithpoints",
        "A DEM for the relief that does not exist",
        lambda at: {"DEM": at.folder / "dem.tif"},
        r"DEM.*dem\.tif",
    ),
    Case(
        "judge-dem-elsewhere",
        "validatewithpoints",
        "A DEM for the relief of another country",
        lambda at: {"DEM": raster(at.folder / "far.tif", np.ones((40, 40)), left=LEFT + 1e6)},
        works="The report is made without relief, and the log says so.",
        said=r"does not cover the map",
    ),
    Case(
        "compare-slides-outside",
        "comparemodels",
        "Landslides of another country",
        lambda at: {"LANDSLIDES": memory_layer("Point", "", [(ELSEWHERE, [])], name="elsewhere")},
        r"elsewhere",
    ),
    Case(
        "compare-one-slide",
        "comparemodels",
        "One landslide only",
        lambda at: {"LANDSLIDES": points([_MIDDLE])},
        r"(?i)landslide",
    ),
    Case(
        "compare-map-void",
        "comparemodels",
        "A second map without any value",
        lambda at: {
            "SUSCEPTIBILITY": [
                at.chain["susceptibility"],
                changed(at.chain["susceptibility"], at.folder / "void.tif", _void),
            ]
        },
        r'The map "second" of SUSCEPTIBILITY has no cell with data',
    ),
    Case("compare-subset", "comparemodels", "SUBSET test without WINDOWS", lambda at: {"SUBSET": "test"}, r"WINDOWS"),
)


def _half(outcome: Outcome) -> None:
    assert abs(outcome.results["AUC"] - 0.5) < 1e-9
