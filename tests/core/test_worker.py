"""The worker process, seen from QGIS: messages arrive as sent, and whatever happens in it, the channel stays intact."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import shutil
import subprocess
import sys
import time
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scarp.environment import self_test
from scarp.model.errors import MessageInvalid
from scarp.model.factors.settings import CategoricalInput, StationPoints
from scarp.model.inputs.vectors import Lines, Points, Polygons
from scarp.model.training.settings import TrainingSettings
from scarp.model.worker import first_libraries, protocol
from scarp.model.worker.protocol import CALL, CANCEL, CHUNK_LENGTH, ERROR, PROGRESS, RESULT

RING = np.array([[0, 0], [1, 0], [1, 1], [0, 0]], dtype=float)


def round_trip(value: Any, folder: Path, records: bool = True) -> Any:
    with open(folder / "line", "w+b") as stream:
        protocol.Channel(stream, folder, "test", records).send(CALL, value)
        stream.seek(0)
        (line,) = stream.readlines()
    kind, content = protocol.read_message(line, folder)
    assert kind == CALL
    assert [path.name for path in folder.iterdir()] == ["line"], "the file beside a message is deleted when it is read"
    return content


OF_NUMPY = [np.float32(0.1), np.int16(-3), np.uint8(255), np.bool_(True), np.float64(1e-300), np.str_("text")]


@pytest.mark.parametrize("value", [*OF_NUMPY, math.nan, np.float32("nan")])
def test_numpy_scalars_become_plain_values(value, tmp_path):
    got, expected = round_trip([value], tmp_path)[0], getattr(value, "item", lambda: value)()
    assert (type(got), repr(got)) == (type(expected), repr(expected))


@pytest.mark.parametrize("dtype", "bool uint8 int16 int64 float32 float64 >f8 complex128 longdouble".split())
@pytest.mark.parametrize("shape", [(), (0,), (0, 2), (1,), (3, 2), (2, 3, 4)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_arrays_keep_type_shape_and_every_bit(dtype, shape, order, tmp_path):
    rng = np.random.default_rng(1)
    array = np.asarray(rng.integers(0, 256, size=shape) / 3.0).astype(dtype)
    array = np.asfortranarray(array) if order == "F" else array[..., ::-1] if order == "strided" and shape else array
    got = round_trip({"text": "x", "arrays": [array, array]}, tmp_path)["arrays"]
    for one in got:
        assert (one.dtype, one.shape, one.tobytes()) == (array.dtype, array.shape, array.tobytes())
    if array.size:
        got[0].flat[0] = 0
        assert got[1].tobytes() == array.tobytes(), "they are writable, independently of each other"


def inputs() -> list[Any]:
    columns = {"scale": ["large", None, 3, 2.5, ""], "$odd": [1] * 5, "名称": ["a"] * 5}
    points = Points("slides", "/a/b.gpkg", columns, np.arange(10.0).reshape(5, 2))
    one = {"type": "Polygon", "coordinates": [RING, RING / 2]}
    two = {"type": "MultiPolygon", "coordinates": [[RING], [RING, RING / 3]]}
    polygons = Polygons("rock", "x", {"unit": ["a", "b"]}, [one, two])
    layers = [
        *(points, Lines("rivers", "", {}, [RING, RING[:2]]), polygons, StationPoints(points, "scale")),
        CategoricalInput(polygons=polygons, field="unit", name="rock"),
        CategoricalInput(raster="/a.tif", name="cover"),
        TrainingSettings(epochs=3, learning_rate=1e-5, physics="none"),
    ]
    others = [kind for name, kind in protocol.INPUTS.items() if name not in {type(layer).__name__ for layer in layers}]
    return [*layers, *map(example, others)]


def example(kind: type) -> Any:
    """An object with its default values, and a text for what has none."""
    return kind(**{item.name: "x" for item in fields(kind) if item.default is item.default_factory is MISSING})


@pytest.mark.parametrize("value", inputs(), ids=lambda value: type(value).__name__)
def test_inputs_round_trip_as_the_same_class(value, tmp_path):
    same(round_trip(value, tmp_path, records=False), value)


def same(got: Any, sent: Any) -> None:
    assert type(got) is type(sent)
    for name, value in vars(sent).items():
        compare = same if type(value) in protocol.INPUTS.values() else np.testing.assert_equal
        compare(getattr(got, name), value)


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
    assert isinstance(got, protocol.Record)
    assert (got.inner.number, got.inner.places, got.by_number) == (1.0, [(1, 1)], {1: "a", 2: "b"})
    assert got.counted == len(many) and [item.number for item in got.many] == [item.number for item in many]


UNSUPPORTED = [
    *[(Outer(Inner(1.0, []), {}), "Outer"), ({"layer": object()}, "layer.*object"), ({"a": {"b": {1, 2}}}, "a.b.*set")],
    *[(np.array(["x", None], dtype=object), "array of object"), (dict, "type"), (b"bytes", "bytes")],
    ({"c": np.array("2020", dtype="datetime64[D]")}, "c.*datetime"),
]


@pytest.mark.parametrize(("value", "named"), UNSUPPORTED)
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
        protocol.read_message(line, tmp_path)


def test_a_file_beside_a_message_that_a_scanner_holds_is_read_all_the_same(tmp_path, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "The process cannot access the file", str(path))

    with open(tmp_path / "line", "w+b") as stream:
        protocol.Channel(stream, tmp_path, "test", True).send(CALL, np.arange(3))
        stream.seek(0)
        (line,) = stream.readlines()
    monkeypatch.setattr(os, "unlink", refuse)
    assert protocol.read_message(line, tmp_path)[1].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("number", "expected"), [(errno.EINVAL, BrokenPipeError), (errno.ENOSPC, OSError)])
def test_what_windows_says_of_a_closed_pipe_is_a_broken_pipe(tmp_path, number, expected):
    class Closed(io.RawIOBase):
        def write(self, _):
            raise OSError(number, os.strerror(number))

    with pytest.raises(OSError) as caught:
        protocol.Channel(Closed(), tmp_path, "test", True).send(CALL)
    assert type(caught.value) is expected


def test_torch_and_the_c_runtime_are_loaded_first_on_windows_alone(tmp_path, monkeypatch):
    loaded = []
    (tmp_path / "sklearn" / ".libs").mkdir(parents=True)
    runtime = tmp_path / "sklearn" / ".libs" / "msvcp140.dll"
    runtime.touch()
    monkeypatch.setattr(sys, "path", ["/none", str(tmp_path)])
    monkeypatch.setattr(first_libraries.ctypes, "WinDLL", loaded.append, raising=False)
    monkeypatch.setattr(first_libraries.importlib, "import_module", loaded.append)
    for platform in ("linux", "darwin"):
        assert first_libraries.load_first(["torch", "numpy"], platform) == [] == loaded
    assert first_libraries.load_first(["rasterio", "torch", "numpy"], "win32") == ["msvcp140.dll", "numpy", "torch"]
    assert loaded == [str(runtime), "numpy", "torch"]
    runtime.unlink()
    assert first_libraries.load_first(["rasterio"], "win32") == []
    # What is tested after the installation begins as what runs.
    assert self_test.MODULES[:2] == first_libraries.ORDER
    assert Path(first_libraries.__file__).resolve() == self_test.FIRST


def test_long_lists_are_sent_in_pieces():
    """JSON is read in one call that lets no other thread run, so a line stays short and pieces are small."""
    writer = protocol.MessageEncoder(records=False)
    text = json.dumps(writer.encode({"values": ["some text"] * 100 * CHUNK_LENGTH}))
    assert len(text) < 10_000
    assert max(len(chunk) for chunk in writer.chunks) < 20 * CHUNK_LENGTH
    content = b"".join(bytes(chunk) for chunk in writer.chunks)
    assert protocol.MessageDecoder(content).decode(json.loads(text))["values"] == ["some text"] * 100 * CHUNK_LENGTH


START = Path(__file__).resolve().parents[2] / "model" / "worker" / "start.py"


class WorkerProcess:
    """A worker process and QGIS's end of its channel."""

    def __init__(self, folder: Path, package: Path) -> None:
        folder.mkdir()
        self.folder = folder
        command = [sys.executable, "-I", "-X", "utf8", str(package / "model" / "worker" / "start.py"), str(folder)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(command, **pipes)
        self.channel = protocol.Channel(self.process.stdin, folder, "test", records=False)

    def ask(self, job: str, *values: Any, progress: bool = False, **named: Any) -> None:
        self.channel.send(CALL, {"job": job, "values": list(values), "named": named, "progress": progress})

    def receive(self) -> tuple[str, Any]:
        """Return the next message other than a heartbeat."""
        while True:
            line = self.process.stdout.readline()
            assert line, f"the process ended with {self.process.wait()}: {self.process.stderr.read().decode()}"
            kind, content = protocol.read_message(line, self.folder)
            if kind != protocol.HEARTBEAT:
                return kind, content


ODD_JOB = '''
"""A job for tests: does what it is told."""
import ctypes, os, signal, subprocess, sys, time
from ..errors import TooFewData
from ..outputs.atomic import atomic_output
from ..progress import stop_if_cancelled

def fail(error):
    raise error

def print_everywhere():
    print("stray", flush=True)
    sys.stdout.write('{"kind": "result", "content": 1}\\n')
    os.write(1, b"stray bytes\\n")
    subprocess.run([sys.executable, "-c", "print(input())"], check=False)
    return sys.stdin.read()

NO_MEMORY = "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"
WAYS = {
    "print": print_everywhere,
    "memory": lambda: fail(MemoryError()),
    "torch": lambda: fail(RuntimeError(NO_MEMORY)),
    "too few": lambda: fail(TooFewData("There are 3.")),
    "bug": lambda: {}["nothing"],
    "library": lambda: __import__("no_such_library"),
    "crash": lambda: ctypes.string_at(0),
    "leave": lambda: os._exit(3),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "unsendable": lambda: {"handle": object()},
    "name": lambda: (__name__, sys.path, sys.flags.isolated),
}

def odd_job(what, output=None, progress=None):
    if what in WAYS:
        return WAYS[what]()
    if what == "wait":
        while True:
            time.sleep(0.01)
            stop_if_cancelled(progress)
            progress.report(0.5, "")
    if what == "deaf":
        with atomic_output(output) as temporary:
            temporary.write_text("half")
            progress.report(0.5, "half")
            time.sleep(60)
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package in a folder of another name, with a job that misbehaves."""
    root = tmp_path_factory.mktemp("plugins") / "Scarp 1.0 (ü)"
    root.mkdir()
    for item in ("__init__.py", "metadata.txt"):
        (root / item).write_bytes((START.parents[2] / item).read_bytes())
    shutil.copytree(START.parents[1], root / "model")
    (root / "model" / "jobs" / "odd_job.py").write_text(ODD_JOB, encoding="utf-8")
    (root.parent / "numpy.py").write_text("raise RuntimeError('the folder of plugins is on the path')")
    return root


@pytest.fixture
def line(tmp_path, package):
    made = WorkerProcess(tmp_path / "line", package)
    yield made
    made.process.kill()
    made.process.wait()
    for stream in (made.process.stdin, made.process.stdout, made.process.stderr):
        stream.close()


def test_printed_text_does_not_get_into_the_channel(line):
    line.ask("odd_job", "print")
    assert line.receive() == (RESULT, "")
    line.process.stdin.close()
    assert b"stray bytes" in line.process.stderr.read()


def test_the_process_is_isolated_and_the_package_is_scarp(line, package):
    line.ask("odd_job", "name")
    kind, (name, path, isolated) = line.receive()
    assert (kind, name, isolated) == (RESULT, "scarp.model.jobs.odd_job", 1)
    assert not [folder for folder in path if folder.startswith(str(package.parent))]


FAILURES = {
    **dict.fromkeys(("memory", "torch"), ("MemoryError", False, None)),
    "too few": ("TooFewData", True, None),
    "bug": ("KeyError", False, None),
    "library": ("ModuleNotFoundError", False, "no_such_library"),
    "unsendable": ("MessageInvalid", True, None),
}


@pytest.mark.parametrize("what", FAILURES)
def test_errors_are_reported_and_the_next_call_works(line, what):
    line.ask("odd_job", what)
    received, error = line.receive()
    assert received == ERROR
    assert (error["kind"], error["expected"], error["library"]) == FAILURES[what]
    assert "odd_job.py" in error["trace"] or what == "unsendable"
    line.ask("odd_job", "name")
    assert line.receive()[0] == RESULT


def call_of(job):
    content = {"job": job, "values": [], "named": {}, "progress": False}
    return json.dumps({"kind": CALL, "content": content}).encode() + b"\n"


BAD = [b"nonsense\n", b'{"kind": "what"}\n', b'{"kind": "call", "content": {"$x": 1}}\n']
NO_JOBS = ["no_such_job", "../errors", "os", "__init__", ""]


@pytest.mark.parametrize("sent", [*BAD, *map(call_of, NO_JOBS)])
def test_a_bad_message_or_job_is_answered_and_the_next_call_works(line, sent):
    line.process.stdin.write(sent)
    line.process.stdin.flush()
    kind, error = line.receive()
    assert (kind, error["kind"], error["expected"]) == (ERROR, "MessageInvalid", True)
    line.ask("odd_job", "name")
    assert line.receive()[0] == RESULT


def test_cancel_is_received_during_a_job_and_small_progress_steps_are_throttled(line):
    line.ask("odd_job", "wait", progress=True)
    assert line.receive() == (PROGRESS, [0.5, ""])
    time.sleep(0.5)
    line.channel.send(CANCEL)
    kind, error = line.receive()
    assert (kind, error["kind"]) == (ERROR, "Cancelled")


@pytest.mark.parametrize("what", ["name", "wait"])
def test_it_exits_when_the_channel_is_closed(line, what):
    line.ask("odd_job", what, progress=what == "wait")
    line.receive()
    line.process.stdin.close()
    assert line.process.wait(60) == 0
    assert not line.folder.exists(), "and removes the folder of the run"


def test_a_job_that_ignores_cancel_does_not_outlive_qgis(line, tmp_path):
    output = tmp_path / "map.tif"
    line.ask("odd_job", "deaf", output, progress=True)
    line.receive()
    assert [path.name[:5] for path in tmp_path.iterdir() if path.is_file()] == [".map."]
    line.process.stdin.close()
    assert line.process.wait(60) == 1
    assert not [path for path in tmp_path.iterdir() if path.is_file()], "its temporary file is removed"


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("what", "code"), [("crash", -11), ("leave", 3), ("killed", -9)])
def test_a_crash_closes_the_channel_with_its_exit_code(line, what, code):
    line.ask("odd_job", what)
    assert (line.process.stdout.readline(), line.process.wait(60)) == (b"", code)
    if what == "crash":
        assert b"odd_job.py" in line.process.stderr.read(), "the traceback says where"
