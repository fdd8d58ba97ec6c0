"""A map as PDF, drawn by QGIS's layout engine from ``resources/templates/map.qpt``.

Layouts are graphics scenes and belong to the main thread, while an algorithm started from the Toolbox computes in
another one. So the sheet is drawn in the main thread, as QGIS does with its own layout algorithms, but in parts and
with a map that is drawn before. It has a project of its own: that of the user stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsLayoutExporter,
    QgsLayoutItemPicture,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLayoutTableColumn,
    QgsMapLayerLegendUtils,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsReadWriteContext,
    QgsRectangle,
    QgsTableCell,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QFont, QFontMetrics
from qgis.PyQt.QtXml import QDomDocument

from ...model.errors import OutputNotWritable
from ...model.outputs.atomic import atomic_output
from ...model.outputs.transaction import output_transaction
from ...model.progress import Progress, stop_if_cancelled, tell_moved
from ...model.report.settings import SHEETS
from ...translation import tr
from .main_thread import run_in_main_thread, run_in_main_thread_soon
from .sheet_layout import (
    GAP,
    LOGO_HEIGHT,
    LOGO_WIDTH,
    MARGIN,
    TEXT_SIZE,
    Box,
    arrange,
    fit_notes,
    fit_title,
    shorten_to_width,
    text_height,
)
from .sheet_map import DPI, View, escape_expressions, outside_layer, point_layers, region_layers, render_map, zone_layer

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "resources" / "templates"
COLUMN_WIDTHS = (19, 17, 12, 16, 12, 11, 21)  # millimetres, without the margins of the cells
_DARK = 0.4


def has_fonts() -> bool:
    """Whether Qt finds a font; without one it draws a black box for each letter and reports nothing.

    The list of families does not tell: it names families such as Serif even if no font is installed.
    """
    return bool(QFontMetrics(QFont()).inFont("A"))


def write_pdf(output: str | os.PathLike[str], sheet: Any, paper: str, progress: Progress) -> None:
    """Write a ``model.report.map_sheet.MapSheet`` on paper of ``SHEETS`` as PDF, completely or not at all.

    Raises ``OutputNotWritable`` if the file cannot be written; ``Cancelled`` if the user cancels.
    """
    with output_transaction() as moved, atomic_output(output) as temporary, _scratch_folder() as folder:
        # Qt reads this format fastest, and the main thread has to.
        picture = os.path.join(folder, "map.bmp")
        drawing = _Drawing(sheet, paper)
        try:
            # The window draws between the parts, and while this thread draws the map.
            run_in_main_thread(drawing.begin, progress)
            run_in_main_thread(drawing.arrange, progress)
            drawn = render_map(sheet, drawing.view, picture, progress)
            run_in_main_thread(lambda: drawing.fill(picture), progress)
            run_in_main_thread(drawing.explain, progress)
            run_in_main_thread(lambda: drawing.export(str(temporary)), progress)
        finally:
            run_in_main_thread_soon(drawing.close)
        # The exporter's result says nothing: Qt ignores a full disk and reports success.
        content = temporary.read_bytes() if temporary.is_file() else b""
        if not drawn or not content.rstrip().endswith(b"%%EOF"):
            text = tr(
                "The PDF {path} could not be written; the other files of the run are complete and stay. Check that the "
                "disk has room and that the file is not open elsewhere."
            )
            raise OutputNotWritable(text.format(path=output))
        stop_if_cancelled(progress)
    for final, beside in moved.items():
        tell_moved(progress, str(final), str(beside))


@contextlib.contextmanager
def _scratch_folder() -> Iterator[str]:
    """Make a folder for a block; one that cannot be removed, as on Windows while a file is read, is left."""
    folder = mkdtemp(prefix="scarp-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Drawing:
    """A layout as it is drawn, in parts that are called one after the other in the main thread."""

    view: View  # of the map, from :meth:`arrange` on

    def __init__(self, sheet: Any, paper: str) -> None:
        self._sheet, self._paper = sheet, paper
        self._project: Any = None
        self._layout: Any = None
        self._zones: Any = None

    def begin(self) -> None:
        """Read the template."""
        project = self._project = QgsProject()
        zones = self._zones = zone_layer(self._sheet)
        project.addMapLayers([zones], False)
        crs = _map_crs(zones)
        project.setCrs(crs)
        project.setEllipsoid(zones.crs().ellipsoidAcronym() or "EPSG:7030")
        layout: Any = QgsPrintLayout(project)
        self._layout = layout
        template = QDomDocument()
        template.setContent((TEMPLATES / "map.qpt").read_text(encoding="utf-8"))
        layout.loadFromTemplate(template, QgsReadWriteContext())

    def arrange(self) -> None:
        """Place all items and zoom the map."""
        sheet, project, zones, layout = self._sheet, self._project, self._zones, self._layout
        crs = project.crs()
        extent = QgsCoordinateTransform(zones.crs(), crs, project).transformBoundingBox(zones.extent())
        boxes = self._boxes = _place_items(layout, sheet, self._paper, extent.height() / extent.width())
        map_item = layout.itemById("map")
        map_item.setCrs(crs)
        map_item.setKeepLayerSet(True)
        scale = _zoom(map_item, extent, boxes["map"])
        grid = _set_grid(map_item, zones.crs(), extent, project)
        self.view = View(crs, project.transformContext(), map_item.extent(), boxes["map"].width, boxes["map"].height)
        crs_text = _crs_text(crs if not zones.crs().isGeographic() else zones.crs())
        made = [sheet.source, tr("Map in {crs}, grid {grid}.").format(crs=crs_text, grid=grid)]
        paper = self._paper.split("_")[0].upper()
        made.append(tr("Scale 1 : {scale} on {paper}.").format(scale=f"{scale:,}", paper=paper))
        source = shorten_to_width(" ".join(made), boxes["source"].width, 7)
        layout.itemById("source").setText(escape_expressions(source))

    def fill(self, picture: str) -> None:
        """Put in the picture of the map, notes, scale bar and table."""
        sheet, layout, boxes = self._sheet, self._layout, self._boxes
        _place_picture(layout, picture, boxes["map"])
        more = tr("{count} more notes are in the report.")
        text, size = fit_notes(sheet.notes, sheet.more_notes, boxes["notes"], more)
        notes = layout.itemById("notes")
        notes.setText(escape_expressions(text))
        _set_letters(notes, size)
        layout.itemById("north").setPicturePath(str(TEMPLATES / "north.svg"))
        _fill_scale_bar(layout.itemById("scale"), layout.itemById("map"), boxes["scale"].width)
        _fill_table(layout.itemById("zones").multiFrame(), sheet)

    def explain(self) -> None:
        """Put in the legend."""
        sheet, layout, crs = self._sheet, self._layout, self._zones.crs()
        points, regions = point_layers(sheet, crs, empty=True), region_layers(sheet, crs, empty=True)
        outside = outside_layer(crs)
        self._project.addMapLayers([*points, *regions, outside], False)
        _fill_legend(layout.itemById("legend"), [*points, *regions, self._zones, outside], len(sheet.names))

    def export(self, path: str) -> None:
        """Write the PDF."""
        settings = QgsLayoutExporter.PdfExportSettings()
        settings.dpi = DPI
        settings.appendGeoreference = False
        # Texts that can be searched and copied; as outlines, QGIS's default, they take longer.
        settings.textRenderFormat = Qgis.TextRenderFormat.AlwaysText
        QgsLayoutExporter(self._layout).exportToPdf(path, settings)

    def close(self) -> None:
        """Let go of layout and project, which must end in the thread that they belong to."""
        self._layout = self._zones = self._project = None


def _place_picture(layout: Any, path: str, box: Box) -> None:
    """Lay the picture of the map under the map."""
    item = QgsLayoutItemPicture(layout)
    layout.addLayoutItem(item)
    item.setId("picture")
    item.setResizeMode(QgsLayoutItemPicture.ResizeMode.Stretch)
    item.setPicturePath(path)
    item.attemptMove(QgsLayoutPoint(box.x, box.y))
    item.attemptResize(QgsLayoutSize(box.width, box.height))
    layout.moveItemToBottom(item)


def _place_items(layout: Any, sheet: Any, paper: str, ratio: float) -> dict[str, Box]:
    """Set the paper, write the title, move all items, and return their places; ``ratio`` is that of the land."""
    width, height = SHEETS[paper]
    layout.pageCollection().page(0).setPageSize(QgsLayoutSize(width, height))
    details, logo = sheet.details, layout.itemById("logo")
    text_width = width - 2 * MARGIN - (LOGO_WIDTH + GAP if details.logo else 0)
    title, size = fit_title(sheet.title, text_width)
    lines = [" · ".join(text for text in (sheet.kind, details.author, details.organisation) if text), sheet.subtitle]
    subtitle = "\n".join(text for text in lines if text)
    lines_height = text_height(subtitle, text_width, TEXT_SIZE)
    # Half a label of the grid may stand above the frame.
    top = max(20 + lines_height, 10 + LOGO_HEIGHT if details.logo else 0) + 5
    boxes = arrange(width, height, ratio, top)
    boxes["title"] = Box(MARGIN, 10, text_width, 9.5)
    boxes["subtitle"] = Box(MARGIN, 20, text_width, lines_height + 1)
    if details.logo:
        boxes["logo"] = Box(width - MARGIN - LOGO_WIDTH, 10, LOGO_WIDTH, LOGO_HEIGHT)
        logo.setPicturePath(details.logo)
    else:
        layout.removeLayoutItem(logo)
    for name, box in boxes.items():
        item = layout.itemById(name)
        item.attemptMove(QgsLayoutPoint(box.x, box.y))
        item.attemptResize(QgsLayoutSize(box.width, box.height))
    for name, text in (("title", title), ("subtitle", subtitle)):
        layout.itemById(name).setText(escape_expressions(text))
    _set_letters(layout.itemById("title"), size)
    return boxes


def _zoom(map_item: Any, extent: QgsRectangle, box: Box) -> int:
    """Show an extent at the largest round scale, and return its denominator."""
    from ...model.report.page import round_scale

    metres = _metres_per_unit(map_item.crs())
    needed = max(extent.width() / box.width, extent.height() / box.height) * 1.02 * metres * 1000
    scale = round_scale(needed)
    width, height = (side * scale / 1000 / metres for side in (box.width, box.height))
    map_item.zoomToExtent(QgsRectangle.fromCenterAndSize(extent.center(), width, height))
    return scale


def _metres_per_unit(crs: QgsCoordinateReferenceSystem) -> float:
    units: Any = QgsUnitTypes.DistanceUnit
    return QgsUnitTypes.fromUnitToUnitFactor(crs.mapUnits(), units.DistanceMeters)


def _set_grid(map_item: Any, crs: QgsCoordinateReferenceSystem, extent: QgsRectangle, project: QgsProject) -> str:
    """Draw lines of round coordinates of the data, about four across, and return their distance in words."""
    from ...model.report.page import round_angle, round_length

    grid, target = map_item.grid(), (crs, map_item.crs())
    if crs.isGeographic():
        sides = QgsCoordinateTransform(*target[::-1], project).transformBoundingBox(map_item.extent())
        interval = round_angle(min(sides.width(), sides.height()) / 3)
        grid.setCrs(crs)
        seconds = round(3600 * interval)
        text = f"{seconds // 60}′" if seconds % 60 == 0 else f"{seconds}″"
        text = f"{seconds // 3600}°" if seconds % 3600 == 0 else text
        formats = type(grid).AnnotationFormat
        grid.setAnnotationFormat(formats.DegreeMinute if seconds % 60 == 0 else formats.DegreeMinuteSecond)
    else:
        interval = round_length(min(map_item.extent().width(), map_item.extent().height()) / 3)
        metres = interval * _metres_per_unit(crs)
        text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    grid.setIntervalX(interval)
    grid.setIntervalY(interval)
    return text


def _crs_text(crs: QgsCoordinateReferenceSystem) -> str:
    """Return a CRS in words with its code, such as WGS 84 / UTM zone 43N (EPSG:32643)."""
    name, code = crs.description(), crs.authid()
    return f"{name} ({code})" if name and code else name or code


def _set_letters(label: Any, size: float) -> None:
    font = label.font()
    font.setPointSizeF(size)
    label.setFont(font)


def _map_crs(layer: QgsRasterLayer) -> QgsCoordinateReferenceSystem:
    """Return the layer's CRS, or for one in degrees a local projection, which does not distort the map."""
    crs = layer.crs()
    if not crs.isGeographic():
        return crs
    middle = layer.extent().center()
    local = QgsCoordinateReferenceSystem()
    local.createFromProj(f"+proj=tmerc +lat_0={middle.y():.6f} +lon_0={middle.x():.6f} +datum=WGS84 +units=m +no_defs")
    return local if local.isValid() else crs


