"""The dialog *Install what Scarp needs…*: installs, repairs and removes the private environment, with live output."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Callable

from qgis.core import QgsNetworkAccessManager, QgsSettings
from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget, QgsMessageBar, QgsPasswordLineEdit
from qgis.PyQt import QtWidgets
from qgis.PyQt.QtCore import Qt, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtNetwork import QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery

from ..environment import builds, disk_space
from ..environment.failures import InstallCancelled, InstallFailed
from ..environment.install import Installer, Request
from ..environment.interpreter import Interpreter, PythonInfo, StartError, all_interpreters, probe
from ..environment.private import EnvironmentState, PrivateEnvironment, default_folder
from ..environment.sources import Proxy, Source, SourceKind, custom_index_settings
from ..processing_provider.dependencies import installation_title
from ..translation import tr
from .function_task import FunctionTask, TaskDialog, filled, program_output, wrapped_label

FOLDER = "scarp/environment/folder"


class InstallDialog(TaskDialog):
    """Stays open beside QGIS; an installation continues when it is closed, and opening it again shows it."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Install what Scarp needs"))
        self.resize(720, 640)
        self._stopping = False
        self.bar, self.state = QgsMessageBar(), wrapped_label()
        self.state.setTextFormat(Qt.TextFormat.RichText)
        self.form = InstallForm(default_folder(), proxy_of_qgis(), self)
        self.form.python_chosen.connect(self.probe_python)
        self.form.folder.fileChanged.connect(self._show_state)
        self.step, self.progress = QtWidgets.QLabel(), QtWidgets.QProgressBar(minimum=0, maximum=1000)
        self.output = program_output()
        self.output.setMaximumBlockCount(5000)
        self.output.setPlaceholderText(tr("The output of pip appears here."))
        roles = QtWidgets.QDialogButtonBox.ButtonRole
        close = QtWidgets.QDialogButtonBox.StandardButton.Close
        self.buttons = QtWidgets.QDialogButtonBox(close, rejected=self.reject)
        self.install_button = self._button(tr("Install"), roles.ActionRole, self.install)
        self.cancel_button = self._button(tr("Cancel"), roles.ActionRole, self.cancel)
        self.remove_button = self._button(tr("Remove…"), roles.ResetRole, self.remove)
        self.log_button = self._button(tr("Open log"), roles.ResetRole, self._open_log)
        self.install_button.setDefault(True)
        self.install_button.setAutoDefault(True)
        running = filled(QtWidgets.QHBoxLayout(), (self.progress, 2), (self.step, 3))
        filled(QtWidgets.QVBoxLayout(self), self.bar, self.state, self.form, running, (self.output, 1), self.buttons)
        self._show_state()
        self._set_task(None)

    def refresh(self) -> None:
        """List the Pythons, and inspect the first one and the graphics cards in the background."""
        found = all_interpreters()
        self.form.show_interpreters(found)
        self._show_state()
        if found:
            self.probe_python(found[0])
        else:
            problem = tr("No Python was found. Install one from python.org and choose it with Other…")
            self.form.show_python(None, [], problem)

    def probe_python(self, interpreter: Interpreter) -> None:
        """Inspect a Python in the background."""

        def inspect(task: FunctionTask) -> Any:
            cards = builds.cards()
            try:
                return probe(interpreter), cards, ""
            except StartError as error:
                return None, cards, str(error)

        self._start(FunctionTask(tr("Scarp: inspect Python"), inspect), self._interpreter_probed)

    def install(self) -> None:
        """Install, or continue an installation that stopped."""
        request = self.form.request()
        if request is None or self.task is not None:
            return
        self.bar.clearWidgets()
        self.output.clear()
        self.state.setText(tr("<b>Installing.</b> You can continue to work in QGIS, and close this window."))

        def run_installer(task: FunctionTask) -> Any:
            return Installer(request, task.line_received.emit, task.progressed.emit, task.isCanceled).run()

        task = FunctionTask(installation_title(), run_installer)
        task.line_received.connect(self._show_line)
        task.progressed.connect(self._show_progress)
        self._start(task, self._installed)

    def cancel(self) -> None:
        """Cancel the task."""
        if self.task is not None:
            self._stopping = True
            self.step.setText(tr("Stopping…"))
        super().cancel()

    def remove(self) -> None:
        """Delete the environment, after a question."""
        environment = PrivateEnvironment(self.form.environment_folder())
        text = tr("Delete Scarp's environment in {folder}? Scarp cannot use it afterwards. Nothing else is deleted.")
        answer = QtWidgets.QMessageBox.question(self, self.windowTitle(), text.format(folder=environment.folder))
        if answer == QtWidgets.QMessageBox.StandardButton.Yes:
            self._start(FunctionTask(tr("Scarp: remove libraries"), lambda task: environment.remove()), self._removed)

    def _start(self, task: FunctionTask, finished: Callable[[Any, Exception | None], None]) -> None:
        self._stopping = False
        task.finished_with.connect(finished)
        self._set_task(task)
        task.start()

    def _interpreter_probed(self, found: Any, error: Exception | None) -> None:
        self._set_task(None)
        python, cards, problem = found or (None, [], str(error or tr("Cancelled.")))
        self.form.show_python(python, cards, problem)
        self.install_button.setEnabled(python is not None)
        self.install_button.setFocus()

    def _installed(self, record: Any, error: Exception | None) -> None:
        self._set_task(None)
        self._show_state()
        if error is None and record is not None:
            _use_folder(self.form.environment_folder())
            self.progress.setValue(1000)
            self.step.setText(tr("Done"))
            self.bar.pushSuccess("", tr("Scarp is ready. Its algorithms work at once, without a restart of QGIS."))
        elif isinstance(error, InstallCancelled) or error is None:
            self.step.setText(tr("Cancelled"))
            self.bar.pushInfo("", tr("Cancelled. Try again continues from here; Remove deletes what is there."))
        else:
            self.step.setText(tr("Failed"))
            text = str(error) if isinstance(error, InstallFailed) else f"{type(error).__name__}: {error}"
            self.bar.pushCritical("", text)
            self.output.appendPlainText("\n" + text)

    def _removed(self, result: Any, error: Exception | None) -> None:
        self._set_task(None)
        self._show_state()
        if error is None:
            if default_folder() == self.form.environment_folder():
                # An environment in the usual folder, if there is one, is used again.
                QgsSettings().remove(FOLDER)
            self.step.setText(tr("Removed"))
            self.output.clear()
        else:
            text = tr("Not everything could be deleted: {reason}. Close other QGIS windows and try again.")
            self.bar.pushCritical("", text.format(reason=error))

    def _show_line(self, text: str) -> None:
        # The last line of the self-test is for programs.
        if not text.startswith("{"):
            self.output.appendPlainText(text)

    def _show_progress(self, share: float, text: str) -> None:
        if self.task is not None:
            self.progress.setValue(round(1000 * share))
            self.task.setProgress(100 * share)
            if not self._stopping:
                self.step.setText(text)

    def _show_state(self, *_: Any) -> None:
        environment = PrivateEnvironment(self.form.environment_folder())
        status, record, button = environment.status(), environment.completion_record(), tr("Install")
        if status.state is EnvironmentState.READY:
            button = tr("Install again")
            torch = escape(str(record.get("proof", {}).get("versions", {}).get("torch", "?")))
            python, made = escape(str(record.get("python"))), escape(str(record.get("made")))
            text = tr("<b>Installed.</b> torch {torch} on Python {python}, {size} GB, made {made}.")
            text = text.format(torch=torch, python=python, size=record.get("gigabytes"), made=made)
        elif status.state is EnvironmentState.OUTDATED:
            text = tr("<b>Must be installed again.</b> {reason} Valid parts are kept.")
            text = text.format(reason=escape(status.reason))
        elif status.state is EnvironmentState.INCOMPLETE:
            button = tr("Try again")
            text = tr("<b>Not complete.</b> An installation stopped here; Try again continues it.")
        else:
            text = tr("<b>Not installed yet.</b>")
        about = tr(
            "Scarp computes with torch, rasterio, scikit-learn and others. They go into a folder of their own; the "
            "Python packages of QGIS are not changed."
        )
        self.state.setText(f"{text} {about}")
        self.install_button.setText(button)
        self.remove_button.setVisible(environment.is_scarp_environment())
        self.log_button.setVisible(environment.log.is_file())

    def _set_task(self, task: FunctionTask | None) -> None:
        self.task = task
        self.form.setEnabled(task is None)
        self.install_button.setEnabled(task is None and self.form.python_info is not None)
        self.remove_button.setEnabled(task is None)
        self.cancel_button.setEnabled(task is not None)
        self.progress.setValue(0)
        self.step.setText("" if task is None else task.description().partition(": ")[2].capitalize() + "…")

    def _open_log(self) -> None:
        log = PrivateEnvironment(self.form.environment_folder()).log
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log)))

    def _button(self, text: str, role: Any, slot: Callable[[], None]) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(text, autoDefault=False, clicked=slot)
        self.buttons.addButton(button, role)
        return button


