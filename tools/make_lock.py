"""Write ``resources/environment/libraries.lock``: ``./run python tools/make_lock.py``.

Everything that ``libraries.txt`` and torch need, directly or in turn, on every supported Python and system, with the
version that pip chooses today and the hashes of its wheels. pip takes the versions from the public index, whatever
it is configured for on this computer otherwise. The same answers of the index give the same bytes.

pip evaluates the conditions of requirements for the Python that it runs on, not for the one that it is asked for. So
they are evaluated here, and pip is asked again until nothing is missing that the wheels it chose need there.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "resources" / "environment"
LIST, LOCK, BUILDS = FOLDER / "libraries.txt", FOLDER / "libraries.lock", FOLDER / "builds.json"
AT_ONCE = 3
ROUNDS = 8

HEAD = """\
# Written by tools/make_lock.py; do not change by hand. What libraries.txt and torch need, with the SHA-256 of every
# wheel for the supported versions of Python and systems. torch itself is not here: see docs/install.md.
"""


class Place(NamedTuple):
    """A Python on a system."""

    minor: int
    system: str

    @property
    def variables(self) -> dict[str, str]:
        """Return what conditions of requirements are evaluated with."""
        platform, _, machine = self.system.partition("-")
        names = {"linux": ("Linux", "posix"), "win32": ("Windows", "nt"), "darwin": ("Darwin", "posix")}[platform]
        return {
            "python_version": f"3.{self.minor}",
            "python_full_version": f"3.{self.minor}.0",
            "sys_platform": platform,
            "platform_machine": machine,
            "platform_system": names[0],
            "os_name": names[1],
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "implementation_version": f"3.{self.minor}.0",
            "extra": "",
        }


MINORS = range(9, 15)
GLIBC = 28
"""The C library that torch asks for, 2.28; what needs a newer one would not run where torch runs."""
SYSTEMS: dict[str, list[str]] = {
    **{
        f"linux-{machine}": [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)]
        + [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
        for machine in ("x86_64", "aarch64")
    },
    "win32-AMD64": ["win_amd64"],
    "darwin-arm64": ["macosx_14_0_arm64"],
    "darwin-x86_64": ["macosx_13_0_x86_64"],
}
"""Systems, and what pip calls the oldest of them that are looked at."""
WHEELS = {
    "linux-x86_64": r"manylinux\w*_x86_64",
    "linux-aarch64": r"manylinux\w*_aarch64",
    "win32-AMD64": r"win_amd64",
    "darwin-arm64": r"macosx_\w+_(arm64|universal2)",
    "darwin-x86_64": r"macosx_\w+_(x86_64|intel|universal2)",
}
"""What the platforms in the names of a system's wheels look like."""


def places() -> dict[Place, str]:
    """Return the supported places, with the version of torch for each."""
    found = {}
    for entry in json.loads(BUILDS.read_text(encoding="utf-8"))["torch"]:
        oldest, newest = (int(text.partition(".")[2]) for text in entry["python"])
        for system in SYSTEMS:
            if system in entry["systems"] or system.partition("-")[0] in entry["systems"]:
                found.update({Place(minor, system): entry["torch"] for minor in range(oldest, newest + 1)})
    return found


