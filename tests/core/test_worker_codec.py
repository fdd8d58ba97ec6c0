"""Messages between QGIS and the worker process: values arrive as they were sent."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest

from scarp.model.errors import MessageInvalid
from scarp.model.factors.settings import CategoricalInput, StationPoints
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.training.settings import TrainingSettings
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

SCALARS = (None, True, False, 0, -1, 2**70, 0.1, -0.0, 1e308, math.inf, -math.inf, "")
SCALARS += ("a\nb\u2028 \U0001f30b", "$array")
CONTAINERS = (
    lambda item: [[item], (item, item), {"key": item}, {"$array": item}, {1: item, None: 2}],
    lambda item: [item] * (CHUNK_LENGTH + 1),
)
RING = np.array([[0, 0], [1, 0], [1, 1], [0, 0]], dtype=float)


def round_trip(value: Any, folder: Path, records: bool = True) -> Any:
    """Send a value as a message and read it again."""
    with open(folder / "line", "w+b") as stream:
        Channel(stream, folder, "test", records).send(CALL, value)
        stream.seek(0)
        lines = stream.readlines()
    assert len(lines) == 1
    kind, content = read_message(lines[0], folder)
    assert kind == CALL
    assert [path.name for path in folder.iterdir()] == ["line"], "the file beside a message is deleted when it is read"
    return content


@pytest.mark.parametrize(("value", "wrap"), list(itertools.product(SCALARS, CONTAINERS)))
def test_plain_values_round_trip(value, wrap, tmp_path):
    sent = wrap(value)
    got = round_trip(sent, tmp_path)
    assert got == sent
    assert repr(got) == repr(sent)


def test_nan_round_trips(tmp_path):
    assert math.isnan(round_trip({"a": [math.nan]}, tmp_path)["a"][0])


@pytest.mark.parametrize(
    "value", [np.float32(0.1), np.int16(-3), np.uint8(255), np.bool_(True), np.float64(1e-300), np.str_("text")]
)
def test_numpy_scalars_become_plain_values(value, tmp_path):
    got = round_trip([value], tmp_path)[0]
    assert got == value.item()
    assert type(got) is type(value.item())


def test_paths_stay_paths(tmp_path):
    got = round_trip({"a": tmp_path / "Ordner mit ü.tif"}, tmp_path)["a"]
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
    got = round_trip({"text": "x", "arrays": [array, array]}, tmp_path)["arrays"]
    for one in got:
        assert one.dtype == array.dtype
        assert one.shape == array.shape
        assert one.tobytes() == array.tobytes()
    if array.size:
        got[0].flat[0] = 0
        assert got[1].tobytes() == array.tobytes(), "they are writable, independently of each other"


def inputs() -> list[Any]:
    columns = {"scale": ["large", None, 3, 2.5, ""], "$odd": [1] * 5, "名称": ["a"] * 5}
    points = Points("slides", "/a/b.gpkg", columns, np.arange(10.0).reshape(5, 2))
    lines = Lines("rivers", "", {}, [RING, RING[:2]])
    one = {"type": "Polygon", "coordinates": [RING, RING / 2]}
    two = {"type": "MultiPolygon", "coordinates": [[RING], [RING, RING / 3]]}
    polygons = Polygons("rock", "x", {"unit": ["a", "b"]}, [one, two])
    layers = [
        points,
        lines,
        polygons,
        CategoricalInput(polygons=polygons, field="unit", name="rock"),
        CategoricalInput(raster="/a.tif", name="cover"),
        StationPoints(points, "scale"),
        TrainingSettings(epochs=3, learning_rate=1e-5, physics="none"),
    ]
    others = [kind for name, kind in INPUTS.items() if name not in {type(layer).__name__ for layer in layers}]
    return [*layers, *map(example, others)]


def example(kind: type) -> Any:
    """An object with its default values, and a text for what has none."""
    return kind(**{item.name: "x" for item in fields(kind) if item.default is item.default_factory is MISSING})


@pytest.mark.parametrize("value", inputs(), ids=lambda value: type(value).__name__)
def test_inputs_round_trip_as_the_same_class(value, tmp_path):
    same(round_trip(value, tmp_path, records=False), value)


def same(got: Any, sent: Any) -> None:
    assert type(got) is type(sent)
    for name in vars(sent):
        if type(getattr(sent, name)) in INPUTS.values():
            same(getattr(got, name), getattr(sent, name))
        else:
            np.testing.assert_equal(getattr(got, name), getattr(sent, name))


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


def test_results_become_records_with_the_same_fields(tmp_path):
    many = [Inner(float(number), [(number, 1)]) for number in range(2 * CHUNK_LENGTH + 7)]
    got = round_trip(Outer(many[1], {1: "a", 2: "b"}, many), tmp_path)
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
def test_unsupported_types_are_named(value, named, tmp_path):
    with pytest.raises(MessageInvalid, match=named):
        round_trip(value, tmp_path, records=False)


BAD_MESSAGES = rb"""
nonsense
[]
{}
{"kind": "call", "content": {"$array": [0, "<f8", [9]]}}
{"kind": "call", "content": {"$array": [0, "|O", [1]]}}
{"kind": "call", "content": {"$what": 1}}
{"kind": "call", "content": {"$input": ["Popen", {"args": "ls"}]}}
{"kind": "call", "content": {"$function": 0}}
{"kind": "call", "content": {"$pieces": [[0, 10]]}}
{"kind": "call", "file": "none.bin"}
{"kind": "call", "file": "../../../../../etc/hostname"}
{"kind": "call", "content": {"$input": ["Points", 3]}}
""".split(b"\n")


@pytest.mark.parametrize("line", [*BAD_MESSAGES, b"\xff\xfe\n", b"[" * 100000 + b"\n"])
def test_a_bad_message_raises_one_named_error(line, tmp_path):
    with pytest.raises(MessageInvalid):
        read_message(line, tmp_path)


def test_a_layer_with_a_million_vertices_round_trips(tmp_path):
    circle = np.stack([np.cos(np.linspace(0, 7, 250)), np.sin(np.linspace(0, 7, 250))], axis=1)
    units, parts = [f"unit {number}" for number in range(4000)], [circle + number for number in range(4000)]
    layer = Polygons("big", "", {"name": units}, [{"type": "Polygon", "coordinates": [part]} for part in parts])
    got = round_trip(layer, tmp_path, records=False)
    np.testing.assert_array_equal(got.bounds(), layer.bounds())


def test_long_lists_are_sent_in_pieces():
    """JSON is read in one call that lets no other thread run, so a line stays short and pieces are small."""
    writer = MessageEncoder(records=False)
    text = json.dumps(writer.encode({"values": ["some text"] * 100 * CHUNK_LENGTH}))
    assert len(text) < 10_000
    assert max(len(chunk) for chunk in writer.chunks) < 20 * CHUNK_LENGTH
    content = b"".join(bytes(chunk) for chunk in writer.chunks)
    assert MessageDecoder(content).decode(json.loads(text))["values"] == ["some text"] * 100 * CHUNK_LENGTH
