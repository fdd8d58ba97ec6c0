"""Five regions in the batch dialog: filled from the saved batch, run, all five maps there."""

import json
from pathlib import Path

import processing
from play import Player, Scenario, later, top_window
from qgis.PyQt.QtWidgets import QFileDialog
from setup import DATA, install, start
from toolbox import layers, open_step, tidy


def as_saved_by(panel, rows):
    """Return rows in the format of this QGIS: before 3.40 values were written as Python; now that asks for consent."""
    if hasattr(panel, "load_batch_file_3_40_version"):
        return {"format": "batch_3.40", "rows": rows}
    return [
        {part: {name: repr(value) for name, value in values.items()} for part, values in row.items()} for row in rows
    ]


def scenario(player: Player) -> Scenario:
    yield from install(player)
    tidy()
    demo, regions = DATA / "demo", DATA / "regions"
    regions.mkdir(parents=True, exist_ok=True)
    dem, borders = str(demo / "dem.tif"), str(demo / "regions.gpkg")

    def run(name, **values):
        return processing.run(name, {"OUTPUT": "TEMPORARY_OUTPUT", **values})["OUTPUT"]

    run("scarp:createdemodata", SIZE=200, OUTPUT=str(demo))
    stacks = []
    for number in range(1, 6):
        expression = f"@row_number={number} or $id={number}"
        area = run("native:extractbyexpression", INPUT=borders, EXPRESSION=expression)
        stacks.append(str(regions / f"region_{number}_factors.tif"))
        run("scarp:buildfactorstack", DEM=dem, AREA=area, OUTPUT=stacks[-1])
    options = {"LANDSLIDES": str(demo / "landslides.gpkg"), "RADII": "unrecorded,150", "REFERENCE": dem}
    labels = run("scarp:buildbufferedlabels", **options, OUTPUT=str(DATA / "labels.tif"))
    whole = run("scarp:buildfactorstack", DEM=dem, OUTPUT=str(DATA / "factors.tif"))
    options = {"KIND": "logistic_regression", "STACK": whole, "LABELS": labels}
    model = run("scarp:traincomparisonmodel", **options, OUTPUT=str(DATA / "model.safetensors"))
    outputs = [path.replace("_factors", "_susceptibility") for path in stacks]
    rows = [
        {"PARAMETERS": {"STACK": stack, "MODEL": model, "REGION": f"Region {number}"}, "OUTPUTS": {"OUTPUT": output}}
        for number, (stack, output) in enumerate(zip(stacks, outputs), start=1)
    ]
    saved = DATA / "predict.json"

    dialog = yield from open_step(player, "Predict susceptibility", batch=True)
    dialog.resize(1400, 600)
    # The file dialog is QGIS's own and native; what it returns is what is loaded.
    QFileDialog.getOpenFileName = staticmethod(lambda *args, **kwargs: (str(saved), ""))
    panel = dialog.mainWidget()
    saved.write_text(json.dumps(as_saved_by(panel, rows)), encoding="utf-8")
    panel.load()
    yield player.wait(lambda: panel.batchRowCount() == 5, "five rows", 20)
    yield player.pause(1)
    panel.checkLoadLayersOnCompletion.setChecked(True)
    player.picture("batch-filled", dialog)
    later(dialog.runButton().click)
    yield player.wait(lambda: all(Path(path).is_file() for path in outputs), "five maps", 300)
    yield player.wait(lambda: not dialog.cancelButton().isEnabled(), "the batch to end", 60)
    yield player.pause(1)
    player.picture("batch-done", dialog)
    dialog.close()
    yield player.pause(1)
    player.note("layers", layers())
    player.picture("batch-layers")
    records = [json.loads(Path(f"{path}.run.json").read_text(encoding="utf-8")) for path in outputs]
    player.note("regions", [record["parameters"] for record in records])
    message = top_window("QMessageBox")
    player.note("message", message.text() if message is not None else "")


start(scenario)
