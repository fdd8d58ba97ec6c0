"""Runs the property-based tests on many examples: ``./run python tests/reliability/properties.py [--times 20]``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from scarp.tests.reliability.results import Report, read_options

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    times = read_options(__doc__, times=(20, "as many examples as in the ordinary tests")).times
    report = Report("properties", times=times)
    total = 0
    for module in sorted((ROOT / "tests" / "core").glob("test_properties_*.py")):
        examples, failures = _run(module, times)
        report.failures += failures
        name = module.stem.removeprefix("test_properties_")
        report.counts |= {f"{name}: properties": len(examples), f"{name}: examples": sum(examples.values())}
        total += sum(examples.values())
    report.counts["examples"] = total
    return report.finish()


def _run(module: Path, times: int) -> tuple[dict[str, int], list[dict[str, str]]]:
    """Return how many examples each property had, and those that do not hold."""
    with tempfile.TemporaryDirectory() as folder:
        told, report = Path(folder) / "counts.json", Path(folder) / "report.xml"
        environment = {**os.environ, "SCARP_EXAMPLES": str(times), "SCARP_EXAMPLES_COUNTS": str(told)}
        command = [sys.executable, "-m", "pytest", str(module), "-p", "no:pytest_qgis", "-q", f"--junitxml={report}"]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        examples = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {}
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
