"""The protocol between QGIS and the worker process: a message is a line of JSON, sometimes with a file beside it.

Values are encoded without pickle. Arrays and long lists are in the binary file beside the message, so that a layer with
a million vertices is one copy and no single call into the JSON library blocks the caller's other threads.

========================  =======================================================
value                     JSON
========================  =======================================================
None, bool, number, text  itself; NaN and the infinities as Python's JSON spells them
list                      a list; from ``CHUNK_LENGTH`` items on ``{"$pieces": [[offset, bytes], ...]}``
tuple                     ``{"$tuple": [...]}``
dict                      an object, or ``{"$dict": [[key, value], ...]}`` for keys that are not plain text
path                      ``{"$path": text}``
NumPy array               ``{"$array": [offset, dtype, shape]}``
function                  ``{"$function": number}``: the other side calls back
an input type             ``{"$input": [name, {field: value}]}``, see :data:`INPUTS`
another dataclass         ``{"$record": {field: value}}``, in results only; read as a :class:`Record`
========================  =======================================================
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import math
import os
import re
import threading
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, BinaryIO, Callable

import numpy as np

from ..aggregation.settings import AggregationOptions
from ..audit.settings import AuditLayers, AuditOptions
from ..comparison.settings import ComparisonOptions
from ..demo import DemoOptions
from ..errors import MessageInvalid
from ..explanation.settings import ExplanationInputs, ExplanationOptions
from ..exposure.settings import ExposureLayers, ExposureOptions
from ..factors.settings import CategoricalInput, StackInputs, StackOptions, StationPoints
from ..inputs.vectors import Lines, Points, PointsAndPolygons, Polygons, Table
from ..labels.settings import LabelOptions
from ..prediction.settings import PredictionOptions
from ..rainfall.settings import RainThresholdInputs, RainThresholdOptions
from ..report.settings import DocumentDetails
from ..safety.settings import SafetyInputs, SafetyOptions
from ..safety.stability_settings import StabilityInputs, StabilityOptions
from ..slope_units.settings import SlopeUnitOptions
from ..training.settings import CrossValidationOptions, TrainingSettings
from ..validation.settings import EvaluationLayers, ValidationOptions
from ..warning.classes import EventWarningInputs, EventWarningOptions, WarningInputs, WarningOptions
from ..zones.schemes import ZoneOptions

_LAYERS = (Points, Lines, Polygons, PointsAndPolygons, Table, CategoricalInput, StationPoints)
_INPUTS_OF_RAIN = (WarningInputs, EventWarningInputs, RainThresholdInputs)
_INPUTS_OF_MAPS = (*_INPUTS_OF_RAIN, ExplanationInputs, EvaluationLayers, ExposureLayers, AuditLayers)
_LAYERS_OF_A_RUN = (StackInputs, SafetyInputs, StabilityInputs, *_INPUTS_OF_MAPS)
_FACTOR_OPTIONS = (DemoOptions, StackOptions, LabelOptions, SafetyOptions, StabilityOptions, SlopeUnitOptions)
_MODEL_OPTIONS = (TrainingSettings, CrossValidationOptions, PredictionOptions, ExplanationOptions)
_MAPS = (ZoneOptions, WarningOptions, ValidationOptions, ComparisonOptions, ExposureOptions, AggregationOptions)
_MAP_OPTIONS = (*_MAPS, RainThresholdOptions, EventWarningOptions, AuditOptions, DocumentDetails)
INPUTS: dict[str, Any] = {
    kind.__name__: kind for kind in (*_LAYERS, *_LAYERS_OF_A_RUN, *_FACTOR_OPTIONS, *_MODEL_OPTIONS, *_MAP_OPTIONS)
}
"""The only classes of which a message can create objects."""
Function = Callable[..., Any]
CHUNK_LENGTH = 1000  # items of a list that are read and written at once
_ALIGNED = 64  # bytes to which the offsets of arrays in the file are rounded up
_NUMBERS, _SCALARS = "biufc", "biufU"  # kinds of NumPy types that arrays may have, and that stand for plain values
_TYPE = re.compile(rf"[<>|=]?[{_NUMBERS}][0-9]{{1,2}}")  # how NumPy names the types of such arrays
_PLAIN = frozenset((type(None), bool, int, float, str))


class _NotSerializable(Exception):
    """Its arguments are what it is, and the names of the keys and fields that lead to it."""


class Record(SimpleNamespace):
    """A result of the core: the fields of a dataclass as attributes, without its methods."""


class MessageEncoder:
    """Encodes a message as JSON and a file beside it; with ``records`` also dataclasses other than :data:`INPUTS`."""

    def __init__(self, records: bool) -> None:
        self.records = records
        self.functions: list[Function] = []
        self.chunks: list[Any] = []  # bytes and arrays of the file beside the message, in their order
        self.size = 0  # bytes of that file so far

    def encode(self, value: Any, where: str = "value") -> Any:
        """Return the JSON for a value, ``where`` in messages; raises MessageInvalid if a type in it cannot be sent."""
        try:
            return self._encode(value)
        except _NotSerializable as error:
            what, *names = error.args
            raise MessageInvalid(
                f"{'.'.join([where, *names])} is {what}, which cannot be sent between QGIS and the worker process."
            ) from error

    def _encode(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, tuple):
            return {"$tuple": self._list(list(value))}
        if isinstance(value, dict):
            return self._dict(value)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic) and value.dtype.kind in _SCALARS:
            return value.item()
        if isinstance(value, PurePath):
            return {"$path": str(value)}
        if isinstance(value, Record):
            return {"$record": self._named(vars(value))}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._object(value)
        if isinstance(value, (bool, int, float, str)):
            return value
        if callable(value) and not isinstance(value, type):
            self.functions.append(value)
            return {"$function": len(self.functions) - 1}
        raise _NotSerializable(f"a {type(value).__name__}")

    def write(self, path: Path) -> None:
        """Write the file that belongs to the message."""
        with open(path, "wb") as stream:
            for chunk in self.chunks:
                stream.write(chunk)

    def _list(self, values: list[Any]) -> Any:
        if len(values) < CHUNK_LENGTH:
            return [self._encode(item) for item in values]
        starts = range(0, len(values), CHUNK_LENGTH)
        parts = ([self._encode(item) for item in values[start : start + CHUNK_LENGTH]] for start in starts)
        return {"$pieces": [self._keep(json.dumps(part).encode("ascii")) for part in parts]}

    def _dict(self, values: dict[Any, Any]) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in values):
            return self._named(values)
        return {"$dict": [[self._encode(key), self._encode(item)] for key, item in values.items()]}

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, item in values.items():
            try:
                found[name] = self._encode(item)
            except _NotSerializable as error:
                what, *names = error.args
                raise _NotSerializable(what, name, *names) from error
        return found

    def _array(self, array: np.ndarray) -> Any:
        if array.dtype.kind not in _NUMBERS:
            raise _NotSerializable(f"an array of {array.dtype}")
        offset, _ = self._keep(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        return {"$array": [offset, array.dtype.str, list(array.shape)]}

    def _keep(self, content: Any) -> list[int]:
        gap = -self.size % _ALIGNED
        if gap:
            self.chunks.append(bytes(gap))
        offset = self.size + gap
        self.chunks.append(content)
        self.size = offset + len(content)
        return [offset, len(content)]

    def _object(self, value: Any) -> Any:
        kind = type(value)
        known = INPUTS.get(kind.__name__) is kind
        if not known and not self.records:
            raise _NotSerializable(f"a {kind.__name__}")
        fields = self._named(
            {item.name: getattr(value, item.name) for item in dataclasses.fields(value) if item.init or not known}
        )
        return {"$input": [kind.__name__, fields]} if known else {"$record": fields}


class MessageDecoder:
    """Decodes the JSON of one message."""

    def __init__(self, content: bytes | bytearray = b"", function: Callable[[int], Function] | None = None) -> None:
        """Keep the content of the file beside the message, whose memory arrays share, and what returns a function."""
        self._content, self._function = memoryview(content), function

    def decode(self, value: Any) -> Any:
        """Return the value that :class:`MessageEncoder` encoded; raise :class:`MessageInvalid` for anything else."""
        try:
            return self._decode(value)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            raise MessageInvalid(
                f"A message between QGIS and the worker process cannot be read ({error}). "
                "Install Scarp again if it happens again."
            ) from error

    def _decode(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        mark = next(iter(value), "")
        if not mark.startswith("$"):
            return {key: self._decode(item) for key, item in value.items()}
        content = value[mark]
        if mark == "$pieces":
            return [self._decode(item) for place in content for item in json.loads(self._bytes(*place))]
        if mark == "$tuple":
            return tuple(self._decode(content))
        if mark == "$dict":
            return {self._decode(key): self._decode(item) for key, item in content}
        if mark == "$path":
            return Path(content)
        if mark == "$array":
            return self._array(*content)
        if mark == "$function" and self._function is not None:
            return self._function(int(content))
        if mark == "$input":
            name, fields = content
            return INPUTS[name](**{key: self._decode(item) for key, item in fields.items()})
        if mark == "$record":
            return Record(**{key: self._decode(item) for key, item in content.items()})
        raise MessageInvalid(f'A message between QGIS and the worker process has the unknown mark "{mark}".')

    def _bytes(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > len(self._content):
            raise ValueError("the file beside it is too short")
        return bytes(self._content[offset : offset + length])

    def _array(self, offset: int, kind: str, shape: list[int]) -> np.ndarray:
        # NumPy parses other texts as if they were Python.
        if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
            raise ValueError("it has an array of an unknown type")
        dtype = np.dtype(kind)
        count = math.prod(int(side) for side in shape)
        if not count:
            return np.empty(shape, dtype)
        return np.frombuffer(self._content, dtype, count, int(offset)).reshape(shape)


CALL, CANCEL, ANSWER = "call", "cancel", "answer"  # sent by QGIS: run a job, stop it, and the result of a callback
PROGRESS, WARNING, FUNCTION, RESULT, ERROR = "progress", "warning", "function", "result", "error"
"""Sent by the worker process: progress, a warning, a callback, and how the job ended."""
MOVED = "moved"  # sent by the worker process: an output is beside its name; see ``progress.tell_moved``
HEARTBEAT = "beat"  # sent by the worker process while a job is silent
SEARCH_PATH = "search_path.json"  # file in the run's folder with the folders where the process looks for libraries


class Channel:
    """Sends messages; may be used by several threads. ``records`` as for :class:`MessageEncoder`."""

    def __init__(self, stream: BinaryIO, folder: Path, name: str, records: bool) -> None:
        """Send lines to a stream, and the files beside them, named after this end, to a folder private to both ends."""
        self._stream, self._folder, self._name, self._records = stream, folder, name, records
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def send(self, kind: str, content: Any = None) -> list[Function]:
        """Send a message of a kind above and return its functions by number; raises MessageInvalid or OSError."""
        encoder = MessageEncoder(self._records)
        message = {"kind": kind, "content": encoder.encode(content, kind)}
        if encoder.chunks:
            name = f"{self._name}{next(self._numbers)}.bin"
            encoder.write(self._folder / name)
            message["file"] = name
        line = json.dumps(message).encode("ascii") + b"\n"
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except OSError as error:
                # What Windows says of a pipe that nobody reads any more.
                if error.errno != errno.EINVAL:
                    raise
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error
        return encoder.functions


def read_message(line: bytes, folder: Path, function: Callable[[int], Function] | None = None) -> tuple[str, Any]:
    """Return kind and content of a message, and delete the file beside it; raises MessageInvalid if it is none."""
    try:
        message = json.loads(line)
        kind, name = str(message["kind"]), message.get("file")
        content = _take(folder, name) if name else b""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise MessageInvalid(f"A line between QGIS and the worker process is no message ({error}).") from error
    return kind, MessageDecoder(content, function).decode(message.get("content"))


def _take(folder: Path, name: str) -> bytearray:
    path = folder / name
    if path.parent != folder:
        raise ValueError(f"{name} is not in its folder")
    with open(path, "rb") as stream:
        content = bytearray(path.stat().st_size)
        stream.readinto(content)
    # On Windows a virus scanner may hold it; the folder is removed when the run ends.
    with contextlib.suppress(OSError):
        path.unlink()
    return content
