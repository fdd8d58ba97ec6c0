"""Run by the Python under inspection, which may be any version: prints what it is and has, as JSON."""

from __future__ import annotations

import importlib
import importlib.util
import json
import platform
import sys


def has(name: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


info = {
    "version": list(sys.version_info[:3]),
    "platform": sys.platform,
    "machine": platform.machine(),
    "base": getattr(sys, "_base_executable", "") or sys.executable,
    "bits": 64 if sys.maxsize > 2**32 else 32,
    "venv": has("venv"),
    "ensurepip": has("ensurepip"),
    "pip": importlib.import_module("pip").__version__ if has("pip") else "",
}
json.dump(info, sys.stdout)
