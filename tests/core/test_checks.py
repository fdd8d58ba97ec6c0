"""``scarp:checkfactors``: every fault is found, named and counted, and nothing else is."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from scarp.model.checks import association, stack_statistics
from scarp.model.checks.association import frequency_ratios
from scarp.model.checks.stack_checks import NodataCounts, read_nodata_counts
from scarp.model.factors.definitions import FACTORS
from scarp.model.jobs import check_factors as job
from scarp.model.progress import NullProgress
from scarp.model.report.page import Page
from scarp.model.stack import StackFactor, create_stack, write_nodata_counts
from scarp.tests.core.conftest import Listener, read_csv, utm_grid, write_raster

SHAPE = ROWS, COLUMNS = 130, 140
CELLS = ROWS * COLUMNS
GRID = utm_grid(ROWS, COLUMNS)
LABELS = {1: "granite", 2: "gneiss", 3: "schist", 4: "till"}
NUMBERS = np.arange(CELLS).reshape(SHAPE)


class FactorStack:
    """Ten sound factors to be spoilt: the arrays and what the bands state, both by name."""

    def __init__(self, folder):
        rng = np.random.default_rng(11)
        noise = functools.partial(rng.normal, size=SHAPE)
        arrays = {
            "slope": np.clip(np.abs(25 + 12 * noise()), 0.1, 80),
            "profile_curvature": rng.laplace(scale=0.003, size=SHAPE),
            "aspect": rng.integers(1, 10, SHAPE),
            "landform": rng.integers(1, 5, SHAPE),
            "river_density": np.maximum(0, 1 + noise()),
            "precipitation": 900 + 120 * noise(),
            "temperature": 6 + 3 * noise(),
            "fault_density": np.maximum(0, noise() - 0.3),
            "lithology": rng.integers(1, 5, SHAPE),
            "seismic_intensity": rng.integers(1, 5, SHAPE),
        }
        self.folder = folder
        self.arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        self.factors = dict(FACTORS)
        for name in ("landform", "lithology", "seismic_intensity"):
            self.factors[name] = replace(self.factors[name], classes=LABELS)

    def __getitem__(self, name):
        return self.arrays[name]

    def __setitem__(self, name, array):
        self.arrays[name] = array.astype(np.float32)

    def add(self, name, array, kind="continuous", classes=None):
        self[name] = array
        self.factors[name] = StackFactor(name, kind, "", name, classes or {})

    def state(self, name, **changes):
        self.factors[name] = replace(self.factors[name], **changes)

    def write(self, grid=GRID):
        with create_stack(self.folder / "stack.tif", grid, [self.factors[name] for name in self.arrays]) as target:
            target.write(np.stack([array[: grid.height] for array in self.arrays.values()]))
        return self

    def check(self, labels=None, stack="stack.tif", html="report.html", progress=None):
        paths = (self.folder / name for name in (stack, html, "table.csv"))
        labels = labels and self.folder / labels
        return job.check_factors(*paths, labels=labels, progress=progress or NullProgress())

    def label(self, values, **options):
        write_raster(self.folder / "labels.tif", values.astype(np.uint8), nodata=255, **{"grid": GRID, **options})
        return "labels.tif"

    def html(self):
        return (self.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def stack(tmp_path):
    return FactorStack(tmp_path)


@pytest.fixture
def no_figures(monkeypatch):
    """Leave the body of the report out: drawing takes longer than all else on small stacks."""
    monkeypatch.setattr(job, "build_page", lambda *report: Page("Check"))


def severe(summary):
    """Errors and warnings, without the notes."""
    found = [finding for finding in summary.findings if finding.severity != "note"]
    assert all(finding.message and finding.remedy for finding in found)
    return {(finding.severity, finding.check, finding.factor, finding.cells) for finding in found}


def finding(severity, check, factor, cells=None):
    return severity, check, factor, cells


error, warning = functools.partial(finding, "error"), functools.partial(finding, "warning")


def test_a_valid_stack_has_no_findings(stack):
    summary = stack.write().check()
    assert (summary.findings, summary.errors, summary.warnings, summary.notes) == ([], 0, 0, 0)
    assert summary.cells == summary.valid_cells == CELLS
    assert "No problems found" in stack.html() and not read_csv(stack.folder / "table.csv")
    assert all((stack.folder / f"{name}.run.json").is_file() for name in ("report.html", "table.csv"))


def put(name, value, rows=slice(0, 4), columns=slice(0, 10)):
    """Set 40 cells of a factor."""
    return lambda stack: stack[name].__setitem__((rows, columns), value)


def change(name, function):
    return lambda stack: stack.__setitem__(name, function(stack[name]))


def small_class(stack):
    stack["lithology"][stack["lithology"] == 4] = 3
    stack["lithology"][0, :99] = 4


def undeclared(value):
    """A nodata value of a user's layer."""

    def spoil(stack):
        stack.add("ndvi", np.random.default_rng(4).random(SHAPE))
        stack["ndvi"][3, :20] = value

    return spoil