class InstallForm(QtWidgets.QWidget):
    """Base Python, build of torch, source and folder. Starts no program: what it shows was found in the background."""

    python_chosen = pyqtSignal(object)  # another :class:`Interpreter`, which must be inspected

    def __init__(self, folder: Path, proxy: Proxy, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.python_info: PythonInfo | None = None
        self._cards: Sequence[builds.Card] = ()
        self.python = QtWidgets.QComboBox()
        self.python.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        tip = tr("Choose another Python on this computer, version 3.9 to 3.14")
        other = QtWidgets.QPushButton(tr("Other…"), toolTip=tip, clicked=self._choose_python)
        self.build, self.source = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        self.card, self.space_label = wrapped_label(), wrapped_label()
        self.wheels = _folder_widget(tr("Folder with wheels (*.whl)"))
        self.folder = _folder_widget(tr("Folder of the environment"))
        self.folder.setFilePath(str(folder))
        self.proxy = self._proxy_box(proxy)
        self._wheels_label = QtWidgets.QLabel(tr("Wheels"))
        row = filled(QtWidgets.QHBoxLayout(), (self.python, 1), other)
        form = QtWidgets.QFormLayout()
        form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = [(tr("Python"), row), (tr("From"), self.source), (self._wheels_label, self.wheels)]
        rows += [(tr("Build of torch"), self.build), ("", self.card), (tr("Into"), self.folder), ("", self.space_label)]
        for label, content in rows:
            form.addRow(label, content)
        filled(QtWidgets.QVBoxLayout(self), form, self.proxy).setContentsMargins(0, 0, 0, 0)
        self.python.activated.connect(lambda index: self.python_chosen.emit(self.python.itemData(index)))
        self.source.currentIndexChanged.connect(self._source_changed)
        self.build.currentIndexChanged.connect(self.show_disk_space)
        self.folder.fileChanged.connect(self.show_disk_space)
        self.card.setText(tr("Inspecting this computer…"))
        self._source_changed()

    def show_interpreters(self, interpreters: Sequence[Interpreter]) -> None:
        """List the Pythons that were found, the first one chosen."""
        self.python.clear()
        for interpreter in interpreters:
            self.python.addItem(_name(interpreter), interpreter)

    def show_python(self, info: PythonInfo | None, cards: Sequence[builds.Card], problem: str = "") -> None:
        """Show the chosen Python and the graphics cards, and choose suitable options; or why it cannot be used."""
        self.python_info, self._cards = info, cards
        chosen = self.source.currentData()
        configured = custom_index_settings(info.configuration) if info else []
        self.source.blockSignals(True)
        self.source.clear()
        self.source.addItem(tr("Internet"), SourceKind.INTERNET)
        if configured:
            self.source.addItem(tr("As pip is configured on this computer"), SourceKind.CONFIGURED)
            self.source.setItemData(1, "\n".join(configured), Qt.ItemDataRole.ToolTipRole)
        self.source.addItem(tr("A folder of wheels, without network"), SourceKind.FOLDER)
        # Where an organisation has configured pip for a source of its own, Scarp does not bypass it.
        wanted = chosen or (SourceKind.CONFIGURED if configured else SourceKind.INTERNET)
        self.source.setCurrentIndex(max(0, self.source.findData(wanted)))
        self.source.blockSignals(False)
        self._source_changed()
        if problem:
            self.card.setText(problem)

    def request(self) -> Request | None:
        """Return what to install, None as long as no Python was inspected."""
        if self.python_info is None:
            return None
        wheels = self.wheels.filePath().strip()
        source = Source(self._kind(), Path(wheels) if wheels else None, self.typed_proxy())
        environment = PrivateEnvironment(self.environment_folder())
        return Request(self.python_info, self.build.currentData() or builds.CPU, source, environment)

    def environment_folder(self) -> Path:
        """Return the folder of the environment."""
        return Path(self.folder.filePath().strip() or ".").expanduser().absolute()

    def typed_proxy(self) -> Proxy:
        """Return the proxy as typed."""
        host, user = self.host.text().strip(), self.user.text().strip()
        return Proxy(host, self.port.value(), user, self.password.text(), self._scheme)

    def show_disk_space(self, *_: Any) -> None:
        """Show the required and the free disk space."""
        request = self.request()
        if request is None:
            self.space_label.clear()
            return
        folder, sizes, kind = self.environment_folder(), request.sizes(), request.source.kind
        required = disk_space.required_gigabytes(sizes, kind)
        problem = disk_space.path_problem(folder)
        if not request.environment.is_scarp_environment():
            # Otherwise most of the files are there already; the installation itself checks closely.
            problem = problem or disk_space.problem(folder, required)
        download = "" if kind is SourceKind.FOLDER else tr("Downloads about {size:.1f} GB. ")
        text = tr(
            "Needs {needed:.1f} GB during the installation and {stays:.1f} GB afterwards; {free:.0f} GB are free."
        )
        text = text.format(needed=required, stays=sizes.installed, free=disk_space.free(folder))
        self.space_label.setText(problem or download.format(size=sizes.download) + text)
        self.space_label.setStyleSheet("color: #c0392b;" if problem else "")

    def _kind(self) -> SourceKind:
        return self.source.currentData() or SourceKind.INTERNET

    def _source_changed(self, *_: Any) -> None:
        folder = self._kind() is SourceKind.FOLDER
        self.wheels.setVisible(folder)
        self._wheels_label.setVisible(folder)
        self.proxy.setVisible(not folder)
        self.build.blockSignals(True)
        self.build.clear()
        if self.python_info is not None:
            self._list_builds(self.python_info.target, self._kind() is SourceKind.INTERNET)
        self.build.blockSignals(False)
        self.show_disk_space()

    def _list_builds(self, target: builds.Target, from_internet: bool) -> None:
        names = [build.name for build in builds.available(target)]
        if not from_internet:
            names.insert(0, builds.BUILD_OF_SOURCE)
        recommended = builds.recommended(target, self._cards)
        for name in names:
            mark = tr(" (recommended)") if from_internet and name == recommended else ""
            self.build.addItem(builds.labels(target)[name] + mark, name)
        self.build.setCurrentIndex(self.build.findData(recommended if from_internet else builds.BUILD_OF_SOURCE))
        text = tr("{name} with driver {driver}")
        cards = "; ".join(text.format(name=card.name, driver=card.driver) for card in self._cards)
        self.card.setText(cards or tr("No NVIDIA graphics card was found."))

    def _choose_python(self) -> None:
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self, tr("Choose the executable of a Python"), "/")
        if path:
            self.add_python(Path(path))

    def add_python(self, path: Path) -> None:
        """Add and choose a Python."""
        interpreter = Interpreter(path, is_qgis_python=False)
        self.python.addItem(_name(interpreter), interpreter)
        self.python.setCurrentIndex(self.python.count() - 1)
        self.python_chosen.emit(interpreter)

    def _proxy_box(self, proxy: Proxy) -> QgsCollapsibleGroupBox:
        box = QgsCollapsibleGroupBox(tr("Proxy (from QGIS's options)") if proxy.host else tr("Proxy"))
        self._scheme = proxy.scheme
        self.host = QtWidgets.QLineEdit(proxy.host, placeholderText=tr("none"))
        self.user, self.password = QtWidgets.QLineEdit(proxy.user), QgsPasswordLineEdit()
        self.password.setText(proxy.password)
        self.port = QtWidgets.QSpinBox(maximum=65535, value=proxy.port)
        row = filled(QtWidgets.QHBoxLayout(), (self.host, 1), QtWidgets.QLabel(tr("Port")), self.port)
        form = QtWidgets.QFormLayout(box)
        form.addRow(tr("Host"), row)
        form.addRow(tr("User"), self.user)
        form.addRow(tr("Password"), self.password)
        box.setSaveCollapsedState(False)
        box.setCollapsed(not proxy.host)
        return box


