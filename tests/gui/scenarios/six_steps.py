"""The dock, by clicks: layers of the demo, Next, Run all, then the project opened again from another folder."""

import shutil

import processing
from play import Player, Scenario
from qgis.core import QgsProject
from qgis.PyQt.QtWidgets import QPushButton
from qgis.utils import iface
from setup import DATA, entry, install, start
from toolbox import dock, layers, tidy

LAYERS = "study_area landform lithology seismic rivers faults landslides".split()
SECONDS = 800


def scenario(player: Player) -> Scenario:
    yield from install(player)
    tidy()
    work = DATA / "work"
    work.mkdir(parents=True)
    processing.run("scarp:createdemodata", {"SIZE": 200, "OUTPUT": str(work / "demo")})
    for name in ("dem", "precipitation", "temperature"):
        iface.addRasterLayer(str(work / "demo" / f"{name}.tif"), name)
    for name in LAYERS:
        iface.addVectorLayer(str(work / "demo" / f"{name}.gpkg"), name, "ogr")
    project = QgsProject.instance()
    project.write(str(work / "valley.qgz"))
    entry("step by step").trigger()
    yield player.wait(lambda: shown() is not None and all(states()), "the dock to know its states", 60)
    player.note("at first", states())
    player.note("width", shown().width())
    player.picture("1-opened")

    button("Next").click()
    yield player.wait(lambda: not running() and states()[0] == "done", "the data", SECONDS)
    player.note("after next", states())
    button("Run all").click()
    yield player.wait(lambda: shown().current == "train", "the training", SECONDS)
    yield player.pause(3)
    player.picture("2-training")
    yield player.wait(lambda: not running(), "the end of the chain", SECONDS)
    yield player.wait(lambda: set(states()) == {"done"}, "all states", 30)
    player.picture("3-all-done")
    player.note("at the end", states())
    player.note("results", [shown().steps.topLevelItem(row).text(1) for row in range(6)])
    player.note("made", shown().pages["report"].made.text())
    player.note("layers", layers())

    shown().choose("train")
    yield player.pause(1)
    player.note("training_says", shown().training.status_text.text())
    player.picture("4-train")

    # Saved, moved, opened again.
    project.write()
    project.clear()
    shutil.move(work, DATA / "moved")
    project.read(str(DATA / "moved" / "valley.qgz"))
    yield player.wait(lambda: set(states()) == {"done"}, "the states after the move", 60)
    player.note("moved", states())
    shown().control.choose_layer("FAULTS", "")
    yield player.wait(lambda: states()[0] == "outdated", "the data to be outdated", 60)
    player.note("without faults", states())
    shown().choose("data")
    player.note("says", shown().pages["data"].headline.text())
    player.picture("5-outdated")


def shown():
    return dock("ScarpDock")


def states() -> list:
    """Return the state of each step as the dock shows it; nothing before it knows them."""
    if not shown().control.states:
        return []
    return [shown().steps.topLevelItem(row).text(2) for row in range(6)]


def running() -> bool:
    return shown().control.run is not None


def button(words: str) -> QPushButton:
    return next(one for one in shown().findChildren(QPushButton) if words in one.text() and one.isVisible())


start(scenario)
