"""What is written is read back as it was: model headers, class tables, result tables, messages, records, lists."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from scarp.model.artifact_header import FORMAT_WITHOUT_CALIBRATION, KINDS, factor_to_dict, read_header, write_header
from scarp.model.encoding import FactorSpec
from scarp.model.errors import ParameterInvalid
from scarp.model.inputs.vectors import Points, Polygons
from scarp.model.outputs.atomic import write_text
from scarp.model.outputs.run_record import RunRecord, read_record
from scarp.model.safe_json import parse_json
from scarp.model.stack import StackFactor, create_stack, open_stack
from scarp.model.tables import read_numbers, read_pairs, write_table
from scarp.model.worker.protocol import MessageDecoder, MessageEncoder, Record
from scarp.tests.core.properties import for_all, grids, workplace

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODEST = st.floats(-1e37, 1e37)
WHOLE = st.integers(-(2**63), 2**63)
PLAIN = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(-1e299, 1e299) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
TABLES = st.dictionaries(TEXT, PLAIN, max_size=4)


@st.composite
def specs(draw):
    found = []
    for name in draw(st.lists(TEXT.filter(bool), min_size=1, max_size=6, unique=True)):
        low, high = sorted(draw(st.tuples(MODEST, MODEST)))
        common = {"unit": draw(TEXT), "title": draw(TEXT), "mean": draw(MODEST), "std": draw(st.floats(0, 1e37))}
        common |= {"minimum": low, "maximum": high}
        if draw(st.booleans()):
            found.append(FactorSpec(name, "continuous", **common))
        else:
            classes = draw(st.dictionaries(st.integers(0, 99_999_999), TEXT, max_size=5))
            seen = draw(st.sets(st.integers(0, 2**24 - 1), min_size=1, max_size=9))
            found.append(FactorSpec(name, "categorical", classes=classes, seen=tuple(sorted(seen)), **common))
    return found


HEADERS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("architecture", "settings", "metrics", "training", "versions"), TABLES),
        "kind": st.sampled_from(KINDS),
        "encoding": st.sampled_from(("codes", "one_hot")),
        "pixel_size": st.floats(1e-6, 9e6),
        "seed": st.integers(0, 2**63 - 1),
        "history": st.lists(st.dictionaries(TEXT, st.none() | MODEST | WHOLE, max_size=5), max_size=4),
    }
)


@for_all(150, factors=specs(), content=HEADERS)
def test_a_model_header_comes_back_as_it_was(factors, content):
    content = {**content, "format": FORMAT_WITHOUT_CALIBRATION, "program": "scarp"}
    written = {**content, "factors": [factor_to_dict(spec) for spec in factors]}
    text = write_header(written)
    found = read_header(text, "m")
    assert found["factors"] == factors
    assert {name: found[name] for name in content} == content
    assert write_header(written) == text
    text.encode("utf-8")


@for_all(150, value=PLAIN, indent=st.sampled_from((None, 1)), ascii_only=st.booleans())
def test_json_from_outside_is_read_as_it_was_written(value, indent, ascii_only):
    assert parse_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == value


@for_all(60, columns=st.lists(NAMES, min_size=1, max_size=5, unique=True), data=st.data())
def test_both_forms_of_a_table_hold_the_same(columns, data):
    scalar = st.integers(-9, 9).map(np.int64) | st.floats(width=32).map(np.float32)
    cell = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | TEXT | scalar
    rows = data.draw(st.lists(st.lists(cell, min_size=len(columns), max_size=len(columns)), max_size=6))
    with workplace() as folder:
        write_table(folder / "t.csv", columns, rows)
        with open(folder / "t.csv", newline="", encoding="utf-8") as stream:
            read = list(csv.reader(stream))
        told = json.loads((folder / "t.json").read_text(encoding="utf-8"))
    assert (read[0], len(read), len(told)) == (columns, len(rows) + 1, len(rows))
    for row, cells, objects in zip(rows, read[1:], told):
        assert list(objects) == columns
        for value, text, item in zip(row, cells, objects.values()):
            value = value.item() if isinstance(value, np.generic) else value
            if value is None or (isinstance(value, float) and not math.isfinite(value)):
                assert (text, item) == ("", None)
            elif isinstance(value, float):
                assert float(text) == item == pytest.approx(value, rel=1e-9)
            elif isinstance(value, str):
                assert item == value
                assert text.lstrip("'") == value.replace("\r\n", "\n").replace("\r", "\n").lstrip("'")
            else:
                assert (text, item) == (str(value), value)


ARRAYS = st.builds(
    lambda kind, shape, seed: np.random.default_rng(seed).integers(0, 200, shape).astype(kind),
    st.sampled_from(("<f4", "<f8", "u1", "<i8", "<u2", "?", "<c16")),
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(0, 99),
)
KEYS = TEXT | st.sampled_from(("$array", "$x"))
SPECIAL = st.sampled_from((2**70, Path("Ordner mit ü.tif"), "$array", "a\nb\u2028 \U0001f30b"))
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats() | TEXT | ARRAYS | SPECIAL,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers(0, 9) | st.none() | KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)


def equal(one, two) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(two, np.ndarray) and one.dtype == two.dtype and np.array_equal(one, two)
    if isinstance(one, (list, tuple)):
        return type(one) is type(two) and len(one) == len(two) and all(map(equal, one, two))
    if isinstance(one, dict):
        return isinstance(two, dict) and list(one) == list(two) and all(map(equal, one.values(), two.values()))
    return type(one) is type(two) and repr(one) == repr(two)


def sent(value, records=True):
    """Return a value as the other process gets it."""
    writer = MessageEncoder(records)
    line = json.dumps(writer.encode(value))
    content = b"".join(bytes(memoryview(chunk).cast("B")) if len(chunk) else b"" for chunk in writer.chunks)
    assert len(content) == writer.size
    return MessageDecoder(content).decode(json.loads(line))


@for_all(150, value=VALUES)
def test_what_is_sent_to_the_other_process_arrives_as_it_was(value):
    assert equal(sent(value), value)


ITEMS = st.none() | st.booleans() | WHOLE | FINITE | TEXT


@for_all(30, length=st.integers(990, 3010), item=ITEMS, name=TEXT, count=st.integers(0, 5))
def test_long_lists_and_layers_arrive_as_they_were(length, item, name, count):
    xy = np.arange(2.0 * count).reshape(-1, 2)
    points = Points(name, name, {name: [item] * length}, xy)
    ring = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    areas = Polygons(name, "", {name: [item] * length}, [{"type": "Polygon", "coordinates": [ring]}] * length)
    one, two = sent([points, areas], records=False)
    assert (type(one), type(two)) == (Points, Polygons)
    assert (one.name, one.source, one.fields) == (name, name, points.fields)
    assert (two.geometries, two.fields) == (areas.geometries, areas.fields)
    assert np.array_equal(one.xy, xy)
    assert sent(Record(a=[item], b=xy)).a == [item]


@for_all(40, grid=grids(largest=6), data=st.data())
def test_a_stack_round_trips_its_factor_metadata(grid, data):
    """Names, units, titles and class labels of any letters."""
    factors = []
    trimmed = NAMES.filter(lambda text: text == text.strip())
    for name in data.draw(st.lists(trimmed, min_size=1, max_size=3, unique=True)):
        kind = data.draw(st.sampled_from(("continuous", "categorical")))
        classes = data.draw(st.dictionaries(st.integers(0, 2**24), TEXT, max_size=4)) if kind == "categorical" else {}
        factors.append(StackFactor(name, kind, data.draw(trimmed), data.draw(trimmed), classes, band=len(factors) + 1))
    values = np.arange(len(factors) * grid.width * grid.height, dtype=np.float32).reshape(-1, *grid.shape)
    with workplace() as folder:
        with create_stack(folder / "s.tif", grid, factors) as dataset:
            dataset.write(values)
        with open_stack(folder / "s.tif") as stack:
            found, cells = list(stack.factors), stack.read(grid.whole, stack.names[::-1])
    assert found == factors
    assert np.array_equal(cells, values[::-1])


@for_all(40, parameters=TABLES, results=st.dictionaries(st.sampled_from(("summary", "warnings", "metrics")), PLAIN))
def test_a_run_record_holds_what_was_recorded(parameters, results):
    with workplace() as folder:
        write_text(folder / "out.tif", "x")
        record = RunRecord("trainpcum", parameters, {"STACK": folder / "out.tif"})
        record.write({"OUTPUT": folder / "out.tif"}, **results)
        found = read_record(folder / "out.tif")
    assert found["parameters"] == parameters
    assert {name: found[name] for name in results} == results
    assert found["inputs"]["STACK"]["sha256"] == found["outputs"]["OUTPUT"]["sha256"]


@for_all(80, numbers=st.lists(FINITE, max_size=9), separator=st.sampled_from((",", ", ", ";", " ; ")))
def test_a_list_of_numbers_is_read_however_it_comes(numbers, separator):
    assert read_numbers(separator.join(map(repr, numbers)), "SHARES") == numbers
    assert read_numbers(numbers, "SHARES") == numbers == read_numbers([[number] for number in numbers], "SHARES")


@for_all(80, text=TEXT)
def test_a_list_of_numbers_is_numbers_or_is_refused(text):
    try:
        found = read_numbers(text, "SHARES", 0, 100)
    except ParameterInvalid:
        return
    assert all(0 <= number <= 100 for number in found)


@for_all(60, pairs=st.dictionaries(NAMES.map(str.strip).filter(bool), st.floats(0, 1e6), max_size=6))
def test_a_table_of_radii_is_read_however_it_comes(pairs):
    flat = [item for pair in pairs.items() for item in pair]
    assert read_pairs(flat, "RADII") == pairs == read_pairs([list(pair) for pair in pairs.items()], "RADII")
    if not any(set(name) & set(",;") for name in pairs):
        assert read_pairs(", ".join(map(str, flat)), "RADII") == pairs
