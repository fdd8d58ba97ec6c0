"""Messages between QGIS and the process that computes: what goes over the line comes out the same."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest

from scarp.model.errors import MessageInvalid
from scarp.model.factors.settings import CategoricalInput, StationPoints
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.training.settings import TrainingSettings
from scarp.model.warning.classes import WarningOptions
from scarp.model.worker.protocol import (
    CALL,
    CHUNK_LENGTH,
    INPUTS,
    Channel,
    MessageDecoder,
    MessageEncoder,
    Record,
    read_message,
)

SCALARS = (
    None,
    True,
    False,
    0,
    -1,
    2**70,
    0.1,
    -0.0,
    1e308,
    math.inf,
    -math.inf,
    "",
    "a\nb\u2028 \U0001f30b",
    "$array",
)
CONTAINERS = (
    lambda item: [item],
    lambda item: (item, item),
    lambda item: {"key": item},
    lambda item: {"$array": item},
    lambda item: {1: item, None: 2},
    lambda item: [item] * (CHUNK_LENGTH + 1),
    lambda item: [[item], (item,)],
)
RING = np.array([[0, 0], [1, 0], [1, 1], [0, 0]], dtype=float)


def over_the_line(value: Any, folder: Path, records: bool = True) -> Any:
    """Send a value as a message and read it again."""
    stream = open(folder / "line", "w+b")
    with stream:
        Channel(stream, folder, "test", records).send(CALL, value)
        stream.seek(0)
        lines = stream.readlines()
    assert len(lines) == 1
    kind, content = read_message(lines[0], folder)
    assert kind == CALL
    assert [path.name for path in folder.iterdir()] == ["line"], "the file beside a message is deleted when it is read"
    return content


@pytest.mark.parametrize(("value", "wrap"), list(itertools.product(SCALARS, CONTAINERS)))
def test_plain_values_come_out_as_they_went_in(value, wrap, tmp_path):
    sent = wrap(value)
    got = over_the_line(sent, tmp_path)
    assert got == sent
    assert repr(got) == repr(sent)


def test_nan_comes_out_as_nan(tmp_path):
    assert math.isnan(over_the_line({"a": [math.nan]}, tmp_path)["a"][0])


@pytest.mark.parametrize(
    "value", [np.float32(0.1), np.int16(-3), np.uint8(255), np.bool_(True), np.float64(1e-300), np.str_("text")]
)
def test_numbers_of_numpy_become_plain_ones(value, tmp_path):
    got = over_the_line([value], tmp_path)[0]
    assert got == value.item()
    assert type(got) is type(value.item())


def test_paths_stay_paths(tmp_path):
    got = over_the_line({"a": tmp_path / "Ordner mit ü.tif"}, tmp_path)["a"]
    assert got == tmp_path / "Ordner mit ü.tif"
    assert isinstance(got, PurePath)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "int64", "float32", "float64", ">f8", "complex128", "longdouble"]
)
@pytest.mark.parametrize("shape", [(), (0,), (0, 2), (1,), (3, 2), (2, 3, 4)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_arrays_keep_type_shape_and_every_bit(dtype, shape, order, tmp_path):
    rng = np.random.default_rng(1)
    array = np.asarray(rng.integers(0, 256, size=shape) / 3.0).astype(dtype)
    array = np.asfortranarray(array) if order == "F" else array[..., ::-1] if order == "strided" and shape else array
    got = over_the_line({"text": "x", "arrays": [array, array]}, tmp_path)["arrays"]
    for one in got:
        assert one.dtype == array.dtype
        assert one.shape == array.shape
        assert one.tobytes() == array.tobytes()
    if array.size:
        got[0].flat[0] = 0
        assert got[1].tobytes() == array.tobytes(), "they can be changed, each for itself"


def inputs() -> list[Any]:
    fields = {"scale": ["large", None, 3, 2.5, ""], "$odd": [1] * 5, "名称": ["a"] * 5}
    points = Points("slides", "/a/b.gpkg", fields, np.arange(10.0).reshape(5, 2))
    lines = Lines("rivers", "", {}, [RING, RING[:2]])
    polygons = Polygons(
        "rock",
        "x",
        {"unit": ["a", "b"]},
        [
            {"type": "Polygon", "coordinates": [RING, RING / 2]},
            {"type": "MultiPolygon", "coordinates": [[RING], [RING, RING / 3]]},
        ],
    )
    return [
        points,
        lines,
        polygons,
        CategoricalInput(polygons=polygons, field="unit", name="rock"),
        CategoricalInput(raster="/a.tif", name="cover"),
        StationPoints(points, "scale"),
        TrainingSettings(epochs=3, learning_rate=1e-5, physics="none"),
        WarningOptions(p_low=0.1, p_high=0.6, fs_critical=0.4),
    ]


@pytest.mark.parametrize("value", inputs(), ids=lambda value: type(value).__name__)
def test_inputs_of_the_core_come_out_as_the_same_class(value, tmp_path):
    same(over_the_line(value, tmp_path, records=False), value)


def same(got: Any, sent: Any) -> None:
    assert type(got) is type(sent)
    for name in vars(sent):
        if type(getattr(sent, name)) in INPUTS.values():
            same(getattr(got, name), getattr(sent, name))
        else:
            np.testing.assert_equal(getattr(got, name), getattr(sent, name))


def test_every_kind_of_input_is_tried_here():
    assert {type(value).__name__ for value in inputs()} == set(INPUTS)


@dataclass
class Inner:
    number: float
    places: list[tuple[int, int]]


@dataclass
class Outer:
    inner: Inner
    by_number: dict[int, str]
    many: list[Inner] = field(default_factory=list)
    counted: int = field(init=False)

    def __post_init__(self) -> None:
        self.counted = len(self.many)


def test_results_come_out_as_records_with_the_same_fields(tmp_path):
    many = [Inner(float(number), [(number, 1)]) for number in range(2 * CHUNK_LENGTH + 7)]
    got = over_the_line(Outer(many[1], {1: "a", 2: "b"}, many), tmp_path)
    assert isinstance(got, Record)
    assert got.inner.number == 1.0
    assert got.by_number == {1: "a", 2: "b"}
    assert got.counted == len(many)
    assert got.inner.places == [(1, 1)]
    assert [item.number for item in got.many] == [item.number for item in many]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Outer(Inner(1.0, []), {}), "Outer"),
        ({"layer": object()}, "layer.*object"),
        ({"a": {"b": {1, 2}}}, "a.b.*set"),
        (np.array(["x", None], dtype=object), "array of object"),
        ({"c": np.array("2020", dtype="datetime64[D]")}, "c.*datetime"),
        (dict, "type"),
        (b"bytes", "bytes"),
    ],
)
def test_what_is_not_sent_is_named(value, named, tmp_path):
    with pytest.raises(MessageInvalid, match=named):
        over_the_line(value, tmp_path, records=False)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"kind": "call", "content": {"$array": [0, "<f8", [9]]}}\n',
        b'{"kind": "call", "content": {"$array": [0, "|O", [1]]}}\n',
        b'{"kind": "call", "content": {"$what": 1}}\n',
        b'{"kind": "call", "content": {"$input": ["Popen", {"args": "ls"}]}}\n',
        b'{"kind": "call", "content": {"$function": 0}}\n',
        b'{"kind": "call", "content": {"$pieces": [[0, 10]]}}\n',
        b'{"kind": "call", "file": "none.bin"}\n',
        b'{"kind": "call", "file": "../../../../../etc/hostname"}\n',
        b'{"kind": "call", "content": {"$input": ["Points", 3]}}\n',
        b"\xff\xfe\n",
        b"[" * 100000 + b"\n",
    ],
)
def test_a_bad_message_is_one_named_error(line, tmp_path):
    with pytest.raises(MessageInvalid):
        read_message(line, tmp_path)


def test_a_layer_with_a_million_vertices_comes_through(tmp_path):
    circle = np.stack([np.cos(np.linspace(0, 7, 250)), np.sin(np.linspace(0, 7, 250))], axis=1)
    layer = Polygons(
        "big",
        "",
        {"name": [f"unit {number}" for number in range(4000)]},
        [{"type": "Polygon", "coordinates": [circle + number]} for number in range(4000)],
    )
    got = over_the_line(layer, tmp_path, records=False)
    np.testing.assert_array_equal(got.bounds(), layer.bounds())


def test_no_line_holds_a_long_list_in_one_piece():
    """JSON is read in one call that lets no other thread run, so a line stays short and pieces are small."""
    writer = MessageEncoder(records=False)
    text = json.dumps(writer.encode({"values": ["some text"] * 100 * CHUNK_LENGTH}))
    assert len(text) < 10_000
    assert max(len(chunk) for chunk in writer.chunks) < 20 * CHUNK_LENGTH
    content = b"".join(bytes(chunk) for chunk in writer.chunks)
    assert MessageDecoder(content).decode(json.loads(text))["values"] == ["some text"] * 100 * CHUNK_LENGTH
