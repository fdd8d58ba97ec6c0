"""What the worker process loads first on Windows; the self-test of an installation runs the same file.

torch needs the C++ runtime, msvcp140.dll, brings none, and fails to load with an old one that another program has put
where Windows looks first. scikit-learn's wheel brings a new one: a library that is loaded already is not looked for.
torch also comes before what has runtime libraries of the same names.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ORDER = ("numpy", "torch")  # modules that are imported first, in this order
RUNTIME = "sklearn/.libs/msvcp140.dll"


def load_first(needs: Iterable[str], platform: str = sys.platform) -> list[str]:
    """Load the C++ runtime, then those of :data:`ORDER` that a run needs; return what was loaded, on Windows only."""
    if platform != "win32":
        return []
    loaded = []
    path = next((path for folder in sys.path if (path := Path(folder or ".", RUNTIME)).is_file()), None)
    library: Any = getattr(ctypes, "WinDLL", None)
    if path is not None and library is not None:
        # Without it the system's own is used, and the import of torch says what is wrong with that.
        with contextlib.suppress(OSError):
            library(str(path.absolute()))
            loaded.append(path.name)
    wanted = set(needs)
    for name in ORDER:
        if name in wanted:
            # The job reports a library that is missing or broken.
            with contextlib.suppress(ImportError, OSError):
                importlib.import_module(name)
                loaded.append(name)
    return loaded
