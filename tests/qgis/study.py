"""The tiny study area of the tests, its whole chain of files, and a way to run algorithms; also without pytest."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable

import numpy as np
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsProject

from scarp.tests.qgis.tiny import (
    CELL,
    LEFT,
    RADII,
    SIZE,
    TOP,
    TRAINING,
    Listener,
    box,
    stack_inputs,
    write_layer,
    write_raster,
)

Runner = Callable[..., "dict[str, Any]"]
_started: list[Any] = []


def begin() -> Runner:
    """Start QGIS without a window and with Scarp in it, for scripts; return what :func:`runner` does.

    The core runs inside QGIS unless ``SCARP_RUN`` says otherwise.
    """
    os.environ.setdefault("SCARP_RUN", "inside")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if not _started:
        # A profile of its own: that of the user has a language and plugins of its own.
        profile = tempfile.TemporaryDirectory(prefix="scarp-profile-")
        application = QgsApplication([], False, profile.name)
        application.initQgis()
        _started.extend([application, profile, load_plugin()])
    return runner()


def load_plugin() -> Any:
    """Load Scarp as qgis_process does: without a window."""
    from qgis.analysis import QgsNativeAlgorithms

    registry = QgsApplication.processingRegistry()
    if registry.providerById("native") is None:
        registry.addProvider(QgsNativeAlgorithms(registry))
    from scarp import classFactory

    loaded = classFactory(None)
    loaded.initProcessing()
    return loaded


def runner() -> Runner:
    """Return a function that runs one of Scarp's algorithms through ``processing.run``."""
    for folder in (QgsApplication.pkgDataPath(), "/usr/share/qgis"):
        plugins = Path(folder) / "python" / "plugins"
        if plugins.is_dir() and str(plugins) not in sys.path:
            sys.path.append(str(plugins))
    import processing
    from processing.core.Processing import Processing

    Processing.initialize()

    def run_algorithm(
        algorithm: str, feedback: QgsProcessingFeedback | None = None, **parameters: Any
    ) -> dict[str, Any]:
        values = {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        return processing.run(f"scarp:{algorithm}", values, feedback=feedback or Listener(), context=context)

    return run_algorithm


def make_area(folder: Path) -> None:
    """Write the inputs of a tiny study area: valleys, and landslides on the steeper slopes."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    waves = 250 * np.sin(columns / 9) * np.cos(rows / 14) + 120 * np.sin(rows / 5 + columns / 23)
    heights = (800 + waves + 2 * rows).astype("float32")
    write_raster(folder / "dem.tif", heights)
    write_raster(folder / "precipitation.tif", 600 + 300 * rows[:12, :12] / 12 + 100 * columns[:12, :12] / 12, cell=300)
    write_raster(folder / "temperature.tif", 12 - rows[:12, :12] / 3.0, cell=300)
    write_raster(folder / "landcover.tif", (1 + (columns // 30) % 3).astype("float32"))
    slope = np.hypot(*np.gradient(heights, CELL))
    steep = np.argwhere(slope > np.quantile(slope, 0.8))
    steep = steep[np.random.default_rng(3).permutation(len(steep))[:90]]
    sizes = ["large", "small", None]
    slides = [
        (
            f"Point ({LEFT + CELL * (column + 0.5)} {TOP - CELL * (row + 0.5)})",
            [sizes[number % 3], "text", 2000 + number],
        )
        for number, (row, column) in enumerate(steep)
    ]
    write_layer(folder / "landslides.gpkg", "Point", "scale:string,note:string,year:integer", slides)
    right, bottom = LEFT + SIZE * CELL, TOP - SIZE * CELL
    middle = (LEFT + right) / 2
    halves = [box(LEFT, TOP, middle, bottom), box(middle, TOP, right, bottom)]
    for name, fields, values in (
        ("lithology", "rock:string", (["granite"], ["schist"])),
        ("regions", "region:string", (["west"], ["east"])),
        ("landform", "landform:string", (["mountain"], ["valley"])),
        ("seismic", "zone:string", (["VII"], ["VIII"])),
        ("climate", "alpha:string,beta:double,days:integer", (["0.8", 2.5, 100], ["0.9", 2.0, 80])),
    ):
        write_layer(folder / f"{name}.gpkg", "Polygon", fields, list(zip(halves, values)))
    rivers = [
        (f"LineString ({LEFT + 500 * number} {TOP}, {LEFT + 400 * number + 300} {bottom})", [f"r{number}"])
        for number in range(1, 6)
    ]
    write_layer(folder / "rivers.gpkg", "LineString", "name:string", rivers)
    fault = f"LineString ({LEFT} {TOP - 1000}, {right} {TOP - 2500})"
    write_layer(folder / "faults.gpkg", "LineString", "", [(fault, [])])


def make_chain(folder: Path, area: Path, run: Runner) -> dict[str, Path]:
    """Run the whole chain; return stack, labels, safety factor, model, windows, susceptibility, zones."""
    names = (
        "stack.tif",
        "labels.tif",
        "safety.tif",
        "model.safetensors",
        "windows.gpkg",
        "susceptibility.tif",
        "zones.tif",
    )
    files = {name.split(".")[0]: folder / name for name in names}
    stack, labels, safety, slides = files["stack"], files["labels"], files["safety"], area / "landslides.gpkg"
    run("buildfactorstack", OUTPUT=stack, **stack_inputs(area))
    scales = {"SCALE_FIELD": "scale", "RADII": RADII}
    run("buildbufferedlabels", LANDSLIDES=slides, REFERENCE=stack, OUTPUT=labels, **scales)
    rain = {"PRECIPITATION": area / "precipitation.tif", "LANDSLIDES": slides}
    terrain = {"TOPOGRAPHY": area / "landform.gpkg", "TOPOGRAPHY_FIELD": "landform"}
    run("buildsafetyfactor", REFERENCE=stack, OUTPUT=safety, **rain, **terrain)
    outputs = {"OUTPUT": files["model"], "OUTPUT_WINDOWS": files["windows"]}
    run("trainpcum", STACK=stack, LABELS=labels, SAFETY_FACTOR=safety, **outputs, **TRAINING)
    run("predictsusceptibility", STACK=stack, MODEL=files["model"], OUTPUT=files["susceptibility"])
    run("classifyzones", SUSCEPTIBILITY=files["susceptibility"], OUTPUT=files["zones"])
    return files


def completed(
    algorithm: Any, values: dict[str, Any], area: Path, chain: dict[str, Path], folder: Path
) -> dict[str, Any]:
    """Return parameters with the required ones that are missing: inputs of the tiny area, outputs in a folder.

    An output is named after its parameter: OUTPUT_HTML is ``output_html.html``.
    """
    known = {name.upper(): path for name, path in chain.items()}
    known.update({name.upper(): area / f"{name}.tif" for name in ("dem", "precipitation")})
    known.update(REFERENCE=chain["stack"], RAIN=area / "precipitation.tif", LANDSLIDES=area / "landslides.gpkg")
    for item in algorithm.parameterDefinitions():
        if item.name() in values or item.flags() & item.Flag.FlagOptional:
            continue
        if item.isDestination():
            values[item.name()] = folder / f"{item.name().lower()}.{item.defaultFileExtension()}"
        elif item.name() in known:
            values[item.name()] = known[item.name()]
    return values
