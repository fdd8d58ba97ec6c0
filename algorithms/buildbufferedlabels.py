"""``scarp:buildbufferedlabels``: which cells are landslide, which are stable, which nobody knows."""

from __future__ import annotations

from typing import Any

from ..model.labels.scales import DEFAULT_RADII
from ..model.tables import read_pairs
from .base import parameters as p
from .base.algorithm import CORE, PREPARE, ScarpAlgorithm
from .base.arguments import Arguments
from .base.styles import style_output

RADII = [entry for name, metres in DEFAULT_RADII.items() for entry in (name, int(metres))]
"""The paper's radii as the rows of a table."""


class BuildBufferedLabels(ScarpAlgorithm):
    """Parameters in, one call to ``build_buffered_labels``, the labels out."""

    ID = "buildbufferedlabels"
    TITLE = "Build landslide labels"
    GROUP = PREPARE
    TAGS = ("buffer", "inventory", "label", "raster")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Turns a landslide inventory into what a model learns from: a raster with 1 for landslide, 0 for stable "
        "ground and 255 for cells that say nothing.\n"
        "An inventory of points says where a landslide is but not how far it reaches, so all cells within a radius "
        "count as landslide. The radius depends on the recorded size; the defaults are those of the paper, for large "
        "landslides on a 30 m grid. If your landslides are small (a few thousand square metres), choose radii that "
        "fit them, some 30 to 150 m, or half the map becomes landslide. Polygons are used as they are."
    )

    def define(self) -> None:
        self.declare(
            p.vector("LANDSLIDES", "Landslides", p.POINT, p.POLYGON),
            "The inventory: points or polygons, in any coordinate reference system.",
        )
        self.declare(
            p.field("SCALE_FIELD", "Size field", "LANDSLIDES"),
            "Field with the size of each landslide, in words (giant, large, medium, small; also in Chinese) "
            "or in codes of your own that RADII lists. Without it all landslides count as unrecorded.",
        )
        self.declare(
            p.table("RADII", "Radius by size (m)", ["Size", "Radius (m)"], RADII),
            "One row a size: its name or code, and the radius in metres. As text: giant,600,large,500. The "
            'row "unrecorded" is for landslides without a size. For polygons the radius is a buffer '
            "around them, which is only drawn when you change this table.",
        )
        self.declare(
            p.number("RING", "Ring left out around landslides (m)", 0, 0, 1e6),
            "Cells farther from a landslide than its radius but nearer than this become 255 and are not "
            "learned from, because the slope beside a landslide is no good example of a stable one. Counted "
            "from the landslide, so it must be more than the radius to have an effect. 0, as in the paper, "
            "means no ring; 150 to 300 helped in trials on small landslides.",
        )
        self.declare(
            p.raster("REFERENCE", "Reference raster"),
            "Raster whose grid the labels take, normally the factor stack. Cells without data in it become 255.",
        )
        self.declare(
            p.vector("AREA", "Mapped area", p.POLYGON, optional=True),
            'Polygons of where landslides were looked for. Outside, cells become 255, so that "nobody '
            'looked" is not learned as "stable". Without it the whole reference counts as mapped.',
        )
        self.declare(p.raster_output("OUTPUT", "Landslide labels"), "GeoTIFF: 1 landslide, 0 stable, 255 unknown.")
        for name, label in (
            ("LANDSLIDE_CELLS", "landslide cells"),
            ("STABLE_CELLS", "stable cells"),
            ("UNKNOWN_CELLS", "unknown cells"),
            ("LANDSLIDES_USED", "landslides inside the grid"),
        ):
            self.declare_number(name, label)

    def check(self, arguments: Arguments) -> None:
        read_pairs(arguments.table("RADII"), "RADII", 0)

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        reference, output = arguments.raster("REFERENCE"), arguments.output("OUTPUT")
        crs = arguments.grid_crs(reference, "reference")
        scale_field = arguments.field("SCALE_FIELD")
        summary = arguments.core.call(
            "build_buffered_labels",
            arguments.points_or_polygons("LANDSLIDES", crs, [scale_field]),
            reference,
            output,
            scale_field=scale_field,
            radii=read_pairs(arguments.table("RADII"), "RADII", 0),
            ring=arguments.number("RING"),
            area=arguments.polygons("AREA", crs),
            progress=arguments.progress,
        )
        style_output(arguments.context, output, "labels")
        return {
            "OUTPUT": output,
            "LANDSLIDE_CELLS": summary.landslide_cells,
            "STABLE_CELLS": summary.stable_cells,
            "UNKNOWN_CELLS": summary.unknown_cells,
            "LANDSLIDES_USED": summary.used,
        }
