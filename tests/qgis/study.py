"""The whole chain of files of the tiny study area, and a way to run algorithms; also without pytest."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable

from qgis.core import QgsApplication, QgsProcessingFeedback

from scarp.tests.qgis.tiny import RADII, TRAINING, Listener, new_context, stack_inputs

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

    def run_algorithm(algorithm: str, feedback: QgsProcessingFeedback | None = None, **parameters: Any) -> dict:
        values = {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}
        return processing.run(f"scarp:{algorithm}", values, feedback=feedback or Listener(), context=new_context())

    return run_algorithm


def make_chain(folder: Path, area: Path, run: Runner) -> dict[str, Path]:
    """Run the whole chain; return stack, labels, safety factor, model, windows, susceptibility, zones."""
    names = "stack.tif labels.tif safety.tif model.safetensors windows.gpkg susceptibility.tif zones.tif"
    files = {name.split(".")[0]: folder / name for name in names.split()}
    stack, labels, safety, slides = files["stack"], files["labels"], files["safety"], area / "landslides.gpkg"
    run("buildfactorstack", TERRAIN="none", OUTPUT=stack, **stack_inputs(area))
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


def completed(algorithm: Any, values: dict[str, Any], area: Path, chain: dict[str, Path], folder: Path) -> dict:
    """Return parameters with the required ones that are missing: inputs of the tiny area, outputs in a folder.

    An output is named after its parameter: OUTPUT_HTML is ``output_html.html``.
    """
    known = {name.upper(): path for name, path in chain.items()}
    known.update({name.upper(): area / f"{name}.tif" for name in ("dem", "precipitation")})
    known.update(REFERENCE=chain["stack"], RAIN=area / "precipitation.tif", LANDSLIDES=area / "landslides.gpkg")
    if algorithm.name() == "buildsafetyfactor" and values.get("METHOD") != "infinite_slope":
        # Optional for the other method.
        values.setdefault("PRECIPITATION", known["PRECIPITATION"])
    for item in algorithm.parameterDefinitions():
        if item.name() in values or item.flags() & item.Flag.FlagOptional:
            continue
        if item.isDestination():
            values[item.name()] = folder / f"{item.name().lower()}.{item.defaultFileExtension()}"
        elif item.name() in known:
            values[item.name()] = known[item.name()]
    return values
