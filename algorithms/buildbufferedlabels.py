"""``scarp:buildbufferedlabels``: cells that are landslide, stable or unknown, from an inventory."""

from __future__ import annotations

from typing import Any

from ..model.labels.scales import DEFAULT_RADII, LabelOptions
from ..model.tables import read_pairs
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import style_output

RADII = [entry for name, metres in DEFAULT_RADII.items() for entry in (name, int(metres))]
"""The paper's radii as the rows of a table."""
CELL_KINDS = ("LANDSLIDE", "STABLE", "UNKNOWN")


class BuildBufferedLabels(ScarpAlgorithm):
    """Parameters in, one call to ``build_buffered_labels``, the labels out."""

    ID = "buildbufferedlabels"
    TITLE = "Build landslide labels"
    GROUP = PREPARE
    TAGS = ("buffer", "inventory", "label", "raster")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Turns a landslide inventory into training labels: a raster with 1 for landslide, 0 for stable ground and 255 "
        "for unknown cells.\n"
        "An inventory of points states where a landslide is but not its extent, so all cells within a radius are "
        "labelled landslide. The radius depends on the recorded size; the defaults are those of the paper, for large "
        "landslides on a 30 m grid. If your landslides are small (a few thousand square metres), choose radii that "
        "fit them, some 30 to 150 m, or half the map becomes landslide. Polygons are used as they are."
    )

    def define(self) -> None:
        landslides = p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON)
        self.declare(landslides, "The inventory: points or polygons, in any coordinate reference system.")
        self.declare(
            p.field("SCALE_FIELD", "Size field", "LANDSLIDES"),
            "Field with the size of each landslide, in words (giant, large, medium, small; also in Chinese) "
            "or in codes of your own that RADII lists. Without it all landslides are unrecorded.",
        )
        self.declare(
            p.table("RADII", "Radius by size (m)", ["Size", "Radius (m)"], RADII),
            "One row per size: its name or code, and the radius in metres. As text: giant,600,large,500. The "
            'row "unrecorded" is for landslides without a size. For polygons the radius is a buffer '
            "around them, which is only applied when you change this table.",
        )
        self.declare_option(LabelOptions, "ring")
        self.declare(
            p.raster("REFERENCE", "Reference raster"),
            "Raster with the grid of the labels, normally the factor stack. Cells without data in it become 255.",
        )
        self.declare(
            p.vector("AREA", "Mapped area", p.POLYGON, optional=True),
            "Polygons of the area in which landslides were mapped. Cells outside become 255, so that unmapped ground "
            "is not learned as stable. Without it the whole reference counts as mapped.",
        )
        self.declare(p.raster_output("OUTPUT", "Landslide labels"), "GeoTIFF: 1 landslide, 0 stable, 255 unknown.")
        for kind, label in zip(CELL_KINDS, ("landslide cells", "stable cells", "unknown cells")):
            self.declare_number(f"{kind}_CELLS", label)  # written out, for the translations
        self.declare_number("LANDSLIDES_USED", "landslides inside the grid")

    def check(self, arguments: Arguments) -> None:
        read_pairs(arguments.table("RADII"), "RADII", 0)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        reference, output = str(arguments.raster("REFERENCE")), arguments.output("OUTPUT")
        crs = arguments.grid_crs(reference, "reference")
        field = arguments.field("SCALE_FIELD")
        radii = read_pairs(arguments.table("RADII"), "RADII", 0)
        layers = arguments.points_or_polygons("LANDSLIDES", crs, [field]), reference, output
        options = arguments.options(LabelOptions, scale_field=field, radii=radii)
        given = {"area": arguments.polygons("AREA", crs), "progress": arguments.progress}
        summary = arguments.core.call("build_buffered_labels", *layers, options, **given)
        style_output(arguments.context, output, "labels")
        cells = {f"{kind}_CELLS": getattr(summary, f"{kind.lower()}_cells") for kind in CELL_KINDS}
        return {"OUTPUT": output, **cells, "LANDSLIDES_USED": summary.used}
