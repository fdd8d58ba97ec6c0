"""Labels that nothing can be learned from, and too little of everything."""

from __future__ import annotations

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


_ONE_CLASS = r"(?i)label.*(landslide|stable)"

CASES = (
    Case("labels-all-stable", "trainpcum", "Labels without a landslide", _labels(0), _ONE_CLASS),
    Case("labels-all-landslide", "trainpcum", "Labels without stable ground", _labels(1), _ONE_CLASS),
    Case("labels-all-unknown", "trainpcum", "Labels of unknown cells only", _labels(255), _ONE_CLASS),
    Case("labels-one-cell", "trainpcum", "Labels with one landslide cell", _labels(_few(1)), r"(?i)landslide"),
    Case("labels-strange", "trainpcum", "Labels with values from 0 to 8", _strange, r"label raster .*holds the value"),
    Case("labels-shares", "trainpcum", "Labels between 0 and 1", _shares, r"label raster .*holds the value"),
    Case("comparison-all-stable", "traincomparisonmodel", "Labels without a landslide", _labels(0), _ONE_CLASS),
    Case("comparison-all-landslide", "traincomparisonmodel", "Labels without stable ground", _labels(1), _ONE_CLASS),
    Case(
        "comparison-one-cell",
        "traincomparisonmodel",
        "Labels with one landslide cell",
        _labels(_few(1)),
        r"(?i)landslide",
    ),
    Case(
        "comparison-resnet-one-cell",
        "traincomparisonmodel",
        "Labels with one landslide cell, for a ResNet",
        _labels(_few(1), KIND="resnet", EPOCHS=1),
        r"(?i)landslide",
    ),
    Case(
        "comparison-strange",
        "traincomparisonmodel",
        "Labels with values from 0 to 8",
        _strange,
        r"label raster .*holds the value",
    ),
    Case("folds-all-stable", "crossvalidate", "Labels without a landslide", _labels(0), _ONE_CLASS),
    Case("folds-all-landslide", "crossvalidate", "Labels without stable ground", _labels(1), _ONE_CLASS),
    Case(
        "explain-all-stable",
        "explainsusceptibility",
        "Labels without a landslide",
        _labels(0),
        r"LABELS.*no landslide cell",
    ),
    Case("explain-all-landslide", "explainsusceptibility", "Labels without stable ground", _labels(1), r"LABELS"),
    Case(
        "too-few-windows",
        "trainpcum",
        "A block as large as the area, too few for three subsets",
        lambda at: {"WINDOW": 1500, "BLOCK": 3600},
        r"Landslides lie in 1 block only.*Make BLOCK smaller",
    ),
    Case(
        "one-window",
        "trainpcum",
        "A window as large as the area, split at random",
        lambda at: {"WINDOW": 3600, "SPLIT": "random"},
        r"(?i)window",
    ),
    Case(
        "window-too-large",
        "trainpcum",
        "A window larger than the area",
        lambda at: {"WINDOW": 9000, "BLOCK": 20000},
        r"WINDOW is 9000 m.*smaller",
    ),
    Case("window-under-cell", "trainpcum", "A window smaller than a cell", lambda at: {"WINDOW": 20}, r"WINDOW is 20"),
    Case(
        "block-under-window",
        "trainpcum",
        "Blocks smaller than a window",
        lambda at: {"BLOCK": 300},
        r"BLOCK is 300 m, smaller than WINDOW",
    ),
    Case(
        "comparison-one-block",
        "traincomparisonmodel",
        "One block for the whole area",
        lambda at: {"BLOCK": 90000},
        r"BLOCK|block",
    ),
    Case(
        "folds-more-than-blocks",
        "crossvalidate",
        "More folds than blocks with landslides",
        lambda at: {"FOLDS": 40, "BLOCK": 1800},
        r"FOLDS|BLOCK",
    ),
    Case(
        "folds-slides-outside",
        "crossvalidate",
        "Landslides of another country",
        lambda at: {"LANDSLIDES": points([(LEFT - 90000, TOP)], name="elsewhere")},
        r"elsewhere.*factor stack",
    ),
    Case(
        "folds-slides-one",
        "crossvalidate",
        "One landslide only",
        lambda at: {"LANDSLIDES": points([(LEFT + 40 * CELL, TOP - 40 * CELL)])},
        r'landslides of the layer "slides" lie in one cell',
    ),
    Case(
        "explain-block-too-large",
        "explainsusceptibility",
        "One block for the whole area",
        lambda at: {"BLOCK": 5000},
        r"labels in 1 block .*BLOCK",
    ),
    Case(
        "thresholds-too-few",
        "buildsafetyfactor",
        "Thresholds from three landslides",
        lambda at: {"K_TABLE": None, "LANDSLIDES": points([(LEFT + 900 * i, TOP - 900 * i) for i in (1, 2, 3)])},
        r"(?i)landslides",
    ),
    Case(
        "thresholds-from-nothing",
        "buildsafetyfactor",
        "No landslides, no table of k and no terrain",
        lambda at: {"K_TABLE": None},
        r"K_TABLE|LANDSLIDES",
    ),
)
