"""Make the plugin zip: ``./run package [FILE]``. Standard library only, apart from Qt's ``lrelease``.

The same files give the same bytes: names are sorted, times and permissions fixed. What ships is listed here by folder
and by kind of file, so that nothing gets in by chance; a file of a kind that is not listed stops the build.
"""

from __future__ import annotations

import configparser
import io
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

from compile_translations import compile_one

ROOT = Path(__file__).resolve().parent.parent
NAME = "scarp"
FILES = ("__init__.py", "plugin.py", "translation.py", "LICENSE")
FOLDERS = ("algorithms", "environment", "gui", "model", "processing_provider", "resources", "running")
KINDS = {".py", ".svg", ".png", ".qml", ".qpt", ".model3", ".html", ".xml", ".css", ".json", ".txt", ".lock"}
PAGES = ("tutorial", "dock", "method", "install")
"""Pages of the manual that the window *Tutorial* and the Help buttons open without the Internet."""
TRANSLATIONS = ROOT / "resources" / "translations"
EXCLUDED = {".ts", ".qm", ".messages", ".pyc", ".pyo"}
"""Kinds in those folders that do not ship as they are: translations are compiled again, caches are Python's."""

TIME = (1980, 1, 1, 0, 0, 0)
LIMIT = 2**21
"""Bytes that the zip should stay under, with manual and help pictures: field stations download it over slow lines."""


def shipped() -> list[Path]:
    """Return the files that ship as they are, relative to the checkout.

    Raises:
        SystemExit: A folder has a file of a kind that is neither listed as shipped nor as excluded.
    """
    found = [Path(name) for name in FILES]
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_dir() or path.suffix in EXCLUDED:
                continue
            if path.suffix not in KINDS or path.name.startswith("."):
                raise SystemExit(
                    f"{path} is of a kind that does not ship. Remove it, or name its kind in tools/package.py."
                )
            found.append(path.relative_to(ROOT))
    return found


def translations() -> dict[str, bytes]:
    """Return the compiled translations by their names in the plugin's folder."""
    compiled = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in TRANSLATIONS.glob("*.ts"):
            compile_one(source, Path(folder) / f"{source.stem}.qm")
        for target in Path(folder).iterdir():
            compiled[(TRANSLATIONS.relative_to(ROOT) / target.name).as_posix()] = target.read_bytes()
    return compiled


def newest_changes() -> str:
    """Return the newest section of the changelog, one line an entry, as ``metadata.txt`` can hold it."""
    section = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)[1]
    body = section.split("\n", 1)[1].replace("`", "")
    body = re.sub(r"\[([^]]+)]\([^)]+\)", r"\1", body)
    body = re.sub(r"^### (.+)$", r"\1:", body, flags=re.M)
    body = re.sub(r"\n  +", " ", body)
    return "\n".join(line for line in body.split("\n") if line.strip())


def metadata() -> tuple[str, str]:
    """Return the text of ``metadata.txt`` with the newest changes in it, and the version.

    Raises:
        SystemExit: The version is not MAJOR.MINOR.PATCH, or QGIS could not read the file.
    """
    text = (ROOT / "metadata.txt").read_text(encoding="utf-8").rstrip("\n")
    text += "\nchangelog=" + newest_changes().replace("\n", "\n    ") + "\n"
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        version = dict(parser.items("general"))["version"]
    except (configparser.Error, KeyError) as error:
        raise SystemExit(
            f"QGIS could not read metadata.txt with the newest section of CHANGELOG.md: {error}. A "
            "percent sign must be written as a word."
        ) from error
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"The version in metadata.txt is {version!r}; it must be MAJOR.MINOR.PATCH, such as 0.1.0.")
    return text, version


def readme() -> str:
    """Return the README with links that lead into the repository: its pages and pictures do not ship."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    repository = parser["general"]["repository"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.sub(
        r"(!?)\[([^]]*)]\((?!https?://|#)([^)]+)\)",
        lambda link: f"{link[1]}[{link[2]}]({repository}/{'raw' if link[1] else 'blob'}/main/{link[3]})",
        text,
    )


def manual() -> dict[str, bytes]:
    """Return the pages of the manual by their names in the plugin's folder; their pictures are links into the
    repository, since the zip has no room for them.
    """
    files = {}
    for name in PAGES:
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        text = re.sub(r"!\[([^]]*)]\(([^)]+)\)", r"*Picture: [\1](\2)*", text)
        files[f"docs/{name}.md"] = text.encode("utf-8")
    return files


def contents() -> tuple[dict[str, bytes], str]:
    """Return everything that goes into the zip, by its name in the plugin's folder, and the version."""
    description, version = metadata()
    files = {path.as_posix(): (ROOT / path).read_bytes() for path in shipped()}
    files.update(translations())
    files.update(manual())
    files["metadata.txt"] = description.encode("utf-8")
    files["README.md"] = readme().encode("utf-8")
    return files, version


def write(target: Path, files: dict[str, bytes]) -> None:
    """Write the zip atomically."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        # QGIS's installer and the plugin repository take the folder's name from the first entry.
        for name in sorted(files, key=lambda name: (name != "__init__.py", name)):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", TIME)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, 9)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.write_bytes(memory.getvalue())
    os.replace(unfinished, target)


def largest(target: Path) -> str:
    """Return the sizes in the zip by top folder, the largest first."""
    sizes: dict[str, int] = {}
    with zipfile.ZipFile(target) as archive:
        for entry in archive.infolist():
            parts = entry.filename.split("/")[1:]
            top = parts[0] if len(parts) == 1 else "/".join(parts[:-1][:2])
            sizes[top] = sizes.get(top, 0) + entry.compress_size
    ranked = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    return ", ".join(f"{name} {size / 1000:.0f} kB" for name, size in ranked)


def main(arguments: list[str]) -> None:
    """Build the zip and say where it is and how large."""
    files, version = contents()
    target = Path(arguments[0]).resolve() if arguments else ROOT / ".build" / f"{NAME}-{version}.zip"
    write(target, files)
    size = target.stat().st_size
    print(f"{target}\n{size / 1000:.0f} kB, {len(files)} files. Largest: {largest(target)}")
    if size > LIMIT:
        print(f"That is over the limit of {LIMIT / 1000:.0f} kB.")


if __name__ == "__main__":
    main(sys.argv[1:])
