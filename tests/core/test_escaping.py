"""Names of layers, fields, classes and files stay text in every report, and never become a formula in a table.

Every job that writes a report is run with hostile names wherever a name can come from outside. The page is then parsed:
its elements and attributes must be those of the template, its figures must be valid XML without scripts.
"""

from __future__ import annotations

import base64
import csv
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from scarp.model.errors import ScarpError
from scarp.model.explanation.settings import ExplanationInputs, ExplanationOptions
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.jobs.check_factors import check_factors
from scarp.model.jobs.cross_validate import cross_validate
from scarp.model.jobs.explain_susceptibility import explain_susceptibility
from scarp.model.jobs.train_comparison_model import train_comparison_model
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.outputs.atomic import atomic_output, write_text
from scarp.model.outputs.run_record import RunRecord
from scarp.model.progress import NullProgress
from scarp.model.report.charts import escape_mathtext, new_figure, shorten, style, svg_data
from scarp.model.report.page import TEMPLATES, Page
from scarp.model.stack import StackFactor, create_stack
from scarp.model.tables import write_table
from scarp.model.texts import clean_label
from scarp.model.training.settings import CrossValidationOptions, TrainingSettings, settings_of_kind
from scarp.tests.core.conftest import (
    cell_box,
    classify_zones,
    compare_models,
    rainfall_warning,
    utm_grid,
    validate_with_points,
    write_raster,
)
from scarp.tests.core.prediction_models import predict

