"""Write the pictures of the help panels: ``./run python tools/make_help_pictures.py DEMO_FOLDER``.

The folder is what ``./run demo FOLDER`` made. What the demo does not make, such as a warning, is computed here. Maps
are drawn by QGIS with Scarp's styles, figures come from Scarp's reports.
"""

from __future__ import annotations

import base64
import html
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, get_data_path
from PIL import Image, ImageDraw, ImageFont
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsLineSymbol,
    QgsMapLayer,
    QgsMapRendererCustomPainterJob,
    QgsMapSettings,
    QgsMarkerSymbol,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QByteArray, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPainter
from qgis.PyQt.QtSvg import QSvgRenderer
from rasterio.windows import Window

from scarp.model.factors.definitions import CATEGORICAL
from scarp.model.stack import open_stack

ROOT = Path(__file__).resolve().parent.parent
HELP, STYLES = ROOT / "resources" / "help", ROOT / "resources" / "styles"
WIDTH, HEIGHT = 240, 141
FIGURE_HEIGHT = 210
"""Most of a figure, which is drawn as wide as a map."""
COLOURS = 24
"""As many as a picture keeps; more make it larger and hardly better."""
SHARE = 0.6
"""Of the area that is shown; thinned out further, the relief would flicker."""
BANDS = ("slope", "aspect", "river_density", "precipitation", "lithology", "fault_density")
"""Factors that are shown of a stack."""
MULTIPLY = QPainter.CompositionMode.CompositionMode_Multiply


def layer(path: Path, style: str | None) -> QgsMapLayer:
    """Return a raster or vector file as a layer with one of Scarp's styles, or that beside the file."""
    kind = QgsRasterLayer if path.suffix == ".tif" else QgsVectorLayer
    loaded = kind(str(path), path.stem)
    if style is not None:
        message, done = loaded.loadNamedStyle(str(STYLES / f"{style}.qml"))
        if not done:
            raise SystemExit(f"{path}: {message}")
    return loaded


def draw_map(layers: list[QgsMapLayer], name: str, share: float = SHARE) -> None:
    """Draw layers, the topmost first, over the middle of the last one.

    Args:
        layers: all but the last are multiplied with it if they are rasters.
        name: of the picture.
        share: of the last one's width that is shown.
    """
    for item in layers[:-1]:
        if isinstance(item, QgsRasterLayer):
            item.setBlendMode(MULTIPLY)
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(layers[-1].crs())
    extent = layers[-1].extent()
    width = extent.width() * share
    settings.setExtent(QgsRectangle.fromCenterAndSize(extent.center(), width, width * HEIGHT / WIDTH))
    settings.setOutputSize(QSize(WIDTH, HEIGHT))
    settings.setOutputDpi(72)
    image = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    job = QgsMapRendererCustomPainterJob(settings, painter)
    job.renderSynchronously()
    painter.end()
    keep(picture_of(image), name)


