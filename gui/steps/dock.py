"""The dock *Scarp*: six steps from data to report, each with its state, its page and its buttons."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QSize, Qt, QTimer, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices, QHideEvent, QShowEvent
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDialog,
    QDockWidget,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QTextBrowser,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...algorithms.base.styles import about
from ...model.validation.verdict import DO_NOT_USE, USABLE, WEAK
from ...translation import tr
from ..algorithm_dialog import create_dialog
from ..factor_layers import show_factors
from ..function_task import filled, wrapped_label
from ..training_page import TrainingPage
from .chain import CHECK, DATA, REPORT, STEP, STEPS, TRAIN
from .control import Control, advice
from .icons import state_icon, verdict_colour
from .inputs_form import InputsForm
from .kinds import KindBox
from .loading import add_result, layer_of
from .page import StepPage
from .states import DONE, OUTDATED, StepState, next_step
from .texts import RUNNING, WAITING, key_number, run_label, sentences, state_word, titles, verdict_text

ROW_SPACE = 8  # pixels around the letters of a row
LOOK_MS = 5000  # milliseconds between two looks at the files of the steps, while the dock is visible
TITLE, RESULT, STATE = range(3)
_DOCUMENTS = (".html", ".pdf", ".csv")
_LAYERS = (".tif", ".gpkg")


class StepsDock(QDockWidget):
    """The dock; what it shows it asks of its :class:`Control`."""

    details_wanted = pyqtSignal()  # title, author and more of the documents

    def __init__(self, iface: Any, parent: QWidget | None = None) -> None:
        super().__init__(tr("Scarp"), parent, objectName="ScarpDock")
        self.iface = iface
        project: Any = QgsProject.instance()
        self.control = Control(project, self)
        self.regions = QComboBox()
        self.steps = QTreeWidget(rootIsDecorated=False, uniformRowHeights=True, objectName="ScarpSteps")
        self.pages: dict[str, StepPage] = {}  # of the steps that were selected so far
        self._stack = QStackedWidget()
        self.message = wrapped_label()
        self.next_button = QPushButton(tr("Next"), clicked=self.run_next)
        self.all_button = QPushButton(tr("Run all"), clicked=self.run_all)
        self.cancel_button = QPushButton(tr("Cancel"), clicked=self.control.cancel)
        self._advice = ""  # the message, while it says what to do next
        self._bars: dict[str, QProgressBar] = {}
        self._dialogs: list[Any] = []
        self._timer = QTimer(self, interval=LOOK_MS, timeout=self.control.look)
        self.setWidget(self._body())
        # Once for all changes of one turn of the event loop: a run that loads its layers makes several.
        self._redraw = QTimer(self, singleShot=True, interval=0, timeout=self.refresh)
        self.control.changed.connect(self._redraw.start)
        self.control.progressed.connect(self._show_progress)
        self.control.step_started.connect(self.choose)
        self.control.said.connect(self.say)
        # The window shows the dock before the first page is made.
        self.cancel_button.hide()
        for button in (self.next_button, self.all_button):
            button.setEnabled(False)
        self._redraw.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for the states, now and while the dock is visible."""
        super().showEvent(event)
        self.control.look()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Look no more."""
        self._timer.stop()
        super().hideEvent(event)

    def shut_down(self) -> None:
        """Cancel what runs; called before the plugin is unloaded."""
        self.control.changed.disconnect(self._redraw.start)
        for timer in (self._timer, self._redraw):
            timer.stop()
        self.control.shut_down()

    @cached_property
    def form(self) -> InputsForm:
        """The layers on the page of the data."""
        form = InputsForm()
        form.layer_chosen.connect(self.control.choose_layer)
        form.field_chosen.connect(self.control.choose_field)
        return form

    @cached_property
    def training(self) -> TrainingPage:
        """The curves on the page of the training."""
        return TrainingPage()

    @cached_property
    def kinds(self) -> KindBox:
        """The choice of the kind of model on that page."""
        box = KindBox()
        box.chosen.connect(self.control.choose_kind)
        return box

    @property
    def current(self) -> str:
        """The step that is selected."""
        item = self.steps.currentItem()
        return DATA if item is None else str(item.data(TITLE, int(Qt.ItemDataRole.UserRole)))

    def choose(self, step: str) -> None:
        """Select a step."""
        self.steps.setCurrentItem(self._item(step))

    def run_next(self) -> None:
        """Run the first step that is not done."""
        step = next_step(self.control.states)
        if step:
            self._run([step])

    def run_all(self) -> None:
        """Run all steps that are not done, and those that follow from them."""
        names = self.control.steps_to_run()
        if names:
            self._run(names, everything=True)
        else:
            self.say(tr("All steps are done and up to date. To make one again, use its own button."))

    def say(self, text: str) -> None:
        """Show a message below the steps."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def open_dialog(self, step: str, number: int) -> None:
        """Open the dialog of a step, filled in; what is run there counts here."""
        region = self.control.region
        call = region.calls(step)[number]
        dialog: Any = create_dialog(self.control.algorithm(call.algorithm).create())
        if dialog is None:
            self.say(tr("This version of QGIS opens the dialog from the Toolbox only."))
            return
        dialog.setParameters(self.control.dialog_values(step, number))
        self._dialogs = [one for one in self._dialogs if _is_open(one)]
        self._dialogs.append(dialog)
        dialog.algorithmFinished.connect(
            lambda done, results: self.control.adopt(region, step, number, results) if done else None
        )
        dialog.show()

    def refresh(self) -> None:
        """Draw everything again."""
        control, run = self.control, self.control.run
        running = run is not None and control.run_region is control.region
        waiting = run.steps if run is not None and running else []
        self._show_regions()
        for step in STEPS:
            self._show_row(step.name, control.state(step.name), waiting)
        # The others are drawn when they are selected.
        self._show_page(self.current)
        following = next_step(control.states) if control.states else ""
        idle = run is None
        text = tr("Next: {step}").format(step=run_label(following, False)) if following else tr("Next")
        self.next_button.setText(text)
        self.next_button.setEnabled(idle and bool(following))
        self.all_button.setEnabled(idle and bool(control.states))
        self.cancel_button.setVisible(not idle)
        self.next_button.setVisible(idle)
        self.all_button.setVisible(idle)
        if idle and self.message.text() in ("", self._advice):
            self._advice = advice(control)
            self.say(self._advice)

    def follow_link(self, step: str, address: str) -> None:
        """Show a layer or every factor on the map, open a document, or show the folder."""
        kind, _, rest = address.partition(":")
        if kind == "factors":
            control = self.control
            path = control.regions.file(control.region, "factors")
            show_factors(control.regions.project, path, about(control.region.name), self.say)
        elif kind == "folder":
            self._open(self.control.regions.folder(self.control.region))
        elif kind == "layer":
            self._show_layer(self.control.regions.project.mapLayer(rest))
        elif Path(rest).suffix.lower() in _LAYERS:
            self._show_result(step, rest)
        elif Path(rest).suffix.lower() in _DOCUMENTS:
            self._open(rest)
        else:
            self._open(str(Path(rest).parent))

    def _body(self) -> QWidget:
        names = titles()
        self.steps.setHeaderHidden(True)
        self.steps.setColumnCount(3)
        header = self.steps.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(TITLE, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(RESULT, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(STATE, QHeaderView.ResizeMode.ResizeToContents)
        self.steps.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for number, step in enumerate(STEPS, start=1):
            item = QTreeWidgetItem([f"{number} {names[step.name]}", "", ""])
            item.setData(TITLE, int(Qt.ItemDataRole.UserRole), step.name)
            font = item.font(TITLE)
            font.setBold(True)
            item.setFont(TITLE, font)
            self.steps.addTopLevelItem(item)
        row = self.fontMetrics().height() + ROW_SPACE
        self.steps.topLevelItem(0).setSizeHint(RESULT, QSize(6 * row, row))
        self.steps.setFixedHeight(len(STEPS) * row + 4)
        self.steps.setCurrentItem(self.steps.topLevelItem(0))
        self.steps.currentItemChanged.connect(self._select)
        bold = self.next_button.font()
        bold.setBold(True)
        self.next_button.setFont(bold)
        self.all_button.setToolTip(tr("Run every step that is not done, in the background"))
        buttons = filled(QHBoxLayout(), (self.next_button, 1), self.all_button, (self.cancel_button, 1))
        whole = QWidget()
        parts = (self._region_bar(), self.steps, (self._stack, 1), self.message, buttons)
        filled(QVBoxLayout(whole, spacing=5), *parts).setContentsMargins(5, 5, 5, 5)
        return whole

    def _page(self, step: str) -> StepPage:
        """Return the page of a step, made when it is first selected."""
        if step not in self.pages:
            calls = STEP[step].calls
            page = self.pages[step] = StepPage(
                [self.control.algorithm(call.algorithm).title() for call in calls], self._parts(step), step == REPORT
            )
            page.run_wanted.connect(partial(self._run, [step]))
            page.dialog_wanted.connect(partial(self.open_dialog, step))
            page.link_clicked.connect(partial(self.follow_link, step))
            page.log_wanted.connect(partial(self._show_log, step))
            self._stack.addWidget(page)
        return self.pages[step]

    def _parts(self, step: str) -> list[QWidget]:
        """Return what only the page of this step has."""
        if step == DATA:
            return [self.form]
        if step == TRAIN:
            return [self.kinds, self.training]
        if step == REPORT:
            details = QPushButton(tr("Document details…"), clicked=lambda *_: self.details_wanted.emit())
            details.setToolTip(tr("Title, author, organisation, logo and more of the reports and the map sheet"))
            return [details, QWidget()]
        return []

    def _select(self, *_: Any) -> None:
        """Show the page of the step that is selected."""
        self._stack.setCurrentWidget(self._page(self.current))
        self._show_page(self.current)

    def _region_bar(self) -> QHBoxLayout:
        self.regions.setToolTip(tr("The region: each has its own layers, results and state"))
        self.regions.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.regions.activated.connect(lambda *_: self.control.regions.choose(self.regions.currentIndex()))
        button = self._region_button
        return filled(
            QHBoxLayout(),
            (self.regions, 1),
            button("symbologyAdd.svg", tr("Add a region…"), self._add_region),
            button("mActionEditTable.svg", tr("Rename this region…"), self._rename_region),
            button("symbologyRemove.svg", tr("Remove this region; its files stay"), self._remove_region),
            button("mIconFolderOpen.svg", tr("Choose the folder of this region's results…"), self._choose_folder),
        )

    def _region_button(self, icon: str, tip: str, slot: Any) -> QToolButton:
        button = QToolButton(icon=QgsApplication.getThemeIcon(icon), toolTip=tip, autoRaise=True)
        button.clicked.connect(lambda *_: slot())
        return button

    def _show_regions(self) -> None:
        regions = self.control.regions
        names = [region.name for region in regions.regions]
        if [self.regions.itemText(row) for row in range(self.regions.count())] != names:
            self.regions.clear()
            self.regions.addItems(names)
        self.regions.setCurrentIndex(regions.regions.index(regions.current))
        self.regions.setToolTip(tr("Results lie in {folder}").format(folder=regions.folder(regions.current)))

    def _show_row(self, step: str, state: StepState, waiting: list[str]) -> None:
        item = self._item(step)
        word = state.state if step not in waiting else RUNNING if waiting[0] == step else WAITING
        bar = self._bars.get(step)
        if word == RUNNING and bar is None:
            bar = self._bars[step] = QProgressBar(maximum=1000, textVisible=True)
            bar.setFormat("%p %")
            bar.setMaximumHeight(self.fontMetrics().height() + 4)
            self.steps.setItemWidget(item, RESULT, bar)
        elif word != RUNNING and bar is not None:
            self.steps.removeItemWidget(item, RESULT)
            del self._bars[step]
        item.setIcon(TITLE, state_icon(word))
        item.setText(RESULT, key_number(step, state) if word != RUNNING else "")
        item.setForeground(RESULT, verdict_colour(_level(step, state), self.message.palette()))
        item.setText(STATE, state_word(word))

    def _show_page(self, step: str) -> None:
        page, control = self._page(step), self.control
        state = control.state(step)
        if step == DATA:
            self.form.show_layers(control.regions.layers(control.region), control.fields())
            self.form.setEnabled(control.run is None)
        if step == TRAIN:
            self.kinds.show_choice(control.region.choosing, state)
            self.kinds.setEnabled(control.run is None)
        calls = control.region.calls(step)
        labels = {name: text for call in calls for name, text in control.labels(call.algorithm).items()}
        missing = control.missing(step) if control.states else ""
        said = sentences(step, state, labels) + ([missing] if missing and state.state != OUTDATED else [])
        page.show_texts(
            "\n".join(said), verdict_text(step, state), _level(step, state), control.in_words(step, state.warnings)
        )
        page.show_links(self._taken(step), self._made(step))
        done = state.state == DONE
        can_run = control.run is None and bool(control.states) and not missing
        page.show_buttons(run_label(step, done), can_run, missing, (control.region.name, step) in control.logs)

    def _taken(self, step: str) -> list[tuple[str, str]]:
        """Return the layers and files that a step reads; the form of the first step has the layers already."""
        control, found = self.control, {}
        layers = control.regions.layers(control.region)
        calls = control.region.calls(step)
        for number, call in enumerate(calls):
            for name in call.layers if step != DATA else ():
                layer = layers.get(name)
                if layer is not None:
                    found[f"layer:{layer.id()}"] = str(layer.name())
            recorded = control.recorded(step, number)
            files = [
                *call.files.items(),
                *((name, key) for name, key in call.optional_files.items() if recorded.get(name)),
            ]
            for name, key in files:
                path = control.regions.file(control.region, key)
                written_here = any(key in one.outputs.values() for one in calls)
                if not written_here and any(key in state.files for state in control.states.values()):
                    found[f"file:{path}"] = control.labels(call.algorithm)[name]
        return list(found.items())

    def _made(self, step: str) -> list[tuple[str, str]]:
        """Return what a step has written; for the last step all documents of the region."""
        found = {}
        for name in [one.name for one in STEPS] if step == REPORT else [step]:
            title = titles()[name]
            files = self.control.state(name).files
            for call in self.control.region.calls(name):
                for output, key in call.outputs.items():
                    if key in files and (step != REPORT or Path(files[key]).suffix.lower() in _DOCUMENTS):
                        label = self.control.labels(call.algorithm)[output]
                        text = label if step != REPORT else f"{title}: {label}"
                        found[f"file:{files[key]}"] = text
        if step == DATA and "factors" in self.control.state(DATA).files:
            found["factors:"] = tr("Show every factor")
        return [*found.items(), ("folder:", tr("Folder"))] if found else []

    def _show_progress(self, step: str, share: float, text: str) -> None:
        if self.control.run_region is not self.control.region:
            return
        bar = self._bars.get(step)
        if bar is not None:
            bar.setValue(round(1000 * share))
            bar.setToolTip(text)
        self.say(f"{titles()[step]}: {text}" if text else titles()[step])

    def _run(self, names: list[str], everything: bool = False) -> None:
        if not self.control.run_steps(names, everything) and self.control.run is None:
            self.choose(names[0])

    def _show_layer(self, layer: Any) -> None:
        if layer is None:
            return
        self.iface.setActiveLayer(layer)
        node = self.control.regions.project.layerTreeRoot().findLayer(layer.id())
        if node is not None:
            node.setItemVisibilityCheckedParentRecursive(True)
        self.iface.zoomToActiveLayer()

    def _show_result(self, step: str, path: str) -> None:
        project = self.control.regions.project
        layer = layer_of(project, path)
        if layer is None:
            # Removed from the project, or made by another session.
            layer = add_result(project, path, self.control.region.name)
        if layer is None:
            self.say(tr("{file} cannot be opened as a layer.").format(file=Path(path).name))
            return
        self._show_layer(layer)

    def _open(self, path: str) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            self.say(tr("No program on this computer opens {file}.").format(file=path))

    def _show_log(self, step: str) -> None:
        box = QDialog(self, windowTitle=f"{tr('Log')}: {titles()[step]}")
        text = QTextBrowser()
        text.setHtml(self.control.logs.get((self.control.region.name, step), ""))
        filled(QVBoxLayout(box), text)
        box.resize(700, 500)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.show()

    def _add_region(self) -> None:
        name, accepted = QInputDialog.getText(self, tr("Add a region"), tr("Name of the region:"))
        if accepted:
            self.control.regions.add(name)

    def _rename_region(self) -> None:
        region = self.control.region
        title, label = tr("Rename the region"), tr("Name of the region:")
        name, accepted = QInputDialog.getText(self, title, label, text=region.name)
        if accepted and name.strip() and name != region.name:
            self.control.regions.rename(name)

    def _remove_region(self) -> None:
        if self.control.run is not None and self.control.run_region is self.control.region:
            self.say(tr("This region is being worked on. Cancel first."))
            return
        text = tr('Remove the region "{name}" from the project? Its files and layers stay.')
        question = text.format(name=self.control.region.name)
        if QMessageBox.question(self, tr("Scarp"), question) == QMessageBox.StandardButton.Yes:
            self.control.regions.remove()

    def _choose_folder(self) -> None:
        if self.control.run is not None:
            self.say(tr("This region is being worked on. Cancel first."))
            return
        regions = self.control.regions
        folder = regions.folder(regions.current)
        found = QFileDialog.getExistingDirectory(self, tr("Folder of the results"), folder)
        if found:
            regions.move(found)

    def _item(self, step: str) -> QTreeWidgetItem:
        return self.steps.topLevelItem([one.name for one in STEPS].index(step))


def _level(step: str, state: StepState) -> str:
    """Return the level of a verdict by which a result is coloured; findings of the check count as one."""
    if not state.started:
        return ""
    if step == CHECK:
        numbers = state.numbers
        return DO_NOT_USE if numbers.get("ERRORS") else WEAK if numbers.get("WARNINGS") else USABLE
    return state.verdict


def _is_open(dialog: Any) -> bool:
    try:
        return bool(dialog.isVisible())
    except RuntimeError:
        # Qt has deleted it.
        return False
