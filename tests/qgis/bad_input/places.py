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


def _small_disk(at: Workplace) -> contextlib.AbstractContextManager:
    """Give the output a disk of its own, with room for next to nothing."""
    return _mounted(at, "tmpfs", "size=4096", "tmpfs")


def _read_only_disk(at: Workplace) -> contextlib.AbstractContextManager:
    return _mounted(at, "tmpfs", "size=64k,ro", "tmpfs")


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


def rows_of(table: str) -> list[list[str]]:
    """Return the columns of each line of a table."""
    return [line.split(" :: ") for line in table.strip().splitlines()]


def _there(at: Workplace, *parts: str) -> Path:
    path = at.folder.joinpath(*parts)
    path.parent.mkdir(parents=True)
    return copied(at.area / "dem.tif", path)


def _folder(at: Workplace) -> dict:
    path = at.folder / "zones.tif"
    path.mkdir()
    return {"OUTPUT": path}


def _output(*parts: str, of_out: bool = False):
    """Return a maker of an output in the folder of the case, or among the outputs."""
    return lambda at: {"OUTPUT": (at.out if of_out else at.folder).joinpath(*parts)}


def _over_input(at: Workplace) -> dict:
    path = copied(at.chain["susceptibility"], at.folder / "map.tif")
    return {"SUSCEPTIBILITY": path, "OUTPUT": path}


def _in_file(name: str, *parts: str):
    """Return a maker of an output whose folder, or which itself, is a text file."""
    return lambda at: {"OUTPUT": text(at.folder / name).joinpath(*parts)}


def _stack_in_chinese(at: Workplace) -> dict:
    return {"DEM": _there(at, "🏔️", "高程.tif"), "OUTPUT": at.folder / "🏔️" / "因子.tif"}


def _model_in_chinese(at: Workplace) -> dict:
    model = copied(at.chain["model"], at.folder / "模型 🧠.safetensors")
    return {"MODEL": model, "OUTPUT": at.folder / "易发性 🗺️.tif", "REGION": '藏东南 "1" 🏔️'}


def _report_in_chinese(at: Workplace) -> dict:
    return {"OUTPUT_HTML": at.folder / "因子检查 ✅.html", "OUTPUT_TABLE": at.folder / "表 1.csv"}


def _same_file(at: Workplace) -> dict:
    return {"OUTPUT": at.out / "one.tif", "OUTPUT_RAINFALL": at.out / "one.tif"}


def _file(*names: str):
    def check(outcome: Outcome) -> None:
        for name in names or ("OUTPUT",):
            assert Path(outcome.results[name]).is_file()

    return check