def draw_stack(path: Path, name: str) -> None:
    """Draw six factors side by side: amounts in a ramp, classes in colours of their own."""
    across, gap = 3, 4
    width, height = (WIDTH - gap * (across - 1)) // across, (HEIGHT - gap) // 2
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    with open_stack(path) as stack:
        for place, factor in enumerate(stack.factor(band) for band in BANDS):
            rows = stack.grid.width * height // width
            values = stack.dataset.read(
                factor.band, window=Window(0, 0, stack.grid.width, rows), out_shape=(height, width)
            )
            if factor.kind == CATEGORICAL:
                colours = colormaps["tab10"](values.astype(int) % 10)
            else:
                colours = colormaps["viridis"](np.interp(values, np.nanpercentile(values, [2, 98]), [0, 1]))
            picture.paste(
                Image.fromarray((colours[..., :3] * 255).astype("uint8")),
                (place % across * (width + gap), place // across * (height + gap)),
            )
    keep(picture, name)


def draw_exposure(rivers: Path, below: list[QgsMapLayer], name: str) -> None:
    """Draw a road along the rivers, and houses beside it, over zones."""
    road, houses = (QgsVectorLayer(f"{kind}?crs=EPSG:4326", kind, "memory") for kind in ("LineString", "Point"))
    shapes: dict[QgsVectorLayer, list[QgsGeometry]] = {road: [], houses: []}
    round_corners = QgsGeometry.JoinStyle.JoinStyleRound
    for river in QgsVectorLayer(str(rivers), "rivers").getFeatures():
        beside = river.geometry().simplify(60).offsetCurve(150, 4, round_corners, 2)
        shapes[road].append(beside)
        for number, metres in enumerate(np.arange(200, beside.length(), 260)):
            line = beside.offsetCurve(-90 if number % 3 else 110, 4, round_corners, 2)
            house = line.interpolate(metres)
            shapes[houses].append(house)
    for item, symbol in (
        (road, QgsLineSymbol.createSimple({"line_color": "#26323d", "line_width": "0.5"})),
        (
            houses,
            QgsMarkerSymbol.createSimple(
                {"name": "square", "color": "white", "outline_color": "#26323d", "size": "1.6"}
            ),
        ),
    ):
        item.setCrs(below[-1].crs())
        features = []
        for shape in shapes[item]:
            features.append(QgsFeature())
            features[-1].setGeometry(shape)
        item.dataProvider().addFeatures(features)
        item.setRenderer(QgsSingleSymbolRenderer(symbol))
    draw_map([houses, road, *below], name, 0.45)


def draw_figure(report: Path, words: str, name: str) -> None:
    """Draw the figure of a report whose description has some words."""
    for match in re.finditer(r'src="data:image/svg\+xml;base64,([^"]+)"[^>]*alt="([^"]*)"', report.read_text("utf-8")):
        if words in html.unescape(match[2]):
            break
    else:
        raise SystemExit(f"{report}: no figure with “{words}”.")
    drawing = QSvgRenderer(QByteArray(base64.b64decode(match[1])))
    size = drawing.defaultSize().scaled(WIDTH, FIGURE_HEIGHT, Qt.AspectRatioMode.KeepAspectRatio)
    image = QImage(WIDTH, size.height(), QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    drawing.render(painter, QRectF((WIDTH - size.width()) / 2, 0, size.width(), size.height()))
    painter.end()
    keep(picture_of(image), name)


def draw_kinds(name: str) -> None:
    """Draw kinds of model with an AUC and an interval each, the one that is kept in another colour; an example."""
    kinds = {
        "regression": (0.74, 0.05),
        "GAM": (0.79, 0.045),
        "PCUM": (0.81, 0.045),
        "forest": (0.76, 0.05),
        "boosting": (0.78, 0.05),
    }
    picture = Image.new("RGB", (3 * WIDTH, 3 * HEIGHT), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 34)
    for row, (kind, (auc, half)) in enumerate(kinds.items()):
        y, colour = 50 + 78 * row, "#c0392b" if kind == "GAM" else "#6b7a87"
        left, middle, right = (220 + 2000 * (value - 0.66) for value in (auc - half, auc, auc + half))
        pen.text((12, y - 22), kind, fill="#333333", font=font)
        pen.line((left, y, right, y), fill=colour, width=6)
        pen.ellipse((middle - 14, y - 14, middle + 14, y + 14), fill=colour)
    keep(picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), name)


def keep(picture: Image.Image, name: str) -> None:
    """Write a picture with few colours."""
    path = HELP / f"{name}.png"
    # Maximum coverage keeps the colours of thin lines, which a count of pixels would drop.
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


def picture_of(image: QImage) -> Image.Image:
    """Return an image of Qt's as one of Pillow's."""
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    pixels = image.constBits()
    pixels.setsize(image.sizeInBytes())
    return Image.frombytes("RGBA", (image.width(), image.height()), bytes(pixels)).convert("RGB")


def run(algorithm: str, **parameters: Any) -> None:
    """Run one of Scarp's algorithms."""
    registry = QgsApplication.processingRegistry()
    values = {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}
    feedback = QgsProcessingFeedback(False)
    _, done = registry.createAlgorithmById(f"scarp:{algorithm}").run(values, QgsProcessingContext(), feedback)
    if not done:
        raise SystemExit(feedback.textLog())


def compute(demo: Path, made: Path) -> None:
    """Make what the demo does not."""
    stack, labels = demo / "factors.tif", demo / "labels.tif"
    landslides = demo / "data" / "landslides.gpkg"
    run(
        "rainfallwarning",
        SUSCEPTIBILITY=demo / "susceptibility.tif",
        RAIN=demo / "data" / "precipitation.tif",
        K=0.0019,
        OUTPUT=made / "warning.tif",
        OUTPUT_TABLE=made / "warning.csv",
    )
    run(
        "traincomparisonmodel",
        KIND="logistic_regression",
        STACK=stack,
        LABELS=labels,
        OUTPUT=made / "regression.safetensors",
        OUTPUT_WINDOWS=made / "blocks.gpkg",
    )
    run("predictsusceptibility", STACK=stack, MODEL=made / "regression.safetensors", OUTPUT=made / "regression.tif")
    run(
        "comparemodels",
        SUSCEPTIBILITY=[str(demo / "susceptibility.tif"), str(made / "regression.tif")],
        NAMES="PCUM,regression",
        LANDSLIDES=landslides,
        REPEATS=20,
        OUTPUT_HTML=made / "comparison.html",
        OUTPUT_TABLE=made / "comparison.csv",
        OUTPUT_DIFFERENCE=made / "difference.tif",
    )
    run(
        "crossvalidate",
        KIND="logistic_regression",
        STACK=stack,
        LABELS=labels,
        LANDSLIDES=landslides,
        RANDOM_SPLIT=False,
        OUTPUT=made / "outoffold.tif",
        OUTPUT_TABLE=made / "folds.csv",
        OUTPUT_FOLDS=made / "folds.gpkg",
    )
    regions = {"REGIONS": demo / "data" / "regions.gpkg", "REGION_FIELD": "name"}
    audited = {"SUSCEPTIBILITY": demo / "susceptibility.tif", "LANDSLIDES": landslides, **regions}
    run("auditmap", **audited, REPEATS=50, OUTPUT_HTML=made / "audit.html")
    rain = made / "rain"
    run("createdemodata", SIZE=300, DAILY_RAIN=True, OUTPUT=rain)
    run("classifyzones", SUSCEPTIBILITY=rain / "true_probability.tif", OUTPUT=rain / "zones.tif")
    run(
        "rainfallthresholds",
        LANDSLIDES=rain / "dated_landslides.gpkg",
        DATE_FIELD="date",
        RAIN_TABLE=rain / "daily_rain.csv",
        RAIN_STATIONS=rain / "gauges.gpkg",
        STATION_FIELD="name",
        ZONES=rain / "zones.tif",
        OUTPUT_THRESHOLDS=made / "thresholds.csv",
        OUTPUT_HTML=made / "thresholds.html",
    )
    units = made / "units.gpkg"
    run("buildslopeunits", DEM=demo / "data" / "dem.tif", OUTPUT=units)
    by_unit = made / "by_unit.gpkg"
    run("aggregatesusceptibility", SUSCEPTIBILITY=demo / "susceptibility.tif", UNITS=units, OUTPUT=by_unit)
    run(
        "explainsusceptibility",
        STACK=stack,
        MODEL=demo / "model.safetensors",
        LABELS=labels,
        BLOCKS=120,
        OUTPUT_HTML=made / "explanation.html",
        OUTPUT_TABLE=made / "explanation.csv",
        OUTPUT_LEADING=made / "leading.tif",
    )


def draw(demo: Path, made: Path) -> None:
    """Draw all pictures."""

    def relief() -> QgsMapLayer:
        return layer(demo / "data" / "dem.tif", "hillshade")

    def landslides() -> QgsMapLayer:
        return layer(demo / "data" / "landslides.gpkg", "landslides")

    susceptibility, zones = demo / "susceptibility.tif", demo / "zones.tif"
    draw_map(
        [
            landslides(),
            layer(demo / "data" / "rivers.gpkg", "rivers"),
            layer(demo / "data" / "faults.gpkg", "faults"),
            relief(),
        ],
        "createdemodata",
    )
    draw_stack(demo / "factors.tif", "buildfactorstack")
    draw_figure(demo / "factors.html", "Continuous factors", "checkfactors")
    # Without the points, which would hide labels of few cells.
    draw_map([layer(demo / "labels.tif", "labels"), relief()], "buildbufferedlabels", 0.2)
    draw_map([layer(demo / "safety_factor.tif", "safety_factor"), relief()], "buildsafetyfactor")
    draw_figure(demo / "training.html", "by steps of the network", "trainpcum")
    draw_map(
        [layer(made / "blocks.gpkg", "windows"), layer(demo / "labels.tif", "labels")], "traincomparisonmodel", 0.9
    )
    draw_kinds("trainbestmodel")
    draw_map([layer(susceptibility, "susceptibility"), relief()], "predictsusceptibility")
    draw_map([layer(zones, "zones"), relief()], "classifyzones")
    draw_exposure(demo / "data" / "rivers.gpkg", [layer(zones, "zones"), relief()], "exposurebyzone")
    draw_map([layer(made / "units.gpkg", "slope_units"), relief()], "buildslopeunits")
    draw_map([layer(made / "by_unit.gpkg", "units"), relief()], "aggregatesusceptibility")
    draw_map([layer(made / "warning.tif", "warning"), relief()], "rainfallwarning")
    draw_figure(demo / "report.html", "ROC curve", "validatewithpoints")
    draw_map([layer(made / "difference.tif", "difference"), relief()], "comparemodels")
    draw_figure(made / "audit.html", "AUC of the same map against", "auditmap")
    draw_figure(made / "thresholds.html", "Rain up to each landslide day", "rainfallthresholds")
    draw_map([landslides(), layer(made / "folds.gpkg", "folds")], "crossvalidate", 0.9)
    draw_map([layer(made / "leading.tif", None), relief()], "explainsusceptibility")
    draw_map([layer(demo / "points.gpkg", "points"), layer(zones, "zones"), relief()], "factorstozones", 0.5)
    draw_map([layer(demo / "applicability.tif", "applicability"), layer(zones, "zones"), relief()], "newarea")
    draw_figure(made / "comparison.html", "ROC", "chainwithcomparisons")


def main(demo: Path) -> None:
    """Compute and draw."""
    application = QgsApplication([], True)
    application.initQgis()
    from scarp import classFactory

    plugin = classFactory(None)
    plugin.initProcessing()
    HELP.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        compute(demo, Path(folder))
        draw(demo, Path(folder))
    plugin.unload()
    application.exitQgis()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
