"""Texts of layers: encodings that nothing states, spellings of one class, marks for no value, dates and measures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from qgis.core import QgsProject, QgsVectorFileWriter

from scarp.tests.qgis.bad_input.case import Outcome, Workplace, read_cases
from scarp.tests.qgis.bad_input.making import changed
from scarp.tests.qgis.tiny import CELL, LEFT, SIZE, TOP, box, memory_layer

_ROCKS = ("花岗岩", "玄武岩", "砂岩", "板岩", "灰岩", "泥岩")
_WIDTH = 40  # bytes of a field
_CODE_PAGE = 29  # byte of a .dbf that states the encoding


def shapefile(path: Path, labels: Sequence[str], encoding: str, cpg: str = "", field: str = "lith") -> Path:
    """Write strips from west to east as a Shapefile whose labels are in an encoding that only a .cpg states, if given.

    The labels are first written as ASCII of the same length, and then replaced in the table.
    """
    content = [label.encode(encoding)[:_WIDTH] for label in labels]
    marks = [bytes([ord("A") + number]) * len(one) for number, one in enumerate(content)]
    layer = memory_layer(
        "Polygon", f"{field}:string({_WIDTH})", strips([mark.decode("ascii") for mark in marks]), name=path.stem
    )
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "ESRI Shapefile"
    QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), QgsProject.instance().transformContext(), options)
    del layer
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[_CODE_PAGE] = 0
    path.with_suffix(".cpg").unlink(missing_ok=True)
    head, content_of_rows = int.from_bytes(table[8:10], "little"), bytes(table)
    for mark, one in zip(marks, content):
        place = content_of_rows.index(mark, head)
        table[place : place + len(one)] = one
    path.with_suffix(".dbf").write_bytes(bytes(table))
    if cpg:
        path.with_suffix(".cpg").write_text(cpg, encoding="ascii")
    return path


def strips(values: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Return polygons from west to east over the study area, one for each value."""
    width = SIZE * CELL / len(values)
    edges = [LEFT + width * number for number in range(len(values) + 1)]
    return [(box(edges[i], TOP, edges[i + 1], TOP - SIZE * CELL), [value]) for i, value in enumerate(values)]


def _file(labels: Sequence[str], encoding: str, cpg: str = ""):
    def make(at: Workplace) -> dict:
        return {"LITHOLOGY": shapefile(at.folder / "rocks.shp", labels, encoding, cpg), "LITHOLOGY_FIELD": "lith"}

    return make


def _labels(values: Sequence[Any], kind: str = "string", **more: Any):
    """Return a maker of a stack's parameters with rock polygons of some labels."""

    def make(at: Workplace) -> dict:
        return {
            "LITHOLOGY": memory_layer("Polygon", f"rock:{kind}", strips(values), name="rocks"),
            "LITHOLOGY_FIELD": "rock",
            **more,
        }

    return make


def _classes(*expected: str):
    """Return a check that the classes from west to east are these; an empty text for no data."""

    def holds(outcome: Outcome) -> None:
        with rasterio.open(outcome.results["OUTPUT"]) as dataset:
            number = dataset.descriptions.index("lithology") + 1
            row = dataset.read(number)[SIZE // 2]
            names = json.loads(dataset.tags(number)["classes"])
        width = SIZE / len(expected)
        found = [row[int(width * (place + 0.5))] for place in range(len(expected))]
        assert ["" if np.isnan(code) else names[str(int(code))] for code in found] == list(expected)

    return holds


def _region_in_gbk(at: Workplace) -> dict:
    path = shapefile(at.folder / "counties.shp", ["墨脱县", "波密县"], "gbk", field="name")
    return {"REGIONS": path, "REGION_FIELD": "name"}


def _size_in_gbk(at: Workplace) -> dict:
    return {
        "LANDSLIDES": shapefile(at.folder / "slides.shp", ["大型", "小型"], "gbk", field="size"),
        "SCALE_FIELD": "size",
    }


def _field_in_gbk(at: Workplace) -> dict:
    """Return a Shapefile whose field is called 岩性 in GBK, by its name as it should be."""
    path = shapefile(at.folder / "rocks.shp", _ROCKS, "gbk", field="XXXX")
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"XXXX", "岩性".encode("gbk"), 1))
    return {"LITHOLOGY": path, "LITHOLOGY_FIELD": "岩性"}


