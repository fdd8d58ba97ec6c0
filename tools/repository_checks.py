"""Run the checks of the QGIS plugin repository on the zip: ``./run python tools/repository_checks.py [ZIP]``.

With the same programs and severities (its ``security_scanner.py`` and rules of 2026): a critical finding blocks the
version; a warning must be ticked on the form of the upload; information is shown and blocks nothing. Without a ZIP it
is made first. Bandit, detect-secrets and flake8 are in ``requirements-test.txt``. The exit status is 1 if a finding
blocks.
"""

from __future__ import annotations

import argparse
import configparser
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
CRITICAL, WARNING, INFORMATION = "critical", "warning", "information"
MAX_BYTES = 25_000_000

# Rules that are skippable or switched off; bandit's others are critical.
BANDIT_WARNINGS = set(
    "B101 B104 B108 B110 B112 B113 B303 B308 B310 B311 B313 B314 B315 B316 B317 B318 B319 B320 B324 B403 B405 B406 "
    "B407 B408 B409 B504 B508 B509 B603 B606 B607 B608 B614 B702 B703 B704".split()
)
BANDIT_OFF = {"B109", "B404", "B410", "B411"}
SECRET_WARNINGS = {"Base64 High Entropy String", "Hex High Entropy String", "Secret Keyword"}
SECRETS_OFF = {"Public IP (ipv4)"}
FLAKE8_RULES = "E101,E7,E9,F,W6"
FLAKE8_CRITICAL = ("E9", "F821", "F823", "F831")
REQUIRED = "name description version qgisMinimumVersion author email about tracker repository".split()
EXECUTABLES = (".exe", ".dll", ".so", ".dylib", ".bat", ".sh", ".ps1", ".cmd")
BINARIES = (".pyc", ".pyo", ".pyd", ".whl", ".jar", ".zip")
FORBIDDEN_PARTS = {"__pycache__", ".git", "__MACOSX"}


@dataclass(frozen=True)
class Finding:
    """One finding: the check, its severity, the file and what was found."""

    check: str
    severity: str
    where: str
    what: str


def structure(archive: Path) -> Iterator[Finding]:
    """Yield what is wrong with size, folders, permissions and kinds of files, and with ``metadata.txt``."""

    def found(severity: str, where: str, what: str) -> Finding:
        return Finding("structure", severity, where, what)

    if archive.stat().st_size > MAX_BYTES:
        yield found(CRITICAL, archive.name, f"larger than {MAX_BYTES / 1e6:.0f} MB")
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        folders = {PurePosixPath(entry.filename).parts[0] for entry in entries}
        if len(folders) != 1 or not next(iter(folders)).isidentifier():
            yield found(CRITICAL, archive.name, f"one folder with a Python name is asked for, not {sorted(folders)}")
            return
        folder = folders.pop()
        names = {entry.filename for entry in entries}
        for entry in entries:
            path = PurePosixPath(entry.filename)
            if path.is_absolute() or ".." in path.parts or FORBIDDEN_PARTS.intersection(path.parts):
                yield found(CRITICAL, entry.filename, "must not be in a plugin")
            if path.suffix.lower() in EXECUTABLES:
                yield found(CRITICAL, entry.filename, "a program or library")
            elif path.suffix.lower() in BINARIES:
                yield found(WARNING, entry.filename, "a binary file")
            if entry.external_attr >> 16 & 0o111 and not entry.is_dir():
                yield found(WARNING, entry.filename, "may be executed")
            if path.name.startswith("."):
                yield found(INFORMATION, entry.filename, "a hidden file")
        for name in ("__init__.py", "metadata.txt", "LICENSE"):
            if f"{folder}/{name}" not in names:
                yield found(CRITICAL, name, "is missing")
        if f"{folder}/metadata.txt" in names:
            parser = configparser.ConfigParser()
            parser.read_string(opened.read(f"{folder}/metadata.txt").decode("utf-8"))
            for key in REQUIRED:
                if not parser.get("general", key, fallback="").strip():
                    yield found(CRITICAL, "metadata.txt", f"{key} is missing")


def bandit(folder: Path) -> Iterator[Finding]:
    """Yield the findings of bandit, at every severity of its own."""
    report = json.loads(_output("bandit", "-q", "-r", ".", "-f", "json", folder=folder))
    for error in report["errors"]:
        yield Finding("bandit", CRITICAL, error["filename"], error["reason"])
    for one in report["results"]:
        code = one["test_id"]
        if code not in BANDIT_OFF:
            severity = WARNING if code in BANDIT_WARNINGS else CRITICAL
            yield Finding("bandit", severity, f"{one['filename']}:{one['line_number']}", f"{code} {one['issue_text']}")


def secrets(folder: Path) -> Iterator[Finding]:
    """Yield the findings of detect-secrets; the repository leaves ``metadata.txt`` out."""
    command = ("detect_secrets", "scan", "--all-files", "--exclude-files", r"metadata\.txt", ".")
    for path, items in json.loads(_output(*command, folder=folder))["results"].items():
        for item in items:
            if item["type"] not in SECRETS_OFF:
                severity = WARNING if item["type"] in SECRET_WARNINGS else CRITICAL
                yield Finding("detect-secrets", severity, f"{path}:{item['line_number']}", item["type"])


def flake8(folder: Path) -> Iterator[Finding]:
    """Yield the findings of flake8; the repository has switched off the rules of style."""
    for line in _output("flake8", "--isolated", "--select", FLAKE8_RULES, ".", folder=folder).splitlines():
        where, _, what = line.partition(": ")
        severity = CRITICAL if what.startswith(FLAKE8_CRITICAL) else INFORMATION
        yield Finding("flake8", severity, where, what)


def check(archive: Path) -> list[Finding]:
    """Return all findings in a zip; raises OSError or RuntimeError if one of the programs cannot be run."""
    found = list(structure(archive))
    with tempfile.TemporaryDirectory() as place:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(place)
        for look in (bandit, secrets, flake8):
            found += look(Path(place))
    return found


def _output(module: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    # Bandit and flake8 end with 1 for findings.
    if done.returncode not in (0, 1) or (done.returncode and not done.stdout):
        raise RuntimeError(f"{module} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """Check a zip and print the findings; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", nargs="?", type=Path, help="made first if none is given")
    archive = parser.parse_args(arguments).zip
    if archive is None:
        archive = ROOT / ".build" / "repository-checks.zip"
        subprocess.run([sys.executable, str(ROOT / "tools" / "package.py"), str(archive)], check=True)
    found = check(archive)
    for severity in (CRITICAL, WARNING, INFORMATION):
        for one in [one for one in found if one.severity == severity]:
            print(f"{severity}: {one.check}: {one.where}: {one.what}")
    counts = {severity: sum(one.severity == severity for one in found) for severity in (CRITICAL, WARNING, INFORMATION)}
    print(", ".join(f"{count} {severity}" for severity, count in counts.items()))
    return 1 if counts[CRITICAL] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
