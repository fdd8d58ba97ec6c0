"""Scarp's graphical models open in the model designer."""

from play import Player, Scenario, later, top_window
from qgis.core import QgsApplication, QgsProcessing, QgsProcessingModelAlgorithm
from qgis.PyQt.QtCore import Qt
from setup import install, start


def scenario(player: Player) -> Scenario:
    yield from install(player)
    from processing.modeler.ModelerDialog import ModelerDialog

    provider = QgsApplication.processingRegistry().providerById("scarp")
    models = [item for item in provider.algorithms() if isinstance(item, QgsProcessingModelAlgorithm)]
    shown = {}
    for model in models:
        # What "Edit Model…" in the Toolbox does: the designer works on a copy.
        later(lambda model=model: ModelerDialog.create(model.create()).show())
        designer = yield player.wait(lambda: top_window("ModelerDialog"), "the model designer", 60)
        designer.resize(1480, 930)
        yield player.pause(1)
        view = designer.view()
        bounds = view.scene().itemsBoundingRect().adjusted(-20, -20, 20, 20)
        view.fitInView(bounds, Qt.AspectRatioMode.KeepAspectRatio)
        yield player.pause(1)
        player.picture(f"designer-{model.name()}", designer)
        opened = designer.model()
        valid, problems = opened.validate()
        python = opened.asPythonCode(QgsProcessing.PythonOutputType.PythonQgsProcessingAlgorithmSubclass, 4)
        shown[model.name()] = {"valid": valid, "problems": problems, "python": "\n".join(python)}
        designer.setDirty(False)
        designer.close()
        yield player.pause()
    player.note("models", shown)


start(scenario)
