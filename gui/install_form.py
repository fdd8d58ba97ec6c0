"""The choices of the install dialog: which Python, which build of torch, from where, into which folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget, QgsPasswordLineEdit
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ..environment import builds, disk_space
from ..environment.builds import Card
from ..environment.inspection import PythonInfo
from ..environment.interpreter import Interpreter
from ..environment.plan import Request
from ..environment.private import PrivateEnvironment
from ..environment.sources import Proxy, Source, SourceKind, custom_index_settings
from ..translation import tr


class InstallForm(QWidget):
    """What the user can choose. It never starts a program: what it shows was asked in the background."""

    python_chosen = pyqtSignal(object)
    """Another :class:`Interpreter` was chosen and must be asked what it is."""

    def __init__(self, folder: Path, proxy: Proxy, parent: QWidget | None = None) -> None:
        """Build the widgets.

        Args:
            folder: of the environment.
            proxy: to start with.
            parent: the dialog.
        """
        super().__init__(parent)
        self.facts: PythonInfo | None = None
        self._cards: Sequence[Card] = ()
        self.python = QComboBox()
        self.python.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        other = QPushButton(tr("Other…"))
        other.setToolTip(tr("Choose another Python on this computer, version 3.9 to 3.14"))
        other.clicked.connect(self._choose_python)
        self.build, self.source = QComboBox(), QComboBox()
        self.card = self._note_label()
        self.wheels = self._folder_widget(tr("Folder with wheels (*.whl)"))
        self.folder = self._folder_widget(tr("Folder of the environment"))
        self.folder.setFilePath(str(folder))
        self.space_label = self._note_label()
        self.proxy = self._proxy_box(proxy)
        self._wheels_label = QLabel(tr("Wheels"))
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        row = QHBoxLayout()
        row.addWidget(self.python, 1)
        row.addWidget(other)
        form.addRow(tr("Python"), row)
        form.addRow(tr("From"), self.source)
        form.addRow(self._wheels_label, self.wheels)
        form.addRow(tr("Build of torch"), self.build)
        form.addRow("", self.card)
        form.addRow(tr("Into"), self.folder)
        form.addRow("", self.space_label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.proxy)
        self.python.activated.connect(self._python_activated)
        self.source.currentIndexChanged.connect(self._source_changed)
        self.build.currentIndexChanged.connect(self.show_disk_space)
        self.folder.fileChanged.connect(self.show_disk_space)
        self.card.setText(tr("Looking at this computer…"))
        self._source_changed()

    def show_interpreters(self, interpreters: Sequence[Interpreter]) -> None:
        """List the Pythons that were found, the first of them chosen."""
        self.python.clear()
        for interpreter in interpreters:
            self.python.addItem(_name(interpreter), interpreter)

    def show_facts(self, facts: PythonInfo | None, cards: Sequence[Card], problem: str = "") -> None:
        """Show what a Python and this computer have, and choose what fits.

        Args:
            facts: of the chosen Python, None when it cannot be used.
            cards: graphics cards.
            problem: why it cannot be used.
        """
        self.facts, self._cards = facts, cards
        chosen = self.source.currentData()
        own = custom_index_settings(facts.configuration) if facts else []
        self.source.blockSignals(True)
        self.source.clear()
        self.source.addItem(tr("Internet"), SourceKind.INTERNET)
        if own:
            self.source.addItem(tr("As pip is configured on this computer"), SourceKind.CONFIGURED)
            self.source.setItemData(1, "\n".join(own), Qt.ItemDataRole.ToolTipRole)
        self.source.addItem(tr("A folder of wheels, without network"), SourceKind.FOLDER)
        # Where an organisation has set pip to a source of its own, going past it is not for Scarp to decide.
        wanted = chosen or (SourceKind.CONFIGURED if own else SourceKind.INTERNET)
        self.source.setCurrentIndex(max(0, self.source.findData(wanted)))
        self.source.blockSignals(False)
        self._source_changed()
        if problem:
            self.card.setText(problem)

    def request(self) -> Request | None:
        """Return what to install, None as long as nothing is known of the Python."""
        if self.facts is None:
            return None
        wheels = self.wheels.filePath().strip()
        source = Source(self._kind(), Path(wheels) if wheels else None, self.typed_proxy())
        environment = PrivateEnvironment(self.environment_folder())
        return Request(self.facts, self.build.currentData() or builds.CPU, source, environment)

    def environment_folder(self) -> Path:
        """Return the folder of the environment."""
        return Path(self.folder.filePath().strip() or ".").expanduser().absolute()

    def typed_proxy(self) -> Proxy:
        """Return the proxy as typed."""
        return Proxy(
            self.host.text().strip(), self.port.value(), self.user.text().strip(), self.password.text(), self._scheme
        )

    def show_disk_space(self, *_: Any) -> None:
        """Say how much room is needed and there."""
        request = self.request()
        if request is None:
            self.space_label.clear()
            return
        folder, sizes = self.environment_folder(), request.sizes()
        needed = disk_space.needed(sizes, request.source.kind)
        problem = disk_space.path_problem(folder) or disk_space.problem(folder, needed)
        if request.environment.is_scarp_environment():
            # Most of what is needed is there already; the installation itself looks closely.
            problem = disk_space.path_problem(folder)
        load = (
            ""
            if request.source.kind is SourceKind.FOLDER
            else tr("Loads about {size:.1f} GB. ").format(size=sizes.download)
        )
        self.space_label.setText(
            problem
            or load
            + tr(
                "Needs {needed:.1f} GB while it installs and {stays:.1f} GB afterwards; {free:.0f} GB are free."
            ).format(needed=needed, stays=sizes.installed, free=disk_space.free(folder))
        )
        self.space_label.setStyleSheet("color: #c0392b;" if problem else "")

    def _kind(self) -> SourceKind:
        return self.source.currentData() or SourceKind.INTERNET

    def _source_changed(self, *_: Any) -> None:
        kind = self._kind()
        for widget in (self.wheels, self._wheels_label):
            widget.setVisible(kind is SourceKind.FOLDER)
        self.proxy.setVisible(kind is not SourceKind.FOLDER)
        self.build.blockSignals(True)
        self.build.clear()
        if self.facts is not None:
            names = [build.name for build in builds.available(self.facts.target)]
            if kind is not SourceKind.INTERNET:
                names.insert(0, builds.BUILD_OF_SOURCE)
            recommended = builds.recommended(self.facts.target, self._cards)
            for name in names:
                mark = tr(" (recommended)") if name == recommended and kind is SourceKind.INTERNET else ""
                self.build.addItem(builds.labels(self.facts.target)[name] + mark, name)
            self.build.setCurrentIndex(
                self.build.findData(recommended if kind is SourceKind.INTERNET else builds.BUILD_OF_SOURCE)
            )
            self.card.setText(
                "; ".join(
                    tr("{name} with driver {driver}").format(name=card.name, driver=card.driver) for card in self._cards
                )
                or tr("No NVIDIA graphics card was found.")
            )
        self.build.blockSignals(False)
        self.show_disk_space()

    def _python_activated(self, index: int) -> None:
        self.python_chosen.emit(self.python.itemData(index))

    def _choose_python(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose the executable of a Python"), "/")
        if path:
            self.add_python(Path(path))

    def add_python(self, path: Path) -> None:
        """Add a Python that the user named, and choose it."""
        interpreter = Interpreter(path, own=False)
        self.python.addItem(_name(interpreter), interpreter)
        self.python.setCurrentIndex(self.python.count() - 1)
        self.python_chosen.emit(interpreter)

    def _proxy_box(self, proxy: Proxy) -> QgsCollapsibleGroupBox:
        box = QgsCollapsibleGroupBox(tr("Proxy (as set in QGIS's options)") if proxy.host else tr("Proxy"))
        self._scheme = proxy.scheme
        self.host, self.port, self.user = QLineEdit(proxy.host), QSpinBox(), QLineEdit(proxy.user)
        self.password = QgsPasswordLineEdit()
        self.password.setText(proxy.password)
        self.port.setRange(0, 65535)
        self.port.setValue(proxy.port)
        self.host.setPlaceholderText(tr("none"))
        row = QHBoxLayout()
        row.addWidget(self.host, 1)
        row.addWidget(QLabel(tr("Port")))
        row.addWidget(self.port)
        form = QFormLayout(box)
        form.addRow(tr("Host"), row)
        form.addRow(tr("User"), self.user)
        form.addRow(tr("Password"), self.password)
        box.setSaveCollapsedState(False)
        box.setCollapsed(not proxy.host)
        return box

    @staticmethod
    def _note_label() -> QLabel:
        note = QLabel()
        note.setWordWrap(True)
        return note

    @staticmethod
    def _folder_widget(title: str) -> QgsFileWidget:
        widget = QgsFileWidget()
        widget.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        widget.setDialogTitle(title)
        return widget


def _name(interpreter: Interpreter) -> str:
    if interpreter.own:
        return tr("QGIS's own ({path})").format(path=interpreter.executable)
    return str(interpreter.executable)
