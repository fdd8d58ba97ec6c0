"""From the zip to a validated map of the demo, by the dialogs of the Toolbox. The pictures are the tutorial's."""

from play import Player, Scenario, top_window
from qgis.core import QgsProject
from qgis.PyQt.QtCore import QPoint
from qgis.PyQt.QtWidgets import QPushButton
from qgis.utils import iface
from setup import DATA, FULL, entry, install, menu, start
from toolbox import close, dock, fill, layers, open_step, press_run, show_scarp, tidy, titles

SIZE = 600 if FULL else 240
DEMO_FILES = (
    "dem.tif study_area.gpkg landform.gpkg rivers.gpkg precipitation.tif temperature.tif faults.gpkg lithology.gpkg "
    "seismic.gpkg landslides.gpkg climate.gpkg"
)


def steps(files):
    """Return title and values of each dialog."""
    demo = DATA / "demo"
    of = {path: str(demo / path) for path in DEMO_FILES.split()}
    factors, susceptibility = {"STACK": files["factors"]}, {"SUSCEPTIBILITY": files["susceptibility"]}
    landform = {"LANDFORM": of["landform.gpkg"], "LANDFORM_FIELD": "landform"}
    climate = {"PRECIPITATION": of["precipitation.tif"], "TEMPERATURE": of["temperature.tif"]}
    lines = {"RIVERS": of["rivers.gpkg"], "RIVER_RADIUS": 1000, "FAULTS": of["faults.gpkg"], "FAULT_RADIUS": 3000}
    lithology = {"LITHOLOGY": of["lithology.gpkg"], "LITHOLOGY_FIELD": "lithology"}
    seismic = {"SEISMIC": of["seismic.gpkg"], "SEISMIC_FIELD": "intensity"}
    area = {"DEM": of["dem.tif"], "AREA": of["study_area.gpkg"]}
    inventory = {"LANDSLIDES": of["landslides.gpkg"], "SCALE_FIELD": "scale"}
    rain = {"PRECIPITATION": of["precipitation.tif"], "CLIMATE": of["climate.gpkg"], "RAINY_DAYS_FIELD": "rainy_days"}
    terrain = {"TOPOGRAPHY": of["landform.gpkg"], "TOPOGRAPHY_FIELD": "landform"}
    physics = {"REFERENCE": files["factors"], **rain, "ALPHA_FIELD": "alpha", "BETA_FIELD": "beta", **terrain}
    training = {"LABELS": files["labels"], "SAFETY_FACTOR": files["safety_factor"], "OUTPUT": files["model"]}
    pages = {"OUTPUT_WINDOWS": files["windows"], "OUTPUT_HTML": str(DATA / "training.html")}
    pages["OUTPUT_OUT_OF_FOLD"] = files["out_of_fold"]
    layers = {"LANDSLIDES": of["landslides.gpkg"], "ZONES": files["zones"], "OUT_OF_FOLD": files["out_of_fold"]}
    report = {"OUTPUT_HTML": files["report"], "OUTPUT_TABLE": str(DATA / "validation.csv")}
    zones = {"OUTPUT": files["zones"], "OUTPUT_TABLE": str(DATA / "zones_table.csv")}
    inputs = {**area, **landform, **lines, **climate, **lithology, **seismic}
    return (
        ("Create demo data", {"SIZE": SIZE, "OUTPUT": str(demo)}),
        ("Build factor stack", {**inputs, "OUTPUT": files["factors"]}),
        ("Build landslide labels", {**inventory, "REFERENCE": files["factors"], "OUTPUT": files["labels"]}),
        ("Build safety factor", {**physics, "OUTPUT": files["safety_factor"]}),
        ("Train PCUM", {**factors, **training, **pages}),
        ("Predict susceptibility", {**factors, "MODEL": files["model"], "OUTPUT": files["susceptibility"]}),
        ("Classify zones", {**susceptibility, **zones}),
        ("Validate with points", {**susceptibility, **layers, **report, "OUTPUT_POINTS": files["points"]}),
    )


def scenario(player: Player) -> Scenario:
    yield from install(player)
    tidy()
    yield player.pause(1)
    scarp = menu()
    player.note("menu", [action.text() for action in scarp.actions()])
    scarp.popup(iface.mainWindow().mapToGlobal(QPoint(420, 60)))
    yield player.pause()
    player.picture("01-menu")
    scarp.close()

    entry("Install").trigger()
    dialog = yield player.wait(lambda: top_window("InstallDialog"), "the install dialog", 20)
    # It first inspects Pythons, graphics cards and disk space.
    yield player.wait(
        lambda: any(button.isEnabled() and "Install" in button.text() for button in dialog.findChildren(QPushButton)),
        "the dialog to be ready",
        60,
    )
    yield player.pause(1)
    player.picture("02-install", dialog)
    dialog.close()
    entry("Diagnostics").trigger()
    dialog = yield player.wait(lambda: top_window("DiagnosticsDialog"), "the diagnostics", 20)
    yield player.pause(3)
    player.picture("diagnostics", dialog)
    dialog.close()

    player.note("titles", titles())
    show_scarp()
    yield player.pause()
    player.picture("03-toolbox")

    tif = "factors labels safety_factor out_of_fold susceptibility zones".split()
    files = {name: str(DATA / f"{name}.tif") for name in tif}
    files.update(model=str(DATA / "model.safetensors"), windows=str(DATA / "windows.gpkg"))
    files.update(report=str(DATA / "report.html"), points=str(DATA / "points.gpkg"))
    player.note("files", files)
    DATA.mkdir(parents=True, exist_ok=True)
    numbers = {}
    for number, (title, values) in enumerate(steps(files), start=4):
        if title == "Train PCUM":
            entry("Training").trigger()
            yield player.pause(1)
        dialog = yield from open_step(player, title)
        fill(dialog, **values)
        yield player.pause(1)
        word = title.lower().replace(" ", "-")
        player.picture(f"{number:02d}-{word}", dialog)
        done, results = yield from press_run(player, dialog, 600)
        numbers[title] = {name: value for name, value in results.items() if isinstance(value, (int, float))}
        player.picture(f"{number:02d}-{word}-log", dialog)
        if not done:
            raise RuntimeError(f"{title} failed; see its picture")
        yield from close(player, dialog)
        if title == "Train PCUM":
            yield player.pause(3)
            player.note("training_says", dock("ScarpDock").training.status_text.text())
            dock("ScarpDock").raise_()
            player.picture("08-training-dock")
            dock("ScarpDock").hide()
        if title in ("Build factor stack", "Predict susceptibility", "Classify zones", "Validate with points"):
            layer = [item for item in QgsProject.instance().mapLayers().values() if item.source() == files["factors"]]
            iface.mapCanvas().setExtent(layer[0].extent())
            iface.mapCanvas().refresh()
            yield player.wait(lambda: not iface.mapCanvas().isDrawing(), "the map to be drawn", 60)
            yield player.pause(1)
            player.picture(f"{number:02d}-{word}-map")
    player.note("numbers", numbers)
    player.note("layers", layers())
    results = dock("ResultsDock") or dock("Results Viewer")
    if results is not None:
        results.setUserVisible(True)
        yield player.pause(1)
        tree = results.treeResults
        player.note("reports", [tree.topLevelItem(row).text(0) for row in range(tree.topLevelItemCount())])
        player.picture("12-results-viewer")


start(scenario)
