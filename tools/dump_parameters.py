"""Write the parameters of all algorithms as JSON, without words: ``./run python tools/dump_parameters.py FILE``.

Two checkouts whose files are equal take the same parameters: names, types, order, defaults, limits and flags.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication

from scarp.tests.qgis.study import begin

WORDS = ("description", "help", "additional_info")


def parameters(provider: Any) -> dict[str, list[Any]]:
    """Return the definitions by algorithm id."""
    found: dict[str, list[Any]] = {}
    for algorithm in provider.algorithms():
        fresh = algorithm.create()
        maps = [item.toVariantMap() for item in fresh.parameterDefinitions()]
        inputs = [{key: repr(value) for key, value in sorted(one.items()) if key not in WORDS} for one in maps]
        found[algorithm.id()] = [*inputs, *([item.name(), item.type()] for item in fresh.outputDefinitions())]
    return found


def main() -> None:
    """Load Scarp without a window and write the file."""
    begin()
    provider = QgsApplication.processingRegistry().providerById("scarp")
    text = json.dumps(parameters(provider), indent=1, ensure_ascii=False)
    Path(sys.argv[1]).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
