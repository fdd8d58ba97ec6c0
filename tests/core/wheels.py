"""Tiny wheels that pip installs in a moment, in place of torch and the other libraries."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

LIBRARIES = ("fakeraster", "fakelearn")
LIST = "# fake\nfakeraster==1.0\nfakelearn==2.0; python_version >= '3.9'\n"
SELF_TEST_SCRIPT = """
import json, sys, torch, fakeraster, fakelearn
print(json.dumps({"python": sys.version.split()[0], "versions": {"torch": torch.__version__},
                  "cuda_build": None, "devices": [], "device_problem": "", "gdal": "0"}))
"""


def write_wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = (), code: str = "") -> Path:
    """Write a wheel of a package with one module."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code or f"__version__ = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/RECORD"
    with zipfile.ZipFile(path, "w") as archive:
        for place, content in files.items():
            archive.writestr(place, content)
        archive.writestr(record, "".join(f"{place},,\n" for place in [*files, record]))
    return path


def write_all(folder: Path, torch: str, **torch_options: str) -> Path:
    """Write wheels of all that the fake list asks for."""
    write_wheel(folder, "torch", torch, **torch_options)
    write_wheel(folder, "fakeraster", "1.0")
    write_wheel(folder, "fakelearn", "2.0", needs=("fakeraster",))
    return folder


def write_index(folder: Path, wheels: Path) -> str:
    """Write the pages of a package index over a folder of wheels, with their hashes; return its address."""
    for name in {wheel.name.partition("-")[0] for wheel in wheels.glob("*.whl")}:
        page = folder / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        links = [
            f'<a href="{wheel.as_uri()}#sha256={digest(wheel)}">{wheel.name}</a>'
            for wheel in sorted(wheels.glob(f"{name}-*.whl"))
        ]
        page.write_text(f"<html><body>{''.join(links)}</body></html>")
    return folder.as_uri()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_lock(file: Path, wheels: Path) -> None:
    """Write the lock over a folder of wheels, torch aside."""
    lines = ["# fake"]
    for wheel in sorted(wheels.glob("fake*.whl")):
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name}=={version} ; python_version >= '3.9' \\\n    --hash=sha256:{digest(wheel)}")
    file.write_text("\n".join(lines) + "\n")


def tamper(wheel: Path) -> None:
    """Change a bit in a wheel, in a place that unpacking does not notice: the comment of the archive."""
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.comment = b"a"


def write_lists(folder: Path) -> tuple[Path, Path]:
    """Write a list of fake libraries and a proof that imports them."""
    libraries, proof = folder / "libraries.txt", folder / "proof.py"
    libraries.write_text(LIST)
    proof.write_text(SELF_TEST_SCRIPT)
    return libraries, proof


def read_json(path: Path) -> dict:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
