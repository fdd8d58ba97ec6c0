"""Write docs/reliability.md from what the campaigns found: ``./run python tools/make_reliability.py``.

``./run reliability`` does it at its end. The numbers come from ``.build/reliability/NAME.json``; a campaign that did
not run here keeps its section of the page, with the date of its run. One that never ran is an error, since the page
would claim what nobody saw. The page counts the cases of bad input; ``.build/reliability/bad_input.md`` has them all.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scarp.tests.reliability.campaigns import NAMES
from scarp.tests.reliability.results import FOLDER

CASES = "## Bad and unusual input"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
ABOUT = {
    "bad_input": "Bad and unusual input for every algorithm, run through Processing. A message must name the input and "
    "state the fix; only files that the case names may be left; an earlier result of the same "
    "name stays as it was.",
    "properties": "Property-based tests (hypothesis) of the core: rasters of any shape, nodata pattern, tile and "
    "window size. Nodata in is nodata out, counts add up, values lie within 0 and 1, zones are ordered, "
    "tiles equal the whole, area shares add to 1, no cell moves, no block is learned from and tested on.",
    "fuzz_models": "Model files, whole ones mutated: bits, lengths, headers, declared shapes, offsets, JSON "
    "inside. No code runs, 2 s at most for each, 2 GB of memory at most, one family of exceptions.",
    "fuzz_records": "Run records, class tables, breaks, histories and checkpoints, mutated in the same way.",
    "fuzz_rasters": "Mutated GeoTIFFs, in processes of their own, since GDAL itself may crash.",
    "fuzz_layers": "Mutated GeoPackages and QML styles, read by QGIS as Scarp has it read them.",
    "fuzz_vectors": "Generated vector layers of every geometry type, encoding, field type and CRS, with empty and "
    "missing values, given to every vector input. Each is read, or refused with a message.",
    "faults_kill": "kill -9 at a random moment of every algorithm. Every file is whole, the older one or absent; the "
    "next run gives the uninterrupted result, and so does resuming.",
    "faults_same_output": "Two runs write the same output at once.",
    "faults_disk_full": "A small disk that fills up in each of the files of every algorithm.",
    "faults_worker": "The core's process is killed, crashes, falls silent or talks nonsense in the middle of a job.",
    "load": "32 predictions in one QGIS, ten algorithms queued at once, a layer overwritten while it is open.",
}

BESIDES = (
    "## What tests hold besides",
    "",
    "- A model file runs no code: it is safetensors with a JSON header, and no shipped module imports pickle or calls",
    "  `torch.load`, `eval`, `exec` or a shell (`tests/core/test_architecture.py`, over every file).",
    "- No SQL and no expression is built from a name or a value: features are read and written through objects, and",
    "  the same test forbids the calls that would run a text.",
    "- Names of layers, fields, classes, regions and files are text in every report, in XML beside rasters, in figures",
    "  and in tables, where a cell cannot become a formula (`tests/core/test_escaping.py`).",
    "- The installer takes only files whose hashes it knows ([install.md](install.md)).",
    "- A graphics card that is not there, has too little memory or vanishes in the middle, simulated",
    "  (`tests/core/test_device_faults.py`), and clocks that jump (`tests/core/test_clock.py`).",
    "- Silent errors: inputs that changed, units, other cell sizes, values outside the training data",
    "  ([reproducing.md](reproducing.md)).",
    "",
)


def main() -> int:
    """Write the page; the exit status tells whether all campaigns have run."""
    page = PAGE.read_text(encoding="utf-8")
    found = dict(earlier_runs(page))
    for name in NAMES:
        file = FOLDER / f"{name}.json"
        if file.is_file():
            found[name] = json.loads(file.read_text(encoding="utf-8"))
    missing = [name for name in NAMES if name not in found]
    if missing:
        print(
            f"The page was not written: {', '.join(missing)} never ran here. Run ./run reliability "
            f"{' '.join(missing)}.",
            file=sys.stderr,
        )
        return 1
    found = {name: found[name] for name in NAMES}
    rows = found["bad_input"].get("cases")
    if rows:
        (FOLDER / "bad_input.md").write_text("\n".join(every_case(rows)), encoding="utf-8")
        of_algorithms = list(cases_of_algorithms(rows))
    else:
        of_algorithms = page[page.index(CASES) :].splitlines()
    lines = [*head(found), *campaigns(found), *BESIDES, *of_algorithms]
    PAGE.write_text("\n".join(lines).rstrip("\n") + "\n", encoding="utf-8")
    return 0


def earlier_runs(page: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Give name, counts and the line on when and where of each campaign of a page as it stands."""
    for name, section in re.findall(r"^### (\w+)\n(.*?)(?=^##)", page, re.DOTALL | re.MULTILINE):
        ran = re.search(r"^Ran (.*)\.$", section, re.MULTILINE)
        if name not in NAMES or ran is None or "\nNo failure." not in section:
            continue
        rows = re.findall(r"^\| (.+?) \| ([^|]+?) \|$", section, re.MULTILINE)[1:]
        counts = {unescaped(what): number_of(text) for what, text in rows}
        yield name, {"counts": counts, "failures": [], "ran": ran.group(1)}


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def number_of(text: str) -> int | str:
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else unescaped(text)


