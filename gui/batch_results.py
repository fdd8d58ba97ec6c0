"""Reports of a batch in the results viewer: a fault of QGIS's batch dialog, mended while Scarp is loaded.

The dialog hands the HTML results of a batch to the list of results without the time that the list asks for; the code is
so in QGIS 3.22, 3.40 and 3.44. In 3.22 it stops there with a Python error after all rows are computed and stays locked
(QGIS issue 47884). Whoever runs *Validate with points* over several regions meets it.
"""

from __future__ import annotations

import inspect
import sys
import time
from typing import Any, Callable

RESULTS_MODULE = "processing.core.ProcessingResults"
"""Where QGIS's list of results is. It is there once Processing is loaded; nothing is imported for it."""


def patch_results_list() -> Callable[[], None]:
    """Let the list of results take a result without a time.

    Returns:
        What puts everything back; it does nothing where there was nothing to mend.
    """
    module = sys.modules.get(RESULTS_MODULE)
    results: Any = getattr(module, "ProcessingResults", None)
    if results is None:
        return _no_restore
    original = results.addResult
    parameters = inspect.signature(original).parameters
    if "timestamp" not in parameters or parameters["timestamp"].default is not inspect.Parameter.empty:
        return _no_restore

    def add_result(self: Any, icon: Any, name: str, timestamp: Any = None, result: Any = None) -> None:
        original(self, icon, name, timestamp or time.localtime(), result)

    def restore() -> None:
        # Another plugin may have put its own in the meantime; that one stays.
        if results.addResult is add_result:
            results.addResult = original

    results.addResult = add_result
    return restore


def _no_restore() -> None:
    """Put nothing back."""