def _use_folder(folder: Path) -> None:
    """Let the algorithms use the environment in a folder; only once it is complete, as an earlier one may be in use."""
    settings = QgsSettings()
    settings.remove(FOLDER)
    if folder != default_folder():
        settings.setValue(FOLDER, str(folder))


def _name(interpreter: Interpreter) -> str:
    text = tr("QGIS's own ({path})") if interpreter.is_qgis_python else "{path}"
    return text.format(path=interpreter.executable)


def _folder_widget(title: str) -> QgsFileWidget:
    widget = QgsFileWidget()
    widget.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
    widget.setDialogTitle(title)
    return widget


def proxy_of_qgis() -> Proxy:
    """Return the proxy of *Settings > Options > Network*, or the system's when QGIS uses that; empty for none."""
    manager: Any = QgsNetworkAccessManager.instance()
    found = manager.fallbackProxy()
    kinds = QNetworkProxy.ProxyType
    if found.type() == kinds.DefaultProxy:
        # QGIS leaves it to the system, which may name several and uses the first.
        query = QNetworkProxyQuery(QUrl("https://download.pytorch.org"))
        found = next(iter(QNetworkProxyFactory.systemProxyForQuery(query)), found)
    if found.type() in (kinds.NoProxy, kinds.DefaultProxy) or not found.hostName():
        return Proxy()
    scheme = "socks5" if found.type() == kinds.Socks5Proxy else "http"
    return Proxy(found.hostName(), found.port(), found.user(), found.password(), scheme)
