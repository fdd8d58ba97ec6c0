"""Make a QGIS project and a map picture of the demo's results: ``demo_project.py FOLDER``.

Runs in the Python of ``./run python``, with PyQGIS and without a window.
"""

from __future__ import annotations

import sys
from pathlib import Path

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLegendStyle,
    QgsMapLayerLegendUtils,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsUnitTypes,
    QgsVectorLayer,
)
from qgis.PyQt.QtGui import QFont, QPainter

STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"

# Group, file, title, style, shown: from the top of the layer tree down.
LAYERS = (
    ("Results", "points.gpkg", "Landslides and stable points by outcome", "points.qml", False),
    ("Results", "data/landslides.gpkg", "Landslide inventory", "landslides.qml", True),
    ("Results", "zones.tif", "Susceptibility zones", "zones.qml", True),
    ("Results", "susceptibility.tif", "Landslide susceptibility", "susceptibility.qml", False),
    ("Training", "windows.gpkg", "Training windows", "windows.qml", False),
    ("Training", "labels.tif", "Landslide labels", "labels.qml", False),
    ("Training", "safety_factor.tif", "Rain index", "safety_factor.qml", False),
    ("Inputs", "data/regions.gpkg", "Regions", None, False),
    ("Inputs", "data/rivers.gpkg", "Rivers", "rivers.qml", False),
    ("Inputs", "data/faults.gpkg", "Faults", "faults.qml", False),
    ("Inputs", "data/lithology.gpkg", "Lithology", None, False),
    ("Inputs", "data/landform.gpkg", "Landform", None, False),
    ("Inputs", "data/seismic.gpkg", "Seismic intensity", None, False),
    ("Inputs", "data/true_probability.tif", "True probability (synthetic)", "susceptibility.qml", False),
    ("Inputs", "factors.tif", "Factor stack", None, False),
    ("Inputs", "data/dem.tif", "Hillshade", "hillshade.qml", True),
)

SHADED = ("zones.tif", "susceptibility.tif")


def add_layers(project: QgsProject, folder: Path) -> dict[str, object]:
    """Add what is there of LAYERS in groups and return the layers by file."""
    layers = {}
    for group_name, file, title, style, shown in LAYERS:
        path = folder / file
        if not path.exists():
            continue
        layer = (QgsVectorLayer if path.suffix == ".gpkg" else QgsRasterLayer)(str(path), title)
        if not layer.isValid():
            raise SystemExit(f"QGIS cannot open {path}.")
        if style:
            _, done = layer.loadNamedStyle(str(STYLES / style))
            if not done:
                raise SystemExit(f"The style {style} could not be applied to {file}.")
        if file in SHADED:
            # Multiplied with the hillshade below, the relief shows through the colours.
            layer.setBlendMode(QPainter.CompositionMode.CompositionMode_Multiply)
        project.addMapLayer(layer, False)
        group = project.layerTreeRoot().findGroup(group_name) or project.layerTreeRoot().addGroup(group_name)
        group.addLayer(layer).setItemVisibilityChecked(shown)
        layers[file] = layer
    for name in ("Training", "Inputs"):
        group = project.layerTreeRoot().findGroup(name)
        if group:
            group.setExpanded(False)
    return layers


