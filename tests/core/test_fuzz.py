"""Untrusted files: damaged ones are refused with one kind of error, and no file can run code or exhaust the machine.

A small slice of the campaigns in ``tests/reliability``, the same on every run.
"""

from __future__ import annotations

import ast
import json
import os
import pickle
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from scarp.model.artifact import load_model
from scarp.model.artifact_header import HEADER_KEY, read_header_of_file
from scarp.model.errors import InputCorrupt, ModelFileInvalid
from scarp.model.outputs.run_record import checksum
from scarp.model.safe_json import MAX_DEPTH, parse_json, read_json
from scarp.tests.reliability import fuzzing
from scarp.tests.reliability.model_target import ModelTarget
from scarp.tests.reliability.raster_target import RasterTarget
from scarp.tests.reliability.record_target import RecordTarget

ROOT = Path(__file__).resolve().parents[2]
SLICES = [(ModelTarget, 400), (RecordTarget, 1400), (RasterTarget, 250)]
needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarm clock")


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    """Audit hooks stay for ever, so there is one for all tests; it looks at nothing while it is not armed."""
    return fuzzing.Watch(tmp_path_factory.getbasetemp())


@needs_alarm
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "count"), SLICES, ids=lambda value: getattr(value, "name", ""))
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path, watch, monkeypatch, kind, count):
    # Here only what hangs is a fault; the campaign has its limit for an input.
    monkeypatch.setattr(fuzzing, "SECONDS", 60.0)
    target = kind(tmp_path)
    # What Python fetches when first used.
    fuzzing.read_all(target, watch, 99, range(60))
    outcome = fuzzing.read_all(target, watch, 7, range(count))
    assert not outcome.failures
    assert outcome.inputs == count and outcome.accepted and outcome.refused
    assert outcome.grown < 500e6


def fail(error):
    raise error


def hang():
    while True:
        pass


FAULTS = [lambda: fail(KeyError("x")), hang, lambda: compile("1", "x", "eval"), Path(os.devnull).read_bytes]
FAULTS += [lambda: subprocess.run(["true"], check=True), lambda: fail(AssertionError("a promise"))]
FAULTS += [lambda: fail(InputCorrupt("refused as it should be")), lambda: None]


class Faulty:
    """A reader with a fault in every input but the last two."""

    name = "faulty"

    def __init__(self, folder):
        self.number = 0

    def make(self, seed, number):
        self.number = number

    def read(self):
        FAULTS[self.number]()


@needs_alarm
def test_the_fuzzer_finds_faults(tmp_path, watch, monkeypatch):
    monkeypatch.setattr(fuzzing, "SECONDS", 0.5)
    outcome = fuzzing.read_all(Faulty(tmp_path), watch, 1, range(8))
    assert sorted(found["first"] for found in outcome.failures.values()) == [0, 1, 2, 3, 4, 5]
    assert (outcome.accepted, outcome.refused) == (1, 1)


class Crashing(Faulty):
    """Ends its process, fills the memory, or is fine."""

    def read(self):
        if self.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.number == 5:
            bytearray(2 * fuzzing.MEMORY)


@needs_alarm
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_fuzzer_outlives_a_crash(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzzing, "WARM", 1)
    outcome = fuzzing.read_in_processes(Crashing, tmp_path, 1, 8)
    assert (outcome.inputs, outcome.accepted) == (8, 6)
    assert all(any(what in failure for failure in outcome.failures) for what in ("signal 9", "MemoryError"))


def test_an_input_can_be_reproduced_by_its_number(tmp_path):
    target, contents = ModelTarget(tmp_path), []
    for number in (5, 6, 5):
        target.make(3, number)
        contents.append(target.path.read_bytes())
    assert contents[0] == contents[2] != contents[1]


# No file runs code


