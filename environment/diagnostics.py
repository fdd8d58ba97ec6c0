"""Collects what a developer asks for first when something does not work, with the user's name taken out.

Every fact is asked for on its own: one that cannot be had is reported as such and does not keep the others back.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from . import builds, disk_space
from .interpreter import PYTHON_VARIABLES, qgis_interpreter
from .plan import SELF_TEST_SCRIPT
from .private import PrivateEnvironment, State
from .processes import capture_output
from .redaction import Redactor
from .sources import Proxy

PACKAGE = Path(__file__).resolve().parent.parent
LIBRARIES = ("numpy", "GDAL", "torch", "rasterio", "scikit-learn", "scipy", "safetensors", "matplotlib", "jinja2")
VARIABLES = (
    *PYTHON_VARIABLES,
    "OSGEO4W_ROOT",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "SCARP_RUN",
    "SCARP_PYTHON",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "PIP_CONFIG_FILE",
    "PIP_INDEX_URL",
)
LOG_LINES = 25

DiagnosticItems = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Section:
    """Facts under a heading."""

    heading: str
    facts: DiagnosticItems

    def text(self) -> str:
        """Return the section as lines."""
        width = max(len(name) for name in self.facts)
        return "\n".join(
            [self.heading, *(f"  {name:<{width}}  {_answer(query)}" for name, query in self.facts.items())]
        )


def report(
    environment: PrivateEnvironment,
    qgis: DiagnosticItems,
    where: Callable[[], Any] | None = None,
    proxy: Proxy = Proxy(),
    redact: Redactor | None = None,
) -> str:
    """Return the whole report. Starts programs and takes some seconds, so never in the window's thread.

    Args:
        environment: Scarp's private environment.
        qgis: facts that only QGIS knows, asked beforehand in the window's thread.
        where: says where Scarp computes.
        proxy: of QGIS; only whether there is one is told.
        hide: takes names out; for the running user unless given.
    """
    redact = redact or Redactor(secrets=proxy.secrets())
    sections = [
        Section(
            "Scarp", {"version": _scarp_version, "folder": lambda: PACKAGE, **({"computes in": where} if where else {})}
        ),
        Section("QGIS", qgis or {"version": lambda: "not running"}),
        Section("Computer", computer()),
        Section("Python of QGIS", python_of_qgis()),
        Section("Libraries in QGIS", {name: (lambda name=name: _version(name)) for name in LIBRARIES}),
        Section("Private environment", private(environment)),
        Section("Network", {"proxy in QGIS": lambda: f"{proxy.scheme}, port {proxy.port}" if proxy.host else "none"}),
    ]
    variables = {name: (lambda name=name: os.environ[name]) for name in VARIABLES if name in os.environ}
    if variables:
        sections.append(Section("Variables", variables))
    texts = [section.text() for section in sections]
    log = tail(environment.log)
    if log:
        texts.append(f"End of the installation's log\n{log}")
    return redact("\n\n".join(texts)) + "\n"


def computer() -> DiagnosticItems:
    """Return facts of the computer."""
    return {
        "system": platform.platform,
        "processor": lambda: f"{platform.machine()}, {os.cpu_count()} threads",
        "memory": _memory,
        "graphics cards": _cards,
    }


def python_of_qgis() -> DiagnosticItems:
    """Return facts of the Python that QGIS runs on."""
    return {
        "version": lambda: sys.version.replace("\n", " "),
        "sys.executable": lambda: sys.executable,
        "found executable": lambda: getattr(qgis_interpreter(), "executable", "none"),
        "prefix": lambda: sys.prefix,
    }


def private(environment: PrivateEnvironment) -> DiagnosticItems:
    """Return facts of the private environment; a complete one is started and proves its libraries."""
    status = environment.status()
    facts: DiagnosticItems = {
        "folder": lambda: environment.folder,
        "state": lambda: f"{status.state.value} {status.reason}".strip(),
        "free on its disk": lambda: f"{disk_space.free(environment.folder):.1f} GB",
    }
    if status.state is State.ABSENT:
        return facts
    mark = environment.mark()
    if mark:
        facts["made"] = lambda: (
            f"{mark.get('made')}, build {mark.get('build')}, {mark.get('gigabytes')} GB, with {mark.get('base')}"
        )
    if environment.python is None:
        return facts
    code, text = capture_output(
        [str(environment.python), str(SELF_TEST_SCRIPT)], seconds=180, variables=environment.variables()
    )
    try:
        proof = json.loads(text.strip().splitlines()[-1]) if code == 0 else None
    except (ValueError, IndexError):
        proof = None
    if proof is None:
        facts["works"] = lambda: "no: " + " | ".join(text.strip().splitlines()[-4:])
        return facts
    facts["works"] = lambda: "yes"
    facts["Python"] = lambda: proof["python"]
    facts.update({name: (lambda version=version: version) for name, version in proof["versions"].items()})
    facts["GDAL of rasterio"] = lambda: proof["gdal"]
    facts["CUDA of torch"] = lambda: proof["cuda_build"] or "none"
    facts["CUDA devices"] = lambda: ", ".join(proof["devices"]) or proof["device_problem"] or "none"
    return facts


def tail(path: Path, lines: int = LOG_LINES) -> str:
    """Return the last lines of a text file, empty when it cannot be read."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _answer(query: Callable[[], Any]) -> str:
    try:
        return str(query())
    except Exception as error:  # the report is for when things are broken, so no fact may break it
        return f"not known ({type(error).__name__}: {error})"


def _scarp_version() -> str:
    for line in (PACKAGE / "metadata.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("version="):
            return line.partition("=")[2]
    return "not known"


def _version(package: str) -> str:
    """Return a library's version without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not there"


def _cards() -> str:
    found = builds.cards()
    return "; ".join(f"{card.name}, {card.memory}, driver {card.driver}" for card in found) or "no NVIDIA card found"


def _memory() -> str:
    if sys.platform == "win32":
        return _memory_of_windows()
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GB"


def _memory_of_windows() -> str:
    import ctypes

    kilobytes = ctypes.c_ulonglong()
    if not ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
        return "not known"
    return f"{kilobytes.value / 2**20:.1f} GB"