def _garbled_field(at: Workplace) -> dict:
    return {**_field_in_gbk(at), "LITHOLOGY_FIELD": "\ufffd\ufffd\ufffd\ufffd"}


def _check_labels(labels: Sequence[str]):
    """Return a maker of a stack with a class table."""

    def make(at: Workplace) -> dict:
        def change(values: np.ndarray) -> None:
            return None

        path = changed(at.chain["stack"], at.folder / "stack.tif", change)
        with rasterio.open(path, "r+") as dataset:
            number = dataset.descriptions.index("lithology") + 1
            dataset.update_tags(number, classes=json.dumps(dict(enumerate(labels, 1))))
        return {"STACK": path}

    return make


def _reported(text: str):
    def holds(outcome: Outcome) -> None:
        assert text in Path(outcome.results["OUTPUT_TABLE"]).read_text(encoding="utf-8")

    return holds


def _times(kind: str, values: Sequence[Any]):
    from qgis.PyQt.QtCore import QDate, QDateTime

    made = {"date": QDate.fromString, "datetime": QDateTime.fromString}[kind]
    form = "yyyy-MM-dd" if kind == "date" else "yyyy-MM-ddTHH:mm"
    return _labels([made(value, form) for value in values], kind)


def _many_long(at: Workplace) -> dict:
    return _labels([f"{'a very long description of a rock ' * 7}{number}" for number in range(260)])(at)


def _measured_sizes(at: Workplace) -> dict:
    rows = [(f"Point ({LEFT + 90 * i + 50} {TOP - 400})", [812.5 + 37.25 * i]) for i in range(38)]
    return {"LANDSLIDES": memory_layer("Point", "area_m2:double", rows, name="slides"), "SCALE_FIELD": "area_m2"}


def _written_sizes(at: Workplace) -> dict:
    rows = [(f"Point ({LEFT + 90 * i + 50} {TOP - 400})", [f"{812.5 + 337.25 * i:,} m²"]) for i in range(38)]
    return {"LANDSLIDES": memory_layer("Point", "area:string", rows, name="slides"), "SCALE_FIELD": "area"}


def _dated_sizes(at: Workplace) -> dict:
    rows = [(f"Point ({LEFT + 900 * i + 50} {TOP - 400})", [f"200{i}-05-12"]) for i in range(4)]
    return {"LANDSLIDES": memory_layer("Point", "day:string", rows, name="slides"), "SCALE_FIELD": "day"}


