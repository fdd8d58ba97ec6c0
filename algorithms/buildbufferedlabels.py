"""``scarp:buildbufferedlabels``: cells that are landslide, stable or unknown, from an inventory."""

from __future__ import annotations

from typing import Any

from ..model.labels.settings import LabelOptions
from ..model.tables import read_pairs
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments


class BuildBufferedLabels(ScarpAlgorithm):
    ID = "buildbufferedlabels"
    TITLE = "Build landslide labels"
    GROUP = PREPARE
    PLACE = 3
    TELLS_TIME = True
    TAGS = ("buffer", "inventory", "label", "raster")
    REQUIRED_MODULES = (*CORE, "scipy")
    STYLES = {"OUTPUT": "labels"}
    SUMMARY = (
        "Turns a landslide inventory into training labels: a raster with 1 for landslide, 0 for stable ground and 255 "
        "for unknown cells.\n"
        "An inventory of points states where a landslide is but not its extent, so all cells within a radius are "
        "labelled landslide. The radius is automatic: the mapped size of the landslide, 15 m or 1.5 cells at most, and "
        "the cell of the point alone where no size is known. Wider labels mix the slope that failed with those beside "
        "it. PRESET=paper has the paper's radii, for large landslides on a 30 m grid. Polygons are used as they are.\n"
        "A ring of two cells around each landslide is left out of the training, because its edge is not known exactly."
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
        "AREA_FIELD": "Field with the area of each landslide point in m². The automatic radius is that of a circle of "
        "this area, up to the limit. Where it is empty, SCALE_FIELD counts.",
        "RADII": "One row per size: its name or code, and the radius in metres. As text: giant,600,large,500. The row "
        '"unrecorded" is for landslides without a size. For polygons the radius is a buffer around them. Empty: '
        "automatic, or with PRESET=paper 600 m for giant, 500 m for large, 400 m for medium and 300 m for all other "
        "landslides; around polygons no buffer.",
        "REFERENCE": "Raster with the grid of the labels, normally the factor stack. Cells without data in it become "
        "255.",
        "AREA": "Polygons of the area in which landslides were mapped. Cells outside become 255, so that unmapped "
        "ground is not learned as stable. Without it the whole reference counts as mapped.",
        "STABLE": "Points known to be stable, or polygons of such land, such as slopes that were visited. With them "
        "only their cells are stable examples, 0, and all other mapped land becomes 255. Without them all mapped land "
        "away from landslides counts as stable. Points drawn at random add nothing: leave them out.",
        "OUTPUT": "GeoTIFF: 1 landslide, 0 stable, 255 unknown.",
    }

    def define(self) -> None:
        self.declare(p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON))
        self.declare(p.field("SCALE_FIELD", "Size field", "LANDSLIDES"))
        self.declare(p.field("AREA_FIELD", "Area field", "LANDSLIDES"))
        self.declare_options(LabelOptions, "preset")
        self.declare(p.table("RADII", "Radius by size (m)", ["Size", "Radius (m)"]))
        self.declare_options(LabelOptions, "ring")
        self.declare(p.raster("REFERENCE", "Reference raster"))
        self.declare(p.vector("AREA", "Mapped area", p.POLYGON, optional=True))
        self.declare(p.vector("STABLE", "Known stable land", p.POINT, p.POLYGON, optional=True))
        self.declare(p.raster_output("OUTPUT", "Landslide labels"))

    def check(self, arguments: Arguments) -> None:
        read_pairs(arguments.table("RADII"), "RADII", 0, unit="m")

    def automatic_call(self, arguments: Arguments) -> dict[str, Any] | None:
        if not arguments.given("REFERENCE"):
            return None
        return {"asked": self._options(arguments), "paths": [arguments.raster("REFERENCE")]}

    @staticmethod
    def _options(arguments: Arguments) -> LabelOptions:
        preset = arguments.choice("PRESET") if arguments.given("PRESET") else LabelOptions.option("preset").default
        fields = {"scale_field": arguments.field("SCALE_FIELD"), "area_field": arguments.field("AREA_FIELD")}
        radii = read_pairs(arguments.table("RADII"), "RADII", 0, unit="m")
        return arguments.options(LabelOptions, **fields, preset=preset, radii=radii)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        reference = str(arguments.raster("REFERENCE"))
        crs = arguments.grid_crs(reference, "reference")
        options = self._options(arguments)
        landslides = arguments.landslides("LANDSLIDES", crs, [options.scale_field, options.area_field])
        area = arguments.polygons("AREA", crs)
        layers = {"area": area, "stable": arguments.landslides("STABLE", crs)}
        summary = self.call(arguments, "build_buffered_labels", landslides, reference, options=options, **layers)
        cells = {name: getattr(summary, name.lower()) for name in self.NUMBERS if name.endswith("_CELLS")}
        return {**cells, "LANDSLIDES_USED": summary.used}
