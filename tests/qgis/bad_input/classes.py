"""Class codes and class names: too many, too large, broken, negative, of another stack."""

from __future__ import annotations

import json

import numpy as np
import rasterio

from scarp.tests.qgis.bad_input.case import Outcome, Workplace, read_cases
from scarp.tests.qgis.bad_input.making import WHOLE, changed, heights, raster, text
from scarp.tests.qgis.tiny import CELL, LEFT, TOP, memory_layer, write_layer


def _rock(values, **options):
    return lambda at: {
        "DEM": raster(at.folder / "dem.tif", heights()),
        "LITHOLOGY": raster(at.folder / "rock.tif", values(), **options),
    }


def _codes(high: float):
    def make() -> np.ndarray:
        values = np.ones((40, 40))
        values[:, 20:] = high
        return values

    return make


def _strips(number: int):
    """Return polygons with as many classes, which cover the study area from west to east."""

    def make(at: Workplace) -> dict:
        width = 120 * CELL / number
        rows = [
            (
                f"Polygon (({LEFT + i * width} {TOP}, {LEFT + (i + 1) * width} {TOP}, {LEFT + (i + 1) * width} "
                f"{TOP - 3600}, {LEFT + i * width} {TOP - 3600}, {LEFT + i * width} {TOP}))",
                [f"rock {i}"],
            )
            for i in range(number)
        ]
        return {"LITHOLOGY": memory_layer("Polygon", "rock:string", rows, name="rocks"), "LITHOLOGY_FIELD": "rock"}

    return make


