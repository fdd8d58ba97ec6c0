"""Bad input gets one clear message and leaves nothing; unusual input works. The cases are in ``bad_input/``.

With the environment variable SCARP_BAD_INPUT naming a file, what came of each case is written there as JSON, for
``./run reliability``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsApplication, QgsProcessingException

from scarp.tests.qgis.bad_input import CASES
from scarp.tests.qgis.bad_input.case import OUTPUTS, Case, Outcome, Workplace, good_inputs
from scarp.tests.qgis.tiny import Listener

_EARLIER = b"from an earlier run"
_GDALS = (".aux.xml", "-wal", "-shm", "-journal")  # endings of what GDAL lays beside files that it reads
_PREFIX = "Unable to execute algorithm"  # what QGIS puts before the message of a check
_OF_PYTHON = re.compile(r"Traceback|unexpected error|<class|object at 0x|\bNoneType\b|\b[A-Za-z]+(Error|Exception)\b")
IMPERATIVES = (
    "Add Assign Build Change Check Choose Close Convert Correct Create Declare Define Delete Divide Draw Export Fill "
    "Fix Free Give Install Keep Leave Look Lower Make Merge Name Number Open Read Rebuild Reclassify Reduce Remove "
    "Rename Replace Reproject Rescale Run Save Select Set Take Train Turn Update Use Write"
)
_REMEDY = re.compile(
    rf"\b({'|'.join(IMPERATIVES.split())})\b"
    r"|(open|make) (it|them) |Is it a raster|should be|must|lies between|from \d"
)
"""How a message says what to do: in the imperative, or by what would be right."""


@pytest.fixture(scope="session")
def table():
    """A list of what came of each case; written when the session ends, where the environment asks for it."""
    rows: list[dict[str, Any]] = []
    yield rows
    if os.environ.get("SCARP_BAD_INPUT"):
        Path(os.environ["SCARP_BAD_INPUT"]).write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case, run, chain, area, tmp_path, table):
    at = Workplace(tmp_path / "given", tmp_path / "out", area, chain)
    at.folder.mkdir()
    at.out.mkdir()
    changes = case.make(at)
    values = {name: at.out / file for name, file in OUTPUTS[case.algorithm].items()}
    values |= {**good_inputs(case.algorithm, at), **changes}
    values = {name: _plain(value) for name, value in values.items() if value is not None}
    listener, message, results = Listener(), "", {}
    with case.around(at):
        if case.error and os.access(at.out, os.W_OK) and not any(at.out.iterdir()):
            _leave_earlier(at, case)
        before = _files(tmp_path)
        start = time.perf_counter()
        try:
            results = run(case.algorithm, feedback=listener, **values)
        except QgsProcessingException as error:
            message = str(error).replace(_PREFIX, "").strip()
        seconds = time.perf_counter() - start
        left = sorted(name for name, content in _files(tmp_path).items() if before.get(name) != content)
        # A model that is kept although its report failed has no record yet, and none of an earlier one.
        records = {f"out/{name}.run.json" for name in case.stays}
        lost = sorted(set(before) - set(_files(tmp_path)) - records)
    said = "\n".join([*listener.warnings, *(line for line in listener.lines if not line.startswith("Results:"))])
    row = {name: getattr(case, name) for name in ("name", "algorithm", "given", "works")}
    row |= {"expected": "refused" if case.error else "works", "message": message, "said": _line(case.said, said)}
    table.append({**row, "left": left if message else [], "seconds": round(seconds, 2)})
    assert not lost
    if case.error:
        assert message, "it was not refused"
        assert re.search(case.error, message, re.DOTALL), message
        assert left == sorted(f"out/{name}" for name in case.stays)
        _is_clear(message, case, changes, run)
    else:
        assert not message, message
        assert re.search(case.said, said), said
        case.holds(Outcome(results, said, at))


def test_every_algorithm_has_cases(plugin):
    assert len({case.name for case in CASES}) == len({(case.algorithm, case.given) for case in CASES}) == len(CASES)
    assert all(bool(case.error) != bool(case.works) for case in CASES)
    of_scarp = {item.name() for item in plugin.provider.algorithms() if hasattr(item, "check")}
    refused = {case.algorithm for case in CASES if case.error}
    assert refused == set(OUTPUTS) and refused >= of_scarp - {"rerun"}


def test_the_page_on_reliability_counts_every_case():
    """It is made by ``./run reliability``; a case that was added since must not be missing from it."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    page = page[page.index("## Bad and unusual input") :]
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    found = {algorithm: [int(number) for number in numbers] for algorithm, *numbers in rows}
    expected = {}
    for case in CASES:
        counts = expected.setdefault(case.algorithm, [0, 0, 0, 0])
        counts[0] += 1
        counts[1 if case.error else 2 if case.said else 3] += 1
    assert found == expected, "run ./run reliability bad_input"


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _leave_earlier(at: Workplace, case: Case) -> None:
    """Put the first output of an earlier run in place: it must be there as it was after a failure."""
    place = at.out / next(iter(OUTPUTS[case.algorithm].values()))
    if case.algorithm == "createdemodata":
        place.mkdir()
        place /= "dem.tif"
    try:
        place.write_bytes(_EARLIER)
        Path(f"{place}.run.json").write_text(json.dumps({"algorithm": f"scarp:{case.algorithm}"}), encoding="utf-8")
    except OSError:
        # A disk that nobody can write, or that is full, has no earlier output.
        place.unlink(missing_ok=True)


def _files(folder: Path) -> dict[str, str]:
    """Return a hash of every file and a mark for every folder; databases that are read are only counted."""
    found = {}
    for path in folder.rglob("*"):
        if path.name.endswith(_GDALS):
            continue
        name = str(path.relative_to(folder))
        opaque = path.is_dir() or (name.startswith("given") and path.suffix == ".gpkg")
        found[name] = "" if opaque else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _line(pattern: str, said: str) -> str:
    """Return the line that was asked for."""
    return next((line for line in said.splitlines() if pattern and re.search(pattern, line)), "")


def _is_clear(message: str, case: Case, changes: dict[str, Any], run: Any) -> None:
    """Assert what every message must have: the input, the fault and a way out, in words for an analyst."""
    assert not _OF_PYTHON.search(message), message
    assert 40 < len(message) < 2000 and message.endswith((".", "?", ".)")), message
    assert _REMEDY.search(message), f"it does not say how to fix it: {message}"
    algorithm = QgsApplication.processingRegistry().algorithmById(f"scarp:{case.algorithm}")
    definitions = {item.name(): item.description() for item in algorithm.parameterDefinitions()}
    words = set()
    for name in {*changes} or {*OUTPUTS[case.algorithm]}:
        label = definitions.get(name, name).split(" (")[0]
        words |= {name, label, *_names_of(changes.get(name)), _ROLES.get(name, name)}
    if not changes:
        words |= set(OUTPUTS[case.algorithm].values())
    named = any(word.lower() in message.lower() for word in words if word)
    named |= any(re.search(rf"\b{name}\b", message) for name in definitions)
    assert named, f"it does not name the input {sorted(words)}: {message}"


def _names_of(value: Any) -> set[str]:
    if isinstance(value, (list, tuple)):
        return set().union(*map(_names_of, value)) if value else set()
    if isinstance(value, Path):
        return {value.name, value.stem, value.parent.name}
    return {value.name()} if hasattr(value, "name") else {str(value)} if isinstance(value, str) else set()


_ROLES = {"LABELS": "label raster", "PRECIPITATION": "precipitation", "RAIN": "rain", "LITHOLOGY": "lithology"}
"""What the core calls an input where that differs from the label in the dialog."""
