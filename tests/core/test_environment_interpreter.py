"""Which Python is QGIS's, in layouts of systems that are not here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from scarp.environment.interpreter import (
    PYTHON_VARIABLES,
    Interpreter,
    Layout,
    clean_environment,
    dll_folder,
    other_interpreters,
    qgis_interpreter,
    qgis_python,
    version_problem,
)

WINDOWS = r"C:\Program Files\QGIS 3.40.9"
MAC = "/Applications/QGIS.app/Contents"


def layout(files: list[str], **facts) -> Layout:
    return Layout(**{"base_executable": "", "variables": {}, "is_file": set(files).__contains__, **facts})


LAYOUTS = {
    "Windows, installer": (
        layout(
            [WINDOWS + r"\apps\Python312\python.exe", WINDOWS + r"\bin\python.exe", WINDOWS + r"\bin\qgis-bin.exe"],
            platform="win32",
            version=(3, 12),
            executable=WINDOWS + r"\bin\qgis-bin.exe",
            prefix=WINDOWS + r"\apps\Python312",
            base_prefix=WINDOWS + r"\apps\Python312",
        ),
        WINDOWS + r"\apps\Python312\python.exe",
        None,
    ),
    "Windows, prefix not where Python is": (
        layout(
            [r"C:\OSGeo4W\apps\Python39\python.exe", r"C:\OSGeo4W\bin\python.exe"],
            platform="win32",
            version=(3, 9),
            executable=r"C:\OSGeo4W\bin\qgis-ltr-bin.exe",
            prefix=r"C:\OSGeo4W\bin",
            base_prefix=r"C:\elsewhere",
            variables={"OSGEO4W_ROOT": r"C:\OSGeo4W"},
        ),
        r"C:\OSGeo4W\bin\python.exe",
        None,
    ),
    "Windows, root known": (
        layout(
            [r"C:\OSGeo4W\apps\Python312\python.exe"],
            platform="win32",
            version=(3, 12),
            executable="",
            prefix="",
            base_prefix="",
            variables={"OSGEO4W_ROOT": r"C:\OSGeo4W"},
        ),
        r"C:\OSGeo4W\apps\Python312\python.exe",
        None,
    ),
    "Windows, Conda": (
        layout(
            [r"C:\conda\envs\gis\python.exe"],
            platform="win32",
            version=(3, 11),
            executable=r"C:\conda\envs\gis\Library\bin\qgis.exe",
            prefix=r"C:\conda\envs\gis",
            base_prefix=r"C:\conda\envs\gis",
        ),
        r"C:\conda\envs\gis\python.exe",
        None,
    ),
    "macOS, older bundle": (
        layout(
            [f"{MAC}/MacOS/bin/python3", f"{MAC}/MacOS/lib/python3.9/os.py", f"{MAC}/MacOS/QGIS"],
            platform="darwin",
            version=(3, 9),
            executable=f"{MAC}/MacOS/QGIS",
            prefix=f"{MAC}/MacOS",
            base_prefix=f"{MAC}/MacOS",
        ),
        f"{MAC}/MacOS/bin/python3",
        f"{MAC}/MacOS",
    ),
    "macOS, newer bundle": (
        layout(
            [f"{MAC}/MacOS/python3.12", f"{MAC}/MacOS/python", f"{MAC}/Frameworks/lib/python3.12/os.py"],
            platform="darwin",
            version=(3, 12),
            executable=f"{MAC}/MacOS/QGIS",
            prefix=f"{MAC}/Frameworks",
            base_prefix=f"{MAC}/Frameworks",
        ),
        f"{MAC}/MacOS/python3.12",
        f"{MAC}/Frameworks",
    ),
    "macOS, bundle of another name with a framework": (
        layout(
            ["/Volumes/my maps/QGIS-final-4_0_3.app/Contents/MacOS/python3.12"],
            platform="darwin",
            version=(3, 12),
            executable="/Volumes/my maps/QGIS-final-4_0_3.app/Contents/MacOS/QGIS-final-4_0_3",
            prefix="/nowhere",
            base_prefix="/nowhere",
        ),
        "/Volumes/my maps/QGIS-final-4_0_3.app/Contents/MacOS/python3.12",
        None,
    ),
    "macOS, Homebrew": (
        layout(
            ["/opt/homebrew/opt/python@3.13/bin/python3.13"],
            platform="darwin",
            version=(3, 13),
            executable="/opt/homebrew/opt/python@3.13/bin/python3.13",
            prefix="/opt/homebrew/opt/python@3.13",
            base_prefix="/opt/homebrew/opt/python@3.13",
        ),
        "/opt/homebrew/opt/python@3.13/bin/python3.13",
        None,
    ),
    "Linux": (
        layout(
            ["/usr/bin/python3", "/usr/bin/python3.12"],
            platform="linux",
            version=(3, 12),
            executable="/usr/bin/python3",
            prefix="/usr",
            base_prefix="/usr",
        ),
        "/usr/bin/python3.12",
        None,
    ),
    "Linux, pyenv in PATH": (
        layout(
            ["/usr/bin/python3.12", "/home/u/.pyenv/shims/python3"],
            platform="linux",
            version=(3, 12),
            executable="/home/u/.pyenv/shims/python3",
            prefix="/usr",
            base_prefix="/usr",
        ),
        "/usr/bin/python3.12",
        None,
    ),
    "Linux, in a virtual environment": (
        layout(
            ["/usr/bin/python3.11", "/home/u/v/bin/python3.11", "/home/u/v/bin/python"],
            platform="linux",
            version=(3, 11),
            executable="/home/u/v/bin/python",
            prefix="/home/u/v",
            base_prefix="/usr",
        ),
        "/usr/bin/python3.11",
        None,
    ),
    "Flatpak": (
        layout(
            ["/usr/bin/python3"],
            platform="linux",
            version=(3, 11),
            executable="/usr/bin/python3",
            prefix="/usr",
            base_prefix="/usr",
        ),
        "/usr/bin/python3",
        None,
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_the_python_is_found_and_never_qgis_itself(case):
    here, executable, home = LAYOUTS[case]
    found = qgis_interpreter(here)
    assert str(found.executable) == executable
    assert (str(found.home) if found.home else None) == home
    assert "qgis" not in PureWindowsPath(found.executable.name.lower()).name
    assert found.variables() == ({"PYTHONHOME": home} if home else {})


@pytest.mark.parametrize("case", LAYOUTS)
def test_nothing_is_made_up_where_no_file_is(case):
    here = LAYOUTS[case][0]
    assert qgis_interpreter(Layout(**{**here.__dict__, "is_file": lambda path: False})) is None


def test_the_copy_in_bin_of_osgeo4w_is_only_taken_when_python_says_that_it_lives_there():
    here = LAYOUTS["Windows, installer"][0]
    only_bin = Layout(**{**here.__dict__, "is_file": lambda path: path == WINDOWS + r"\bin\python.exe"})
    assert qgis_interpreter(only_bin) is None


def test_here_it_is_a_python_of_the_same_version():
    found = qgis_python()
    said = subprocess.run(
        [str(found), "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    ).stdout.split()
    assert [int(part) for part in said] == list(sys.version_info[:2])


@pytest.mark.parametrize(
    ("platform", "files", "best"),
    [
        (
            "darwin",
            ["/opt/homebrew/bin/python3.12", "/Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13"],
            "/opt/homebrew/bin/python3.12",
        ),
        (
            "win32",
            [r"C:\Users\a\AppData\Local\Programs\Python\Python311\python.exe", r"C:\Program Files\Python39\python.exe"],
            r"C:\Users\a\AppData\Local\Programs\Python\Python311\python.exe",
        ),
        ("linux", ["/usr/bin/python3.9"], "/usr/bin/python3.9"),
    ],
)
def test_other_pythons_are_offered_with_the_same_version_first(platform, files, best):
    here = layout(
        files,
        platform=platform,
        version=(3, 12),
        executable="",
        prefix="",
        base_prefix="",
        variables={"LOCALAPPDATA": r"C:\Users\a\AppData\Local", "PROGRAMFILES": r"C:\Program Files"},
    )
    found = other_interpreters(here)
    assert str(found[0].executable) == best
    assert {str(item.executable) for item in found} == set(files)
    assert not any(item.own for item in found)


def test_what_qgis_sets_for_itself_does_not_reach_another_python():
    given = dict.fromkeys(PYTHON_VARIABLES, "of QGIS")
    given.update(PATH="p", HOME="h", LD_LIBRARY_PATH="l", Gdal_Data="in small letters")
    cleaned = clean_environment({"EXTRA": "e"}, given)
    assert not set(PYTHON_VARIABLES) & set(cleaned)
    assert "Gdal_Data" not in cleaned
    assert {name: cleaned[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH", "EXTRA")} == {
        "PATH": "p",
        "HOME": "h",
        "LD_LIBRARY_PATH": "l",
        "EXTRA": "e",
    }
    assert cleaned["PYTHONNOUSERSITE"] == "1"


def test_a_python_that_is_told_its_home_still_sees_its_environment(tmp_path):
    """What the bundles of macOS rely on: ``PYTHONHOME`` and ``pyvenv.cfg`` at once."""
    base = qgis_python()
    subprocess.run([str(base), "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True, env=clean_environment())
    home = subprocess.run(
        [str(base), "-c", "import sys; print(sys.base_prefix)"],
        check=True,
        capture_output=True,
        text=True,
        env=clean_environment(),
    ).stdout.strip()
    said = subprocess.run(
        [str(tmp_path / "v" / "bin" / "python"), "-c", "import sys; print(sys.prefix)"],
        check=True,
        capture_output=True,
        text=True,
        env=clean_environment(Interpreter(base, Path(home)).variables()),
    ).stdout.strip()
    assert os.path.samefile(said, tmp_path / "v")


@pytest.mark.parametrize(
    ("executable", "names", "expected"),
    [
        (r"C:\OSGeo4W\apps\Python312\python.exe", ["_ssl.pyd"], r"C:\OSGeo4W\bin"),
        (r"C:\OSGeo4W\apps\Python312\python.exe", ["_ssl.pyd", "libssl-3.dll"], None),
        (r"C:\Users\a\AppData\Local\Programs\Python\Python311\python.exe", ["_ssl.pyd"], None),
        ("/usr/bin/python3", [], None),
    ],
)
def test_only_osgeo4w_needs_a_folder_for_its_dlls(executable, names, expected):
    found = dll_folder(Interpreter(Path(executable)), is_dir=lambda path: True, names=lambda path: names)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(("version", "fits"), [((3, 8), False), ((3, 9), True), ((3, 14, 2), True), ((3, 15), False)])
def test_versions_without_builds_are_refused(version, fits):
    assert (version_problem(version) is None) == fits
