"""``scarp:buildbufferedlabels``: cells that are landslide, stable or unknown, from an inventory."""

from __future__ import annotations

from typing import Any

from ..model.labels.radii import DEFAULT_RADII
from ..model.labels.settings import LabelOptions
from ..model.tables import read_pairs
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments

RADII = [entry for name, metres in DEFAULT_RADII.items() for entry in (name, int(metres))]
"""The paper's radii as the rows of a table."""


class BuildBufferedLabels(ScarpAlgorithm):
    ID = "buildbufferedlabels"
    TITLE = "Build landslide labels"
    GROUP = PREPARE
    TAGS = ("buffer", "inventory", "label", "raster")
    REQUIRED_MODULES = (*CORE, "scipy")
    STYLES = {"OUTPUT": "labels"}
    SUMMARY = (
        "Turns a landslide inventory into training labels: a raster with 1 for landslide, 0 for stable ground and 255 "
        "for unknown cells.\n"
        "An inventory of points states where a landslide is but not its extent, so all cells within a radius are "
        "labelled landslide. The radius depends on the recorded size; the defaults are those of the paper, for large "
        "landslides on a 30 m grid. If your landslides are small (a few thousand square metres), choose radii that "
        "fit them, some 30 to 150 m, or half the map becomes landslide. Polygons are used as they are."
    )
    NUMBERS = {
        "LANDSLIDE_CELLS": "landslide cells",
        "STABLE_CELLS": "stable cells",
        "UNKNOWN_CELLS": "unknown cells",
        "LANDSLIDES_USED": "landslides inside the grid",
    }
    HELP = {
        "LANDSLIDES": "The inventory: points or polygons, in any coordinate reference system.",
        "SCALE_FIELD": "Field with the size of each landslide, in words (giant, large, medium, small; also in "
        "Chinese) or in codes of your own that RADII lists. Without it all landslides are unrecorded.",
        "RADII": "One row per size: its name or code, and the radius in metres. As text: giant,600,large,500. The row "
        '"unrecorded" is for landslides without a size. For polygons the radius is a buffer around them, which is '
        "only applied when you change this table.",
        "REFERENCE": "Raster with the grid of the labels, normally the factor stack. Cells without data in it become "
        "255.",
        "AREA": "Polygons of the area in which landslides were mapped. Cells outside become 255, so that unmapped "
        "ground is not learned as stable. Without it the whole reference counts as mapped.",
        "OUTPUT": "GeoTIFF: 1 landslide, 0 stable, 255 unknown.",
    }

    def define(self) -> None:
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON))
        self.declare(p.field("SCALE_FIELD", "Size field", "LANDSLIDES"))
        self.declare(p.table("RADII", "Radius by size (m)", ["Size", "Radius (m)"], RADII))
        self.declare_options(LabelOptions, "ring")
        self.declare(p.raster("REFERENCE", "Reference raster"))
        self.declare(p.vector("AREA", "Mapped area", p.POLYGON, optional=True))
        self.declare(p.raster_output("OUTPUT", "Landslide labels"))

    def check(self, arguments: Arguments) -> None:
        read_pairs(arguments.table("RADII"), "RADII", 0, unit="m")

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        reference = str(arguments.raster("REFERENCE"))
        crs = arguments.grid_crs(reference, "reference")
        field = arguments.field("SCALE_FIELD")
        radii = read_pairs(arguments.table("RADII"), "RADII", 0, unit="m")
        landslides, area = arguments.landslides("LANDSLIDES", crs, [field]), arguments.polygons("AREA", crs)
        options = arguments.options(LabelOptions, scale_field=field, radii=radii)
        summary = self.call(arguments, "build_buffered_labels", landslides, reference, options=options, area=area)
        cells = {name: getattr(summary, name.lower()) for name in self.NUMBERS if name.endswith("_CELLS")}
        return {**cells, "LANDSLIDES_USED": summary.used}