_UNUSUAL = {
    "name-spaces": ("spaces", _named("my maps 2026")),
    "name-chinese": ("Chinese names", _named("滑坡易发性", "藏东南")),
    "name-emoji": ("emoji", _named("⛰️ hills", "🌧️🏔️")),
    "name-quotes": ("quotes, percent, brackets and a semicolon", _named("O'Brien's \"50%\" [maps]; {new} & $HOME")),
    "name-bar": ("a bar", _named("maps | drafts")),
    "name-accents": ("accents taken apart", _named("Valle\u0301e de l\u2019Ise\u0300re")),
}
_WORKS = """
stack-chinese :: buildfactorstack :: A DEM with a Chinese name in a folder with emoji :: The stack is written.
model-chinese :: predictsusceptibility :: Model and map with Chinese names and emoji :: The map is written.
report-chinese :: checkfactors :: A report with a Chinese name :: Report and table are written.
vector-bar :: buildbufferedlabels :: An inventory called a|b.gpkg :: The labels are written.
stack-bar :: buildfactorstack :: A DEM called d|e.tif :: The stack is written.
path-long :: classifyzones :: A path of more than 300 letters :: Map and table are written.
"""
_REFUSED = r"""
vector-bar-layer :: buildfactorstack :: Rock polygons in a file called r|layername=x.gpkg :: \
LITHOLOGY.*r\|layername=x\.gpkg" has a "\|" in it.*Rename the file
name-too-long :: classifyzones :: A file name of 254 letters, one fewer than most disks take :: zzz.*(long|short)
name-far-too-long :: classifyzones :: A file name of 400 letters :: zzz.*(long|short)
folder-missing :: classifyzones :: An output in a folder that does not exist :: no such folder.* does not exist
folder-is-file :: classifyzones :: An output in a folder that is a file :: notes\.txt
output-no-driver :: classifyzones :: An output called zones.xyz :: OUTPUT is .*zones\.xyz.* end in \.tif
output-is-folder :: classifyzones :: A folder of the output's name :: OUTPUT is .*zones\.tif, which is a folder
demo-is-file :: createdemodata :: A file where the demo folder should be made :: demo is a file
demo-folder-missing :: createdemodata :: A demo folder in a folder that does not exist :: folder .*no.*does not exist
output-over-input :: classifyzones :: The zones in place of the map that they are made from :: \
OUTPUT would overwrite SUSCEPTIBILITY: both are .*map\.tif
two-outputs-one-file :: buildsafetyfactor :: Two outputs in one file :: \
OUTPUT_RAINFALL would overwrite OUTPUT: both are .*one\.tif
model-other-ending :: trainpcum :: A model called model.gpkg :: \
OUTPUT is .*model\.gpkg, but the file of a model must end in \.safetensors
read-only-model :: trainpcum :: A model in a folder that nobody can write :: /proc/self cannot be written
read-only-windows :: trainpcum :: Windows in a folder that nobody can write :: /proc/self cannot be written
read-only-report :: trainpcum :: A report in a folder that nobody can write :: /proc/self cannot be written
read-only-points :: validatewithpoints :: Points in a folder that nobody can write :: /proc/self cannot be written
""".replace("\\\n", "")
_MAKERS = {
    "stack-chinese": _stack_in_chinese,
    "model-chinese": _model_in_chinese,
    "report-chinese": _report_in_chinese,
    "output-no-driver": _output("zones.xyz", of_out=True),
    "path-long": _long,
    "vector-bar": lambda at: {"LANDSLIDES": copied(at.area / "landslides.gpkg", at.folder / "a|b.gpkg")},
    "stack-bar": lambda at: {"DEM": copied(at.area / "dem.tif", at.folder / "d|e.tif")},
    "vector-bar-layer": lambda at: {
        "LITHOLOGY": copied(at.area / "lithology.gpkg", at.folder / "r|layername=x.gpkg"),
        "LITHOLOGY_FIELD": "rock",
    },
    "name-too-long": _output(f"{'z' * 250}.tif", of_out=True),
    "name-far-too-long": _output(f"{'z' * 396}.tif", of_out=True),
    "folder-missing": _output("no such folder", "zones.tif"),
    "folder-is-file": _in_file("notes.txt", "zones.tif"),
    "output-is-folder": _folder,
    "demo-is-file": _in_file("demo"),
    "demo-folder-missing": _output("no", "such", "demo"),
    "output-over-input": _over_input,
    "two-outputs-one-file": _same_file,
    "model-other-ending": _output("model.gpkg", of_out=True),
    "read-only-model": _nobody_writes("OUTPUT", "model.safetensors"),
    "read-only-windows": _nobody_writes("OUTPUT_WINDOWS", "windows.gpkg"),
    "read-only-report": _nobody_writes("OUTPUT_HTML", "model.html"),
    "read-only-points": _nobody_writes("OUTPUT_POINTS", "points.gpkg"),
}
_FULL_DISK = (
    *("buildfactorstack", "checkfactors", "buildbufferedlabels", "buildsafetyfactor", "predictsusceptibility"),
    *("classifyzones", "rainfallwarning", "validatewithpoints", "createdemodata"),
)
_QUOTA = ("buildfactorstack", "traincomparisonmodel", "predictsusceptibility", "classifyzones")
_BOTH = "Map and table are written."
_READ_ONLY = {"error": r"disk cannot be written", "around": _read_only_disk}
_ROOM = r"(?i)could not be (written|made).*(room|disk)"
_REPORT = ("report.csv", "report.csv.run.json", "report.html", "report.html.run.json", "report.json")


def _nothing(at: Workplace) -> dict:
    return {}


def _check_of(name: str):
    return _file("OUTPUT_HTML", "OUTPUT_TABLE") if name == "report-chinese" else _file()


CASES = (
    *(
        Case(name, "classifyzones", f"Folder and files with {words}", make, works=_BOTH, holds=_written)
        for name, (words, make) in _UNUSUAL.items()
    ),
    *(
        Case(name, algorithm, given, _MAKERS[name], works=works, holds=_written if works == _BOTH else _check_of(name))
        for name, algorithm, given, works in rows_of(_WORKS)
    ),
    *(Case(name, algorithm, given, _MAKERS[name], error) for name, algorithm, given, error in rows_of(_REFUSED)),
    Case("read-only-disk", "classifyzones", "A disk mounted read-only", _on_disk(), **_READ_ONLY),
    Case(
        "read-only-disk-demo", "createdemodata", "A demo folder on a disk mounted read-only", _on_disk(), **_READ_ONLY
    ),
    *(Case(f"full-disk-{name}", name, "A full disk", _on_disk(), _ROOM, around=_small_disk) for name in _FULL_DISK),
    *(
        Case(f"quota-{name}", name, f"A quota of {_LITTLE:,} bytes a file", _nothing, _ROOM, around=_quota(_LITTLE))
        for name in _QUOTA
    ),
    Case(
        "quota-report",
        "traincomparisonmodel",
        "A quota that the model fits into, and the report does not",
        _nothing,
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
        stays=_REPORT,
    ),
)
