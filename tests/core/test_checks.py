"""``scarp:checkfactors``: every fault is found, named and counted, and nothing else is."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import from_origin

from scarp.model.checks import stack_statistics
from scarp.model.checks.landslide_density import frequency_ratios
from scarp.model.checks.stack_checks import NodataCounts, read_nodata_counts
from scarp.model.errors import Cancelled, InputCorrupt, InputMissing, OutputNotWritable
from scarp.model.factors.definitions import FACTORS
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.jobs import check_factors as job
from scarp.model.jobs.check_factors import check_factors
from scarp.model.progress import NullProgress
from scarp.model.report.page import Page
from scarp.model.stack import StackFactor, create_stack, write_nodata_counts

ROWS, COLUMNS = 130, 140
CELLS = ROWS * COLUMNS
LABELS = {1: "granite", 2: "gneiss", 3: "schist", 4: "till"}


def good_stack():
    """Return ten sound factors: the arrays and what the bands say of them, both by name."""
    rng = np.random.default_rng(11)

    def noise():
        return rng.normal(size=(ROWS, COLUMNS))

    arrays = {
        "slope": np.clip(np.abs(25 + 12 * noise()), 0.1, 80),
        "profile_curvature": rng.laplace(scale=0.003, size=(ROWS, COLUMNS)),
        "aspect": rng.integers(1, 10, (ROWS, COLUMNS)),
        "landform": rng.integers(1, 5, (ROWS, COLUMNS)),
        "river_density": np.maximum(0, 1 + noise()),
        "precipitation": 900 + 120 * noise(),
        "temperature": 6 + 3 * noise(),
        "fault_density": np.maximum(0, noise() - 0.3),
        "lithology": rng.integers(1, 5, (ROWS, COLUMNS)),
        "seismic_intensity": rng.integers(1, 5, (ROWS, COLUMNS)),
    }
    factors = {
        name: StackFactor.of(definition, definition.classes or LABELS if definition.kind == "categorical" else None)
        for name, definition in FACTORS.items()
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}, factors


def write_stack(path, arrays, factors, **tags):
    grid = Grid(CRS.from_epsg(32643), from_origin(4e5, 4e6, 30, 30), COLUMNS, ROWS)
    with create_stack(path, grid, [factors[name] for name in arrays], tags) as target:
        target.write(np.stack([array.astype(np.float32) for array in arrays.values()]))
    return grid


def run(folder, labels=None, stack="stack.tif"):
    return check_factors(
        folder / stack,
        folder / "report.html",
        folder / "table.csv",
        labels=None if labels is None else folder / labels,
        progress=NullProgress(),
    )


@pytest.fixture
def no_figures(monkeypatch):
    """Leave the body of the report out: drawing takes longer than all else on small stacks."""
    monkeypatch.setattr(job, "compose", lambda *content: Page("Check"))


def grave(summary):
    return {
        (finding.severity, finding.check, finding.factor, finding.cells)
        for finding in summary.findings
        if finding.severity != "note"
    }


def test_a_valid_stack_has_no_findings(tmp_path):
    write_stack(tmp_path / "stack.tif", *good_stack())
    summary = run(tmp_path)
    assert summary.findings == []
    assert (summary.errors, summary.warnings, summary.notes) == (0, 0, 0)
    assert summary.cells == summary.valid_cells == CELLS
    assert "Nothing to complain about" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()) == 1
    assert (tmp_path / "report.html.run.json").is_file()
    assert (tmp_path / "table.csv.run.json").is_file()


def _add(arrays, factors, name, array, kind="continuous", classes=None):
    arrays[name] = array.astype(np.float32)
    factors[name] = StackFactor(name, kind, "", name, classes or {})


def _set(name, value, rows=slice(0, 4), columns=slice(0, 10)):
    def change(arrays, factors):
        arrays[name][rows, columns] = value

    return change


def _apply(name, function):
    def change(arrays, factors):
        arrays[name] = np.float32(function(arrays[name]))

    return change


def _duplicate(arrays, factors):
    _add(arrays, factors, "river_copy", 3 - 2 * arrays["river_density"])


def _twin_classes(arrays, factors):
    _add(arrays, factors, "geology", 5 - arrays["lithology"], "categorical", LABELS)


def _sum_of_two(arrays, factors):
    noise = np.random.default_rng(1).normal(size=(ROWS, COLUMNS))
    _add(arrays, factors, "index", arrays["precipitation"] / 120 + arrays["temperature"] / 3 + 0.05 * noise)


def _one_class(arrays, factors):
    arrays["landform"][:] = 2


def _classes_as_amounts(arrays, factors):
    _add(arrays, factors, "land_cover", np.random.default_rng(1).integers(1, 12, (ROWS, COLUMNS)))


def _same_labels(arrays, factors):
    factors["landform"] = StackFactor("landform", "categorical", "", "Landform", {1: "a", 2: "b", 3: "b", 4: "c"})


def _no_labels(arrays, factors):
    factors["landform"] = StackFactor("landform", "categorical", "", "Landform", {})


def _amounts_as_classes(arrays, factors):
    _add(arrays, factors, "parcels", np.arange(CELLS).reshape(ROWS, COLUMNS) % 700 + 1, "categorical")


def _hole(name):
    return _set(name, np.nan, slice(0, 20), slice(0, COLUMNS))


def _wrong_kind(arrays, factors):
    factors["slope"] = StackFactor("slope", "categorical", "degrees", "Slope", {code: str(code) for code in range(91)})
    arrays["slope"] = np.round(arrays["slope"])


HOLE = 20 * COLUMNS
FAULTS = {
    "negative slope": (_set("slope", -1), {("error", "range", "slope", 40)}),
    "slope over 90": (_set("slope", 90.5), {("error", "range", "slope", 40)}),
    "slope in percent": (
        _apply("slope", lambda a: 100 * np.tan(np.radians(a)) * 1.5),
        {("error", "unit", "slope", CELLS)},
    ),
    "slope without scale": (_apply("slope", lambda a: 90 - a / 1000), {("error", "unit", "slope", CELLS)}),
    "slope in radians": (_apply("slope", np.radians), {("warning", "unit", "slope", CELLS)}),
    "negative rain": (_set("precipitation", -9999), {("error", "range", "precipitation", 40)}),
    "rain in metres": (
        _apply("precipitation", lambda a: np.abs(a) / 1000),
        {("warning", "unit", "precipitation", CELLS)},
    ),
    "tenths of a degree": (_apply("temperature", lambda a: 10 * a), {("error", "unit", "temperature", CELLS)}),
    "kelvin": (_apply("temperature", lambda a: a + 273.15), {("error", "unit", "temperature", CELLS)}),
    "hot kelvin": (_apply("temperature", lambda a: a + 302), {("error", "unit", "temperature", CELLS)}),
    "a few hot cells": (_set("temperature", 55), {("error", "range", "temperature", 40)}),
    "curvature of ArcGIS": (
        _apply("profile_curvature", lambda a: -100 * a),
        {("error", "unit", "profile_curvature", CELLS)},
    ),
    "curvature outliers": (_set("profile_curvature", 4.0), {("warning", "outliers", "profile_curvature", 40)}),
    "negative density": (_set("river_density", -0.5), {("error", "range", "river_density", 40)}),
    "density in metres": (_apply("river_density", lambda a: 1000 * a), {("error", "unit", "river_density", CELLS)}),
    "aspect code 0": (
        _set("aspect", 0),
        {("error", "class code", "aspect", 40), ("warning", "small class", "aspect", 40)},
    ),
    "aspect code 10": (_set("aspect", 10, slice(0, 20)), {("error", "class code", "aspect", 200)}),
    "interpolated classes": (_set("lithology", 2.5), {("error", "class code", "lithology", 40)}),
    "code 300": (_set("lithology", 300, slice(0, 20)), {("error", "class code", "lithology", 200)}),
    "negative code": (_set("lithology", -5), {("error", "class code", "lithology", 40)}),
    "infinite": (_set("fault_density", np.inf), {("error", "infinite", "fault_density", 40)}),
    "small class": (
        lambda a, f: (
            a["lithology"].__setitem__(a["lithology"] == 4, 3),
            a["lithology"].__setitem__((0, slice(0, 99)), 4),
        ),
        {("warning", "small class", "lithology", 99)},
    ),
    "constant": (
        _apply("precipitation", lambda a: np.full_like(a, 800)),
        {("error", "constant", "precipitation", CELLS)},
    ),
    "nearly constant": (
        _apply("fault_density", lambda a: np.where(np.arange(CELLS).reshape(a.shape) < 150, 0.4, 0)),
        {("warning", "nearly constant", "fault_density", CELLS - 150)},
    ),
    "hardly any spread": (
        _apply("precipitation", lambda a: 800 + a / 1e4),
        {("warning", "nearly constant", "precipitation", CELLS)},
    ),
    "one class": (_one_class, {("error", "constant", "landform", CELLS)}),
    "copy": (
        _duplicate,
        {
            ("warning", "copy", "river_density × river_copy", None),
            ("warning", "variance inflation", "river_density", None),
            ("warning", "variance inflation", "river_copy", None),
        },
    ),
    "copied classes": (_twin_classes, {("warning", "copy", "lithology × geology", None)}),
    "sum of two": (
        _sum_of_two,
        {
            ("warning", "correlation", "precipitation × index", None),
            ("warning", "correlation", "temperature × index", None),
            ("warning", "variance inflation", "precipitation", None),
            ("warning", "variance inflation", "temperature", None),
            ("warning", "variance inflation", "index", None),
        },
    ),
    "classes as amounts": (_classes_as_amounts, {("warning", "few values", "land_cover", None)}),
    "amounts as classes": (
        _amounts_as_classes,
        {
            ("error", "class code", "parcels", None),
            ("warning", "small class", "parcels", CELLS),
            ("warning", "class table", "parcels", None),
        },
    ),
    "equal labels": (_same_labels, {("warning", "class table", "landform", None)}),
    "no class table": (_no_labels, {("warning", "class table", "landform", None)}),
    "wrong kind": (_wrong_kind, None),
    "empty band": (_apply("temperature", lambda a: a * np.nan), {("error", "empty", "temperature", CELLS)}),
    "gap in one factor": (_hole("temperature"), {("warning", "nodata", "temperature", HOLE)}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_nothing_else(tmp_path, fault, no_figures):
    change, expected = FAULTS[fault]
    arrays, factors = good_stack()
    change(arrays, factors)
    write_stack(tmp_path / "stack.tif", arrays, factors)
    summary = run(tmp_path)
    if expected is None:
        assert ("error", "kind", "slope", None) in grave(summary)
    else:
        assert grave(summary) == expected
    assert all(finding.message and finding.remedy for finding in summary.findings)


@pytest.mark.parametrize(
    ("factor", "offset", "words"),
    [(10, 0, {"tenths of a degree"}), (1, 273.15, {"kelvin", "tenths of a degree"}), (1, 302, {"kelvin"})],
)
def test_the_right_unit_of_temperature_is_named(tmp_path, no_figures, factor, offset, words):
    arrays, factors = good_stack()
    arrays["temperature"] = factor * arrays["temperature"] + offset
    write_stack(tmp_path / "stack.tif", arrays, factors)
    message = run(tmp_path).findings[0].message
    assert {word for word in ("kelvin", "tenths of a degree", "Fahrenheit") if word in message} == words


@pytest.mark.parametrize("value", [-9999, -32768, -3.4028234663852886e38, 65535, 1e20])
def test_an_undeclared_nodata_value_of_a_factor_of_ones_own(tmp_path, value, no_figures):
    arrays, factors = good_stack()
    _add(arrays, factors, "ndvi", np.random.default_rng(4).random((ROWS, COLUMNS)))
    arrays["ndvi"][3, :20] = value
    write_stack(tmp_path / "stack.tif", arrays, factors)
    assert grave(run(tmp_path)) == {("error", "undeclared nodata", "ndvi", 20)}


def test_impossible_values_do_not_hide_a_correlation(tmp_path, no_figures):
    arrays, factors = good_stack()
    arrays["temperature"] = arrays["precipitation"] / 100
    write_stack(tmp_path / "stack.tif", arrays, factors)
    clean = {finding.check for finding in run(tmp_path).findings}
    arrays["precipitation"][:5, :5] = -9999
    write_stack(tmp_path / "stack.tif", arrays, factors)
    assert {finding.check for finding in run(tmp_path).findings} == clean | {"range"}


def test_all_faults_at_once_are_all_in_the_table(tmp_path):
    arrays, factors = good_stack()
    for fault in ("negative slope", "kelvin", "code 300", "aspect code 10", "infinite", "curvature outliers", "copy"):
        FAULTS[fault][0](arrays, factors)
    write_stack(tmp_path / "stack.tif", arrays, factors)
    summary = run(tmp_path)
    with open(tmp_path / "table.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["severity"], row["factor"], row["check"], row["what"], row["mend"]) for row in rows] == [
        (found.severity, found.factor, found.check, found.message, found.remedy) for found in summary.findings
    ]
    assert [row["cells"] for row in rows] == [
        "" if found.cells is None else str(found.cells) for found in summary.findings
    ]
    order = [row["severity"] for row in rows]
    assert order == sorted(order, key=["error", "warning", "note"].index)
    assert (summary.errors, summary.warnings) == (5, 4)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "kelvin" in html
    assert "Nothing to complain about" not in html


def test_a_stack_without_names_tags_or_crs_is_reported_and_not_refused(tmp_path):
    with rasterio.open(
        tmp_path / "stack.tif",
        "w",
        driver="GTiff",
        width=60,
        height=60,
        count=3,
        dtype="float32",
        transform=from_origin(0, 0, 30, 30),
    ) as target:
        target.write(np.random.default_rng(0).random((3, 60, 60), dtype=np.float32) + 1)
        target.set_band_description(2, "ndvi")
        target.set_band_description(3, "ndvi")
    found = grave(run(tmp_path))
    assert {("error", "crs", "", None), ("error", "name", "band 1", None), ("error", "name", "ndvi", None)} == found


@pytest.mark.parametrize("transform", [Affine(30, 2, 4e5, 2, -30, 4e6), Affine(30, 0, 4e5, 0, 30, 4e6)])
def test_a_rotated_or_south_up_stack_is_reported(tmp_path, transform, no_figures):
    arrays, factors = good_stack()
    write_stack(tmp_path / "stack.tif", arrays, factors)
    with rasterio.open(tmp_path / "stack.tif", "r+") as target:
        target.transform = transform
    assert {("error", "grid", "", None)} == grave(run(tmp_path))


def test_tags_that_cannot_be_read_are_reported(tmp_path, no_figures):
    arrays, factors = good_stack()
    write_stack(tmp_path / "stack.tif", arrays, factors)
    with rasterio.open(tmp_path / "stack.tif", "r+") as target:
        target.update_tags(1, kind="number")
        target.update_tags(9, classes="{broken")
        target.update_tags(7, unit="K")
    assert {
        ("error", "kind", "slope", None),
        ("error", "class table", "lithology", None),
        ("warning", "unit", "temperature", None),
    } <= grave(run(tmp_path))


def test_an_empty_stack_and_one_without_common_cells(tmp_path):
    arrays, factors = good_stack()
    arrays = {name: np.full_like(array, np.nan) for name, array in arrays.items()}
    write_stack(tmp_path / "stack.tif", arrays, factors)
    summary = run(tmp_path)
    assert grave(summary) == {("error", "empty", "", CELLS)}
    assert summary.valid_cells == 0
    arrays, factors = good_stack()
    arrays["slope"][:65] = np.nan
    arrays["aspect"][65:] = np.nan
    write_stack(tmp_path / "stack.tif", arrays, factors)
    assert ("error", "empty", "", CELLS) in grave(run(tmp_path))


def _record(folder, **content):
    size = (folder / "stack.tif").stat().st_size
    record = {
        "outputs": {"OUTPUT": {"bytes": size}},
        "study_cells": CELLS,
        "without_data": {"elevation": 7, "lithology": 0, "temperature": 40, "fault_density": 2000},
        **content,
    }
    (folder / "stack.tif.run.json").write_text(json.dumps(record), encoding="utf-8")


def test_nodata_counts_are_read_from_the_run_record(tmp_path):
    write_stack(tmp_path / "stack.tif", *good_stack())
    _record(tmp_path)
    summary = run(tmp_path)
    assert {(found.severity, found.check, found.factor, found.cells, found.of) for found in summary.findings} == {
        ("warning", "nodata", "fault_density", 2000, CELLS),
        ("note", "nodata", "temperature", 40, CELLS),
    }
    assert "Cells lost when the stack was built" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content", [{"outputs": {"OUTPUT": {"bytes": 1}}}, {"outputs": []}, {"without_data": 3}, {"study_cells": "many"}]
)
def test_a_run_record_of_another_file_is_ignored(tmp_path, content):
    write_stack(tmp_path / "stack.tif", *good_stack())
    _record(tmp_path, **content)
    assert _costs(tmp_path).cells == {}
    (tmp_path / "stack.tif.run.json").write_text("{half", encoding="utf-8")
    assert _costs(tmp_path).cells == {}


def _costs(folder):
    with rasterio.open(folder / "stack.tif") as dataset:
        return read_nodata_counts(dataset, folder / "stack.tif")


def test_nodata_counts_of_the_stack_precede_those_of_its_record(tmp_path, no_figures):
    arrays, factors = good_stack()
    write_stack(tmp_path / "stack.tif", arrays, factors)
    with rasterio.open(tmp_path / "stack.tif", "r+") as target:
        write_nodata_counts(target, CELLS - 5, {"elevation": 5, "lithology": 0, "temperature": 33})
    _record(tmp_path)
    assert _costs(tmp_path) == NodataCounts(CELLS - 5, {"lithology": 0, "temperature": 33})
    assert {(found.severity, found.check, found.factor, found.cells, found.of) for found in run(tmp_path).findings} == {
        ("note", "nodata", "temperature", 33, CELLS - 5)
    }


@pytest.mark.parametrize(("study", "cells"), [(CELLS + 1, 5), (100, 101), (0, 0), ("many", 5)])
def test_impossible_nodata_count_tags_are_ignored(tmp_path, study, cells):
    write_stack(tmp_path / "stack.tif", *good_stack())
    with rasterio.open(tmp_path / "stack.tif", "r+") as target:
        write_nodata_counts(target, study, {"temperature": cells})
    assert _costs(tmp_path) == NodataCounts()


def test_a_coarse_and_a_small_stack_are_reported(tmp_path, no_figures):
    arrays, factors = good_stack()
    for pixel, rows, check in ((500, ROWS, "cell size"), (30, 20, "extent")):
        grid = Grid(CRS.from_epsg(32643), from_origin(4e5, 4e6, pixel, pixel), COLUMNS, rows)
        with create_stack(tmp_path / "stack.tif", grid, list(factors.values())) as target:
            target.write(np.stack([array[:rows] for array in arrays.values()]))
        assert check in {finding.check for finding in run(tmp_path).findings}


def test_stair_steps_are_a_note(tmp_path, no_figures):
    arrays, factors = good_stack()
    arrays["precipitation"] = np.kron(np.random.default_rng(1).normal(900, 120, (5, 5)), np.ones((26, 28)))
    write_stack(tmp_path / "stack.tif", arrays, factors)
    summary = run(tmp_path)
    assert grave(summary) == set()
    assert [(finding.check, finding.factor) for finding in summary.findings] == [("few values", "precipitation")]


def _labels(folder, values, name="labels.tif", **changes):
    grid = Grid(
        **{
            "crs": CRS.from_epsg(32643),
            "transform": from_origin(4e5, 4e6, 30, 30),
            "width": COLUMNS,
            "height": ROWS,
            **changes,
        }
    )
    with create_raster(folder / name, grid, "uint8", 255, ["landslide label"]) as target:
        target.write(values.astype(np.uint8), 1)


def test_landslide_cells_by_class_equal_numpy(tmp_path):
    arrays, factors = good_stack()
    labels = (arrays["slope"] > 35).astype(np.uint8)
    labels[arrays["lithology"] == 4] = 0
    labels[:, -30:] = 255
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, labels)
    with rasterio.open(tmp_path / "stack.tif") as stack, rasterio.open(tmp_path / "labels.tif") as opened:
        scan = stack_statistics.scan(stack, list(factors.values()), opened, NullProgress())
    for band in scan.categorical_bands:
        for share in frequency_ratios(band):
            here, known = arrays[band.name] == share.code, labels != 255
            area, slides = here[known].mean(), (here & (labels == 1)).sum() / (labels == 1).sum()
            assert share.landslides == (here & (labels == 1)).sum()
            assert share.frequency_ratio == pytest.approx(slides / area)
            assert share.label == band.factor.classes[share.code]
    summary = run(tmp_path, "labels.tif")
    assert summary.landslide_cells == (labels == 1).sum()
    assert [(found.check, found.factor) for found in summary.findings] == [("no landslides in class", "lithology")]
    assert "Frequency ratio" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_report_has_heat_maps_and_every_distribution_with_the_landslides_over_it(tmp_path):
    arrays, factors = good_stack()
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, _some(arrays))
    for labels, text in ((None, "all cells"), ("labels.tif", "landslide cells (orange) against all (grey)")):
        run(tmp_path, labels)
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert html.count("<figure") == 2 + len(arrays), "Pearson, Cramér and one a factor"
        assert all(words in html for words in ("Pearson&#39;s r", "Cramér&#39;s V", "VIF", text))


def _some(arrays):
    return (arrays["slope"] > 35).astype(np.uint8)


LABEL_FAULTS = {
    "none": (lambda a: np.zeros((ROWS, COLUMNS)), {("error", "no landslides", "labels", 0)}),
    "few": (lambda a: a["slope"] > 55, {("warning", "few landslides", "labels")}),
    "everywhere": (lambda a: a["slope"] > 5, {("warning", "landslides everywhere", "labels")}),
    "no stable": (lambda a: np.where(_some(a), 1, 255), {("error", "no stable cells", "labels", 0)}),
    "other value": (lambda a: np.where(a["slope"] > 65, 7, _some(a)), {("error", "label value", "labels")}),
    "class unseen": (
        lambda a: np.where(a["lithology"] == 2, 255, _some(a)),
        {("warning", "unlabelled class", "lithology")},
    ),
}


@pytest.mark.parametrize("fault", LABEL_FAULTS)
def test_a_fault_of_the_labels_is_found(tmp_path, fault, no_figures):
    change, expected = LABEL_FAULTS[fault]
    arrays, factors = good_stack()
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, change(arrays))
    found = {entry[: len(next(iter(expected)))] for entry in grave(run(tmp_path, "labels.tif"))}
    assert found == expected


def test_landslides_without_data_are_counted(tmp_path, no_figures):
    arrays, factors = good_stack()
    labels = _some(arrays)
    for array in arrays.values():
        array[:30] = np.nan
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, labels)
    assert grave(run(tmp_path, "labels.tif")) == {("warning", "landslides lost", "labels", int(labels[:30].sum()))}


def test_values_beyond_the_labelled_ones_are_a_note(tmp_path, no_figures):
    arrays, factors = good_stack()
    labels = _some(arrays)
    labels[arrays["temperature"] > 9] = 255
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, labels)
    found = [finding for finding in run(tmp_path, "labels.tif").findings if finding.check == "extrapolation"]
    assert [finding.factor for finding in found] == ["temperature"]
    beyond = int((arrays["temperature"] > arrays["temperature"][labels != 255].max()).sum())
    assert 0.9 * beyond <= found[0].cells <= beyond


@pytest.mark.parametrize(
    "changes",
    [
        {"width": COLUMNS - 1},
        {"transform": from_origin(4e5 + 15, 4e6, 30, 30)},
        {"crs": CRS.from_epsg(32644)},
        {"crs": None},
    ],
)
def test_labels_on_another_grid_are_reported_and_the_rest_goes_on(tmp_path, changes, no_figures):
    arrays, factors = good_stack()
    arrays["slope"][0, 0] = -3
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, _some(arrays)[:, : changes.get("width", COLUMNS)], **changes)
    summary = run(tmp_path, "labels.tif")
    assert grave(summary) == {("error", "alignment", "labels", None), ("error", "range", "slope", 1)}
    assert summary.landslide_cells is None


def test_names_and_labels_of_any_kind_are_shown_and_not_run(tmp_path):
    arrays, factors = good_stack()
    labels = {1: "<script>alert(1)</script>", 2: "$x^2$ & more", 3: "花岗岩", 4: "a" * 90}
    factors["lithology"] = StackFactor("lithology", "categorical", "", "Lithology <b>", labels)
    _add(arrays, factors, "cost_$", np.random.default_rng(7).random((ROWS, COLUMNS)))
    write_stack(tmp_path / "stack.tif", arrays, factors)
    _labels(tmp_path, _some(arrays))
    run(tmp_path, "labels.tif")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "花岗岩" in html
    assert "http://" not in html
    assert "https://" not in html


class _Impatient(NullProgress):
    def __init__(self, after):
        super().__init__()
        self.left = after

    def cancelled(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("after", [0, 1])
def test_cancelling_leaves_no_output(tmp_path, after):
    write_stack(tmp_path / "stack.tif", *good_stack())
    with pytest.raises(Cancelled):
        check_factors(
            tmp_path / "stack.tif", tmp_path / "report.html", tmp_path / "table.csv", progress=_Impatient(after)
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stack.tif"]


def test_progress_moves_from_start_to_end(tmp_path, monkeypatch):
    class Listener(NullProgress):
        fractions = []

        def report(self, fraction, text=""):
            self.fractions.append(fraction)

    monkeypatch.setattr(stack_statistics, "CELLS_AT_ONCE", 1)
    write_stack(tmp_path / "stack.tif", *good_stack())
    check_factors(tmp_path / "stack.tif", tmp_path / "report.html", tmp_path / "table.csv", progress=Listener())
    assert Listener.fractions == sorted(Listener.fractions)
    assert Listener.fractions[-1] == 1.0
    assert len(Listener.fractions) >= 10


def test_files_that_cannot_be_opened_are_named(tmp_path):
    with pytest.raises(InputMissing, match="nowhere.tif"):
        run(tmp_path, stack="nowhere.tif")
    (tmp_path / "text.tif").write_text("no raster", encoding="utf-8")
    with pytest.raises(InputCorrupt, match="text.tif"):
        run(tmp_path, stack="text.tif")
    write_stack(tmp_path / "stack.tif", *good_stack())
    with pytest.raises(InputMissing, match="labels"):
        run(tmp_path, "labels.tif")
    with pytest.raises(OutputNotWritable, match="absent"):
        check_factors(
            tmp_path / "stack.tif", tmp_path / "absent" / "r.html", tmp_path / "t.csv", progress=NullProgress()
        )


def test_the_variance_inflation_of_the_summary_is_that_of_numpy(tmp_path, no_figures):
    arrays, factors = good_stack()
    write_stack(tmp_path / "stack.tif", arrays, factors)
    summary = run(tmp_path)
    names = [name for name in arrays if factors[name].kind == "continuous"]
    exact = np.diag(np.linalg.inv(np.corrcoef([arrays[name].ravel().astype(float) for name in names])))
    assert list(summary.variance_inflation) == names
    np.testing.assert_allclose(list(summary.variance_inflation.values()), exact, rtol=1e-9)
    assert not any(math.isnan(value) for value in summary.variance_inflation.values())
