"""``scarp:createdemodata``: a synthetic study area whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..model.demo import FILES, RAIN_FILES, DemoOptions
from .base import parameters as p
from .base.algorithm import CORE, ScarpAlgorithm
from .base.arguments import Arguments


class CreateDemoData(ScarpAlgorithm):
    ID = "createdemodata"
    TITLE = "Create demo data"
    PLACE = 1
    TAGS = ("demo", "synthetic", "example", "sample")
    REQUIRED_MODULES = (*CORE, "scipy")
    SUMMARY = (
        "Generates a synthetic mountain area whose landslides follow a known probability, to try Scarp on and to see "
        "how close a trained model comes to the truth.\n"
        "The folder holds a DEM with valleys and drainage, annual rain and temperature at 1 km, rivers, faults, "
        "lithology, landform, seismic intensity, climate zones, a study area, regions in which different causes of "
        "landslides dominate, and a landslide inventory with the flaws of real ones: missed landslides in remote "
        "parts, duplicates, and missing sizes. true_probability.tif is what the landslides were drawn from. "
        "Everything is invented; it shows no real place."
    )
    FOLDER_FILES = {"OUTPUT": (*FILES, *RAIN_FILES)}
    NUMBERS = {"LANDSLIDES": "landslides in the inventory"}
    HELP = {"OUTPUT": "Folder for the GeoTIFF and GeoPackage files. It is created if missing; other files in it stay."}

    def define(self) -> None:
        self.declare_options(DemoOptions, "size", "regions", "seed", "daily_rain")
        self.declare(p.folder_output("OUTPUT", "Demo folder"))

    def compute(self, arguments: Arguments) -> dict[str, Any]:
        from .base.sinks import write_vectors

        def write(folder: Path, made: Any) -> None:
            written = write_vectors(folder, made.vectors, made.crs_wkt, arguments.context)
            arguments.written.update({f"OUTPUT/{name}": content for name, content in written.items()})

        options = arguments.options(DemoOptions)
        data = self.call(arguments, "create_demo_data", options=options, write_vectors=write)
        return {"LANDSLIDES": data.summary["landslides"]}
