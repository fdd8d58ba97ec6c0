"""Write the QML files of ``resources/styles``: ``QT_HASH_SEED=0 ./run python tools/make_styles.py``.

They are kept in the repository, because Processing applies them and users load them by hand.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import rasterio
from qgis.core import (
    QgsApplication,
    QgsBilinearRasterResampler,
    QgsCategorizedSymbolRenderer,
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsCubicRasterResampler,
    QgsFillSymbol,
    QgsHillshadeRenderer,
    QgsLineSymbol,
    QgsMapLayer,
    QgsMarkerSymbol,
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
    QgsRasterShader,
    QgsRendererCategory,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)
from qgis.PyQt.QtGui import QColor

from scarp.model.prediction import bivariate
from scarp.model.warning.classes import COLOURS, NAMES
from scarp.model.zones.schemes import DEFAULT_ZONE_NAMES, zone_colours

STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"

# Magma turned round, in equal steps: light is little, dark is much, and equal steps look equal, also without colours.
PERCEPTUAL = (
    "#fcfdbf",
    "#fece91",
    "#fe9f6d",
    "#f7705c",
    "#de4968",
    "#b73779",
    "#8c2981",
    "#641a80",
    "#3b0f70",
    "#150e37",
)
BLUES = ("#f7fbff", "#d0e1f2", "#94c4df", "#4a98c9", "#1764ab", "#08306b")
GREYS = ("#ffffff", "#d9d9d9", "#a6a6a6", "#737373", "#404040")
# Okabe and Ito's colours, which any kind of colour vision tells apart, and two more for ten folds.
FOLDS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999", "#332288", "#661100")


def ramp(layer: QgsRasterLayer, colours: tuple[str, ...], low: float, high: float, unit: str = "") -> None:
    """Show the first band in colours of equal steps from ``low`` to ``high``."""
    values = np.linspace(low, high, len(colours))
    stops(layer, [(value, colour, f"{value:.3g}{unit}") for value, colour in zip(values, colours)])


def stops(layer: QgsRasterLayer, items: list[tuple[float, str, str]]) -> None:
    """Show the first band in colours blended between stops of value, colour and label."""
    function = QgsColorRampShader(items[0][0], items[-1][0], None, QgsColorRampShader.Type.Interpolated)
    function.setColorRampItemList(
        [QgsColorRampShader.ColorRampItem(value, QColor(colour), label) for value, colour, label in items]
    )
    shader = QgsRasterShader()
    shader.setRasterShaderFunction(function)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(items[0][0])
    renderer.setClassificationMax(items[-1][0])
    layer.setRenderer(renderer)


def classes(layer: QgsRasterLayer, items: list[tuple[int, QColor, str]]) -> None:
    """Show the first band as classes of value, colour and name."""
    layer.setRenderer(
        QgsPalettedRasterRenderer(layer.dataProvider(), 1, [QgsPalettedRasterRenderer.Class(*item) for item in items])
    )


def rasters(folder: Path) -> dict[str, QgsRasterLayer]:
    """Return a styled layer by style name."""
    path = folder / "cells.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=2,
        height=2,
        count=1,
        dtype="float32",
        crs="EPSG:32633",
        transform=rasterio.transform.from_origin(500000, 5000000, 30, 30),
    ) as target:
        target.write(np.array([[[0, 0.3], [0.6, 1]]], dtype="float32"))
    names = (
        "susceptibility",
        "zones",
        "warning",
        "labels",
        "safety_factor",
        "factor_of_safety",
        "rainfall",
        "uncertainty",
        "applicability",
        "bivariate",
        "difference",
        "stack",
        "hillshade",
    )
    layers = {name: QgsRasterLayer(str(path), name) for name in names}
    ramp(layers["susceptibility"], PERCEPTUAL, 0, 1)
    classes(
        layers["zones"],
        [
            (zone, QColor(*colour), DEFAULT_ZONE_NAMES[zone - 1])
            for zone, colour in zone_colours(len(DEFAULT_ZONE_NAMES)).items()
            if zone
        ],
    )
    classes(layers["warning"], [(number, QColor(*COLOURS[number]), name) for number, name in NAMES.items()])
    classes(
        layers["bivariate"],
        [(number, QColor(*bivariate.COLOURS[number]), name) for number, name in bivariate.NAMES.items()],
    )
    classes(layers["labels"], [(0, QColor("#deebda"), "stable"), (1, QColor("#c0392b"), "landslide")])
    stops(
        layers["safety_factor"],
        [
            (0.0, "#67001f", "0, rain far above the threshold"),
            (0.25, "#d6604d", "0.25"),
            (0.4999, "#f9d0bd", ""),
            (0.5, "#f7f7f7", "0.5, at the threshold"),
            (0.75, "#92c5de", "0.75"),
            (1.0, "#2166ac", "1, no rain"),
        ],
    )
    # The classes of SINMAP's stability index.
    stops(
        layers["factor_of_safety"],
        [
            (0.5, "#67001f", "0.5 and less, fails"),
            (0.9999, "#f4a582", ""),
            (1.0, "#f7f7f7", "1, on the point of failing"),
            (1.25, "#d1e5f0", "1.25"),
            (1.5, "#92c5de", "1.5"),
            (3.0, "#2166ac", "3 and more, stands"),
        ],
    )
    ramp(layers["rainfall"], BLUES, 0, 250, " mm")
    ramp(layers["uncertainty"], GREYS, 0, 0.3)
    stops(
        layers["applicability"],
        [
            (0, "#00ffffff", "0, inside the training range"),
            (1, "#fee8c8", "1 factor outside"),
            (3, "#fc8d59", "3 factors outside"),
            (10, "#7f0000", "10 factors outside"),
        ],
    )
    # ColorBrewer's PuOr, as in the report: readable with any kind of colour vision.
    stops(
        layers["difference"],
        [
            (-0.5, "#542788", "-0.5, the second map is higher"),
            (-0.3, "#998ec3", "-0.3"),
            (-0.1, "#d8daeb", "-0.1"),
            (0.0, "#f7f7f7", "0, alike"),
            (0.1, "#fee0b6", "0.1"),
            (0.3, "#f1a340", "0.3"),
            (0.5, "#b35806", "0.5, the first map is higher"),
        ],
    )
    grey = QgsSingleBandGrayRenderer(layers["stack"].dataProvider(), 1)
    contrast = QgsContrastEnhancement(layers["stack"].dataProvider().dataType(1))
    contrast.setMinimumValue(0)
    contrast.setMaximumValue(60)
    contrast.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    grey.setContrastEnhancement(contrast)
    layers["stack"].setRenderer(grey)
    hillshade = QgsHillshadeRenderer(layers["hillshade"].dataProvider(), 1, 315, 45)
    hillshade.setMultiDirectional(True)
    layers["hillshade"].setRenderer(hillshade)
    # Smooth and light: zones are multiplied with it, and their colours must stay those of the legend.
    layers["hillshade"].resampleFilter().setZoomedInResampler(QgsCubicRasterResampler())
    layers["hillshade"].resampleFilter().setZoomedOutResampler(QgsBilinearRasterResampler())
    layers["hillshade"].brightnessFilter().setBrightness(70)
    return layers


def categories(layer: QgsVectorLayer, field: str, items: list[tuple[object, str, object]]) -> None:
    """Show features by the value of a field: value, label and symbol."""
    layer.setRenderer(
        QgsCategorizedSymbolRenderer(
            field, [QgsRendererCategory(value, symbol, label) for value, label, symbol in items]
        )
    )


def marker(shape: str, colour: str, size: float, edge: str = "#303030") -> QgsMarkerSymbol:
    """Return a point symbol, millimetres."""
    return QgsMarkerSymbol.createSimple(
        {"name": shape, "color": colour, "size": str(size), "outline_color": edge, "outline_width": "0.15"}
    )


def outline(colour: str) -> QgsFillSymbol:
    """Return a polygon symbol without filling."""
    return QgsFillSymbol.createSimple({"color": "0,0,0,0", "outline_color": colour, "outline_width": "0.4"})


def tint(colour: str) -> QgsFillSymbol:
    """Return a polygon symbol with an outline and a thin filling of one colour."""
    filling = QColor(colour)
    filling.setAlpha(70)
    return QgsFillSymbol.createSimple(
        {"color": ",".join(map(str, filling.getRgb())), "outline_color": colour, "outline_width": "0.4"}
    )


def filled(colour: str, edge: str, width: float) -> QgsFillSymbol:
    """Return a polygon symbol: colours as text, width of the edge in millimetres."""
    return QgsFillSymbol.createSimple({"color": colour, "outline_color": edge, "outline_width": str(width)})


def vectors() -> dict[str, QgsVectorLayer]:
    """Return a styled layer by style name."""
    layers = {
        "windows": QgsVectorLayer("Polygon?crs=EPSG:32633&field=subset:string&field=kind:string", "windows", "memory"),
        "folds": QgsVectorLayer("Polygon?crs=EPSG:32633&field=fold:integer", "folds", "memory"),
        "slope_units": QgsVectorLayer("Polygon?crs=EPSG:32633&field=kind:string", "slope_units", "memory"),
        "units": QgsVectorLayer("Polygon?crs=EPSG:32633&field=zone:integer", "units", "memory"),
        "points": QgsVectorLayer("Point?crs=EPSG:32633&field=outcome:string", "points", "memory"),
        "landslides": QgsVectorLayer("Point?crs=EPSG:32633", "landslides", "memory"),
        "rivers": QgsVectorLayer("LineString?crs=EPSG:32633", "rivers", "memory"),
        "faults": QgsVectorLayer("LineString?crs=EPSG:32633", "faults", "memory"),
    }
    categories(
        layers["windows"],
        "subset",
        [
            ("train", "training", outline("#0072b2")),
            ("validation", "validation", outline("#e69f00")),
            ("test", "test", outline("#cc0066")),
        ],
    )
    # The map of the folds lies below, so they only tint it.
    categories(
        layers["folds"],
        "fold",
        [
            *((number, f"fold {number}", tint(colour)) for number, colour in enumerate(FOLDS, 1)),
            (None, "further folds", tint("#606060")),
        ],
    )
    # Hillsides in the relief below, with their edges only.
    categories(
        layers["slope_units"],
        "kind",
        [
            ("slope", "slope unit", filled("0,0,0,0", "#1f3b73", 0.25)),
            ("flat", "flat land", filled("86,180,233,90", "#1f3b73", 0.25)),
        ],
    )
    zones = zone_colours(5)
    categories(
        layers["units"],
        "zone",
        [
            *(
                (number, name, filled(",".join(map(str, zones[number])), "#606060", 0.15))
                for number, name in enumerate(DEFAULT_ZONE_NAMES, 1)
            ),
            (None, "no data", filled("0,0,0,0", "#606060", 0.15)),
        ],
    )
    categories(
        layers["points"],
        "outcome",
        [
            # Most of them lie in the zone "very high", which is as red as they are.
            ("hit", "landslide, found", marker("circle", "#b2182b", 2.2, "#ffffff")),
            ("miss", "landslide, missed", marker("cross_fill", "#ffd400", 3.0)),
            ("false_alarm", "stable, false alarm", marker("triangle", "#fdae61", 2.2)),
            ("correct_rejection", "stable, rightly so", marker("circle", "#4393c3", 1.5)),
        ],
    )
    layers["landslides"].setRenderer(QgsSingleSymbolRenderer(marker("circle", "#1a1a1a", 1.3)))
    layers["rivers"].setRenderer(
        QgsSingleSymbolRenderer(QgsLineSymbol.createSimple({"line_color": "#2f80b8", "line_width": "0.4"}))
    )
    layers["faults"].setRenderer(
        QgsSingleSymbolRenderer(
            QgsLineSymbol.createSimple({"line_color": "#8b1a4a", "line_width": "0.5", "line_style": "dash"})
        )
    )
    return layers


LEGEND_CELL = 34  # side of a class in the legend of both, points


def write_bivariate_legend(path: Path) -> None:
    """Write the classes of susceptibility and uncertainty as a square, for a print layout: QGIS lists them only."""
    side, left, top, parts = LEGEND_CELL, 58, 8, []
    for number, (red, green, blue, _) in bivariate.COLOURS.items():
        level, doubt = divmod(number - 1, 3)
        place = f'x="{left + doubt * side}" y="{top + (2 - level) * side}" width="{side}" height="{side}"'
        name = bivariate.NAMES[number]
        parts.append(f'<rect {place} fill="#{red:02x}{green:02x}{blue:02x}"><title>{name}</title></rect>')
    for level, text in enumerate(bivariate.LEVELS):
        place = f'x="{left - 5}" y="{top + (2.6 - level) * side:g}" text-anchor="end"'
        parts.append(f"<text {place}>{text}</text>")
    bottom = top + 3 * side
    for doubt, text in enumerate(("certain", "uncertain", "very")):
        place = f'x="{left + (doubt + 0.5) * side:g}" y="{bottom + 10}" text-anchor="middle"'
        parts.append(f'<text {place} font-size="7">{text}</text>')
    middle = top + 1.5 * side
    parts.append(f'<text transform="translate(10 {middle:g}) rotate(-90)" text-anchor="middle">susceptibility</text>')
    parts.append(f'<text x="{left + 1.5 * side:g}" y="{bottom + 24}" text-anchor="middle">uncertainty</text>')
    size = left + 3 * side + 10, bottom + 32
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" font-family="sans-serif"'
    path.write_text(f'{head} font-size="9">\n' + "\n".join(parts) + "\n</svg>\n", encoding="utf-8")


def main() -> None:
    """Write all styles."""
    application = QgsApplication([], False)
    application.initQgis()
    STYLES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, layer in {**rasters(Path(folder)), **vectors()}.items():
            message, done = layer.saveNamedStyle(str(STYLES / f"{name}.qml"), QgsMapLayer.StyleCategory.Symbology)
            if not done:
                raise SystemExit(f"{name}: {message}")
            print(STYLES / f"{name}.qml")
            del layer
    write_bivariate_legend(STYLES / "bivariate_legend.svg")
    application.exitQgis()


if __name__ == "__main__":
    main()
