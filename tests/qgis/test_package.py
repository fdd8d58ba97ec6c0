"""The plugin zip: what is in it, what the plugin repository checks, and that a bare QGIS loads it."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scarp.tests.qgis.child import BLOCKER, PROGRAM, ROOT

LIBRARIES = ("torch", "rasterio", "sklearn", "scipy", "safetensors", "matplotlib", "jinja2", "distributed", "pyflwdir")
REQUIRED = ("name", "description", "version", "qgisMinimumVersion", "author", "email", "about", "tracker", "repository")
"""What the plugin repository's validator asks of metadata.txt."""

NEVER = {".exe", ".dll", ".so", ".dylib", ".bat", ".sh", ".ps1", ".cmd", ".pyc", ".pyo", ".ts", ".safetensors", ".tif"}


def python(*arguments, folder: Path | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def build(target: Path) -> Path:
    result = python(ROOT / "tools" / "package.py", target)
    assert result.returncode == 0 and str(target) in result.stdout, result.stderr
    return target


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("zip") / "scarp.zip")


@pytest.fixture(scope="module")
def entries(archive) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return opened.infolist()


@pytest.fixture(scope="module")
def profile(archive, tmp_path_factory) -> Path:
    """A profile that has nothing but the plugin, put there by the unpacker of QGIS's own plugin manager."""
    sys.path.append("/usr/share/qgis/python")
    try:
        unzip = pytest.importorskip("pyplugin_installer.unzip").unzip
    finally:
        sys.path.remove("/usr/share/qgis/python")
    folder = tmp_path_factory.mktemp("profile")
    plugins = folder / "profiles" / "default" / "python" / "plugins"
    plugins.mkdir(parents=True)
    unzip(str(archive), str(plugins))
    return folder


@pytest.fixture(scope="module")
def installed(profile) -> Path:
    return profile / "profiles" / "default" / "python" / "plugins" / "scarp"


@pytest.fixture(scope="module")
def metadata(installed) -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read(installed / "metadata.txt", encoding="utf-8")
    return dict(parser.items("general"))


