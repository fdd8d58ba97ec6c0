"""Runs the property-based tests on many examples: ``./run python tests/reliability/properties.py [--times 20]``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from scarp.tests.reliability import results

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="as many examples as in the ordinary tests")
    given = parser.parse_args()
    counts: dict[str, int] = {"times": given.times}
    failures, begun, examples = [], time.perf_counter(), Counter()
    for module in sorted((ROOT / "tests" / "core").glob("test_properties_*.py")):
        found, failed = _run(module, given.times)
        examples.update(found)
        failures += failed
        counts[f"{module.stem.removeprefix('test_properties_')}: properties"] = len(found)
        counts[f"{module.stem.removeprefix('test_properties_')}: examples"] = sum(found.values())
    counts["examples"] = sum(examples.values())
    return results.tell("properties", counts, failures, time.perf_counter() - begun)


def _run(module: Path, times: int) -> tuple[Counter[str], list[dict[str, str]]]:
    """Return how many examples each property had, and those that do not hold."""
    with tempfile.TemporaryDirectory() as folder:
        told, report = Path(folder) / "counts.json", Path(folder) / "report.xml"
        environment = {**os.environ, "SCARP_EXAMPLES": str(times), "SCARP_EXAMPLES_COUNTS": str(told)}
        code = subprocess.run(
            [sys.executable, "-m", "pytest", str(module), "-p", "no:pytest_qgis", "-q", f"--junitxml={report}"],
            cwd=ROOT,
            env=environment,
            check=False,
        ).returncode
        examples = Counter(json.loads(told.read_text(encoding="utf-8"))) if told.is_file() else Counter()
        if not report.is_file():
            return examples, [{"property": module.stem, "what": f"pytest ended with {code}"}]
        cases = ElementTree.parse(report).getroot().iter("testcase")
        failures = [
            {"property": case.get("name", ""), "what": problem.get("message", "")[:300]}
            for case in cases
            for problem in (*case.findall("failure"), *case.findall("error"))
        ]
        if code and not failures:
            failures.append({"property": module.stem, "what": f"pytest ended with {code}"})
        return examples, failures


if __name__ == "__main__":
    sys.exit(main())
