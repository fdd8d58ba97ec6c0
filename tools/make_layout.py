"""Write the layout template of the printed map: ``QT_HASH_SEED=0 ./run python tools/make_layout.py``.

``algorithms/base/map_pdf.py`` finds the items by their ids and fills them. The template can be opened in QGIS's layout
manager and changed, as long as the ids stay.
"""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsLayoutFrame,
    QgsLayoutItem,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemManualTable,
    QgsLayoutItemMap,
    QgsLayoutItemMapGrid,
    QgsLayoutItemPage,
    QgsLayoutItemPicture,
    QgsLayoutItemScaleBar,
    QgsLayoutMeasurement,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLayoutTable,
    QgsLegendStyle,
    QgsPrintLayout,
    QgsProject,
    QgsReadWriteContext,
    QgsRectangle,
    QgsTextFormat,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QFont

TEMPLATE = Path(__file__).resolve().parent.parent / "resources" / "templates" / "map.qpt"
INK, SOFT, RULE = QColor("#1f2933"), QColor("#52606d"), QColor("#9aa5b1")
LEFT, WIDTH = 15, 180


def text_format(size: float, bold: bool = False, colour: QColor = INK) -> QgsTextFormat:
    """Return letters of a size in points."""
    font = QFont("DejaVu Sans")
    font.setBold(bold)
    result = QgsTextFormat()
    result.setFont(font)
    result.setSize(size)
    result.setSizeUnit(QgsUnitTypes.RenderUnit.RenderPoints)
    result.setColor(colour)
    return result


def place(
    layout: QgsPrintLayout, item: QgsLayoutItem, name: str, x: float, y: float, width: float, height: float
) -> None:
    """Add an item at a place in millimetres."""
    item.setId(name)
    layout.addLayoutItem(item)
    item.attemptMove(QgsLayoutPoint(x, y))
    item.attemptResize(QgsLayoutSize(width, height))


def label(
    layout: QgsPrintLayout,
    name: str,
    x: float,
    y: float,
    width: float,
    height: float,
    size: float,
    bold: bool = False,
    colour: QColor = INK,
) -> None:
    """Add an empty text."""
    item = QgsLayoutItemLabel(layout)
    item.setText(name)
    # Labels of QGIS 3.22 take a font and a colour, not a text format.
    font = QFont("DejaVu Sans")
    font.setPointSizeF(size)
    font.setBold(bold)
    item.setFont(font)
    item.setFontColor(colour)
    item.setMarginX(0)
    item.setHAlign(Qt.AlignmentFlag.AlignLeft)
    place(layout, item, name, x, y, width, height)