_LONG = "花岗岩玄武岩砂岩板岩灰岩泥岩"
_NFC, _NFD = "Schw\u00e4bischer Kalk", "Schwa\u0308bischer Kalk"
_AREAS = [round(1234.567 + 891.23 * number, 3) for number in range(40)]
_PGA = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4]
_MAKERS = {
    "gbk": _file(_ROCKS, "gbk"),
    "gbk-short": _file(("联通", "花岗岩"), "gbk"),
    "shift-jis": _file(("花崗岩", "玄武岩", "泥岩"), "shift_jis"),
    "cp1251": _file(("гранит", "базальт", "сланец"), "cp1251"),
    "latin-1": _file(("Gneis für Straßen", "Löß", "Kalk"), "latin-1"),
    "big5": _file(("花崗岩", "玄武岩"), "big5"),
    "gbk-cpg": _file(_ROCKS, "gbk", "GBK"),
    "cp1251-cpg": _file(("гранит", "базальт"), "cp1251", "CP1251"),
    "utf-8-no-cpg": _file(("花岗岩", "Löß", "гранит"), "utf-8"),
    "utf-8-cut": _file((_LONG, "Löß"), "utf-8"),
    "ascii-no-cpg": _file(("granite", "loess"), "ascii"),
    "utf-8-as-latin-1": _file(("花岗岩", "Löß"), "utf-8", "ISO-8859-1"),
    "gbk-as-latin-1": _file(("花岗岩", "玄武岩"), "gbk", "ISO-8859-1"),
    "gbk-field": _field_in_gbk,
    "gbk-field-garbled": _garbled_field,
    "spelling-case": _labels(["Granite", "granite", "GRANITE", "schist"]),
    "spelling-blanks": _labels(["Granite gneiss", "Granite  gneiss", " Granite gneiss ", "Granite\u00a0gneiss"]),
    "spelling-forms": _labels([_NFC, _NFD]),
    "spelling-full-width": _labels(["\uff27\uff11", "G1"]),
    "spelling-invisible": _labels(["Kalk\u200b", "Kalk", "\ufeffKalk", "Kal\u00adk"]),
    "spelling-joined": _labels(["Granite gneiss", "Granitegneiss"]),
    "spelling-superscript": _labels(["Q\u00b2", "Q2"]),
    "marks-null": _labels(["NULL", "granite", "N/A", "schist", "-", "<null>"]),
    "marks-words": _labels(["none", "nodata", "No Data", "granite", "NA", "nan"]),
    "marks-numbers": _labels(["-9999", "12", "13"]),
    "marks-all": _labels(["NULL", "N/A", "-"]),
    "label-na": _labels(["Na", "K"]),
    "dates": _times("date", ["2008-05-12", "2017-08-08", "2013-04-20"]),
    "times": _times("datetime", ["2008-05-12T14:28", "2017-08-08T21:19"]),
    "dates-as-text": _labels(["2008-05-12", "2017-08-08", "2013-04-20"]),
    "dates-german": _labels(["12.05.2008", "08.08.2017"]),
    "measures": _labels(_AREAS, "double"),
    "measures-as-text": _labels([str(value) for value in _AREAS]),
    "accelerations": _labels(_PGA, "double"),
    "labels-long": _many_long,
    "truth-values": _labels([True, False], "boolean"),
    "sizes-measure": _measured_sizes,
    "sizes-measure-text": _written_sizes,
    "sizes-dates": _dated_sizes,
    "sizes-gbk": _size_in_gbk,
    "regions-gbk": _region_in_gbk,
    "check-spellings": _check_labels(["Granite", "granite"]),
    "check-no-values": _check_labels(["NULL", "granite"]),
    "check-misread": _check_labels(["L\u00c3\u00b6\u00c3\u009f", "granite"]),
    "check-replaced": _check_labels(["\ufffd\ufffd\ufffd", "granite"]),
}
_HOLDS = {
    "gbk-cpg": _classes(*_ROCKS),
    "cp1251-cpg": _classes("гранит", "базальт"),
    "utf-8-no-cpg": _classes("花岗岩", "Löß", "гранит"),
    "utf-8-cut": _classes(_LONG[:13], "Löß"),
    "ascii-no-cpg": _classes("granite", "loess"),
    "spelling-case": _classes("Granite", "granite", "GRANITE", "schist"),
    "spelling-blanks": _classes(*["Granite gneiss"] * 4),
    "spelling-forms": _classes(_NFC, _NFC),
    "spelling-full-width": _classes("G1", "G1"),
    "spelling-invisible": _classes(*["Kalk"] * 4),
    "spelling-joined": _classes("Granite gneiss", "Granitegneiss"),
    "spelling-superscript": _classes("Q\u00b2", "Q2"),
    "marks-null": _classes("", "granite", "", "schist", "", ""),
    "marks-words": _classes("", "", "", "granite", "", ""),
    "marks-numbers": _classes("", "12", "13"),
    "label-na": _classes("Na", "K"),
    "accelerations": _classes(*map(str, _PGA)),
    "check-spellings": _reported("differ only in case"),
    "check-no-values": _reported("stand for no value"),
    "check-misread": _reported("wrong encoding"),
    "check-replaced": _reported("could not be read"),
}
CASES = read_cases(
    r"""
[buildfactorstack]
gbk :: Rock names in GBK that nothing states :: "rocks" is read in a wrong encoding: .*"lith".*encoding.*GBK.*\.cpg
gbk-short :: Rock names in GBK, one of which is also valid UTF-8 :: wrong encoding.*"lith"
shift-jis :: Rock names in Shift-JIS that nothing states :: wrong encoding.*"lith"
cp1251 :: Rock names in Windows-1251 that nothing states :: wrong encoding.*"lith"
latin-1 :: Rock names in Latin-1 that nothing states :: wrong encoding.*"lith"
big5 :: Rock names in Big5 that nothing states :: wrong encoding.*"lith"
gbk-cpg :: Rock names in GBK with a .cpg file :: works: Six rocks, letter by letter.
cp1251-cpg :: Rock names in Windows-1251 with a .cpg file :: works: Both rocks, letter by letter.
utf-8-no-cpg :: Rock names in UTF-8 that nothing states :: works: All rocks, letter by letter.
utf-8-cut :: A rock name in UTF-8 that is cut in the middle of a letter :: works: It is kept as far as it goes.
ascii-no-cpg :: Rock names in ASCII without .cpg :: works: Both rocks.
utf-8-as-latin-1 :: Rock names in UTF-8 whose .cpg says Latin-1 :: works: The names are kept, and the log says that they
    look misread. :: looks as if it were read in a wrong encoding
gbk-as-latin-1 :: Rock names in GBK whose .cpg says Latin-1 :: works: The names are kept, and the log says that they
    look misread. :: looks as if it were read in a wrong encoding
gbk-field :: A field with a Chinese name in GBK :: wrong encoding: it has a field
gbk-field-garbled :: The same field by its garbled name :: wrong encoding: it has a field
spelling-case :: Granite, granite and GRANITE :: works: They are classes of their own, and the log lists them. ::
    differ only in case or blanks: "GRANITE" / "Granite" / "granite"
spelling-blanks :: Granite gneiss with one blank, two, outer ones and a non-breaking one :: works: One class, and the
    log says so. :: differ only in blanks or in the form of their letters
spelling-forms :: An umlaut as one letter and as two :: works: One class, and the log says so. :: one class each
spelling-full-width :: G1 in full-width and in usual letters :: works: One class, and the log says so. :: one class each
spelling-invisible :: A name with invisible characters :: works: One class, and the log says so. :: one class each
spelling-joined :: Granite gneiss with and without a blank :: works: Two classes, and the log lists them. :: differ only
    in case or blanks
spelling-superscript :: Q² and Q2 :: works: Two classes, as geological units are.
marks-null :: The texts NULL, N/A, - and <null> among rock names :: works: No data there, with a warning. :: labels that
    stand for no value: "NULL" \(1\)
marks-words :: The texts none, nodata and NA among rock names :: works: No data there, with a warning. :: labels that
    stand for no value
marks-numbers :: -9999 among class numbers :: works: No data there, with a warning. :: "-9999" \(1\)
marks-all :: Nothing but NULL, N/A and - :: "rock" of the layer "rocks".*empty
label-na :: A rock called Na :: works: It is a class.
dates :: A field of dates as rock names :: "rock" of the layer "rocks" for LITHOLOGY holds dates
times :: A field of times as rock names :: "rock" of the layer "rocks" for LITHOLOGY holds dates
dates-as-text :: Dates as text as rock names :: "rock" of the layer "rocks".*looks like a date.*2008-05-12
dates-german :: Dates as 12.05.2008 as rock names :: looks like a date
measures :: Areas in square metres as rock names :: "rock" of the layer "rocks".*looks like a measure, with 40 different
    values: 1234\.567.* and 32 more
measures-as-text :: The same areas as text :: looks like a measure
accelerations :: Six peak ground accelerations as classes :: works: They are classes.
labels-long :: 260 rock names of 240 letters :: has 260 different values.{,900}$
truth-values :: A field of truth values as rock names :: works: True and False are classes.
[buildbufferedlabels]
sizes-measure :: Areas in square metres as sizes :: "area_m2" looks like a measure.*38 different numbers.* and 30 more
sizes-measure-text :: Areas as text with separators and a unit as sizes :: "area" looks like a measure.*38 different
sizes-dates :: Dates as sizes :: "day" looks like a date
sizes-gbk :: Sizes in GBK that nothing states :: wrong encoding.*"size"
[validatewithpoints]
regions-gbk :: Region names in GBK that nothing states :: "counties" is read in a wrong encoding
[checkfactors]
check-spellings :: A stack with the rocks Granite and granite :: works: The report lists them.
check-no-values :: A stack with a rock called NULL :: works: The report lists it.
check-misread :: A stack with a rock name that was read in a wrong encoding :: works: The report lists it.
check-replaced :: A stack with a rock name that could not be read :: works: The report lists it.
""",
    _MAKERS,
    _HOLDS,
)
