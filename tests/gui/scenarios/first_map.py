"""From the zip to a validated map of the demo, by the dialogs of the Toolbox. The pictures are the tutorial's."""

from play import Player, Scenario, top_window
from qgis.core import QgsProject
from qgis.PyQt.QtCore import QPoint
from qgis.PyQt.QtWidgets import QPushButton
from qgis.utils import iface
from setup import DATA, FULL, entry, install, menu, start
from toolbox import close, dock, fill, layers, open_step, press_run, show_scarp, tidy, titles

SIZE = 600 if FULL else 240
TRAINING = {} if FULL else {"EPOCHS": 6}
RADII = ["giant", 300, "large", 250, "medium", 200, "small", 150, "unrecorded", 150]


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
    # It first looks at the computer: which Pythons, which graphics card, how much room.
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

    files = {
        name: str(DATA / f"{name}.{ending}")
        for name, ending in (
            ("factors", "tif"),
            ("labels", "tif"),
            ("safety_factor", "tif"),
            ("model", "safetensors"),
            ("windows", "gpkg"),
            ("training", "html"),
            ("susceptibility", "tif"),
            ("zones", "tif"),
            ("zones_table", "csv"),
            ("report", "html"),
            ("validation", "csv"),
            ("points", "gpkg"),
        )
    }
    demo = DATA / "demo"
    player.note("files", {**files, "demo": str(demo)})
    DATA.mkdir(parents=True, exist_ok=True)

    steps = (
        ("Create demo data", {"SIZE": SIZE, "OUTPUT": str(demo)}),
        (
            "Build factor stack",
            {
                "DEM": str(demo / "dem.tif"),
                "AREA": str(demo / "study_area.gpkg"),
                "LANDFORM": str(demo / "landform.gpkg"),
                "LANDFORM_FIELD": "landform",
                "RIVERS": str(demo / "rivers.gpkg"),
                "RIVER_RADIUS": 1000,
                "PRECIPITATION": str(demo / "precipitation.tif"),
                "TEMPERATURE": str(demo / "temperature.tif"),
                "FAULTS": str(demo / "faults.gpkg"),
                "FAULT_RADIUS": 3000,
                "LITHOLOGY": str(demo / "lithology.gpkg"),
                "LITHOLOGY_FIELD": "lithology",
                "SEISMIC": str(demo / "seismic.gpkg"),
                "SEISMIC_FIELD": "intensity",
                "OUTPUT": files["factors"],
            },
        ),
        (
            "Build landslide labels",
            {
                "LANDSLIDES": str(demo / "landslides.gpkg"),
                "SCALE_FIELD": "scale",
                "RADII": RADII,
                "REFERENCE": files["factors"],
                "OUTPUT": files["labels"],
            },
        ),
        (
            "Build safety factor",
            {
                "REFERENCE": files["factors"],
                "PRECIPITATION": str(demo / "precipitation.tif"),
                "CLIMATE": str(demo / "climate.gpkg"),
                "ALPHA_FIELD": "alpha",
                "BETA_FIELD": "beta",
                "RAINY_DAYS_FIELD": "rainy_days",
                "TOPOGRAPHY": str(demo / "landform.gpkg"),
                "TOPOGRAPHY_FIELD": "landform",
                "OUTPUT": files["safety_factor"],
            },
        ),
        (
            "Train PCUM",
            {
                "STACK": files["factors"],
                "LABELS": files["labels"],
                "SAFETY_FACTOR": files["safety_factor"],
                "OUTPUT": files["model"],
                "OUTPUT_WINDOWS": files["windows"],
                "OUTPUT_HTML": files["training"],
                **TRAINING,
            },
        ),
        (
            "Predict susceptibility",
            {"STACK": files["factors"], "MODEL": files["model"], "OUTPUT": files["susceptibility"]},
        ),
        (
            "Classify zones",
            {"SUSCEPTIBILITY": files["susceptibility"], "OUTPUT": files["zones"], "OUTPUT_TABLE": files["zones_table"]},
        ),
        (
            "Validate with points",
            {
                "SUSCEPTIBILITY": files["susceptibility"],
                "LANDSLIDES": str(demo / "landslides.gpkg"),
                "ZONES": files["zones"],
                "WINDOWS": files["windows"],
                "OUTPUT_HTML": files["report"],
                "OUTPUT_TABLE": files["validation"],
                "OUTPUT_POINTS": files["points"],
            },
        ),
    )
    gaps, numbers = {}, {}
    for number, (title, values) in enumerate(steps, start=4):
        if title == "Train PCUM":
            entry("Training").trigger()
            yield player.pause(1)
        dialog = yield from open_step(player, title)
        fill(dialog, **values)
        yield player.pause(1)
        word = title.lower().replace(" ", "-")
        player.picture(f"{number:02d}-{word}", dialog)
        player.heart.restart()
        done, results = yield from press_run(player, dialog, 600)
        gaps[title] = round(player.heart.longest, 3)
        numbers[title] = {name: value for name, value in results.items() if isinstance(value, (int, float))}
        player.picture(f"{number:02d}-{word}-log", dialog)
        if not done:
            raise RuntimeError(f"{title} failed; see its picture")
        yield from close(player, dialog)
        if title == "Train PCUM":
            yield player.pause(3)
            dock("Training").raise_()
            player.picture("08-training-dock")
            dock("Training").hide()
        if title in ("Build factor stack", "Predict susceptibility", "Classify zones", "Validate with points"):
            layer = [item for item in QgsProject.instance().mapLayers().values() if item.source() == files["factors"]]
            iface.mapCanvas().setExtent(layer[0].extent())
            iface.mapCanvas().refresh()
            yield player.wait(lambda: not iface.mapCanvas().isDrawing(), "the map to be drawn", 60)
            yield player.pause(1)
            player.picture(f"{number:02d}-{word}-map")
    player.note("gaps", gaps)
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