@pytest.fixture(scope="module")
def bare_qgis(profile, tmp_path_factory):
    """Return a function that runs qgis_process in that profile, on a Python that has none of the libraries."""
    blocker = tmp_path_factory.mktemp("blocker")
    # Python imports this module when it starts, also inside QGIS. Debian may have the libraries in the system's Python.
    (blocker / "sitecustomize.py").write_text(f"BLOCKED = {LIBRARIES!r}{BLOCKER}")
    own = ("QGIS_", "PYTHON", "SCARP_", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    environment.update(QT_QPA_PLATFORM="offscreen", QGIS_CUSTOM_CONFIG_PATH=str(profile), HOME=str(profile))
    environment.update(PYTHONPATH=str(blocker), PYTHONDONTWRITEBYTECODE="1")

    def call(*arguments: str, code: int = 0) -> str:
        command = [PROGRAM, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    if not PROGRAM:
        pytest.skip("qgis_process is not installed")
    call("plugins", "enable", "scarp")
    return call


def run_tool(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    pytest.importorskip(arguments[0])
    return python("-m", *arguments, folder=folder)


def test_one_folder_and_only_what_ships(archive, entries):
    names = [entry.filename for entry in entries]
    assert names[0] == "scarp/__init__.py" and len(names) == len(set(names))
    needed = "metadata.txt LICENSE README.md plugin.py model/jobs/train_pcum.py docs/tutorial.md docs/method.md"
    assert {f"scarp/{name}" for name in needed.split()} <= set(names)
    for entry in entries:
        parts = entry.filename.split("/")
        assert parts[0] == "scarp" and ".." not in parts
        assert not {"tests", "benchmarks", "tools", "__pycache__", ".git", "__MACOSX"} & set(parts)
        assert not parts[-1].startswith(".") and Path(parts[-1]).suffix not in NEVER
        assert not (entry.external_attr >> 16) & 0o111, "executable"
        assert parts[1] != "docs" or parts[-1].endswith(".md"), "the pages of the manual, without their pictures"
        if parts[-1].endswith(".svg"):
            assert entry.file_size < 20_000, "an icon this large holds a picture"
    assert archive.stat().st_size < 2**21


def test_it_is_the_same_bytes_every_time(archive, tmp_path):
    assert build(tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_a_stray_file_stops_the_build(tmp_path):
    copy = tmp_path / "checkout"
    for folder in ("algorithms", "environment", "gui", "model", "processing_provider", "running", "resources", "tools"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "plugin.py", "translation.py", "LICENSE", "README.md", "CHANGELOG.md", "metadata.txt"):
        shutil.copy(ROOT / name, copy)
    stray = copy / "resources" / "model.safetensors"
    stray.write_bytes(b"weights")
    result = python(copy / "tools" / "package.py", tmp_path / "stray.zip")
    assert result.returncode != 0 and str(stray) in result.stderr and not (tmp_path / "stray.zip").exists()
    stray.unlink()
    text = (copy / "metadata.txt").read_text(encoding="utf-8")
    (copy / "metadata.txt").write_text(re.sub("^version=.*$", "version=1.0", text, flags=re.M), encoding="utf-8")
    result = python(copy / "tools" / "package.py", tmp_path / "stray.zip")
    assert result.returncode != 0 and "MAJOR.MINOR.PATCH" in result.stderr


def test_every_module_is_in_the_zip(entries):
    """So every import finds its file, as mypy sees to it in the checkout."""
    folders = ("algorithms", "environment", "gui", "model", "processing_provider", "running")
    wanted = {path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    wanted |= {"__init__.py", "plugin.py", "translation.py"}
    assert {entry.filename[6:] for entry in entries if entry.filename.endswith(".py")} == wanted


def test_metadata_is_what_the_repository_asks_for(installed, metadata):
    assert not [name for name in REQUIRED if not metadata.get(name, "").strip()]
    for name in ("tracker", "repository", "homepage"):
        assert re.fullmatch(r"https://[\w.-]+/\S+", metadata[name]), name
    assert re.fullmatch(r"\d+\.\d+\.\d+", metadata["version"])
    assert re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", metadata["email"]) and "/" not in metadata["author"]
    assert metadata["hasProcessingProvider"] == "yes", "qgis_process loads no other plugins"
    assert (installed / metadata["icon"]).is_file() and metadata["qgisMinimumVersion"] == "3.22"
    assert metadata["qgisMaximumVersion"].startswith("4.")
    assert "supportsQt6" not in metadata, "withdrawn; the maximum version says it"
    assert "Install what Scarp needs" in metadata["about"] and len(metadata["changelog"]) > 100
    assert {metadata[name] for name in ("experimental", "deprecated", "server")} <= {"True", "False"}


def test_the_readme_leads_to_pages_that_the_zip_does_not_have(installed):
    targets = re.findall(r"]\(([^)]+)\)", (installed / "README.md").read_text(encoding="utf-8"))
    assert targets
    assert all(target.startswith("https://") or (installed / target).is_file() for target in targets)


def test_every_translation_is_compiled(installed):
    sources = {path.stem for path in (ROOT / "resources" / "translations").glob("*.ts")}
    compiled = {path.stem: path.stat().st_size for path in (installed / "resources" / "translations").glob("*.qm")}
    assert set(compiled) == sources and all(compiled.values())


SPOILED = {
    "evil/__init__.py": "import pickle\nexec('1')\nprint(undefined)\n",
    "evil/metadata.txt": "[general]\nname=evil\n",
    "evil/run.sh": "true",
    "evil/.env": "hidden",
}
SPOILED_SAYS = (
    "critical: bandit: ./evil/__init__.py:2: B102",
    "warning: bandit: ./evil/__init__.py:1: B403",
    "critical: flake8: ./evil/__init__.py:3:7: F821",
    "critical: structure: metadata.txt: tracker is missing",
    "critical: structure: LICENSE: is missing",
    "critical: structure: evil/run.sh",
    "information: structure: evil/.env",
)


def test_the_script_gives_the_severities_of_the_repository(tmp_path):
    for tool in ("bandit", "detect_secrets", "flake8"):
        pytest.importorskip(tool)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as opened:
        for name, text in SPOILED.items():
            opened.writestr(name, text)
    result = python(ROOT / "tools" / "repository_checks.py", tmp_path / "evil.zip")
    assert result.returncode == 1, result.stderr
    assert not [line for line in SPOILED_SAYS if line not in result.stdout], result.stdout


def test_bandit_finds_nothing(installed):
    """Without ``-ll``: every severity counts."""
    result = run_tool("bandit", "-q", "-r", ".", "-f", "json", folder=installed.parent)
    report = json.loads(result.stdout)
    assert not report["errors"]
    assert [f"{found['filename']}:{found['line_number']} {found['issue_text']}" for found in report["results"]] == []


def test_detect_secrets_finds_nothing(installed):
    # The repository ignores metadata.txt, where packing tools put commit hashes.
    options = ("scan", "--all-files", "--exclude-files", r"metadata\.txt", ".")
    result = run_tool("detect_secrets", *options, folder=installed.parent)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["results"] == {}


def test_flake8_finds_nothing(installed):
    # Spaces in slices and long lines are decided by ruff, which formats and checks the tree.
    result = run_tool("flake8", "--isolated", "--extend-ignore", "E203,E501", ".", folder=installed.parent)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_bare_qgis_loads_it_and_says_what_is_missing(bare_qgis, plugin, installed):
    listed = set(re.findall(r"\bscarp:\w+", bare_qgis("list")))
    assert listed == {algorithm.id() for algorithm in plugin.provider.algorithms()}
    assert "WINDOW" in bare_qgis("help", "scarp:trainpcum")
    inputs = (f"STACK={installed}/LICENSE", f"LABELS={installed}/LICENSE", "OUTPUT=model.safetensors")
    said = bare_qgis("run", "scarp:trainpcum", "--", *inputs, code=1)
    assert "torch" in said and "Install what Scarp needs" in said and "Traceback" not in said