def sum_of_two(stack):
    noise = np.random.default_rng(1).normal(size=SHAPE)
    stack.add("index", stack["precipitation"] / 120 + stack["temperature"] / 3 + 0.05 * noise)


UNITS = {
    "slope in percent": ("slope", lambda a: 150 * np.tan(np.radians(a)), error),
    "slope without scale": ("slope", lambda a: 90 - a / 1000, error),
    "slope in radians": ("slope", np.radians, warning),
    "rain in metres": ("precipitation", lambda a: np.abs(a) / 1000, warning),
    "tenths of a degree": ("temperature", lambda a: 10 * a, error),
    "kelvin": ("temperature", lambda a: a + 273.15, error),
    "hot kelvin": ("temperature", lambda a: a + 302, error),
    "curvature of ArcGIS": ("profile_curvature", lambda a: -100 * a, error),
    "density in metres": ("river_density", lambda a: 1000 * a, error),
}
RANGES = {"slope": -1, "precipitation": -9999, "temperature": 55, "river_density": -0.5}
UNDECLARED = -9999, -32768, -3.4028234663852886e38, 65535, 1e20
REDUNDANT = ("river_density", "river_copy")
FAULTS = {
    **{title: (change(name, function), [kind("unit", name, CELLS)]) for title, (name, function, kind) in UNITS.items()},
    **{f"impossible {name}": (put(name, value), [error("range", name, 40)]) for name, value in RANGES.items()},
    **{f"undeclared {value}": (undeclared(value), [error("undeclared nodata", "ndvi", 20)]) for value in UNDECLARED},
    "slope over 90": (put("slope", 90.5), [error("range", "slope", 40)]),
    "curvature outliers": (put("profile_curvature", 4.0), [warning("outliers", "profile_curvature", 40)]),
    "aspect code 0": (put("aspect", 0), [error("class code", "aspect", 40), warning("small class", "aspect", 40)]),
    "aspect code 10": (put("aspect", 10, slice(0, 20)), [error("class code", "aspect", 200)]),
    "interpolated classes": (put("lithology", 2.5), [error("class code", "lithology", 40)]),
    "code 300": (put("lithology", 300, slice(0, 20)), [error("class code", "lithology", 200)]),
    "negative code": (put("lithology", -5), [error("class code", "lithology", 40)]),
    "infinite": (put("fault_density", np.inf), [error("infinite", "fault_density", 40)]),
    "small class": (small_class, [warning("small class", "lithology", 99)]),
    "constant": (change("precipitation", lambda a: 0 * a + 800), [warning("constant", "precipitation", CELLS)]),
    "nearly constant": (
        change("fault_density", lambda a: np.where(NUMBERS < 150, 0.4, 0)),
        [warning("nearly constant", "fault_density", CELLS - 150)],
    ),
    "hardly any spread": (
        change("precipitation", lambda a: 800 + a / 1e4),
        [warning("nearly constant", "precipitation", CELLS)],
    ),
    "one class": (change("landform", lambda a: 0 * a + 2), [warning("constant", "landform", CELLS)]),
    "copy": (
        lambda stack: stack.add("river_copy", 3 - 2 * stack["river_density"]),
        [warning("copy", " × ".join(REDUNDANT)), *(warning("variance inflation", name) for name in REDUNDANT)],
    ),
    "three copies": (
        lambda stack: [stack.add(f"copy {number}", number * stack["river_density"]) for number in (2, 3, 4)],
        [
            warning("copy", "river_density, copy 2, copy 3, copy 4"),
            *(warning("variance inflation", name) for name in ("river_density", "copy 2", "copy 3", "copy 4")),
        ],
    ),
    "copied classes": (
        lambda stack: stack.add("geology", 5 - stack["lithology"], "categorical", LABELS),
        [warning("copy", "lithology × geology")],
    ),
    "sum of two": (
        sum_of_two,
        [
            *(warning("correlation", f"{name} × index") for name in ("precipitation", "temperature")),
            *(warning("variance inflation", name) for name in ("precipitation", "temperature", "index")),
        ],
    ),
    "classes as amounts": (
        lambda stack: stack.add("land_cover", np.random.default_rng(1).integers(1, 12, SHAPE)),
        [warning("few values", "land_cover")],
    ),
    "amounts as classes": (
        lambda stack: stack.add("parcels", NUMBERS % 700 + 1, "categorical"),
        [error("class code", "parcels"), warning("small class", "parcels", CELLS), warning("class table", "parcels")],
    ),
    "equal labels": (
        lambda stack: stack.state("landform", classes={1: "a", 2: "b", 3: "b", 4: "c"}),
        [warning("class table", "landform")],
    ),
    "no class table": (lambda stack: stack.state("landform", classes={}), [warning("class table", "landform")]),
    "empty band": (change("temperature", lambda a: a * np.nan), [error("empty", "temperature", CELLS)]),
    "gap in one factor": (
        put("temperature", np.nan, slice(0, 20), slice(0, COLUMNS)),
        [warning("nodata", "temperature", 20 * COLUMNS)],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_nothing_else(stack, fault, no_figures):
    spoil, expected = FAULTS[fault]
    spoil(stack)
    assert severe(stack.write().check()) == set(expected)


TENTHS, KELVIN = "tenths of a degree", "kelvin"


@pytest.mark.parametrize(
    ("factor", "offset", "words"), [(10, 0, {TENTHS}), (1, 273.15, {KELVIN, TENTHS}), (1, 302, {KELVIN})]
)
def test_the_right_unit_of_temperature_is_named(stack, no_figures, factor, offset, words):
    stack["temperature"] = factor * stack["temperature"] + offset
    message = stack.write().check().findings[0].message
    assert {word for word in (KELVIN, TENTHS, "Fahrenheit") if word in message} == words


def test_impossible_values_do_not_hide_a_correlation(stack, no_figures):
    stack["temperature"] = stack["precipitation"] / 100
    clean = {finding.check for finding in stack.write().check().findings}
    stack["precipitation"][:5, :5] = -9999
    assert {finding.check for finding in stack.write().check().findings} == clean | {"range"}


def test_all_faults_at_once_are_all_in_the_table(stack):
    faults = "impossible slope", "kelvin", "code 300", "aspect code 10", "infinite", "curvature outliers", "copy"
    for fault in faults:
        FAULTS[fault][0](stack)
    summary = stack.write().check()
    rows = read_csv(stack.folder / "table.csv")
    same = {name: name for name in ("severity", "factor", "check", "cells")}
    for column, name in {**same, "what": "message", "mend": "remedy"}.items():
        found = [getattr(one, name) for one in summary.findings]
        assert [row[column] for row in rows] == ["" if value is None else str(value) for value in found]
    order = [row["severity"] for row in rows]
    assert order == sorted(order, key=["error", "warning", "note"].index)
    assert (summary.errors, summary.warnings) == (5, 4)
    assert "kelvin" in stack.html() and "No problems found" not in stack.html()


def test_a_stack_without_names_tags_or_crs_is_reported_and_not_refused(stack):
    bands = np.random.default_rng(0).random((3, 60, 60), dtype=np.float32) + 1
    path = write_raster(stack.folder / "stack.tif", bands, crs=CRS())
    with rasterio.open(path, "r+") as target:
        target.descriptions = None, "ndvi", "ndvi"
    assert severe(stack.check()) == {error("crs", ""), error("name", "band 1"), error("name", "ndvi")}


@pytest.mark.parametrize(
    ("transform", "found"),
    [(Affine(30, 2, 4e5, 2, -30, 4e6), {error("grid", "")}), (Affine(30, 0, 4e5, 0, 30, 4e6), set())],
)
def test_a_rotated_stack_is_reported_and_a_south_up_one_read(stack, transform, found, no_figures):
    with rasterio.open(stack.write().folder / "stack.tif", "r+") as target:
        target.transform = transform
    assert severe(stack.check()) == found


def test_a_continuous_factor_stored_as_classes_is_found(stack, no_figures):
    stack.state("slope", kind="categorical", classes={code: str(code) for code in range(91)})
    stack["slope"] = np.round(stack["slope"])
    assert error("kind", "slope") in severe(stack.write().check())


def test_tags_that_cannot_be_read_are_reported(stack, no_figures):
    with rasterio.open(stack.write().folder / "stack.tif", "r+") as target:
        target.update_tags(1, kind="number")
        target.update_tags(9, classes="{broken")
        target.update_tags(7, unit="K")
    expected = {error("kind", "slope"), error("class table", "lithology"), warning("unit", "temperature")}
    assert expected <= severe(stack.check())


def test_an_empty_stack_and_one_without_common_cells(stack):
    good = dict(stack.arrays)
    for name in good:
        stack[name] = good[name] * np.nan
    summary = stack.write().check()
    assert (severe(summary), summary.valid_cells) == ({error("empty", "", CELLS)}, 0)
    stack.arrays = good
    stack["slope"][:65] = np.nan
    stack["aspect"][65:] = np.nan
    assert error("empty", "", CELLS) in severe(stack.write().check())


def write_record(folder, **content):
    record = {
        "outputs": {"OUTPUT": {"bytes": (folder / "stack.tif").stat().st_size}},
        "study_cells": CELLS,
        "without_data": {"elevation": 7, "lithology": 0, "temperature": 40, "fault_density": 2000},
        **content,
    }
    (folder / "stack.tif.run.json").write_text(json.dumps(record), encoding="utf-8")


def nodata_counts(folder):
    with rasterio.open(folder / "stack.tif") as dataset:
        return read_nodata_counts(dataset, folder / "stack.tif")


def all_of(summary):
    return {(one.severity, one.check, one.factor, one.cells, one.total) for one in summary.findings}


def test_nodata_counts_are_read_from_the_run_record(stack):
    write_record(stack.write().folder)
    assert all_of(stack.check()) == {
        ("warning", "nodata", "fault_density", 2000, CELLS),
        ("note", "nodata", "temperature", 40, CELLS),
    }
    assert "Cells lost when the stack was built" in stack.html()


@pytest.mark.parametrize(
    "content", [{"outputs": {"OUTPUT": {"bytes": 1}}}, {"outputs": []}, {"without_data": 3}, {"study_cells": "many"}]
)
def test_a_run_record_of_another_file_is_ignored(stack, content):
    folder = stack.write().folder
    write_record(folder, **content)
    assert nodata_counts(folder).cells == {}
    (folder / "stack.tif.run.json").write_text("{half", encoding="utf-8")
    assert nodata_counts(folder).cells == {}


def test_nodata_counts_of_the_stack_precede_those_of_its_record(stack, no_figures):
    folder = stack.write().folder
    with rasterio.open(folder / "stack.tif", "r+") as target:
        write_nodata_counts(target, CELLS - 5, {"elevation": 5, "lithology": 0, "temperature": 33})
    write_record(folder)
    assert nodata_counts(folder) == NodataCounts(CELLS - 5, {"lithology": 0, "temperature": 33})
    assert all_of(stack.check()) == {("note", "nodata", "temperature", 33, CELLS - 5)}


@pytest.mark.parametrize(("study", "cells"), [(CELLS + 1, 5), (100, 101), (0, 0), ("many", 5)])
def test_impossible_nodata_count_tags_are_ignored(stack, study, cells):
    with rasterio.open(stack.write().folder / "stack.tif", "r+") as target:
        write_nodata_counts(target, study, {"temperature": cells})
    assert nodata_counts(stack.folder) == NodataCounts()


@pytest.mark.parametrize(("cell", "rows", "check"), [(500, ROWS, "cell size"), (30, 15, "extent")])
def test_a_coarse_and_a_small_stack_are_reported(stack, cell, rows, check, no_figures):
    assert check in {finding.check for finding in stack.write(utm_grid(rows, COLUMNS, cell)).check().findings}


def test_stair_steps_are_a_note(stack, no_figures):
    stack["precipitation"] = np.kron(np.random.default_rng(1).normal(900, 120, (5, 5)), np.ones((26, 28)))
    (found,) = stack.write().check().findings
    assert (found.severity, found.check, found.factor) == ("note", "few values", "precipitation")


def steep(stack, degrees=35):
    return (stack["slope"] > degrees).astype(np.uint8)


def test_landslide_cells_by_class_equal_numpy(stack):
    labels = steep(stack)
    labels[stack["lithology"] == 4] = 0
    labels[:, -30:] = 255
    stack.write().label(labels)
    with rasterio.open(stack.folder / "stack.tif") as raster, rasterio.open(stack.folder / "labels.tif") as opened:
        scan = stack_statistics.scan(raster, list(stack.factors.values()), opened, NullProgress())
    for band in scan.categorical_bands:
        for share in frequency_ratios(band):
            here, known = stack[band.name] == share.code, labels != 255
            area, slides = here[known].mean(), (here & (labels == 1)).sum() / (labels == 1).sum()
            assert share.frequency_ratio == pytest.approx(slides / area)
            assert share.label == band.factor.classes[share.code]
    summary = stack.check("labels.tif")
    assert scan.labels.landslide_used == (labels == 1).sum()
    assert [(found.check, found.factor) for found in summary.findings] == [("no landslides in class", "lithology")]
    assert "Frequency ratio" in stack.html()


def test_the_report_has_heat_maps_and_every_distribution_with_the_landslides_over_it(stack):
    stack.write().label(steep(stack))
    for labels, text in ((None, "all cells"), ("labels.tif", "landslide cells (orange) against all (grey)")):
        stack.check(labels)
        html = stack.html()
        assert html.count("<figure") == 2 + len(stack.arrays), "Pearson, Cramér and one per factor"
        assert all(words in html for words in ("Pearson&#39;s r", "Cramér&#39;s V", "VIF", text))


LABEL_FAULTS = {
    "none": (lambda stack: 0 * steep(stack), error("no landslides", "labels", 0)),
    "few": (lambda stack: NUMBERS % 1500 == 0, warning("few landslides", "labels")),
    "everywhere": (lambda stack: NUMBERS // COLUMNS % 3 > 0, warning("landslides everywhere", "labels")),
    "no stable": (lambda stack: np.where(steep(stack), 1, 255), error("no stable cells", "labels", 0)),
    "other value": (lambda stack: np.where(steep(stack, 65), 7, steep(stack)), error("label value", "labels")),
    "class unseen": (
        lambda stack: np.where(stack["lithology"] == 2, 255, steep(stack)),
        warning("unlabelled class", "lithology"),
    ),
}


@pytest.mark.parametrize("fault", LABEL_FAULTS)
def test_a_fault_of_the_labels_is_found(stack, fault, no_figures):
    labels, expected = LABEL_FAULTS[fault]
    found = severe(stack.write().check(stack.label(labels(stack))))
    assert {one[:3] for one in found} == {expected[:3]}
    assert expected[3] is None or found == {expected}


def test_landslides_without_data_are_counted(stack, no_figures):
    labels = steep(stack)
    for array in stack.arrays.values():
        array[:30] = np.nan
    found = severe(stack.write().check(stack.label(labels)))
    assert found == {warning("landslides lost", "labels", int(labels[:30].sum()))}


def test_values_beyond_the_labelled_ones_are_a_note(stack, no_figures):
    labels = steep(stack)
    labels[stack["temperature"] > 9] = 255
    summary = stack.write().check(stack.label(labels))
    (found,) = [finding for finding in summary.findings if finding.check == "extrapolation"]
    assert found.factor == "temperature"
    beyond = int((stack["temperature"] > stack["temperature"][labels != 255].max()).sum())
    assert 0.9 * beyond <= found.cells <= beyond


@pytest.mark.parametrize(
    "options",
    [{"width": COLUMNS - 1}, {"transform": GRID.transform * Affine.translation(0.5, 0)}, {"crs": 32644}, {"crs": 0}],
    ids=str,
)
def test_labels_on_another_grid_are_reported_and_the_rest_goes_on(stack, options, no_figures):
    stack["slope"][0, 0] = -3
    labels = steep(stack)[:, : options.pop("width", COLUMNS)]
    if "crs" in options:
        options["crs"] = CRS.from_epsg(options["crs"]) if options["crs"] else CRS()
    summary = stack.write().check(stack.label(labels, **options))
    assert severe(summary) == {error("alignment", "labels"), error("range", "slope", 1)}


def test_progress_moves_from_start_to_end(stack, monkeypatch):
    monkeypatch.setattr(stack_statistics, "CELLS_AT_ONCE", 1)
    progress = Listener()
    stack.write().check(progress=progress)
    assert progress.fractions == sorted(progress.fractions) and progress.fractions[-1] == 1.0
    assert len(progress.fractions) >= 10


def test_forty_copies_are_one_warning_and_a_kind_has_twelve_lines(stack, no_figures):
    for number in range(40):
        stack.add(f"slope {number}", (number + 2) * stack["slope"])
    findings = stack.write().check().findings
    copies = [finding for finding in findings if finding.check == "copy"]
    assert len(copies) == 1 and "determines 40 others" in copies[0].message and "and 32 more" in copies[0].message
    inflated = [finding for finding in findings if finding.check == "variance inflation"]
    assert len(inflated) == 12 and inflated[-1].message.startswith("30 more findings of this kind: ")
    assert max(len(finding.message) + len(finding.factor) for finding in findings) < 500


def test_many_correlated_factors_are_one_group_with_a_proposal(stack, no_figures):
    generator = np.random.default_rng(4)
    for number in range(8):
        stack.add(f"rain {number}", stack["precipitation"] + (1 + number) * 0.2 * generator.normal(0, 30, SHAPE))
    found = [finding for finding in stack.write().check().findings if finding.check == "correlation"]
    (group,) = found
    assert group.message.startswith("9 factors are linked") and "keep precipitation:" in group.remedy
    matrix = np.array([[1, 0.9, 0.2, 0], [0.9, 1, -0.8, 0], [0.2, -0.8, 1, np.nan], [0, 0, np.nan, np.nan]])
    listed = association.correlated_groups(list("abcd"), matrix)
    assert [(one.names, one.kept) for one in listed] == [(["a", "b", "c"], {"b": {"a": 0.9, "c": -0.8}})]
    assert listed[0].pairs == [("a", "b", 0.9), ("b", "c", -0.8)] and not listed[0].is_large