class Bomb:
    """What a pickle would call."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_is_refused_and_not_opened(tmp_path):
    bomb = Bomb(tmp_path / "went-off")
    plain, zipped = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    plain.write_bytes(pickle.dumps(bomb))
    torch.save({"weights": bomb}, zipped)
    for path in (plain, zipped):
        for read in (load_model, read_header_of_file):
            with pytest.raises(ModelFileInvalid):
                read(path)
    assert not (tmp_path / "went-off").exists()
    # The bomb would have worked.
    pickle.loads(plain.read_bytes())
    assert (tmp_path / "went-off").exists()


UNSAFE_LOADERS = "torch.load torch.jit.load torch.package.PackageImporter torch.hub.load yaml.load pickle.load".split()


def shipped():
    folders = ("algorithms", "environment", "gui", "model", "processing_provider", "running")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_nothing_that_ships_can_unpickle():
    """``torch.load`` and its like run what a file says; ``numpy.load`` does unless it is told not to."""
    for path in shipped():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            where, name = f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func)
            assert name not in (*UNSAFE_LOADERS, "pickle.loads"), where
            if name in {"np.load", "numpy.load", "np.fromregex", "np.genfromtxt"}:
                allowed = {word.arg: ast.unparse(word.value) for word in node.keywords}.get("allow_pickle")
                assert allowed == "False", where


def test_untrusted_json_is_read_by_one_reader():
    """``json.loads`` and ``json.load`` as they are can hang, exhaust the stack, or hand on what cannot be written.

    The others here read what Scarp's own processes and installer write in folders of their own, and the translated
    messages that come with the plugin.
    """
    found = set()
    for path in (path for path in shipped() if path.is_relative_to(ROOT / "model")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)} & {"json.loads", "json.load"}:
            found.add(path.relative_to(ROOT / "model").as_posix())
    assert found == {"safe_json.py", "history/reading.py", "languages.py", "worker/protocol.py", "worker/start.py"}


# JSON that is a bomb


DEEP = ("[" * 100_000, "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), '{"a":' * 5000 + "1" + "}" * 5000)
LONG = ("9" * 1_000_000, "-" + "9" * 100)
DUPLICATE = ('{"a": 1, "a": 2}', '{"b": {"a": 1, "a": 1}}')
SURROGATE = ('"\\ud800"', '{"\\udc00": 1}', '["a", "\\uDBFF x"]', b'"\xed\xa0\x80"')
OTHER = ("\ufeff1", "", "nul", "\x00", '{"a" 1}', "１", b"\xff\xfe1\x00")


@pytest.mark.parametrize("text", [*DEEP, *LONG, *DUPLICATE, *SURROGATE, *OTHER])
def test_hostile_json_is_refused(text):
    with pytest.raises(ValueError):
        parse_json(text)


PLAIN = [{"a": [1, 2.5, None, True, "x"]}, "😀 滑坡 \u202e", [[]] * 5000, 10**39, {"a": "9" * 1000}, [1.5e-300, -0.0]]


@pytest.mark.parametrize("value", [*PLAIN, {str(number): {"b": number} for number in range(300)}])
def test_plain_json_is_read_as_python_does(value, tmp_path):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=1).encode()):
        assert parse_json(text) == value
    (tmp_path / "a.json").write_text(json.dumps(value), encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == value


def test_nan_is_accepted_only_where_allowed():
    assert np.isnan(parse_json("[NaN]")[0])
    with pytest.raises(ValueError, match="NaN"):
        parse_json("[NaN]", nan=False)


def test_an_endless_file_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr("scarp.model.safe_json.MAX_BYTES", 1000)
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no such file")
    with pytest.raises(ValueError, match="longer"):
        read_json("/dev/zero")


# A changed bit


def test_a_changed_weight_is_noticed(tmp_path):
    target = ModelTarget(tmp_path)
    for content in target.seeds:
        target.path.write_bytes(content)
        load_model(target.path)
        changed = bytearray(content)
        changed[-2] ^= 1
        target.path.write_bytes(changed)
        with pytest.raises(ModelFileInvalid, match="weights|impossible"):
            load_model(target.path)


def test_a_model_without_checksum_can_be_read(tmp_path):
    target = ModelTarget(tmp_path)
    target.path.write_bytes(target.seeds[0])
    model = load_model(target.path)
    assert "checksum" not in model.training
    length = int.from_bytes(target.seeds[0][:8], "little")
    header = json.loads(json.loads(target.seeds[0][8 : 8 + length])["__metadata__"][HEADER_KEY])
    tensors = {name: value.numpy() for name, value in model.network.state_dict().items() if "num_batches" not in name}
    assert header["training"].pop("checksum") == checksum(tensors)
    save_file(tensors, target.path, metadata={HEADER_KEY: json.dumps(header)})
    assert load_model(target.path).factors == model.factors
