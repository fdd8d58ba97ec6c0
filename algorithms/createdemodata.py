"""``scarp:createdemodata``: a synthetic study area whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .base import parameters as p
from .base.algorithm import CORE, ScarpAlgorithm
from .base.arguments import Arguments


class CreateDemoData(ScarpAlgorithm):
    """Parameters in, one call to ``create_demo_data``, a folder out."""

    ID = "createdemodata"
    TITLE = "Create demo data"
    TAGS = ("demo", "synthetic", "example", "sample")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Makes a synthetic mountain area whose landslides follow a known probability, to try Scarp on and to see how "
        "close a trained model comes to the truth.\n"
        "The folder holds a DEM with valleys and drainage, annual rain and temperature at 1 km, rivers, faults, "
        "lithology, landform, seismic intensity, climate zones, a study area, regions in which different causes of "
        "landslides dominate, and a landslide inventory with the flaws of real ones: missed landslides in remote "
        "parts, doubles, and sizes that nobody wrote down. true_probability.tif is what the landslides were drawn "
        "from. Everything is invented; do not read it as a real place."
    )

    def define(self) -> None:
        self.declare(
            p.integer("SIZE", "Side of the area (cells)", 600, 64, 4096),
            "Rows and columns of the DEM, whose cells are 30 m. 600 cells are 18 km, which trains in a few "
            "minutes. Fewer than about 200 leave too few landslides for a useful model.",
        )
        self.declare(
            p.integer("REGIONS", "Number of regions", 5, 1, 5),
            "How many of the five regions there are, from 1 to 5: river erosion, incised valleys, till and "
            "faults, freeze and thaw, human activity.",
        )
        self.declare(
            p.integer("SEED", "Seed", 1, 0, 2147483647),
            "Another number gives another area; the same number always gives the same one.",
        )
        self.declare(
            p.folder_output("OUTPUT", "Demo folder"),
            "Folder for the GeoTIFF and GeoPackage files. It is made when it is not there; files of other "
            "names in it stay.",
        )
        self.declare_number("LANDSLIDES", "landslides in the inventory")

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        from .base.sinks import write_vectors

        output = arguments.output("OUTPUT")

        def write(folder: Path, made: Any) -> None:
            written = write_vectors(folder, made.vectors, made.crs_wkt, arguments.context)
            arguments.written.update({f"OUTPUT/{name}": content for name, content in written.items()})

        data = arguments.core.call(
            "create_demo_data",
            output,
            size=arguments.integer("SIZE"),
            regions=arguments.integer("REGIONS"),
            seed=arguments.integer("SEED"),
            progress=arguments.progress,
            write_vectors=write,
        )
        return {"OUTPUT": output, "LANDSLIDES": data.summary["landslides"]}