def _fill_scale_bar(bar: Any, map_item: Any, width: float) -> None:
    """Make a bar of two round lengths that fits into a width in millimetres, with room for its labels."""
    from ...model.report.page import round_length

    units: Any = QgsUnitTypes.DistanceUnit
    length = round_length((width - 12) / 2 / 1000 * map_item.scale())
    kilometres = length >= 1000
    bar.setUnits(units.DistanceKilometers if kilometres else units.DistanceMeters)
    bar.setUnitLabel("km" if kilometres else "m")
    bar.setNumberOfSegmentsLeft(0)
    bar.setNumberOfSegments(2)
    bar.setUnitsPerSegment(length / 1000 if kilometres else length)
    bar.setLinkedMap(map_item)


def _fill_legend(legend: Any, layers: Sequence[Any], zones: int) -> None:
    """List the layers, of the zones the most susceptible first."""
    legend.setAutoUpdateModel(False)
    root = legend.model().rootGroup()
    root.clear()
    for layer in layers:
        node = root.addLayer(layer)
        if isinstance(layer, QgsRasterLayer):
            # A node before those of the zones shows the name of the band.
            layer_legend: Any = layer.legend()
            first = max(len(layer_legend.createLayerTreeModelLegendNodes(node)) - zones, 0)
            QgsMapLayerLegendUtils.setLegendNodeOrder(node, list(range(first + zones - 1, first - 1, -1)))
        legend.model().refreshLayerLegend(node)
    legend.adjustBoxSize()


def _fill_table(table: Any, sheet: Any) -> None:
    numbers = {name: number for number, name in sheet.names.items()}
    rows = []
    for row in sheet.table[1:]:
        cells = [QgsTableCell(text) for text in row]
        for cell in cells[1:]:
            cell.setHorizontalAlignment(Qt.AlignmentFlag.AlignRight)
        colour = QColor(*sheet.colours[numbers[row[0]]])
        cells[0].setBackgroundColor(colour)
        cells[0].setForegroundColor(QColor("white" if colour.lightnessF() < _DARK else "black"))
        rows.append(cells)
    headings = [QgsLayoutTableColumn(text) for text in sheet.table[0]]
    for heading in headings[1:]:
        heading.setHAlignment(Qt.AlignmentFlag.AlignRight)
    table.setHeaders(headings)
    table.setIncludeTableHeader(True)
    table.setTableContents(rows)
    table.setColumnWidths(list(COLUMN_WIDTHS))
    table.recalculateTableSize()
