"""Runs all cases of bad input and keeps what came of each: ``./run python tests/reliability/bad_input.py``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scarp.tests.reliability import results

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300
"""That a case may take, on a machine with much else to do."""
_FOLDER = re.compile(r"[^\s\"':]*/pytest-\d+/[^/]+/")
"""The folder of a test, of no interest to a reader."""


def main() -> int:
    """Run the cases as the tests run them; the exit status tells whether all was well."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.json"
        # The page is made of what comes out here.
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/qgis/test_bad_inputs.py", "-q", "--tb=line", "-k", "not page"],
            cwd=ROOT,
            env={**os.environ, "SCARP_BAD_INPUT": str(table)},
            check=False,
        )
        rows = json.loads(table.read_text(encoding="utf-8")) if table.is_file() else []
    for row in rows:
        for name in ("message", "said"):
            row[name] = _FOLDER.sub("", row[name])
    refused = [row for row in rows if row["expected"] == "refused"]
    failures = [
        {"name": row["name"], "what": row["message"] or "it was not refused"}
        for row in rows
        if bool(row["message"]) != (row["expected"] == "refused")
    ]
    failures += [
        {"name": row["name"], "what": f"it took {row['seconds']:.0f} s"} for row in rows if row["seconds"] > SECONDS
    ]
    if ended.returncode and not failures:
        failures.append({"name": "pytest", "what": f"ended with {ended.returncode}"})
    counts = {
        "cases": len(rows),
        "refused with a message": len(refused),
        "of them leaving something": sum(bool(row["left"]) for row in refused),
        "working": len(rows) - len(refused),
        "algorithms": len({row["algorithm"] for row in rows}),
    }
    return results.tell("bad_input", counts, failures, time.perf_counter() - start, cases=rows)


if __name__ == "__main__":
    sys.exit(main())