def head(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the title and what the page is."""
    bad, properties = found["bad_input"]["counts"], found["properties"]["counts"]
    hostile = sum(
        number
        for name in ("fuzz_models", "fuzz_records")
        for what, number in found[name]["counts"].items()
        if what.endswith(": inputs")
    )
    kills = found["faults_kill"]["counts"]
    failures = sum(len(one["failures"]) for one in found.values())
    return [
        "# Reliability",
        "",
        "What Scarp does with bad input, faults and hostile files, shown by tests with counts. This page is made by",
        "`./run reliability` (hours; `./run reliability NAME …` runs some) and never written by hand. A quick part of",
        "every campaign is in `./run test`. A campaign that did not run again keeps the date of its last run.",
        "",
        f"In short: {bad['cases']:,} cases of bad or unusual input, {bad['refused with a message']:,} of them refused "
        f"with a message; {properties['examples']:,} examples of properties; {hostile:,} hostile model files and "
        f"records; {kills['kills']:,} kills; {failures} failures.",
        "",
    ]


def campaigns(found: dict[str, dict[str, Any]]) -> Iterable[str]:
    """Give a section for each campaign."""
    yield from ["## Campaigns", ""]
    for name, one in found.items():
        yield from [f"### {name}", "", ABOUT[name], "", f"Ran {one.get('ran') or when_and_where(one)}.", ""]
        rows = [
            (what, f"{number:,}" if isinstance(number, int) else str(number)) for what, number in one["counts"].items()
        ]
        yield from table(("count", "number"), rows)
        if one["failures"]:
            yield from [
                "",
                "Failures:",
                "",
                *(f"- {', '.join(f'{key} {value}' for key, value in failure.items())}" for failure in one["failures"]),
            ]
        elif "failures" not in one["counts"]:
            yield from ["", "No failure."]
        yield ""


def when_and_where(one: dict[str, Any]) -> str:
    """Return date, versions and duration of a run."""
    machine = one["machine"]
    qgis = [f"QGIS {machine['qgis']}"] if "qgis" in machine else []
    system = f"Python {machine['python']}", machine["system"], f"{machine['cores']} cores", f"{one['seconds']:,.0f} s"
    return ", ".join([one["when"], *qgis, *system])


def cases_of_algorithms(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Give the numbers of cases by algorithm, and a message of each that none before it has."""
    yield from [
        CASES,
        "",
        "The cases are in `tests/qgis/bad_input/`. `./run reliability bad_input` writes what came of each of them,",
        "with every message, to `.build/reliability/bad_input.md`.",
        "",
    ]
    kinds = "refusal", "warning", "right value"
    counts, messages = [], []
    for algorithm, own in by_algorithm(rows):
        numbers = [sum(result(row) == kind for row in own) for kind in kinds]
        counts.append((algorithm, *map(str, (len(own), *numbers))))
        shown = {given for _, given, _ in messages}
        refused = (row for row in own if row["expected"] == "refused" and row["given"] not in shown)
        messages += [(algorithm, row["given"], row["message"]) for row in itertools.islice(refused, 1)]
    yield from table(("algorithm", "cases", "refused", "right value with a warning", "right value"), counts)
    yield from ["", "A message of each algorithm:", ""]
    yield from table(("algorithm", "given", "message"), messages)


def every_case(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Give the table of bad input by algorithm."""
    yield from [
        "# Bad and unusual input",
        "",
        "Result is a refusal, a right value, or a warning beside a right value or a report that lists the fault.",
        "*Refused* with the message that the user reads. *Works*: what holds after the run, and in italics",
        "what the log said. Nothing was left after a refusal except where *left* says so.",
        "",
    ]
    for algorithm, own in by_algorithm(rows):
        yield from [f"## {algorithm}", ""]
        yield from table(("given", "result", "came of it"), [(row["given"], result(row), outcome(row)) for row in own])
        yield ""


def by_algorithm(rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Give the rows of each algorithm."""
    for algorithm in dict.fromkeys(row["algorithm"] for row in rows):
        yield algorithm, [row for row in rows if row["algorithm"] == algorithm]


def result(row: dict[str, Any]) -> str:
    """Return the kind of what came of a case: ``refusal``, ``warning`` or ``right value``."""
    if row["expected"] == "refused":
        return "refusal"
    return "warning" if row["said"] else "right value"


def outcome(row: dict[str, Any]) -> str:
    """Return what came of a case."""
    if row["expected"] == "refused":
        left = f" Left: {', '.join(row['left'])}." if row["left"] else ""
        return f"Refused: {row['message']}{left}"
    return f"Works: {row['works']}" + (f" *{row['said']}*" if row["said"] else "")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    return [
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        *(f"| {' | '.join(map(plain, row))} |" for row in rows),
    ]


def plain(text: str) -> str:
    """Return a text in which nothing is Markdown or HTML."""
    for letter in "\\`|<>_":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