def add_layout(project: QgsProject, layers: dict[str, object]) -> QgsPrintLayout:
    """Return an A4 layout with title, map, legend and scale bar."""
    shown = [layers[file] for file in ("data/landslides.gpkg", "zones.tif", "data/dem.tif") if file in layers]
    layout = QgsPrintLayout(project)
    layout.initializeDefaults()
    layout.setName("Susceptibility map")
    project.layoutManager().addLayout(layout)

    map_item = QgsLayoutItemMap(layout)
    layout.addLayoutItem(map_item)
    map_item.setLayers(shown)
    map_item.setKeepLayerSet(True)
    map_item.setCrs(layers["zones.tif"].crs())
    place(map_item, 10, 22, 178, 178)
    # The area is square, as the map is: the item's height follows the extent, and stays.
    map_item.setExtent(layers["zones.tif"].extent())
    map_item.setFrameEnabled(True)

    add_label(layout, "Landslide susceptibility, Scarp demo (synthetic area)", 10, 8, 240, 10, 18, True)
    add_label(
        layout,
        "Physics-constrained U-Net. Zones by area share:\n30, 20, 20, 20 and 10 % of the area, from very "
        "low\nto very high. The area, its landslides and its\ntruth are made by a program.",
        196,
        160,
        92,
        26,
        8,
        False,
    )

    legend = QgsLayoutItemLegend(layout)
    legend.setAutoUpdateModel(False)
    legend.model().rootGroup().clear()
    for file in ("data/landslides.gpkg", "zones.tif"):
        if file in layers:
            legend.model().rootGroup().addLayer(layers[file])
    for node in legend.model().rootGroup().findLayers():
        if node.name() == layers["zones.tif"].name():
            # The first node of a paletted raster names its band, which means nothing to a reader.
            QgsMapLayerLegendUtils.setLegendNodeOrder(node, [5, 4, 3, 2, 1])
        legend.model().refreshLayerLegend(node)
    legend.setLinkedMap(map_item)
    legend.setStyleFont(QgsLegendStyle.Style.SymbolLabel, QFont("DejaVu Sans", 9))
    legend.setStyleFont(QgsLegendStyle.Style.Subgroup, QFont("DejaVu Sans", 10))
    layout.addLayoutItem(legend)
    legend.attemptMove(QgsLayoutPoint(194, 22))

    scale_bar = QgsLayoutItemScaleBar(layout)
    scale_bar.setStyle("Single Box")
    scale_bar.setLinkedMap(map_item)
    scale_bar.setUnits(QgsUnitTypes.DistanceUnit.DistanceKilometers)
    scale_bar.setUnitLabel("km")
    scale_bar.setNumberOfSegmentsLeft(0)
    scale_bar.setNumberOfSegments(2)
    scale_bar.setUnitsPerSegment(2)
    layout.addLayoutItem(scale_bar)
    scale_bar.attemptMove(QgsLayoutPoint(196, 188))
    return layout


def place(item: object, x: float, y: float, width: float, height: float) -> None:
    """Put a layout item at a place in millimetres."""
    item.attemptMove(QgsLayoutPoint(x, y))
    item.attemptResize(QgsLayoutSize(width, height))


def add_label(
    layout: QgsPrintLayout, text: str, x: float, y: float, width: float, height: float, size: int, bold: bool
) -> None:
    """Add a text to the layout."""
    label = QgsLayoutItemLabel(layout)
    label.setText(text)
    font = QFont("DejaVu Sans", size)
    font.setBold(bold)
    label.setFont(font)
    layout.addLayoutItem(label)
    place(label, x, y, width, height)


def main(folder: Path) -> None:
    """Write ``scarp-demo.qgz`` and ``map.png`` into the folder."""
    application = QgsApplication([], True)
    application.initQgis()
    project = QgsProject.instance()
    project.setFilePathStorage(Qgis.FilePathType.Relative)
    layers = add_layers(project, folder)
    project.setCrs(layers["zones.tif"].crs())
    project.viewSettings().setDefaultViewExtent(_referenced(layers["zones.tif"].extent(), layers["zones.tif"].crs()))
    layout = add_layout(project, layers)
    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = 150
    outcome = QgsLayoutExporter(layout).exportToImage(str(folder / "map.png"), settings)
    if outcome != QgsLayoutExporter.ExportResult.Success:
        raise SystemExit("The map picture could not be written.")
    if not project.write(str(folder / "scarp-demo.qgz")):
        raise SystemExit("The QGIS project could not be written.")
    project.clear()
    application.exitQgis()


def _referenced(extent: object, crs: object) -> object:
    from qgis.core import QgsReferencedRectangle

    return QgsReferencedRectangle(extent, crs)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