def report(place: Place, requirements: Iterable[str], *options: str) -> list[dict]:
    """Return what pip would install at a place.

    Raises:
        SystemExit: pip found no answer.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PIP_") or name in ("PIP_CERT", "PIP_PROXY", "PIP_DEFAULT_TIMEOUT")
    }
    variables["PIP_CONFIG_FILE"] = os.devnull
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--ignore-installed",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--report",
            str(file),
            "--target",
            folder,
            "--only-binary",
            ":all:",
            "--python-version",
            f"3.{place.minor}",
            *options,
        ]
        for platform in SYSTEMS[place.system]:
            command += ["--platform", platform]
        command += requirements
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{place}: {done.stderr}")
        return [item["metadata"] for item in json.loads(file.read_text(encoding="utf-8"))["install"]]


def needs(metadata: dict, variables: dict[str, str]) -> list[Requirement]:
    """Return what a package needs at a place, without conditions."""
    found = [Requirement(text) for text in metadata.get("requires_dist", [])]
    found = [need for need in found if need.marker is None or need.marker.evaluate(variables)]
    for need in found:
        if need.extras:
            raise SystemExit(f"{metadata['name']} needs {need}: extras are not followed here yet.")
        need.marker = None
    return found


def closure(place: Place, torch: str) -> dict[str, str]:
    """Return everything that is needed at a place beside torch: version by name.

    Raises:
        SystemExit: pip found no answer, or asks for more without end.
    """
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    direct = needs({"name": LIST.name, "requires_dist": lines}, place.variables)
    # On Linux the public index has a CUDA build, which asks for NVIDIA's libraries there only. The other builds need
    # what is needed everywhere; CUDA builds bring theirs from PyTorch's index.
    direct += needs(report(place, [f"torch=={torch}"], "--no-deps")[0], {**place.variables, "platform_system": ""})
    asked = {str(need) for need in direct}
    for _ in range(ROUNDS):
        chosen = {canonicalize_name(metadata["name"]): metadata for metadata in report(place, sorted(asked))}
        needed: dict[str, str] = {}
        missing: set[str] = set()
        ways = list(direct)
        while ways:
            need = ways.pop()
            name = canonicalize_name(need.name)
            if name not in chosen or not need.specifier.contains(chosen[name]["version"]):
                missing.add(str(need))
            elif name not in needed:
                needed[name] = chosen[name]["version"]
                ways += needs(chosen[name], place.variables)
        if not missing:
            print(f"Python 3.{place.minor} on {place.system}: {len(needed)} packages", flush=True)
            return needed
        asked |= missing
    raise SystemExit(f"{place}: pip does not settle; still missing: {', '.join(sorted(missing))}")


def index() -> str:
    """Return the address of the public index, as pip reports it."""
    help_text = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200", "PIP_CONFIG_FILE": os.devnull},
    ).stdout
    return re.search(r"\(default\s+(https://\S+?)/?\)", help_text)[1]


def fits(file: str, where: set[Place]) -> bool:
    """Return whether a wheel can be chosen at one of the places."""
    tags = parse_wheel_filename(file)[3]
    return any(_tag_fits(tag, place) for tag in tags for place in where)


def _tag_fits(tag, place: Place) -> bool:
    if tag.platform != "any" and not re.fullmatch(WHEELS[place.system], tag.platform):
        return False
    number = re.fullmatch(r"cp3(\d+)", tag.interpreter)
    if number is None:
        return tag.abi == "none" and re.fullmatch(r"py3|py3\d+", tag.interpreter) is not None
    own = int(number[1]) == place.minor and tag.abi in ("none", tag.interpreter)
    return own or (tag.abi == "abi3" and int(number[1]) <= place.minor)


def hashes(address: str, name: str, version: str, where: set[Place]) -> list[str]:
    """Return the hashes of a version's wheels that can be chosen at the places, as the index states them.

    Raises:
        SystemExit: there is a place for which there is none.
    """
    request = urllib.request.Request(f"{address}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=180) as answer:
        files = json.load(answer)["files"]
    files = [
        file
        for file in files
        if file["filename"].endswith(".whl")
        and not file.get("yanked")
        and str(_version_of(file["filename"])) == version
    ]
    for place in where:
        if not any(fits(file["filename"], {place}) for file in files):
            raise SystemExit(f"{name} {version} has no wheel for Python 3.{place.minor} on {place.system}.")
    return sorted(file["hashes"]["sha256"] for file in files if fits(file["filename"], where))


def _version_of(file: str) -> str | None:
    try:
        return str(parse_wheel_filename(file)[1])
    except ValueError:
        return None


def condition(where: set[Place], supported: Iterable[Place]) -> str:
    """Return the condition under which a line holds, as short as it can be said: others than the supported may hold."""
    others = [Place(minor, system) for minor in MINORS for system in SYSTEMS if Place(minor, system) not in supported]
    choices = itertools.chain.from_iterable(itertools.combinations(others, n) for n in range(len(others) + 1))
    return min((_condition(where.union(added)) for added in choices), key=lambda text: (len(text), text))


def _condition(where: set[Place]) -> str:
    by_versions: dict[str, list[str]] = {}
    for system in SYSTEMS:
        minors = sorted(place.minor for place in where if place.system == system)
        if minors:
            by_versions.setdefault(_versions(minors), []).append(system)
    parts = [
        " and ".join(part for part in (versions, _systems(systems)) if part)
        for versions, systems in by_versions.items()
    ]
    return parts[0] if len(parts) == 1 else " or ".join(f"({part})" if " and " in part else part for part in parts)


def _versions(minors: list[int]) -> str:
    if minors != list(range(minors[0], minors[-1] + 1)):
        return "(" + " or ".join(f'python_version == "3.{minor}"' for minor in minors) + ")"
    if len(minors) == 1:
        return f'python_version == "3.{minors[0]}"'
    first = f'python_version >= "3.{minors[0]}"' if minors[0] != MINORS[0] else ""
    last = f'python_version <= "3.{minors[-1]}"' if minors[-1] != MINORS[-1] else ""
    return " and ".join(part for part in (first, last) if part)


def _systems(systems: list[str]) -> str:
    if len(systems) == len(SYSTEMS):
        return ""
    if "darwin-x86_64" not in systems and len(systems) == len(SYSTEMS) - 1:
        return '(sys_platform != "darwin" or platform_machine != "x86_64")'
    parts = []
    for platform in ("linux", "win32", "darwin"):
        machines = [system.partition("-")[2] for system in systems if system.startswith(platform)]
        whole = len(machines) == sum(system.startswith(platform) for system in SYSTEMS)
        if machines:
            parts.append(
                f'sys_platform == "{platform}"' + ("" if whole else f' and platform_machine == "{machines[0]}"')
            )
    return parts[0] if len(parts) == 1 else "(" + " or ".join(parts) + ")"


def main() -> None:
    """Ask pip for every place, the index for the hashes, and write the file atomically."""
    everywhere = places()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        closures = dict(zip(everywhere, pool.map(lambda item: closure(*item), everywhere.items())))
        wanted: dict[tuple[str, str], set[Place]] = {}
        for place, packages in closures.items():
            for item in packages.items():
                wanted.setdefault(item, set()).add(place)
        address = index()
        order = sorted(wanted)
        found = list(pool.map(lambda item: hashes(address, *item, wanted[item]), order))
    text = HEAD
    for (name, version), digests in zip(order, found):
        rule = condition(wanted[name, version], everywhere)
        line = f"{name}=={version}" + (f" ; {rule}" if rule else "")
        for place, packages in closures.items():
            marker = Requirement(line).marker
            if (packages.get(name) == version) != (marker is None or marker.evaluate(place.variables)):
                raise SystemExit(f"The condition of {line!r} is wrong for {place}: a fault in this tool.")
        text += " \\\n    ".join([line, *(f"--hash=sha256:{digest}" for digest in digests)]) + "\n"
    LOCK.write_text(text, encoding="utf-8", newline="\n")
    print(f"{LOCK}: {len(order)} versions, {sum(map(len, found))} wheels, {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
