"""Fixes a fault of QGIS's batch dialog while Scarp is loaded: reports of a batch in the results viewer.

The dialog passes the HTML results of a batch to the list of results without the required time; the code is so in QGIS
3.22, 3.40 and 3.44. In 3.22 it stops with a Python error after all rows are computed and stays locked (QGIS issue
47884), for instance after *Validate with points* over several regions.
"""

from __future__ import annotations

import inspect
import sys
import time
from typing import Any, Callable

# QGIS's list of results; it is there once Processing is loaded, so nothing is imported for it.
RESULTS_MODULE = "processing.core.ProcessingResults"


def patch_results_list() -> Callable[[], None]:
    """Let the list of results accept a result without a time; return a function that restores it."""
    results: Any = getattr(sys.modules.get(RESULTS_MODULE), "ProcessingResults", None)
    original: Any = getattr(results, "addResult", None)
    time_parameter = inspect.signature(original).parameters.get("timestamp") if original else None
    if time_parameter is None or time_parameter.default is not inspect.Parameter.empty:
        return lambda: None

    def add_result(self: Any, icon: Any, name: str, timestamp: Any = None, result: Any = None) -> None:
        original(self, icon, name, timestamp or time.localtime(), result)

    def restore() -> None:
        # Another plugin may have put its own in the meantime; that one stays.
        if results.addResult is add_result:
            results.addResult = original

    results.addResult = add_result
    return restore
