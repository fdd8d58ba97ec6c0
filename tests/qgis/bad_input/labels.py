"""Labels that nothing can be learned from, and too little of everything."""

from __future__ import annotations

from typing import Callable

import numpy as np

from scarp.tests.qgis.bad_input.case import Case, Workplace
from scarp.tests.qgis.bad_input.making import changed, points, raster
from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP


def _labels(value, **options):
    """Return a maker of parameters with labels of one value, or of an array."""

    def make(at: Workplace) -> dict:
        def change(values: np.ndarray) -> None:
            values[:] = value

        return {"LABELS": changed(at.chain["labels"], at.folder / "labels.tif", change), **options}

    return make


def _few(number: int, stable: int = 0) -> np.ndarray:
    """Return labels with as many landslide cells side by side, the rest stable (0) or unknown (255)."""
    values = np.full((SIZE, SIZE), stable, dtype="uint8")
    values[60, 20 : 20 + number] = 1
    return values


def _strange(at: Workplace) -> dict:
    values = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 9
    return {"LABELS": raster(at.folder / "labels.tif", values, dtype="uint8", nodata=255)}


def _shares(at: Workplace) -> dict:
    return {"LABELS": raster(at.folder / "labels.tif", np.random.default_rng(0).random((SIZE, SIZE)))}


def _of(algorithm: str) -> Callable[..., Case]:
    return lambda name, given, make, error="", **more: Case(name, algorithm, given, make, error, **more)


_train = _of("trainpcum")
_comparison = _of("traincomparisonmodel")
_folds = _of("crossvalidate")
_explain = _of("explainsusceptibility")
_safety = _of("buildsafetyfactor")

_ONE_CLASS = r"(?i)label.*(landslide|stable)"

CASES = (
    _train("labels-all-stable", "Labels without a landslide", _labels(0), _ONE_CLASS),
    _train("labels-all-landslide", "Labels without stable ground", _labels(1), _ONE_CLASS),
    _train("labels-all-unknown", "Labels of unknown cells only", _labels(255), _ONE_CLASS),
    _train("labels-one-cell", "Labels with one landslide cell", _labels(_few(1)), r"(?i)landslide"),
    _train("labels-strange", "Labels with values from 0 to 8", _strange, r"label raster .*holds the value"),
    _train("labels-shares", "Labels between 0 and 1", _shares, r"label raster .*holds values? from .*Reclassify"),
    _comparison("comparison-all-stable", "Labels without a landslide", _labels(0), _ONE_CLASS),
    _comparison("comparison-all-landslide", "Labels without stable ground", _labels(1), _ONE_CLASS),
    _comparison("comparison-one-cell", "Labels with one landslide cell", _labels(_few(1)), r"(?i)landslide"),
    _comparison(
        "comparison-resnet-one-cell",
        "Labels with one landslide cell, for a ResNet",
        _labels(_few(1), KIND="resnet", EPOCHS=1),
        r"(?i)landslide",
    ),
    _comparison("comparison-strange", "Labels with values from 0 to 8", _strange, r"label raster .*holds the value"),
    _folds("folds-all-stable", "Labels without a landslide", _labels(0), _ONE_CLASS),
    _folds("folds-all-landslide", "Labels without stable ground", _labels(1), _ONE_CLASS),
    _explain("explain-all-stable", "Labels without a landslide", _labels(0), r"LABELS.*no landslide cell"),
    _explain("explain-all-landslide", "Labels without stable ground", _labels(1), r"LABELS"),
    _train(
        "too-few-windows",
        "A block as large as the area, too few for three subsets",
        lambda at: {"WINDOW": 1500, "BLOCK": 3600},
        r"Landslides lie in 1 block only.*Make BLOCK smaller",
    ),
    _train(
        "one-window",
        "A window as large as the area, split at random",
        lambda at: {"WINDOW": 3600, "SPLIT": "random"},
        r"(?i)window",
    ),
    _train(
        "window-too-large",
        "A window larger than the area",
        lambda at: {"WINDOW": 9000, "BLOCK": 20000},
        r"WINDOW is 9000 m.*smaller",
    ),
    _train("window-under-cell", "A window smaller than a cell", lambda at: {"WINDOW": 20}, r"WINDOW is 20"),
    _train(
        "block-under-window",
        "Blocks smaller than a window",
        lambda at: {"BLOCK": 300},
        r"BLOCK is 300 m, smaller than WINDOW",
    ),
    _comparison("comparison-one-block", "One block for the whole area", lambda at: {"BLOCK": 90000}, r"BLOCK|block"),
    _folds(
        "folds-more-than-blocks",
        "More folds than blocks with landslides",
        lambda at: {"FOLDS": 40, "BLOCK": 1800},
        r"FOLDS|BLOCK",
    ),
    _folds(
        "folds-slides-outside",
        "Landslides of another country",
        lambda at: {"LANDSLIDES": points([(LEFT - 90000, TOP)], name="elsewhere")},
        r"elsewhere.*factor stack",
    ),
    _folds(
        "folds-slides-one",
        "One landslide only",
        lambda at: {"LANDSLIDES": points([(LEFT + 40 * CELL, TOP - 40 * CELL)])},
        r'landslides of the layer "slides" lie in one cell',
    ),
    _explain(
        "explain-block-too-large",
        "One block for the whole area",
        lambda at: {"BLOCK": 5000},
        r"labels in 1 block .*BLOCK",
    ),
    _safety(
        "thresholds-too-few",
        "Thresholds from three landslides",
        lambda at: {"K_TABLE": None, "LANDSLIDES": points([(LEFT + 900 * i, TOP - 900 * i) for i in (1, 2, 3)])},
        r"(?i)landslides",
    ),
    _safety(
        "thresholds-from-nothing",
        "No landslides, no table of k and no terrain",
        lambda at: {"K_TABLE": None},
        r"K_TABLE|LANDSLIDES",
    ),
)
