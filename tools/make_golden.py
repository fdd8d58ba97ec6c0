"""Write new golden values of the demo workflow: ``./run python tools/make_golden.py``.

``tests/qgis/test_same_result.py`` runs the workflow and compares. If it fails, first find out why. New values are right
only if the change was meant to change results:

- an algorithm computes something else on purpose, and the changelog says so;
- the workflow of ``tests/golden/chain.py`` itself has changed;
- a new version of a library gives other values beyond the tolerances, the reason is known, and they are correct.

Never write them to make a failing test pass, to suit one machine, or with a change that must not change results. Run it
on QGIS 3.22 (``./run``), check what it prints, and state in the commit why values changed.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

# Before torch is imported: sums over several threads round differently.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["SCARP_RUN"] = "inside"

from scarp.tests.golden.chain import VALUES, measure, surroundings
from scarp.tests.golden.comparing import differences
from scarp.tests.qgis.study import begin


def main() -> None:
    """Run the workflow, print what changed, write the file."""
    run_algorithm = begin()

    def run(algorithm: str, **parameters: Any) -> dict[str, Any]:
        print(f"  {algorithm}", flush=True)
        return run_algorithm(algorithm, **parameters)

    with tempfile.TemporaryDirectory() as folder:
        values = measure(run, Path(folder))
    if VALUES.is_file():
        for text in differences(json.loads(VALUES.read_text(encoding="utf-8"))["values"], values):
            print(f"  changed: {text}")
    VALUES.write_text(json.dumps({"made_with": surroundings(), "values": values}, indent=1) + "\n", encoding="utf-8")
    print(f"  wrote {VALUES}")


if __name__ == "__main__":
    main()
