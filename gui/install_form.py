"""The choices of the install dialog: base Python, build of torch, source and folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget, QgsPasswordLineEdit
from qgis.PyQt import QtWidgets
from qgis.PyQt.QtCore import Qt, pyqtSignal

from ..environment import builds, disk_space
from ..environment.inspection import PythonInfo
from ..environment.interpreter import Interpreter
from ..environment.plan import Request
from ..environment.private import PrivateEnvironment
from ..environment.sources import Proxy, Source, SourceKind, custom_index_settings
from ..translation import tr
from .function_task import wrapped_label


class InstallForm(QtWidgets.QWidget):
    """Starts no program: what it shows was found in the background."""

    python_chosen = pyqtSignal(object)  # another :class:`Interpreter`, which must be inspected

    def __init__(self, folder: Path, proxy: Proxy, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.python_info: PythonInfo | None = None
        self._cards: Sequence[builds.Card] = ()
        self.python = QtWidgets.QComboBox()
        self.python.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        other = QtWidgets.QPushButton(tr("Other…"))
        other.setToolTip(tr("Choose another Python on this computer, version 3.9 to 3.14"))
        other.clicked.connect(self._choose_python)
        self.build, self.source = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        self.card, self.space_label = wrapped_label(), wrapped_label()
        self.wheels = _folder_widget(tr("Folder with wheels (*.whl)"))
        self.folder = _folder_widget(tr("Folder of the environment"))
        self.folder.setFilePath(str(folder))
        self.proxy = self._proxy_box(proxy)
        self._wheels_label = QtWidgets.QLabel(tr("Wheels"))
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.python, 1)
        row.addWidget(other)
        form = QtWidgets.QFormLayout()
        form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = [(tr("Python"), row), (tr("From"), self.source), (self._wheels_label, self.wheels)]
        rows += [(tr("Build of torch"), self.build), ("", self.card), (tr("Into"), self.folder), ("", self.space_label)]
        for label, content in rows:
            form.addRow(label, content)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.proxy)
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
        self.host, self.user = QtWidgets.QLineEdit(proxy.host), QtWidgets.QLineEdit(proxy.user)
        self.port, self.password = QtWidgets.QSpinBox(), QgsPasswordLineEdit()
        self.password.setText(proxy.password)
        self.port.setRange(0, 65535)
        self.port.setValue(proxy.port)
        self.host.setPlaceholderText(tr("none"))
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.host, 1)
        row.addWidget(QtWidgets.QLabel(tr("Port")))
        row.addWidget(self.port)
        form = QtWidgets.QFormLayout(box)
        form.addRow(tr("Host"), row)
        form.addRow(tr("User"), self.user)
        form.addRow(tr("Password"), self.password)
        box.setSaveCollapsedState(False)
        box.setCollapsed(not proxy.host)
        return box


def _name(interpreter: Interpreter) -> str:
    text = tr("QGIS's own ({path})") if interpreter.is_qgis_python else "{path}"
    return text.format(path=interpreter.executable)


def _folder_widget(title: str) -> QgsFileWidget:
    widget = QgsFileWidget()
    widget.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
    widget.setDialogTitle(title)
    return widget