def make(layout: QgsPrintLayout) -> None:
    """Lay out an A4 sheet: map on top, legend and zone table below. ``sheet_layout.py`` moves the items."""
    layout.initializeDefaults()
    layout.pageCollection().page(0).setPageSize("A4", QgsLayoutItemPage.Orientation.Portrait)
    layout.setName("Scarp map")
    label(layout, "title", LEFT, 12, WIDTH, 10, 18, True)
    label(layout, "subtitle", LEFT, 22, WIDTH, 6, 8.5, False, SOFT)

    map_item = QgsLayoutItemMap(layout)
    place(layout, map_item, "map", LEFT, 30, WIDTH, 178)
    # Zooming needs some extent to begin with.
    map_item.setExtent(QgsRectangle(0, 0, WIDTH, 178))
    map_item.setFrameEnabled(True)
    map_item.setFrameStrokeColor(RULE)
    map_item.setFrameStrokeWidth(QgsLayoutMeasurement(0.2))
    # The picture of the map lies below.
    map_item.setBackgroundEnabled(False)

    grid = map_item.grid()
    grid.setEnabled(True)
    grid.setStyle(QgsLayoutItemMapGrid.GridStyle.Solid)
    grid.setGridLineColor(QColor(31, 41, 51, 70))
    grid.setGridLineWidth(0.12)
    grid.setIntervalX(1000)
    grid.setIntervalY(1000)
    grid.setAnnotationEnabled(True)
    grid.setAnnotationFont(text_format(6).toQFont())
    grid.setAnnotationFontColor(SOFT)
    grid.setAnnotationPrecision(0)
    grid.setAnnotationFrameDistance(0.8)
    sides, places, ways = (
        QgsLayoutItemMapGrid.BorderSide,
        QgsLayoutItemMapGrid.AnnotationPosition,
        QgsLayoutItemMapGrid.AnnotationDirection,
    )
    for side in (sides.Left, sides.Right, sides.Top, sides.Bottom):
        shown = side in (sides.Left, sides.Bottom)
        modes = QgsLayoutItemMapGrid.DisplayMode
        grid.setAnnotationDisplay(modes.ShowAll if shown else modes.HideAll, side)
        grid.setAnnotationPosition(places.OutsideMapFrame, side)
        grid.setAnnotationDirection(ways.Vertical if side == sides.Left else ways.Horizontal, side)

    logo = QgsLayoutItemPicture(layout)
    logo.setPictureAnchor(QgsLayoutItemPicture.ReferencePoint.UpperRight)
    place(layout, logo, "logo", LEFT + WIDTH - 45, 10, 45, 15)

    north = QgsLayoutItemPicture(layout)
    place(layout, north, "north", LEFT + WIDTH - 13, 33, 10, 14)
    north.setLinkedMap(map_item)

    legend = QgsLayoutItemLegend(layout)
    legend.setAutoUpdateModel(False)
    legend.setLinkedMap(map_item)
    for style, size in ((QgsLegendStyle.Style.Subgroup, 8.5), (QgsLegendStyle.Style.SymbolLabel, 8)):
        legend.setStyleFont(style, text_format(size, size > 8).toQFont())
    legend.setBoxSpace(0)
    legend.setSymbolHeight(3.2)
    for style, gap in ((QgsLegendStyle.Style.Symbol, 1.0), (QgsLegendStyle.Style.Subgroup, 1.6)):
        legend.setStyleMargin(style, QgsLegendStyle.Side.Top, gap)
    place(layout, legend, "legend", LEFT, 212, 52, 50)

    scale = QgsLayoutItemScaleBar(layout)
    scale.setStyle("Single Box")
    scale.setLinkedMap(map_item)
    scale.setTextFormat(text_format(7.5))
    scale.setHeight(1.8)
    place(layout, scale, "scale", LEFT + 3, 194, 60, 12)

    table = QgsLayoutItemManualTable.create(layout)
    layout.addMultiFrame(table)
    table.setHeaderTextFormat(text_format(7.5, True, SOFT))
    table.setContentTextFormat(text_format(7.5))
    table.setGridColor(QColor("#d9dee3"))
    table.setGridStrokeWidth(0.15)
    table.setVerticalGrid(False)
    table.setCellMargin(1.1)
    table.setEmptyTableBehavior(QgsLayoutTable.EmptyTableMode.HideTable)
    frame = QgsLayoutFrame(layout, table)
    table.addFrame(frame)
    frame.setId("zones")
    frame.attemptMove(QgsLayoutPoint(LEFT + 56, 212))
    frame.attemptResize(QgsLayoutSize(WIDTH - 56, 36))

    label(layout, "notes", LEFT + 56, 249, WIDTH - 56, 34, 7, False, INK)
    label(layout, "source", LEFT, 285, WIDTH, 5, 7, False, SOFT)


def main() -> None:
    """Write the template."""
    application = QgsApplication([], True)
    application.initQgis()
    project = QgsProject()
    layout = QgsPrintLayout(project)
    make(layout)
    if not layout.saveAsTemplate(str(TEMPLATE), QgsReadWriteContext()):
        raise SystemExit(f"{TEMPLATE} could not be written.")
    del layout
    application.exitQgis()


if __name__ == "__main__":
    main()
