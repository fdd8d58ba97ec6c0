"""Collects what a bug report needs, redacted; an item whose query fails is reported as such."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

from . import builds, disk_space
from .install import SELF_TEST_SCRIPT
from .interpreter import PYTHON_VARIABLES, qgis_interpreter
from .private import EnvironmentState, PrivateEnvironment
from .processes import capture_output
from .redaction import Redactor
from .sources import Proxy

PACKAGE = Path(__file__).resolve().parent.parent
LIBRARIES = ("numpy", "GDAL", "torch", "rasterio", "scikit-learn", "scipy", "safetensors", "matplotlib", "jinja2")
VARIABLES = [
    *PYTHON_VARIABLES,
    *"OSGEO4W_ROOT LD_LIBRARY_PATH DYLD_LIBRARY_PATH CUDA_VISIBLE_DEVICES OMP_NUM_THREADS SCARP_RUN SCARP_PYTHON "
    "HTTP_PROXY HTTPS_PROXY PIP_CONFIG_FILE PIP_INDEX_URL".split(),
]
LOG_LINES = 25

DiagnosticItems = Mapping[str, Callable[[], Any]]


def report(
    environment: PrivateEnvironment, qgis: DiagnosticItems, where: str, proxy: Proxy, redact: Redactor | None = None
) -> str:
    """Return the whole report. Starts programs and takes some seconds, so never call it in the window's thread.

    ``qgis`` has items that only QGIS knows, queried beforehand in the window's thread; ``where`` says where Scarp
    computes; of QGIS's ``proxy`` only kind and port are reported. By default redacted for the running user.
    """
    redact = redact or Redactor(secrets=proxy.secrets())
    network = f"{proxy.scheme}, port {proxy.port}" if proxy.host else "none"
    sections: dict[str, DiagnosticItems] = {
        "Scarp": {"version": _scarp_version, "folder": lambda: PACKAGE, "computes in": lambda: where},
        "QGIS": qgis,
        "Computer": {
            "system": platform.platform,
            "processor": lambda: f"{platform.machine()}, {os.cpu_count()} threads",
            "memory": _memory,
            "graphics cards": _cards,
        },
        "Python of QGIS": {
            "version": lambda: sys.version.replace("\n", " "),
            "sys.executable": lambda: sys.executable,
            "found executable": lambda: getattr(qgis_interpreter(), "executable", "none"),
            "prefix": lambda: sys.prefix,
        },
        "Libraries in QGIS": {name: functools.partial(_version, name) for name in LIBRARIES},
        "Private environment": _private_environment(environment),
        "Network": {"proxy in QGIS": lambda: network},
        "Variables": constants({name: os.environ[name] for name in VARIABLES if name in os.environ}),
    }
    texts = [_section(heading, items) for heading, items in sections.items() if items]
    with contextlib.suppress(OSError):
        log = environment.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        texts += ["\n".join(["End of the installation log", *log])] if log else []
    return redact("\n\n".join(texts)) + "\n"


def _section(heading: str, items: DiagnosticItems) -> str:
    width = max(map(len, items))
    return "\n".join([heading, *(f"  {name:<{width}}  {_answer(query)}" for name, query in items.items())])


def constants(values: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return items whose answers are known already."""
    return {name: functools.partial(str, value) for name, value in values.items()}


def _private_environment(environment: PrivateEnvironment) -> DiagnosticItems:
    """Return items of the private environment; the self-test of a complete one is run."""
    status = environment.status()
    state = f"{status.state.value} {status.reason}".strip()
    items: dict[str, Callable[[], Any]] = {
        "folder": lambda: environment.folder,
        "state": lambda: state,
        "free on its disk": lambda: f"{disk_space.free(environment.folder):.1f} GB",
    }
    record = environment.completion_record()
    if record and status.state is not EnvironmentState.ABSENT:
        size = f"{record.get('gigabytes')} GB"
        items["made"] = lambda: f"{record.get('made')}, build {record.get('build')}, {size}, with {record.get('base')}"
    if environment.python is None:
        return items
    command = [str(environment.python), str(SELF_TEST_SCRIPT)]
    code, text = capture_output(command, seconds=180, variables=environment.variables())
    lines = text.strip().splitlines()
    try:
        result = json.loads(lines[-1] if code == 0 else "")
    except (ValueError, IndexError):
        return {**items, "works": lambda: "no: " + " | ".join(lines[-4:])}
    return {
        **items,
        "works": lambda: "yes",
        "Python": lambda: result["python"],
        **constants(result["versions"]),
        "GDAL of rasterio": lambda: str(result["gdal"]),
        "CUDA of torch": lambda: result["cuda_build"] or "none",
        "CUDA devices": lambda: ", ".join(result["devices"]) or result["device_problem"] or "none",
    }


def _answer(query: Callable[[], Any]) -> str:
    try:
        return str(query())
    except Exception as error:  # the report is for when things are broken, so no item may break it
        return f"not known ({type(error).__name__}: {error})"


def _scarp_version() -> str:
    found = re.search("^version=(.*)$", (PACKAGE / "metadata.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "not known"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cards() -> str:
    found = builds.cards()
    return "; ".join(f"{card.name}, {card.memory}, driver {card.driver}" for card in found) or "no NVIDIA card found"


def _memory() -> str:
    if sys.platform != "win32":
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GB"
    import ctypes

    kilobytes = ctypes.c_ulonglong()
    if not ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
        return "not known"
    return f"{kilobytes.value / 2**20:.1f} GB"