SCRIPT = "<script>alert(1)</script>"
NAMES = [
    *(SCRIPT, '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "]]></svg><script>alert(1)</script>"),
    *("{{7*7}}{% raw %}", "$x^{$", "\\frac{$1}{0}", "\u202elive\u2066\u200f", "滑坡 😀", "=1+1|cmd", "@SUM(A1)"),
    *("&lt;b&gt;&#60;", "%s %(x)s {0}", "-->", "javascript:alert(1)", "a\x01b\x0bc", "l1\nl2", "\ufffe"),
]
FILES = ["<svg onload=alert(1)>$x", "{{7*7}} ' onload='", "=1+1 &amp; 滑坡"]
"""Names that a file may have."""
if sys.platform == "win32":
    FILES = [name.translate(str.maketrans("<>*", "()+")) for name in FILES]

SMALL = {"window": 480.0, "block": 960.0}
HEIGHT, WIDTH = 110, 130
GRID = utm_grid(HEIGHT, WIDTH)
QUIET = NullProgress()
VOID = {"meta", "img", "br"}
ALLOWED = set(re.findall(r"<([a-z][a-z0-9]*)", (TEMPLATES / "report.html").read_text(encoding="utf-8"))) | {"b"}
CLASSES = {"warnings", "numbers", "kept", "number", "swatched", "together", "swatch", "note", "half", "break"}
PLAIN = {"lang": "en", "charset": "utf-8", "http-equiv": "Content-Security-Policy", "name": "viewport"}
PLAIN |= {
    "src": r"data:image/(svg\+xml|png);base64,[A-Za-z0-9+/=]+",
    "style": r"background: #[0-9a-f]{6}",
    "content": r"default-src 'none'; img-src data:; style-src 'unsafe-inline'|width=device-width, initial-scale=1",
}
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {SVG + name for name in "svg defs style g path use clipPath rect image text tspan metadata".split()}


class Parsed(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words, self._inside = "", []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._inside, "an element stays open"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._inside.append(tag)

    def handle_endtag(self, tag):
        assert self._inside.pop() == tag

    def handle_data(self, data):
        if "style" not in self._inside:
            self.words += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data):
        raise AssertionError(f"a processing instruction: {data}")


def check_page(path: Path, *shown: str) -> Parsed:
    """The page has only elements of the template, its figures are valid, and it shows the names unchanged."""
    page = Parsed(path)
    for tag, attributes in page.elements:
        assert tag in ALLOWED, f"<{tag}>"
        for name, value in attributes.items():
            if name == "class":
                assert set(value.split()) <= CLASSES
            elif name != "alt":
                assert re.fullmatch(PLAIN[name], value), f"{name}={value[:80]}"
    for source in (attributes["src"] for tag, attributes in page.elements if tag == "img"):
        if source.startswith("data:image/svg"):
            check_svg(base64.b64decode(source.partition(",")[2]))
    assert not [name for name in shown if name not in page.words and clean_label(name) not in page.words]
    return page


def check_svg(content: bytes) -> None:
    """A figure is valid XML, draws only, and loads nothing from outside."""
    for element in ElementTree.fromstring(content).iter():
        assert element.tag in DRAWN or re.search("metadata|rdf|purl|creativecommons", element.tag), element.tag
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on"), name
            if name.endswith("href"):
                assert value.startswith(("#", "data:image/png;base64,"))
        assert not re.search(r"@import|url\(http", element.text or "")


def check_table(path: Path, *names: str) -> None:
    """No cell of a table is a formula, and the table for programs has the names as they are."""
    with open(path, newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert len({len(row) for row in rows}) == 1, "a name broke a row"
    for cell in (cell for row in rows for cell in row):
        if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
            float(cell)
    entries = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    texts = {str(value) for row in entries for value in row.values()}
    # Names of regions are shown without letters that nobody sees.
    assert not [name for name in names if not any(name in text or clean_label(name) in text for text in texts)]
    assert len(entries) == len(rows) - 1


ROCKS = {1: NAMES[0], 2: NAMES[5], 3: "=1+1"}
FACTORS = [
    StackFactor(NAMES[1], "continuous", NAMES[0], NAMES[3]),
    StackFactor(NAMES[5], "continuous", "$", NAMES[4]),
    StackFactor(NAMES[8], "categorical", "", NAMES[2], ROCKS),
]


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A stack, labels, points and regions of hostile names, and models and maps in files of such names."""
    folder = tmp_path_factory.mktemp("names")
    rng = np.random.default_rng(3)
    waves = np.sin(np.arange(HEIGHT) / 9)[:, None] * np.cos(np.arange(WIDTH) / 13)
    slope = 20 + 12 * waves + rng.normal(0, 2, (HEIGHT, WIDTH))
    values = np.stack([slope, rng.normal(0, 1, slope.shape), rng.integers(1, 4, slope.shape)]).astype(np.float32)
    names = {"stack": f"{FILES[0]}.tif", "labels": f"{FILES[1]}.tif", "model": f"{FILES[2]}.safetensors"}
    names |= {"map": f"{FILES[0]} map.tif", "other": f"{FILES[1]} map.tif", "zones": f"{FILES[2]} zones.tif"}
    paths = {key: folder / name for key, name in names.items()}
    with create_stack(paths["stack"], GRID, FACTORS) as dataset:
        dataset.write(values)
    labels = rng.random(slope.shape) < 1 / (1 + np.exp(-(slope - 26) / 2))
    write_raster(paths["labels"], labels.astype(np.uint8), GRID, nodata=255)
    steep = np.argwhere(slope > 26)
    rows, columns = steep[rng.choice(len(steep), 80, replace=False)].T
    xy = np.stack(GRID.transform * (columns + 0.5, rows + 0.5), axis=1)
    points = Points(NAMES[1], f"/data/{NAMES[0]}.gpkg|layername={NAMES[3]}", xy=xy)
    height, width = HEIGHT // 3, WIDTH // 4
    shapes = [cell_box(GRID, height * (n % 3), width * (n // 3), height, width) for n in range(12)]
    regions = {"regions": Polygons(NAMES[2], "", {NAMES[6]: NAMES[:12]}, shapes), "region_field": NAMES[6]}
    trained = {"settings": settings_of_kind("logistic_regression", "recommended", SMALL), "progress": QUIET}
    files = paths["stack"], paths["labels"], paths["model"]
    train_comparison_model("logistic_regression", *files, output_html=folder / "trained.html", **trained)
    predict(paths["stack"], [paths["model"]], paths["map"], region=NAMES[0])
    other = 1 / (1 + np.exp(-values[0] / 10 + 2 + values[1]))
    write_raster(paths["other"], other, GRID, nodata=np.nan)
    classify_zones(paths["map"], paths["zones"], region=NAMES[9], output_table=folder / "zones.csv")
    return folder, paths, points, regions


def test_training_reports(area, tmp_path):
    folder, paths, _, _ = area
    check_page(folder / "trained.html", NAMES[1])
    settings = TrainingSettings(**SMALL, epochs=1, width=2, depth=1, device="cpu")
    files = paths["stack"], paths["labels"], tmp_path / "m.safetensors"
    train_pcum(*files, output_html=tmp_path / "t.html", settings=settings, progress=QUIET)
    check_page(tmp_path / "t.html")


def test_validation_report(area, tmp_path):
    _, paths, points, regions = area
    settings = {"zones": paths["zones"], "distance": 60.0, "repeats": 5, "region": NAMES[10], **regions}
    validate_with_points(paths["map"], points, tmp_path / "v.html", tmp_path / "v.csv", **settings)
    check_page(tmp_path / "v.html", points.name, paths["map"].name, *NAMES[:9])
    check_table(tmp_path / "v.csv", *NAMES[:9])


def test_comparison_report(area, tmp_path):
    _, paths, points, regions = area
    settings = {"names": [NAMES[3], NAMES[5]], "distance": 60.0, "repeats": 5, **regions}
    settings["output_summary"] = tmp_path / "s.csv"
    compare_models([paths["map"], paths["other"]], points, tmp_path / "c.html", tmp_path / "c.csv", **settings)
    check_page(tmp_path / "c.html", NAMES[3], NAMES[5], points.name, *NAMES[:3])
    for table in ("c.csv", "s.csv"):
        check_table(tmp_path / table, NAMES[3])


def test_checks_report(area, tmp_path):
    _, paths, _, _ = area
    check_factors(paths["stack"], tmp_path / "k.html", tmp_path / "k.csv", labels=paths["labels"], progress=QUIET)
    check_page(tmp_path / "k.html", *(factor.name for factor in FACTORS))
    check_table(tmp_path / "k.csv")


def test_explanation_report(area, tmp_path):
    _, paths, _, _ = area
    inputs = ExplanationInputs(paths["stack"], paths["model"], paths["labels"])
    options = ExplanationOptions(block=600.0, blocks=8, repeats=2, references=2)
    names = {"output_html": "e.html", "output_table": "e.csv", "output_leading": "e.tif"}
    outputs = {key: tmp_path / name for key, name in names.items()}
    explain_susceptibility(inputs, options, **outputs, progress=QUIET)
    check_page(tmp_path / "e.html", NAMES[3])
    check_table(tmp_path / "e.csv", NAMES[1])


def test_tables_of_warning_and_cross_validation(area, tmp_path):
    _, paths, points, regions = area
    rain = write_raster(tmp_path / f"{FILES[1]}.tif", np.full(GRID.shape, 90, dtype=np.float32), GRID, nodata=np.nan)
    rainfall_warning(paths["map"], [rain], tmp_path / "w.tif", tmp_path / "w.csv", k=0.0129, **regions)
    check_table(tmp_path / "w.csv", *NAMES[:12])
    options = CrossValidationOptions(kind="logistic_regression", folds=2, random_split=False)
    settings = settings_of_kind("logistic_regression", "recommended", SMALL)
    more = {"options": options, "settings": settings, "output_table": tmp_path / "o.csv", "progress": QUIET}
    cross_validate(paths["stack"], paths["labels"], points, tmp_path / "o.tif", **more)
    check_table(tmp_path / "o.csv")


def test_sidecar_files_are_valid_xml(area):
    sidecars = [path for path in area[0].iterdir() if path.suffix in (".xml", ".qml")]
    assert len(sidecars) >= 2
    for path in sidecars:
        ElementTree.fromstring(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_wherever_a_page_has_text(tmp_path, name):
    page = Page(name, name, warnings=[name])
    page.key_numbers([(name, name, name)])
    page.text(name, name, name)
    page.table(name, [name, "b"], [[name, 1.0], [[name], None]], name, swatches=["#aabbcc", ""])
    page.settings(name, {name: name}, name)
    with style():
        figure = new_figure(1.5)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], label=escape_mathtext(name))
        axes.set_title(escape_mathtext(shorten(name, 12)))
        axes.set_xticks([0, 1])
        axes.set_xticklabels([escape_mathtext(name), shorten(name)], parse_math=False)
        axes.annotate(escape_mathtext(name), (0.5, 0.5))
        axes.legend()
        page.figure(name, figure, name)
    page.write(tmp_path / "p.html")
    found = check_page(tmp_path / "p.html", name)
    assert found.words.count(name) >= 15
    assert any(attributes.get("alt") == name for _, attributes in found.elements)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_drawn_as_it_is(name):
    """No formula: as wide as the same letters with another sign for the dollar, which is of the same width."""
    widths = []
    with style():
        for other in (name, name.replace("$", "5")):
            figure = new_figure(1)
            figure.text(0, 0, escape_mathtext(other))
            check_svg(base64.b64decode(svg_data(figure).partition(",")[2]))
            widths.append(figure.texts[0].get_window_extent().width)
    assert widths[0] == pytest.approx(widths[1], rel=1e-6)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        *(("=1+1", "'=1+1"), ("+a", "'+a"), ("-a", "'-a"), ("@a", "'@a"), ("\ta", "'\ta"), ("\ra", "'\na")),
        *(("a\r\nb", "a\nb"), ("a=1", "a=1"), ("-5", "-5"), ("+5.5e3", "+5.5e3"), (-5.5, "-5.5"), (None, "")),
        *((True, "True"), ("", ""), ("'=x", "'=x"), ('=HYPERLINK("x")', '\'=HYPERLINK("x")'), ("a\nb", "a\nb")),
        ("\udcff", "?"),
    ],
)
def test_a_cell_is_no_formula_and_the_other_table_has_it_as_it_is(tmp_path, cell, written):
    write_table(tmp_path / "t.csv", ["a", "b"], [[cell, 1]])
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["a", "b"], [written, "1"]]
    if cell != "\udcff":
        assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == [{"a": cell, "b": 1}]


FILES_TO_WRITE = ["a[b]*?.tif", "'; rm -rf x.tif", "$(id).tif", "%TEMP%.tif", "😀滑坡.tif", "a|b.tif", " x .tif"]
FILES_TO_WRITE += ["-rf.tif", "a\nb.tif", "a[b].tif"]
if sys.platform == "win32":
    FILES_TO_WRITE = [name for name in FILES_TO_WRITE if not set(name) & set("*?|\n")]  # Windows allows none of these


@pytest.mark.parametrize("name", FILES_TO_WRITE)
def test_outputs_of_any_name_are_written_there_and_leave_nothing_else(tmp_path, name):
    """Brackets and stars in a name are no pattern: what a failed run left is found and removed."""
    write_text(tmp_path / name, "x")
    with pytest.raises(ScarpError), atomic_output(tmp_path / name) as temporary:
        temporary.write_text("half")
        temporary.with_name(f"{temporary.name}.aux.xml").write_text("half")
        raise ScarpError("stop")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "x"}
    RunRecord("trainpcum", {"NAME": name}, {"STACK": tmp_path / name}).write({"OUTPUT": tmp_path / name})
    record = json.loads((tmp_path / f"{name}.run.json").read_text(encoding="utf-8"))
    assert (record["parameters"]["NAME"], record["outputs"]["OUTPUT"]["bytes"]) == (name, 1)


def test_a_file_name_that_is_no_text_does_not_fail_a_run_at_its_end(tmp_path):
    """Linux knows file names of any bytes; Python keeps those that are no text as halves of letters."""
    write_text(tmp_path / "out.tif", "x")
    RunRecord("trainpcum", {"NAME": "a\udcff"}, {}).write({"OUTPUT": tmp_path / "out.tif"})
    record = json.loads((tmp_path / "out.tif.run.json").read_text(encoding="utf-8"))
    assert record["parameters"]["NAME"] == "a?"
