"""A training that is cancelled in its dialog stops and leaves nothing; another keeps its best."""

import time

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
    processing.run(
        "scarp:buildbufferedlabels",
        {
            "LANDSLIDES": str(demo / "landslides.gpkg"),
            "RADII": "unrecorded,150",
            "REFERENCE": str(stack),
            "OUTPUT": str(labels),
        },
    )
    entry("Training").trigger()
    for name in ("cancelled", "stopped"):
        output = DATA / f"{name}.safetensors"
        dialog = yield from open_step(player, "Train PCUM")
        fill(
            dialog, STACK=str(stack), LABELS=str(labels), PHYSICS="none", EPOCHS=5000, PATIENCE=5000, OUTPUT=str(output)
        )
        ended = []
        dialog.algorithmFinished.connect(lambda done, results: ended.append((done, time.perf_counter())))
        later(dialog.runButton().click)
        training = dock("Training")
        yield player.wait(lambda: _epochs(training) >= 3, "three epochs in the dock", 180)
        yield player.pause(2)
        player.picture(f"{name}-running")
        player.heart.restart()
        pressed = time.perf_counter()
        if name == "cancelled":
            dialog.cancelButton().click()
        else:
            training.stop_button.click()
        yield player.wait(lambda: ended, "the training to end", 60)
        player.note(
            name,
            {
                "seconds": round(ended[0][1] - pressed, 2),
                "done": ended[0][0],
                "left": sorted(path.name for path in DATA.iterdir() if name in path.name),
                "gap": round(player.heart.longest, 3),
            },
        )
        yield player.wait(lambda: not _epochs(training), "the dock to notice", 30)
        yield player.pause(1)
        player.note(f"{name}_says", training.status_text.text())
        player.picture(f"{name}-after")
        yield from close(player, dialog)


def _epochs(training: object) -> int:
    """Return how many epochs the dock says the running training has behind it, as it stands in its list."""
    for row in range(training.list.topLevelItemCount()):
        item = training.list.topLevelItem(row)
        texts = [item.text(column) for column in range(item.columnCount())]
        if "running" in texts:
            return int(next(text for text in texts if "/" in text).split("/")[0])
    return 0


start(scenario)
