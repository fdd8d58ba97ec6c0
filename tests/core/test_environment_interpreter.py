"""Finds QGIS's Python, in layouts of systems that are not here."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import pytest

from scarp.environment import builds, interpreter
from scarp.environment.interpreter import PYTHON_VARIABLES, Interpreter, Layout, clean_environment, qgis_interpreter

WINDOWS = r"C:\Program Files\QGIS 3.40.9"
OSGEO4W = r"C:\OSGeo4W"
CONDA = r"C:\conda\envs\gis"
MAC = "/Applications/QGIS.app/Contents"
OTHER_MAC = "/Volumes/my maps/QGIS-final-4_0_3.app/Contents/MacOS"
BREW = "/opt/homebrew/opt/python@3.13"
PYENV = "/home/u/.pyenv/shims/python3"


def layout(platform, minor, executable, prefix, base_prefix, files, **variables) -> Layout:
    return Layout(platform, (3, minor), executable, "", prefix, base_prefix, variables, set(files).__contains__)


LAYOUTS = {
    "Windows, installer": (
        layout(
            *("win32", 12, WINDOWS + r"\bin\qgis-bin.exe", WINDOWS + r"\apps\Python312", WINDOWS + r"\apps\Python312"),
            [WINDOWS + path for path in (r"\apps\Python312\python.exe", r"\bin\python.exe", r"\bin\qgis-bin.exe")],
        ),
        WINDOWS + r"\apps\Python312\python.exe",
    ),
    "Windows, prefix not where Python is": (
        layout(
            *("win32", 9, OSGEO4W + r"\bin\qgis-ltr-bin.exe", OSGEO4W + r"\bin", r"C:\elsewhere"),
            [OSGEO4W + r"\apps\Python39\python.exe", OSGEO4W + r"\bin\python.exe"],
            OSGEO4W_ROOT=OSGEO4W,
        ),
        OSGEO4W + r"\bin\python.exe",
    ),
    "Windows, root known": (
        layout("win32", 12, "", "", "", [OSGEO4W + r"\apps\Python312\python.exe"], OSGEO4W_ROOT=OSGEO4W),
        OSGEO4W + r"\apps\Python312\python.exe",
    ),
    "Windows, Conda": (
        layout("win32", 11, CONDA + r"\Library\bin\qgis.exe", CONDA, CONDA, [CONDA + r"\python.exe"]),
        CONDA + r"\python.exe",
    ),
    "macOS, older bundle": (
        layout(
            *("darwin", 9, f"{MAC}/MacOS/QGIS", f"{MAC}/MacOS", f"{MAC}/MacOS"),
            [f"{MAC}/MacOS/bin/python3", f"{MAC}/MacOS/lib/python3.9/os.py", f"{MAC}/MacOS/QGIS"],
        ),
        f"{MAC}/MacOS/bin/python3",
        f"{MAC}/MacOS",
    ),
    "macOS, newer bundle": (
        layout(
            *("darwin", 12, f"{MAC}/MacOS/QGIS", f"{MAC}/Frameworks", f"{MAC}/Frameworks"),
            [f"{MAC}/MacOS/python3.12", f"{MAC}/MacOS/python", f"{MAC}/Frameworks/lib/python3.12/os.py"],
        ),
        f"{MAC}/MacOS/python3.12",
        f"{MAC}/Frameworks",
    ),
    "macOS, bundle of another name with a framework": (
        layout("darwin", 12, f"{OTHER_MAC}/QGIS-final", "/nowhere", "/nowhere", [f"{OTHER_MAC}/python3.12"]),
        f"{OTHER_MAC}/python3.12",
    ),
    "macOS, Homebrew": (
        layout("darwin", 13, f"{BREW}/bin/python3.13", BREW, BREW, [f"{BREW}/bin/python3.13"]),
        f"{BREW}/bin/python3.13",
    ),
    "Linux": (
        layout("linux", 12, "/usr/bin/python3", "/usr", "/usr", ["/usr/bin/python3", "/usr/bin/python3.12"]),
        "/usr/bin/python3.12",
    ),
    "Linux, pyenv in PATH": (
        layout("linux", 12, PYENV, "/usr", "/usr", ["/usr/bin/python3.12", PYENV]),
        "/usr/bin/python3.12",
    ),
    "Linux, in a virtual environment": (
        layout(
            *("linux", 11, "/home/u/v/bin/python", "/home/u/v", "/usr"),
            ["/usr/bin/python3.11", "/home/u/v/bin/python3.11", "/home/u/v/bin/python"],
        ),
        "/usr/bin/python3.11",
    ),
    "Flatpak": (layout("linux", 11, "/usr/bin/python3", "/usr", "/usr", ["/usr/bin/python3"]), "/usr/bin/python3"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_the_python_is_found_and_never_qgis_itself(case):
    here, executable, home = (*LAYOUTS[case], None)[:3]
    found = qgis_interpreter(here)
    assert str(found.executable) == executable
    assert (str(found.home) if found.home else None) == home
    assert "qgis" not in PureWindowsPath(found.executable.name.lower()).name
    assert found.variables() == ({"PYTHONHOME": home} if home else {})


@pytest.mark.parametrize("case", LAYOUTS)
def test_without_files_no_python_is_found(case):
    assert qgis_interpreter(replace(LAYOUTS[case][0], is_file=lambda path: False)) is None


def test_the_copy_in_bin_of_osgeo4w_is_only_used_when_it_is_the_prefix():
    here = LAYOUTS["Windows, installer"][0]
    assert qgis_interpreter(replace(here, is_file=lambda path: path == WINDOWS + r"\bin\python.exe")) is None


def output_of(python, code, environment=None) -> str:
    command = [str(python), "-c", f"import sys; print({code})"]
    environment = environment or clean_environment()
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.strip()


def test_here_it_is_a_python_of_the_same_version():
    version = output_of(interpreter.qgis_python(), "*sys.version_info[:2]")
    assert version.split() == [str(number) for number in sys.version_info[:2]]


BREW_PYTHON = "/opt/homebrew/bin/python3.12"
USERS_PYTHON = r"C:\Users\a\AppData\Local\Programs\Python\Python311\python.exe"


@pytest.mark.parametrize(
    ("platform", "files"),
    [
        ("darwin", [BREW_PYTHON, "/Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13"]),
        ("win32", [USERS_PYTHON, r"C:\Program Files\Python39\python.exe"]),
        ("linux", ["/usr/bin/python3.9"]),
    ],
)
def test_other_pythons_are_offered_with_the_same_version_first(platform, files):
    folders = {"LOCALAPPDATA": r"C:\Users\a\AppData\Local", "PROGRAMFILES": r"C:\Program Files"}
    found = interpreter.other_interpreters(layout(platform, 12, "", "", "", files, **folders))
    assert [str(item.executable) for item in found] == files
    assert not any(item.is_qgis_python for item in found)


def test_variables_that_qgis_sets_for_itself_do_not_reach_another_python():
    given = dict.fromkeys(PYTHON_VARIABLES, "of QGIS")
    kept = {"PATH": "p", "HOME": "h", "LD_LIBRARY_PATH": "l"}
    cleaned = clean_environment({"EXTRA": "e"}, {**given, **kept, "Gdal_Data": "in small letters"})
    assert not {*PYTHON_VARIABLES, "Gdal_Data"} & set(cleaned)
    assert {**kept, "EXTRA": "e", "PYTHONNOUSERSITE": "1"}.items() <= cleaned.items()


def test_a_python_with_a_given_home_still_sees_its_environment(tmp_path):
    """The bundles of macOS rely on ``PYTHONHOME`` together with ``pyvenv.cfg``."""
    base = interpreter.qgis_python()
    subprocess.run([str(base), "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True, env=clean_environment())
    home = Path(output_of(base, "sys.base_prefix"))
    variables = clean_environment(Interpreter(base, home).variables())
    assert os.path.samefile(output_of(tmp_path / "v" / "bin" / "python", "sys.prefix", variables), tmp_path / "v")


@pytest.mark.parametrize(
    ("executable", "names", "expected"),
    [
        (OSGEO4W + r"\apps\Python312\python.exe", ["_ssl.pyd"], OSGEO4W + r"\bin"),
        (OSGEO4W + r"\apps\Python312\python.exe", ["_ssl.pyd", "libssl-3.dll"], None),
        (USERS_PYTHON, ["_ssl.pyd"], None),
        ("/usr/bin/python3", [], None),
    ],
)
def test_only_osgeo4w_needs_a_folder_for_its_dlls(executable, names, expected):
    found = interpreter.dll_folder(Interpreter(Path(executable)), is_dir=lambda path: True, names=lambda path: names)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    ("version", "supported"), [((3, 8), False), ((3, 9), True), ((3, 14, 2), True), ((3, 15), False)]
)
def test_versions_without_builds_are_refused(version, supported):
    problem = builds.problem(builds.Target(version[:2], "linux", "x86_64"))
    assert (problem is None) == supported
    assert supported or "is not supported" in problem
