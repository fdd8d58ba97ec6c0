"""A training that is cancelled in its dialog stops and leaves nothing; another keeps its best."""

import processing
from play import Player, Scenario, later
from setup import DATA, entry, install, start
from toolbox import close, dock, fill, open_step, tidy


def scenario(player: Player) -> Scenario:
    yield from install(player)
    tidy()
    demo = DATA / "demo"
    DATA.mkdir(parents=True, exist_ok=True)
    stack, labels = DATA / "factors.tif", DATA / "labels.tif"
    processing.run("scarp:createdemodata", {"SIZE": 200, "OUTPUT": str(demo)})
    processing.run("scarp:buildfactorstack", {"DEM": str(demo / "dem.tif"), "OUTPUT": str(stack)})
    options = {"LANDSLIDES": str(demo / "landslides.gpkg"), "RADII": "unrecorded,150", "REFERENCE": str(stack)}
    processing.run("scarp:buildbufferedlabels", {**options, "OUTPUT": str(labels)})
    entry("Training").trigger()
    for name in ("cancelled", "stopped"):
        yield from train(player, name, {"STACK": str(stack), "LABELS": str(labels)})


def train(player: Player, name: str, inputs: dict) -> Scenario:
    """Start a training and cancel it in its dialog, or stop it in the dock."""
    output = DATA / f"{name}.safetensors"
    dialog = yield from open_step(player, "Train PCUM")
    fill(dialog, **inputs, PHYSICS="none", EPOCHS=5000, PATIENCE=5000, OUTPUT=str(output))
    ended = []
    dialog.algorithmFinished.connect(lambda done, results: ended.append(done))
    later(dialog.runButton().click)
    training = dock("ScarpDock").training
    yield player.wait(lambda: _epochs(training) >= 3, "three epochs in the dock", 180)
    yield player.pause(2)
    player.picture(f"{name}-running")
    if name == "cancelled":
        dialog.cancelButton().click()
    else:
        training.stop_button.click()
    # A cancelled dialog does not say that it has ended in newer versions of QGIS.
    yield player.wait(lambda: ended or not dialog.cancelButton().isEnabled(), "the training to end", 60)
    yield player.pause(0.5)
    left = sorted(path.name for path in DATA.iterdir() if name in path.name)
    player.note(name, {"done": bool(ended) and ended[0], "left": left})
    yield player.wait(lambda: not _epochs(training), "the dock to notice", 30)
    yield player.pause(1)
    player.note(f"{name}_says", training.status_text.text())
    player.picture(f"{name}-after")
    yield from close(player, dialog)


def _epochs(training: object) -> int:
    """Return the number of epochs of the running training in the dock's list."""
    for row in range(training.list.topLevelItemCount()):
        item = training.list.topLevelItem(row)
        texts = [item.text(column) for column in range(item.columnCount())]
        if "running" in texts:
            return int(next(text for text in texts if "/" in text).split("/")[0])
    return 0


start(scenario)
