"""Parameters out of their range, as text, as NaN, contradicting each other."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from scarp.tests.qgis.bad_input.case import Case, Workplace
from scarp.tests.qgis.tiny import SIZE, write_raster

_NAN = float("nan")


def _is(**values: Any):
    return lambda at: dict(values)


def _of(algorithm: str) -> Callable[..., Case]:
    return lambda name, given, make, error="", **more: Case(name, algorithm, given, make, error, **more)


_demo = _of("createdemodata")
_stack = _of("buildfactorstack")
_labels = _of("buildbufferedlabels")
_safety = _of("buildsafetyfactor")
_zones = _of("classifyzones")
_predict = _of("predictsusceptibility")
_validate = _of("validatewithpoints")
_explain = _of("explainsusceptibility")
_compare = _of("comparemodels")


_INFINITE = {"METHOD": "infinite_slope", "SATURATION": "0.5", "OUTPUT_RAINFALL": None, "OUTPUT_TABLE": None}


def _slides(name: str, given: str, values: dict[str, Any], error: str = "", **more: Any) -> Case:
    """A case of METHOD=infinite_slope, with what it takes beside what is given."""
    return _safety(name, given, lambda at: {**_INFINITE, **values}, error, **more)


def _radians(at: Workplace) -> dict[str, Any]:
    values = np.full((SIZE, SIZE), 0.6, dtype=np.float32)
    return {**_INFINITE, "FRICTION_RASTER": write_raster(at.folder / "friction.tif", values)}


CASES = (
    _demo("demo-too-small", "SIZE 10", _is(SIZE=10), r"SIZE .*is \"10\".*from 64 to 4096"),
    _demo("demo-word", "SIZE large", _is(SIZE="large"), r"SIZE .*large.*number"),
    _demo("demo-nan", "SIZE NaN", _is(SIZE=_NAN), r"SIZE .*nan.*whole number from 64 to 4096"),
    _demo("demo-half", "SIZE 100.5", _is(SIZE=100.5), r"SIZE .*100\.5.*whole number"),
    _demo("demo-regions", "REGIONS 9", _is(REGIONS=9), r"REGIONS .*from 1 to 5"),
    _demo("demo-seed", "SEED -1", _is(SEED=-1), r"SEED .*from 0"),
    _demo("demo-seed-large", "SEED 99999999999, more than 31 bits", _is(SEED=99999999999), r"SEED"),
    _stack("stack-radius-zero", "RIVER_RADIUS 0", _is(RIVER_RADIUS=0), r"RIVER_RADIUS .*from 1"),
    _stack(
        "stack-radius-nan",
        "RIVER_RADIUS NaN, with rivers",
        lambda at: {"RIVER_RADIUS": _NAN, "RIVERS": at.area / "rivers.gpkg"},
        r"RIVER_RADIUS",
    ),
    _stack("stack-radius-text", "FAULT_RADIUS far", _is(FAULT_RADIUS="far"), r"FAULT_RADIUS .*far"),
    _stack("stack-method", "SLOPE_METHOD magic", _is(SLOPE_METHOD="magic"), r"SLOPE_METHOD .*magic.*horn"),
    _labels("radii-odd", "RADII large,150,small", _is(RADII="large,150,small"), r"RADII has 3 entries.*rows of two"),
    _labels("radii-word", "RADII large,far", _is(RADII="large,far"), r"RADII.*\"far\""),
    _labels("radii-negative", "RADII large,-5", _is(RADII="large,-5"), r"RADII.*-5"),
    _labels("radii-nan", "RADII large,nan", _is(RADII="large,nan"), r"RADII.*nan"),
    _labels("radii-infinite", "RADII large,inf", _is(RADII="large,inf"), r"RADII.*inf"),
    _labels("radii-twice", "RADII names large twice", _is(RADII="large,100,large,200"), r"RADII lists \"large\" twice"),
    _labels(
        "radii-two-spellings",
        "RADII names one size in two spellings",
        _is(RADII="large,100,Large ,200"),
        r"RADII lists .* twice",
    ),
    _labels(
        "radii-numbers-as-text",
        "RADII as a table with numbers as text",
        _is(RADII=["large", "150", "small", "90", "unrecorded", "90"]),
        works="The texts are read as numbers.",
    ),
    _labels("ring-negative", "RING -1", _is(RING=-1), r"RING .*-1"),
    _labels("ring-word", "RING wide", _is(RING="wide"), r"RING .*wide"),
    _labels("ring-nan", "RING NaN", _is(RING=_NAN), r"RING"),
    _labels("ring-infinite", "RING infinite", _is(RING=float("inf")), r"RING"),
    _safety("alpha-percent", "ALPHA 80, in percent", _is(ALPHA=80), r"ALPHA .*from 0 to 1"),
    _safety("alpha-zero", "ALPHA 0", _is(ALPHA=0), r"ALPHA"),
    _safety("beta-nan", "BETA NaN", _is(BETA=_NAN), r"BETA"),
    _safety("days-zero", "RAINY_DAYS 0", _is(RAINY_DAYS=0), r"RAINY_DAYS .*from 1"),
    _safety("k-table-word", "K_TABLE all,much", _is(K_TABLE="all,much"), r"K_TABLE.*\"much\""),
    _safety("k-table-zero", "K_TABLE all,0", _is(K_TABLE="all,0"), r"K_TABLE"),
    _safety("k-table-nan", "K_TABLE all,nan", _is(K_TABLE="all,nan"), r"K_TABLE.*nan"),
    _safety("method-unknown-safety", "METHOD bishop", _is(METHOD="bishop"), r"METHOD .*bishop.*infinite_slope"),
    _safety("rain-missing", "No PRECIPITATION", _is(PRECIPITATION=None), r"PRECIPITATION .*is missing. Give a raster"),
    _safety(
        "probability-of-rain",
        "OUTPUT_PROBABILITY of the rain index",
        lambda at: {"OUTPUT_PROBABILITY": at.out / "p.tif"},
        r"OUTPUT_PROBABILITY is not written by METHOD=rain_threshold",
    ),
    _slides(
        "slope-table", "OUTPUT_TABLE of a factor of safety", {"OUTPUT_TABLE": "t.csv"}, r"OUTPUT_TABLE is not writ"
    ),
    _slides(
        "friction-radians", "FRICTION 0.6, a tangent or radians", {"FRICTION": "0.6"}, r"FRICTION is 0\.6\. Is it in r"
    ),
    _slides("cohesion-pascal", "COHESION 4000, in Pa", {"COHESION": "4000"}, r"COHESION is 4000\. Is it in Pa\?"),
    _slides("weight-density", "UNIT_WEIGHT 1.9, in t/m³", {"UNIT_WEIGHT": "1.9"}, r"UNIT_WEIGHT is 1\.9.*t/m³"),
    _slides("saturation-percent", "SATURATION 50, in percent", {"SATURATION": "50"}, r"SATURATION is 50.*percent"),
    _slides(
        "range-falls", "COHESION 8-2", {"COHESION": "8-2"}, r"COHESION has the range \"8-2\".*smaller number first"
    ),
    _slides("range-word", "COHESION low", {"COHESION": "low"}, r"COHESION has \"low\".*number or a range in kPa"),
    _slides("range-comma", "COHESION 2,5-8", {"COHESION": "2,5-8"}, works="The decimal comma is read."),
    _slides(
        "table-unknown-class",
        "FRICTION by a class that is not there",
        {"FRICTION": "cheese: 30; all: 35"},
        r"FRICTION has rows for cheese.*Name classes .*lithology",
    ),
    _safety("friction-raster", "A raster of friction in radians", _radians, r"FRICTION, the raster .* radians"),
    _zones("shares-short", "SHARES 30,20", _is(SHARES="30,20"), r"SHARES.*100"),
    _zones("shares-word", "SHARES 30,twenty,50", _is(SHARES="30,twenty,50"), r"SHARES.*\"twenty\""),
    _zones("shares-negative", "SHARES 120,-20", _is(SHARES="120,-20"), r"SHARES"),
    _zones("shares-nan", "SHARES 50,nan,50", _is(SHARES="50,nan,50"), r"SHARES.*nan"),
    _zones("shares-many", "SHARES of 400 zones", _is(SHARES=",".join(["0.25"] * 400)), r"SHARES|zones"),
    _zones("breaks-missing", "METHOD breaks without BREAKS", _is(METHOD="breaks"), r"BREAKS"),
    _zones("breaks-falling", "BREAKS 0.5,0.2", _is(BREAKS="0.5,0.2"), r"BREAKS"),
    _zones("breaks-nan", "BREAKS 0.2,nan", _is(BREAKS="0.2,nan"), r"BREAKS.*nan"),
    _zones(
        "breaks-not-used",
        "BREAKS with METHOD equal_interval",
        _is(METHOD="equal_interval", BREAKS="0.2,0.5"),
        r"BREAKS is given, but METHOD is equal_interval",
    ),
    _zones("method-unknown", "METHOD jenks", _is(METHOD="jenks"), r"METHOD .*jenks.*natural_breaks"),
    _zones(
        "method-needs-slides",
        "METHOD landslide_share without LANDSLIDES",
        _is(METHOD="landslide_share"),
        r"LANDSLIDES is empty",
    ),
    _predict("tile-negative", "TILE -1", _is(TILE=-1), r"TILE .*from 0"),
    _predict("tile-nan", "TILE NaN", _is(TILE=_NAN), r"TILE"),
    _predict("samples-many", "SAMPLES 5000", _is(SAMPLES=5000), r"SAMPLES .*from 0 to 1000"),
    _predict("precision-unknown", "PRECISION fp8", _is(PRECISION="fp8"), r"PRECISION .*fp8.*bf16"),
    _predict(
        "uncertainty-of-one",
        "OUTPUT_UNCERTAINTY of one model without SAMPLES",
        lambda at: {"OUTPUT_UNCERTAINTY": at.out / "spread.tif"},
        r"OUTPUT_UNCERTAINTY .*SAMPLES",
    ),
    _validate("threshold-two", "THRESHOLD 2", _is(THRESHOLD=2), r"THRESHOLD .*from 0 to 1"),
    _validate("threshold-zero", "THRESHOLD 0", _is(THRESHOLD=0), r"THRESHOLD"),
    _validate("threshold-nan", "THRESHOLD NaN", _is(THRESHOLD=_NAN), r"THRESHOLD"),
    _validate("distance-negative", "DISTANCE -5", _is(DISTANCE=-5), r"DISTANCE .*from 0"),
    _validate("distance-infinite", "DISTANCE infinite", _is(DISTANCE=float("inf")), r"DISTANCE"),
    _validate("repeats-zero", "REPEATS 0", _is(REPEATS=0), r"REPEATS .*from 1"),
    _validate("subset-unknown", "SUBSET best", _is(SUBSET="best"), r"SUBSET .*best.*validation"),
    _validate(
        "subset-without-windows",
        "SUBSET test without WINDOWS",
        _is(SUBSET="test"),
        r"SUBSET is test, but WINDOWS is empty",
    ),
    _explain("explain-blocks", "BLOCKS 0", _is(BLOCKS=0), r"BLOCKS"),
    _explain("explain-repeats-word", "REPEATS many", _is(REPEATS="many"), r"REPEATS .*many"),
    _explain("explain-block-nan", "BLOCK NaN", _is(BLOCK=_NAN), r"BLOCK"),
    _compare("compare-repeats-word", "REPEATS many", _is(REPEATS="many"), r"REPEATS .*many"),
    _compare("compare-threshold", "THRESHOLD 2", _is(THRESHOLD=2), r"THRESHOLD"),
    _compare("compare-shares", "SHARES 30,20", _is(SHARES="30,20"), r"SHARES.*100"),
    _compare("compare-names-few", "One name for two maps", _is(NAMES="one"), r"NAMES has 1 .*2 maps"),
    _compare(
        "compare-names-twice",
        "One name twice, for maps of the same ground",
        _is(NAMES="one,one", OUTPUT_DIFFERENCE=None),
        r"NAMES|one",
    ),
    _compare("compare-none", "No map", _is(SUSCEPTIBILITY=[]), r"SUSCEPTIBILITY"),
    _compare(
        "compare-one",
        "One map",
        lambda at: {"SUSCEPTIBILITY": [at.chain["susceptibility"]], "NAMES": None},
        r"SUSCEPTIBILITY has 1 map",
    ),
    _compare(
        "compare-missing",
        "A second map that does not exist",
        lambda at: {"SUSCEPTIBILITY": [at.chain["susceptibility"], at.folder / "b.tif"]},
        r"SUSCEPTIBILITY",
    ),
)
