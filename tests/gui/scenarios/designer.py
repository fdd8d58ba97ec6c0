"""Scarp's graphical models open in the model designer."""

from play import Player, Scenario, later, top_window
from qgis.core import QgsApplication, QgsProcessingModelAlgorithm
from setup import install, start


def scenario(player: Player) -> Scenario:
    yield from install(player)
    from processing.modeler.ModelerDialog import ModelerDialog

    provider = QgsApplication.processingRegistry().providerById("scarp")
    models = [item for item in provider.algorithms() if isinstance(item, QgsProcessingModelAlgorithm)]
    shown = {}
    for model in models:
        # What "Edit Model…" in the Toolbox does: the designer works on a copy.
        later(lambda: ModelerDialog.create(model.create()).show())
        designer = yield player.wait(lambda: top_window("ModelerDialog"), "the model designer", 60)
        designer.resize(1480, 930)
        yield player.pause(1)
        view = designer.view()
        view.fitInView(view.scene().itemsBoundingRect().adjusted(-20, -20, 20, 20), _keep())
        yield player.pause(1)
        player.picture(f"designer-{model.name()}", designer)
        opened = designer.model()
        valid, problems = opened.validate()
        shown[model.name()] = {
            "steps": len(opened.childAlgorithms()),
            "valid": valid,
            "problems": problems,
            "python": "\n".join(opened.asPythonCode(_python(), 4)),
        }
        designer.setDirty(False)
        designer.close()
        yield player.pause()
    player.note("models", shown)


def _keep() -> object:
    from qgis.PyQt.QtCore import Qt

    return Qt.AspectRatioMode.KeepAspectRatio


def _python() -> object:
    from qgis.core import QgsProcessing

    return QgsProcessing.PythonOutputType.PythonQgsProcessingAlgorithmSubclass


start(scenario)