def _two_codes(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        band = dataset.descriptions.index("lithology") + 1
        values, classes = dataset.read(band), json.loads(dataset.tags(band)["classes"])
    found = np.unique(values[np.isfinite(values)])
    assert len(found) == 2
    assert {str(int(code)) for code in found} <= set(classes) | {"-5", "1", "16777215"}


def _half_void(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        values = dataset.read(dataset.descriptions.index("lithology") + 1)
    assert np.isnan(values[:, 20:]).all()
    assert (values[5:-5, 5:15] == 1).all()


def _kept(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as dataset:
        values = dataset.read(dataset.descriptions.index("lithology") + 1)
    assert len(np.unique(values[np.isfinite(values)])) > 1


def _quoted(at: Workplace) -> dict:
    labels = ['<b>"granite"</b>', "片麻岩 & schist; a,b"]
    halves = [
        f"Polygon (({x} {TOP}, {x + 1800} {TOP}, {x + 1800} {TOP - 3600}, {x} {TOP - 3600}, {x} {TOP}))"
        for x in (LEFT, LEFT + 1800)
    ]
    layer = write_layer(at.folder / "rock.gpkg", "Polygon", "rock:string", [(s, [n]) for s, n in zip(halves, labels)])
    return {"LITHOLOGY": layer, "LITHOLOGY_FIELD": "rock"}


def _retagged(at: Workplace, **tags: str):
    path = changed(at.chain["stack"], at.folder / "stack.tif", lambda values: None)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(dataset.descriptions.index("lithology") + 1, **tags)
    return path


def _renamed(at: Workplace):
    return _retagged(at, classes=json.dumps({"1": "basalt", "2": "tuff"}))


def _swapped(at: Workplace):
    """Return the stack with codes 1 and 2 of the rocks exchanged, in cells and class table alike."""
    with rasterio.open(at.chain["stack"]) as dataset:
        band = dataset.descriptions.index("lithology") + 1
        classes = json.loads(dataset.tags(band)["classes"])

    def exchange(values: np.ndarray) -> None:
        rock = values[band - 1]
        values[band - 1] = np.where(rock == 1, 2, np.where(rock == 2, 1, rock))

    path = changed(at.chain["stack"], at.folder / "stack.tif", exchange)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(band, classes=json.dumps({"1": classes["2"], "2": classes["1"]}))
    return path


def _same_map(outcome: Outcome) -> None:
    with rasterio.open(outcome.results["OUTPUT"]) as mine, rasterio.open(outcome.at.chain["susceptibility"]) as theirs:
        np.testing.assert_allclose(mine.read(1), theirs.read(1), atol=1e-6)


_MAKERS = {
    "codes-overflow": _rock(_codes(16777217), dtype="int32", nodata=0),
    "codes-uint32": _rock(_codes(4294967295), dtype="uint32", nodata=0),
    "codes-int64-as-float": _rock(_codes(9.2e18), dtype="float64", nodata=0),
    "codes-negative": _rock(_codes(-5), dtype="int32", nodata=0),
    "codes-fraction": _rock(_codes(1.5), nodata=0),
    "codes-infinite": _rock(_codes(np.inf), nodata=0),
    "codes-300": _rock(lambda: np.arange(1600).reshape(40, 40) % 300 + 1, dtype="int32", nodata=0),
    "polygons-300": _strips(300),
    "codes-all-nodata": _rock(lambda: np.zeros((40, 40)), dtype="int32", nodata=0),
    "class-names": _quoted,
    "landform-field-missing": lambda at: {"LANDFORM": at.area / "landform.gpkg"},
    "landform-field-unknown": lambda at: {"LITHOLOGY": at.area / "lithology.gpkg", "LITHOLOGY_FIELD": "stone"},
    "landform-field-empty": lambda at: {
        "LITHOLOGY": memory_layer("Polygon", "rock:string", [(WHOLE, [None])], name="rocks"),
        "LITHOLOGY_FIELD": "rock",
    },
    "classes-from-nowhere": lambda at: {
        "CLASSES_FROM": at.folder / "old.tif",
        "LITHOLOGY": at.area / "lithology.gpkg",
        "LITHOLOGY_FIELD": "rock",
    },
    "classes-from-vector": lambda at: {
        "CLASSES_FROM": at.area / "lithology.gpkg",
        "LITHOLOGY": at.area / "lithology.gpkg",
        "LITHOLOGY_FIELD": "rock",
    },
    "classes-from-dem": lambda at: {
        "CLASSES_FROM": at.area / "dem.tif",
        "LITHOLOGY": at.area / "lithology.gpkg",
        "LITHOLOGY_FIELD": "rock",
    },
    "classes-from-broken-model": lambda at: {
        "CLASSES_FROM": text(at.folder / "old.safetensors"),
        "LITHOLOGY": at.area / "lithology.gpkg",
        "LITHOLOGY_FIELD": "rock",
    },
    "stack-classes-renamed": lambda at: {"STACK": _renamed(at)},
    "stack-classes-swapped": lambda at: {"STACK": _swapped(at)},
    "stack-kind-changed": lambda at: {"STACK": _retagged(at, kind="continuous")},
    "start-from-other-kind": lambda at: {
        "STACK": _retagged(at, kind="continuous"),
        "START_FROM": at.chain["model"],
        "WIDTH": None,
        "DEPTH": None,
    },
}
_HOLDS = {
    "codes-negative": _two_codes,
    "codes-infinite": _half_void,
    "class-names": _kept,
    "stack-classes-swapped": _same_map,
}
CASES = read_cases(
    r"""
[buildfactorstack]
codes-overflow :: Rock codes 1 and 16777217, which float32 cannot hold :: lithology raster .*16777216.*16,777,216
codes-uint32 :: Rock codes 1 and 4294967295, the largest of 32 bits :: lithology raster .*429496729\d
codes-int64-as-float :: Rock codes 1 and 9.2e18 as floating-point numbers :: lithology raster .*9\.2.*e\+18
codes-negative :: Rock codes 1 and -5 :: works: Both are classes.
codes-fraction :: Rock codes 1 and 1.5 :: lithology raster .*1\.5.*whole numbers
codes-infinite :: Rock codes 1 and infinity :: works: Cells with infinity are nodata.
codes-300 :: A rock raster of 300 classes :: lithology raster .*more than \d+ different values
polygons-300 :: Rock polygons of 300 classes :: "rock" of the layer "rocks".*has 300 different values
codes-all-nodata :: A rock raster without any value :: lithology raster .*no data
class-names :: Rock names with <b>, quotes, commas, & and Chinese :: works: They are classes like any other, kept
    letter by letter.
landform-field-missing :: Landform polygons without LANDFORM_FIELD :: Set LANDFORM_FIELD
landform-field-unknown :: LITHOLOGY_FIELD names a field that the layer lacks :: LITHOLOGY has no field "stone".*rock
landform-field-empty :: Rock polygons whose field is empty everywhere :: "rock" of the layer "rocks".*empty
classes-from-nowhere :: CLASSES_FROM names a file that does not exist :: old\.tif does not exist
classes-from-vector :: CLASSES_FROM names a vector layer :: CLASSES_FROM.*\*\.safetensors
classes-from-dem :: CLASSES_FROM names a DEM :: Band 1 .*has no name
classes-from-broken-model :: CLASSES_FROM names a model file that is a text :: old\.safetensors
[predictsusceptibility]
stack-classes-renamed :: A stack whose rocks are called otherwise than those that the model learned :: works: The map
    is made, and the log names the rocks unknown to the model. :: lithology.*(basalt|tuff)
stack-classes-swapped :: A stack with the model's rock names under each other's codes :: works: Classes are found by
    name: the map is that of the model's own stack.
stack-kind-changed :: A stack whose lithology is measured, not classes :: "lithology" is categorical in the model .*but
    continuous
[trainpcum]
start-from-other-kind :: A stack whose lithology is measured, to train on from a model :: "lithology" is categorical in
    the model
""",
    _MAKERS,
    _HOLDS,
)
