"""Where files lie: names in all scripts, long paths, folders and disks that cannot be written."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import copied, text

_LITTLE, _MODEL_ONLY = 1024, 100 * 1024
"""Bytes that a file may have: no output has so few, and a model but no report has."""


def _named(*parts: str):
    """Return a maker of parameters with the map, and the output, in a folder of some name."""

    def make(at: Workplace) -> dict:
        folder = at.folder.joinpath(*parts)
        folder.mkdir(parents=True)
        at.out = folder
        return {
            "SUSCEPTIBILITY": copied(at.chain["susceptibility"], folder / f"{parts[-1][:40]}.tif"),
            "OUTPUT": folder / f"{parts[-1][:40]} zones.tif",
            "OUTPUT_TABLE": folder / f"{parts[-1][:40]}.csv",
        }

    return make


def _long(at: Workplace) -> dict:
    parts = ["landslide susceptibility of the whole province, second try"] * 6
    values = _named(*parts)(at)
    assert len(str(values["OUTPUT"])) > 300
    return values


def _written(outcome: Outcome) -> None:
    output = Path(outcome.results["OUTPUT"])
    assert output.is_file()
    assert Path(f"{output}.run.json").is_file()
    assert Path(outcome.results["OUTPUT_TABLE"]).is_file()


def _quota(limit: int):
    """Have the system refuse to write on where a file reaches a limit in bytes, as a disk quota does."""

    @contextlib.contextmanager
    def around(at: Workplace) -> Iterator[None]:
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return around


@contextlib.contextmanager
def _small_disk(at: Workplace) -> Iterator[None]:
    """Give the output a disk of its own, with room for next to nothing."""
    with _mounted(at, "tmpfs", "size=4096", "tmpfs"):
        yield


@contextlib.contextmanager
def _read_only_disk(at: Workplace) -> Iterator[None]:
    with _mounted(at, "tmpfs", "size=64k,ro", "tmpfs"):
        yield


@contextlib.contextmanager
def _mounted(at: Workplace, kind: str, options: str, device: str) -> Iterator[None]:
    place = at.out
    place.mkdir(exist_ok=True)
    made = subprocess.run(["mount", "-t", kind, "-o", options, device, str(place)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("Only an administrator may mount a disk.")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _on_disk(**more: Any):
    def make(at: Workplace) -> dict:
        at.out = at.folder / "disk"
        return dict(more)

    return make


def _nobody_writes(parameter: str, name: str, **more: Any):
    """Not even an administrator can make a file in /proc."""

    def make(at: Workplace) -> dict:
        if not os.path.isdir("/proc/self"):
            pytest.skip("There is no /proc here to stand for a folder that nobody can write.")
        return {**more, parameter: Path("/proc/self") / name}

    return make


def _points_on_disk(at: Workplace) -> dict:
    outputs = at.out
    at.out = at.folder / "disk"
    return {"OUTPUT_HTML": outputs / "report.html", "OUTPUT_TABLE": outputs / "report.csv"}


CASES = (
    Case(
        "name-spaces",
        "classifyzones",
        "Folder and files with spaces",
        _named("my maps 2026"),
        works="Map and table are written.",
        holds=_written,
    ),
    Case(
        "name-chinese",
        "classifyzones",
        "Folder and files with Chinese names",
        _named("滑坡易发性", "藏东南"),
        works="Map and table are written.",
        holds=_written,
    ),
    Case(
        "name-emoji",
        "classifyzones",
        "Folder and files with emoji",
        _named("⛰️ hills", "🌧️🏔️"),
        works="Map and table are written.",
        holds=_written,
    ),
    Case(
        "name-quotes",
        "classifyzones",
        "Folder and files with quotes, percent, brackets and a semicolon",
        _named("O'Brien's \"50%\" [maps]; {new} & $HOME"),
        works="Map and table are written.",
        holds=_written,
    ),
    Case(
        "name-accents",
        "classifyzones",
        "Folder and files with accents taken apart",
        _named("Valle\u0301e de l\u2019Ise\u0300re"),
        works="Map and table are written.",
        holds=_written,
    ),
    Case(
        "path-long",
        "classifyzones",
        "A path of more than 300 letters",
        _long,
        works="Map and table are written.",
        holds=_written,
    ),
    Case(
        "name-too-long",
        "classifyzones",
        "A file name of 254 letters, one fewer than most disks take",
        lambda at: {"OUTPUT": at.out / f"{'z' * 250}.tif"},
        r"zzz.*(long|short)",
    ),
    Case(
        "name-far-too-long",
        "classifyzones",
        "A file name of 400 letters",
        lambda at: {"OUTPUT": at.out / f"{'z' * 396}.tif"},
        r"zzz.*(long|short)",
    ),
    Case(
        "stack-chinese",
        "buildfactorstack",
        "A DEM with a Chinese name in a folder with emoji",
        lambda at: {"DEM": _there(at, "🏔️", "高程.tif"), "OUTPUT": at.folder / "🏔️" / "因子.tif"},
        works="The stack is written.",
        holds=lambda outcome: _file(outcome),
    ),
    Case(
        "model-chinese",
        "predictsusceptibility",
        "Model and map with Chinese names and emoji",
        lambda at: {
            "MODEL": copied(at.chain["model"], at.folder / "模型 🧠.safetensors"),
            "OUTPUT": at.folder / "易发性 🗺️.tif",
            "REGION": '藏东南 "1" 🏔️',
        },
        works="The map is written.",
        holds=lambda outcome: _file(outcome),
    ),
    Case(
        "report-chinese",
        "checkfactors",
        "A report with a Chinese name",
        lambda at: {"OUTPUT_HTML": at.folder / "因子检查 ✅.html", "OUTPUT_TABLE": at.folder / "表 1.csv"},
        works="Report and table are written.",
        holds=lambda outcome: _file(outcome, "OUTPUT_HTML", "OUTPUT_TABLE"),
    ),
    Case(
        "folder-missing",
        "classifyzones",
        "An output in a folder that does not exist",
        lambda at: {"OUTPUT": at.folder / "no such folder" / "zones.tif"},
        r"no such folder.* does not exist",
    ),
    Case(
        "folder-is-file",
        "classifyzones",
        "An output in a folder that is a file",
        lambda at: {"OUTPUT": text(at.folder / "notes.txt") / "zones.tif"},
        r"notes\.txt",
    ),
    Case(
        "output-is-folder",
        "classifyzones",
        "A folder of the output's name",
        lambda at: {"OUTPUT": _folder(at)},
        r"OUTPUT is .*zones\.tif, which is a folder",
    ),
    Case(
        "demo-is-file",
        "createdemodata",
        "A file where the demo folder should be made",
        lambda at: {"OUTPUT": text(at.folder / "demo")},
        r"demo is a file",
    ),
    Case(
        "demo-folder-missing",
        "createdemodata",
        "A demo folder in a folder that does not exist",
        lambda at: {"OUTPUT": at.folder / "no" / "such" / "demo"},
        r"folder .*no.*does not exist",
    ),
    Case(
        "output-over-input",
        "classifyzones",
        "The zones in place of the map that they are made from",
        lambda at: (lambda path: {"SUSCEPTIBILITY": path, "OUTPUT": path})(
            copied(at.chain["susceptibility"], at.folder / "map.tif")
        ),
        r"OUTPUT would overwrite SUSCEPTIBILITY: both are .*map\.tif",
    ),
    Case(
        "two-outputs-one-file",
        "buildsafetyfactor",
        "Two outputs in one file",
        lambda at: {"OUTPUT": at.out / "one.tif", "OUTPUT_RAINFALL": at.out / "one.tif"},
        r"OUTPUT_RAINFALL would overwrite OUTPUT: both are .*one\.tif",
    ),
    Case(
        "model-other-ending",
        "trainpcum",
        "A model called model.gpkg",
        lambda at: {"OUTPUT": at.out / "model.gpkg"},
        r"OUTPUT is .*model\.gpkg, but the file of a model must end in \.safetensors",
    ),
    Case(
        "output-no-driver",
        "classifyzones",
        "An output called zones.xyz",
        lambda at: {"OUTPUT": at.out / "zones.xyz"},
        works="It is a GeoTIFF in spite of its name.",
        holds=lambda outcome: _file(outcome),
    ),
    Case(
        "read-only-model",
        "trainpcum",
        "A model in a folder that nobody can write",
        _nobody_writes("OUTPUT", "model.safetensors"),
        r"/proc/self cannot be written",
    ),
    Case(
        "read-only-windows",
        "trainpcum",
        "Windows in a folder that nobody can write",
        _nobody_writes("OUTPUT_WINDOWS", "windows.gpkg"),
        r"/proc/self cannot be written",
    ),
    Case(
        "read-only-report",
        "trainpcum",
        "A report in a folder that nobody can write",
        _nobody_writes("OUTPUT_HTML", "model.html"),
        r"/proc/self cannot be written",
    ),
    Case(
        "read-only-points",
        "validatewithpoints",
        "Points in a folder that nobody can write",
        _nobody_writes("OUTPUT_POINTS", "points.gpkg"),
        r"/proc/self cannot be written",
    ),
    Case(
        "read-only-disk",
        "classifyzones",
        "A disk mounted read-only",
        _on_disk(),
        r"disk cannot be written",
        around=_read_only_disk,
    ),
    Case(
        "read-only-disk-demo",
        "createdemodata",
        "A demo folder on a disk mounted read-only",
        _on_disk(),
        r"disk cannot be written",
        around=_read_only_disk,
    ),
    *(
        Case(
            f"full-disk-{algorithm}",
            algorithm,
            "A full disk",
            _on_disk(),
            r"(?i)could not be (written|made).*(room|disk)",
            around=_small_disk,
        )
        for algorithm in (
            "buildfactorstack",
            "checkfactors",
            "buildbufferedlabels",
            "buildsafetyfactor",
            "predictsusceptibility",
            "classifyzones",
            "rainfallwarning",
            "validatewithpoints",
            "createdemodata",
        )
    ),
    *(
        Case(
            f"quota-{algorithm}",
            algorithm,
            f"A quota of {_LITTLE:,} bytes a file",
            lambda at: {},
            r"could not be written.*(room|disk)",
            around=_quota(_LITTLE),
        )
        for algorithm in ("buildfactorstack", "traincomparisonmodel", "predictsusceptibility", "classifyzones")
    ),
    Case(
        "quota-report",
        "traincomparisonmodel",
        "A quota that the model fits into, and the report does not",
        lambda at: {},
        r"model\.html could not be written.*The model is complete and stays",
        around=_quota(_MODEL_ONLY),
        stays=("model.safetensors",),
    ),
    Case(
        "full-disk-points",
        "validatewithpoints",
        "A full disk for the points alone",
        _points_on_disk,
        r"OUTPUT_POINTS could not be written.*The other outputs are complete and stay",
        around=_small_disk,
        stays=("report.csv", "report.csv.run.json", "report.html", "report.html.run.json", "report.json"),
    ),
)


def _there(at: Workplace, *parts: str) -> Path:
    path = at.folder.joinpath(*parts)
    path.parent.mkdir(parents=True)
    return copied(at.area / "dem.tif", path)


def _folder(at: Workplace) -> Path:
    path = at.folder / "zones.tif"
    path.mkdir()
    return path


def _file(outcome: Outcome, *names: str) -> None:
    for name in names or ("OUTPUT",):
        assert Path(outcome.results[name]).is_file()
