"""Runs all cases of bad input and keeps what came of each: ``./run python tests/reliability/bad_input.py``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scarp.tests.reliability.results import Report

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # that a case may take, on a machine with much else to do
_FOLDER = re.compile(r"[^\s\"':]*/pytest-\d+/[^/]+/")  # the folder of a test, of no interest to a reader


def main() -> int:
    report = Report("bad_input")
    # Without the test of the page, which is made of what comes out here.
    command = [sys.executable, "-m", "pytest", "tests/qgis/test_bad_inputs.py", "-q", "--tb=line", "-k", "not page"]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.json"
        ended = subprocess.run(command, cwd=ROOT, env={**os.environ, "SCARP_BAD_INPUT": str(table)}, check=False)
        rows = json.loads(table.read_text(encoding="utf-8")) if table.is_file() else []
    for row in rows:
        row |= {name: _FOLDER.sub("", row[name]) for name in ("message", "said")}
        if bool(row["message"]) != (row["expected"] == "refused"):
            report.failures.append({"name": row["name"], "what": row["message"] or "it was not refused"})
        if "unexpected error" in row["message"]:
            report.failures.append({"name": row["name"], "what": row["message"]})
        if row["seconds"] > SECONDS:
            report.failures.append({"name": row["name"], "what": f"it took {row['seconds']:.0f} s"})
    if ended.returncode and not report.failures:
        report.failures.append({"name": "pytest", "what": f"ended with {ended.returncode}"})
    refused = [row for row in rows if row["expected"] == "refused"]
    report.counts = {
        "cases": len(rows),
        "refused with a message": len(refused),
        "of them leaving something": sum(bool(row["left"]) for row in refused),
        "right value with a warning": sum(bool(row["said"]) for row in rows if row not in refused),
        "right value": sum(not row["said"] for row in rows if row not in refused),
        "algorithms": len({row["algorithm"] for row in rows}),
    }
    return report.finish(cases=rows)


if __name__ == "__main__":
    sys.exit(main())
