"""Names of outputs: other formats, other systems, and files that are no result of the same kind."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Callable

from osgeo import ogr

from scarp.tests.qgis.bad_input.case import Case, Outcome, Workplace
from scarp.tests.qgis.bad_input.making import heights, raster, text

_WINDOWS = ("subset", "kind", "landslide_share", "seed", "fold")  # fields of the windows of a training
_POINTS = ("x", "y", "point_class", "susceptibility", "outcome")


def layers(path: Path, driver: str = "GPKG", **fields: tuple[str, ...]) -> Path:
    """Write a vector file of empty point layers by name with their text fields."""
    source = ogr.GetDriverByName(driver).CreateDataSource(str(path))
    for name, columns in fields.items():
        layer = source.CreateLayer(name, geom_type=ogr.wkbPoint)
        for column in columns:
            layer.CreateField(ogr.FieldDefn(column, ogr.OFTString))
    return path


def recorded(path: Path, algorithm: str = "trainpcum") -> Path:
    """Lay a run record beside a file."""
    Path(f"{path}.run.json").write_text(json.dumps({"algorithm": f"scarp:{algorithm}"}), encoding="utf-8")
    return path


def _database(path: Path, *tables: str) -> Path:
    with sqlite3.connect(path) as database:
        for table in tables:
            database.execute(f"CREATE TABLE {table} (id INTEGER, name TEXT)")
    database.close()
    return path


def _with_project(path: Path) -> Path:
    """Write a GeoPackage with a layer of windows and a project of QGIS, as *Project > Save To > GeoPackage* does."""
    layers(path, windows=_WINDOWS)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)")
    database.close()
    return path


def _at(output: str, name: str, make: Callable[[Path], Any] = lambda path: None, **more: Any) -> Any:
    """Return what makes a file in the place of an output."""

    def given(at: Workplace) -> dict[str, Any]:
        make(at.out / name)
        return {output: at.out / name, **more}

    return given


def _beside(output: str, name: str, other: str, make: Callable[[Path], Any]) -> Any:
    def given(at: Workplace) -> dict[str, Any]:
        make(at.out / other)
        return {output: at.out / name}

    return given


def _of(algorithm: str) -> Callable[..., Case]:
    return lambda name, given, make, error="", **more: Case(f"output-{name}", algorithm, given, make, error, **more)


_demo, _stack, _labels, _safety = map(
    _of, ("createdemodata", "buildfactorstack", "buildbufferedlabels", "buildsafetyfactor")
)
_train, _cross, _predict, _zones = map(
    _of, ("traincomparisonmodel", "crossvalidate", "predictsusceptibility", "classifyzones")
)
_warn, _validate, _explain, _compare = map(
    _of, ("rainfallwarning", "validatewithpoints", "explainsusceptibility", "comparemodels")
)
_check, _pcum = map(_of, ("checkfactors", "trainpcum"))
_NOTES = text  # a file of the user's own
_TIF = r"must end in \.tif or \.tiff"
_TWO = r"holds \"houses\", \"roads\""


def _user_layers(path: Path) -> Path:
    return layers(path, roads=("name",), houses=("street",))


def _replaced(*names: str) -> Callable[[Outcome], None]:
    def holds(outcome: Outcome) -> None:
        for name in names:
            assert (outcome.at.out / f"{name}.run.json").is_file()
            assert (outcome.at.out / name).stat().st_size > 200

    return holds


CASES = (
    # Formats that are not written.
    _zones("zones-gpkg", "OUTPUT project.gpkg, which holds layers", _at("OUTPUT", "project.gpkg", _user_layers), _TIF),
    _stack("stack-gpkg", "OUTPUT stack.gpkg", _at("OUTPUT", "stack.gpkg"), _TIF),
    _predict("map-asc", "OUTPUT map.asc", _at("OUTPUT", "map.asc"), _TIF),
    _predict("map-no-ending", "OUTPUT map", _at("OUTPUT", "map"), _TIF),
    _predict("outside-zip", "OUTPUT_APPLICABILITY map.tif.zip", _at("OUTPUT_APPLICABILITY", "map.tif.zip"), _TIF),
    _labels("labels-img", "OUTPUT labels.img", _at("OUTPUT", "labels.img"), _TIF),
    _safety("rain-nc", "OUTPUT_RAINFALL rain.nc", _at("OUTPUT_RAINFALL", "rain.nc"), _TIF),
    _warn("warning-jpg", "OUTPUT warning.jpg", _at("OUTPUT", "warning.jpg"), _TIF),
    _compare("difference-vrt", "OUTPUT_DIFFERENCE minus.vrt", _at("OUTPUT_DIFFERENCE", "minus.vrt"), _TIF),
    _explain("leading-png", "OUTPUT_LEADING leading.png", _at("OUTPUT_LEADING", "leading.png"), _TIF),
    _cross("folds-qgz", "OUTPUT study.qgz, a project", _at("OUTPUT", "study.qgz", _NOTES), _TIF),
    _zones(
        "zones-capitals",
        "OUTPUT ZONES.TIFF",
        _at("OUTPUT", "ZONES.TIFF"),
        works="Capitals are the same ending.",
        holds=_replaced("ZONES.TIFF"),
    ),
    # Paths of another system.
    _zones(
        "share",
        r"OUTPUT \\server\share\z.tif on Linux",
        lambda at: {"OUTPUT": r"\\server\share\z.tif"},
        r"OUTPUT is \\\\server.*backslashes.*Choose",
    ),
    _predict(
        "drive", r"OUTPUT C:\maps\z.tif on Linux", lambda at: {"OUTPUT": r"C:\maps\z.tif"}, r"OUTPUT .*backslashes"
    ),
    _zones(
        "table-share",
        r"OUTPUT_TABLE \\server\t.csv on Linux",
        lambda at: {"OUTPUT_TABLE": r"\\server\t.csv"},
        r"OUTPUT_TABLE .*backslashes",
    ),
    _train(
        "model-drive", r"OUTPUT D:\m.safetensors on Linux", lambda at: {"OUTPUT": r"D:\m.safetensors"}, "backslashes"
    ),
    _train("windows-drive", r"OUTPUT_WINDOWS ..\w.gpkg", lambda at: {"OUTPUT_WINDOWS": r"..\w.gpkg"}, "backslashes"),
    _demo("demo-drive", r"OUTPUT D:\demo on Linux", lambda at: {"OUTPUT": r"D:\demo"}, "backslashes"),
    # Vector files.
    _train(
        "windows-two-layers",
        "OUTPUT_WINDOWS a GeoPackage of two layers",
        _at("OUTPUT_WINDOWS", "study.gpkg", _user_layers),
        _TWO,
    ),
    _train(
        "windows-other-fields",
        "OUTPUT_WINDOWS a GeoPackage of roads",
        _at("OUTPUT_WINDOWS", "roads.gpkg", lambda path: layers(path, roads=("name", "kind"))),
        r"holds \"roads\"",
    ),
    _train(
        "windows-and-user-layer",
        "OUTPUT_WINDOWS earlier windows with a layer of the user's beside them",
        _at("OUTPUT_WINDOWS", "windows.gpkg", lambda path: recorded(layers(path, windows=_WINDOWS, notes=("note",)))),
        r"holds \"notes\", \"windows\"",
    ),
    _train(
        "windows-project",
        "OUTPUT_WINDOWS a GeoPackage with a project of QGIS in it",
        _at("OUTPUT_WINDOWS", "windows.gpkg", _with_project),
        r"qgis_projects",
    ),
    _train(
        "windows-many-layers",
        "OUTPUT_WINDOWS a GeoPackage of 30 layers",
        _at("OUTPUT_WINDOWS", "study.gpkg", lambda path: layers(path, **{f"l{number}": () for number in range(30)})),
        r" and 22 more",
    ),
    _train(
        "windows-text",
        "OUTPUT_WINDOWS notes.gpkg, a text",
        _at("OUTPUT_WINDOWS", "notes.gpkg", _NOTES),
        "did not write",
    ),
    _train(
        "windows-database",
        "OUTPUT_WINDOWS a SQLite database",
        _at("OUTPUT_WINDOWS", "data.sqlite", lambda path: _database(path, "wells", "logs")),
        r"holds \"wells\", \"logs\"",
    ),
    _validate(
        "points-geojson",
        "OUTPUT_POINTS a GeoJSON of villages",
        _at("OUTPUT_POINTS", "villages.geojson", lambda path: layers(path, "GeoJSON", villages=("name",))),
        r"OUTPUT_POINTS would replace .*villages",
    ),
    _validate(
        "points-shapefile",
        "OUTPUT_POINTS a shapefile of villages",
        _at("OUTPUT_POINTS", "villages.shp", lambda path: layers(path, "ESRI Shapefile", villages=("name",))),
        r"holds \"villages\"",
    ),
    _validate(
        "points-dbf",
        "OUTPUT_POINTS wells.shp beside wells.dbf, a table",
        _beside("OUTPUT_POINTS", "wells.shp", "wells.dbf", _NOTES),
        r"would replace .*wells\.dbf",
    ),
    _cross(
        "folds-layers", "OUTPUT_FOLDS a GeoPackage of two layers", _at("OUTPUT_FOLDS", "study.gpkg", _user_layers), _TWO
    ),
    _pcum(
        "pcum-windows", "OUTPUT_WINDOWS a GeoPackage of two layers", _at("OUTPUT_WINDOWS", "p.gpkg", _user_layers), _TWO
    ),
    _train(
        "windows-again",
        "OUTPUT_WINDOWS windows of a training whose record is gone",
        _at("OUTPUT_WINDOWS", "w.gpkg", lambda path: layers(path, windows=_WINDOWS)),
        works="They are replaced.",
        holds=_replaced("w.gpkg"),
    ),
    _train(
        "windows-recorded",
        "OUTPUT_WINDOWS a result of an earlier version, with its record",
        _at("OUTPUT_WINDOWS", "w.gpkg", lambda path: recorded(layers(path, windows=("subset",)))),
        works="It is replaced.",
        holds=_replaced("w.gpkg"),
    ),
    # Other files.
    _zones(
        "zones-user",
        "OUTPUT map.tif, a raster of the user's",
        _at("OUTPUT", "map.tif", lambda path: raster(path, heights())),
        "did not write",
    ),
    _zones(
        "zones-recorded",
        "OUTPUT map.tif of an earlier run",
        _at("OUTPUT", "map.tif", lambda path: recorded(raster(path, heights()))),
        works="It is replaced.",
        holds=_replaced("map.tif"),
    ),
    _zones("zones-empty", "OUTPUT map.tif, an empty file", _at("OUTPUT", "map.tif", Path.touch), works="It is filled."),
    _zones(
        "table-user",
        "OUTPUT_TABLE rain.csv, a table of the user's",
        _at("OUTPUT_TABLE", "rain.csv", _NOTES),
        "did not write",
    ),
    _zones(
        "table-json",
        "OUTPUT_TABLE zones.csv beside zones.json of the user's",
        _beside("OUTPUT_TABLE", "zones.csv", "zones.json", _NOTES),
        r"would replace .*zones\.json",
    ),
    _check(
        "report-user", "OUTPUT_HTML index.html of the user's", _at("OUTPUT_HTML", "index.html", _NOTES), "did not write"
    ),
    _validate(
        "sheet-user", "OUTPUT_PDF plan.pdf of the user's", _at("OUTPUT_PDF", "plan.pdf", _NOTES), "did not write"
    ),
    _train(
        "model-user",
        "OUTPUT other.safetensors of another program",
        _at("OUTPUT", "other.safetensors", _NOTES),
        "did not write",
    ),
    _train(
        "model-broken-record",
        "OUTPUT m.safetensors beside a record that is none",
        _at("OUTPUT", "m.safetensors", lambda path: (text(path), text(Path(f"{path}.run.json")))),
        "did not write",
    ),
    _demo(
        "demo-user-files",
        "OUTPUT a folder with the user's roads.gpkg and dem.tif",
        _at("OUTPUT", "study", lambda path: (path.mkdir(), text(path / "dem.tif"), _user_layers(path / "roads.gpkg"))),
        r"already holds dem\.tif, roads\.gpkg",
    ),
    _demo(
        "demo-user-layers",
        "OUTPUT a demo folder, with layers of the user's in its roads.gpkg",
        _at(
            "OUTPUT",
            "demo2",
            lambda path: (path.mkdir(), recorded(text(path / "dem.tif")), _user_layers(path / "roads.gpkg")),
        ),
        _TWO,
    ),
    _demo(
        "demo-other-files",
        "OUTPUT a folder with other files of the user's",
        _at("OUTPUT", "study", lambda path: (path.mkdir(), text(path / "notes.txt"))),
        works="They stay.",
        holds=lambda outcome: _holds_notes(outcome.at.out / "study"),
    ),
    # Options by number.
    _zones(
        "method-number",
        "METHOD 1",
        lambda at: {"METHOD": 1},
        works="It is the second word of the list.",
        said=r"Breaks at 0\.",
    ),
    _zones("method-number-high", "METHOD 9", lambda at: {"METHOD": 9}, r"METHOD .*\"9\".*area_shares.*from 0 to 4"),
    _zones("method-number-negative", "METHOD -1", lambda at: {"METHOD": -1}, r"METHOD .*\"-1\".*from 0 to 4"),
    _zones("method-fraction", "METHOD 1.5", lambda at: {"METHOD": 1.5}, r"METHOD .*\"1\.5\".*from 0 to 4"),
    _compare("mode-text-number", "POLYGON_MODE 7, as text", lambda at: {"POLYGON_MODE": "7"}, r"POLYGON_MODE .*cells"),
    _train("kind-number", "KIND 10", lambda at: {"KIND": 10}, r"KIND .*\"10\".*weights_of_evidence"),
)


def _holds_notes(folder: Path) -> None:
    assert (folder / "notes.txt").is_file() and (folder / "dem.tif").is_file()
