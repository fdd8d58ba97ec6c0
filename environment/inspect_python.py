"""Run by the Python that is looked at, which may be any: prints what it is and what it has, as JSON."""

from __future__ import annotations

import json
import platform
import sys


def has(name):
    """Return whether a module can be imported, without importing much."""
    import importlib.util

    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def imports(name):
    """Return whether a module of the standard library can be loaded with the shared libraries it is linked to."""
    import importlib

    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def pip_version():
    """Return pip's version, empty when there is no pip."""
    if not has("pip"):
        return ""
    import pip

    return pip.__version__


json.dump(
    {
        "version": list(sys.version_info[:3]),
        "platform": sys.platform,
        "machine": platform.machine(),
        "executable": sys.executable,
        "base": getattr(sys, "_base_executable", "") or sys.executable,
        "prefix": sys.prefix,
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "venv": has("venv"),
        "ensurepip": has("ensurepip"),
        "pip": pip_version(),
        "ssl": imports("ssl"),
        "libc": " ".join(platform.libc_ver()),
    },
    sys.stdout,
)
