"""The run record: JSON beside each output with inputs, parameters, results and versions, enough to repeat the run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import threading
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Callable

from ..errors import OutputNotWritable
from ..languages import current_language
from ..safe_json import read_json
from ..virtual_rasters import VRT_PREFIX, raster_file
from .atomic import write_text
from .transaction import RECORD_SUFFIX, where_written

Values = Mapping[str, Any]
LIBRARIES = ("torch", "numpy", "rasterio", "scikit-learn", "safetensors")


class RunRecord:
    """What was run, on which inputs, with which settings; written as JSON beside each output when the run succeeds."""

    def __init__(self, algorithm: str, parameters: Values, inputs: Values, background: bool = False) -> None:
        """Start the clock and hash inputs by parameter name: paths, layer sources, lists of these; not ``None``."""
        self._started, self._clock = time.time(), time.perf_counter()
        self.content: dict[str, Any] = {"algorithm": f"scarp:{algorithm}", "parameters": dict(parameters)}
        self._inputs: Future = Future()
        if background:
            threading.Thread(target=self._hash_inputs, args=(dict(inputs),), daemon=True).start()
        else:
            self._hash_inputs(inputs)

    def inputs(self, wait: bool = True) -> dict[str, Any] | None:
        """Return path, size and hash of the inputs by parameter name; ``None`` if not known yet and not to wait."""
        return self._inputs.result() if wait or self._inputs.done() else None

    def on_inputs_known(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call a function with :meth:`inputs` as soon as they are known, unless it or reading them fails."""

        def on_done(known: Future) -> None:
            with contextlib.suppress(OSError, OutputNotWritable):
                callback(known.result())

        self._inputs.add_done_callback(on_done)

    def _hash_inputs(self, inputs: Mapping[str, Any]) -> None:
        def describe(value: Any) -> Any:
            return list(map(describe, value)) if isinstance(value, (list, tuple)) else describe_input(value)

        try:
            self._inputs.set_result({name: describe(value) for name, value in inputs.items() if value is not None})
        except OSError as error:
            self._inputs.set_exception(error)

    def write(self, outputs: Mapping[str, str | os.PathLike | None], **results: Any) -> None:
        """Write ``OUTPUT.run.json`` beside every output by name that is not ``None``; results must be JSON-able."""
        written = {name: str(where_written(path)) for name, path in outputs.items() if path is not None}
        content = {
            **self.content,
            "inputs": self.inputs(),
            **results,
            "outputs": {name: describe_input(path) for name, path in written.items()},
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "seconds": round(time.perf_counter() - self._clock, 3),
            "versions": versions(),
            **({"language": current_language()} if current_language() else {}),
            **_compute_info(results),
        }
        for path in written.values():
            if Path(path).is_file():
                write_record(path, content)


def read_record(output: str | os.PathLike) -> dict[str, Any]:
    """Return the (untrusted) run record beside an output; raises OSError, or ValueError if it is no run record."""
    content = read_json(f"{output}{RECORD_SUFFIX}")
    if not isinstance(content, dict):
        raise ValueError("it is no run record")
    return content


def input_file(output: str | os.PathLike, name: str) -> Path | None:
    """Return an input that the run record of an output names, at its path or beside the output, if it is there."""
    try:
        inputs: Any = {key.lower(): value for key, value in read_record(output)["inputs"].items()}
        source = Path(inputs[name.lower()]["source"])
        return next((path for path in (source, Path(output).parent / source.name) if path.is_file()), None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def write_record(output: str | os.PathLike, content: Mapping[str, Any]) -> None:
    """Write the run record of an output beside it; raises ``OutputNotWritable``."""

    def plain(value: Any) -> Any:
        return value.tolist() if hasattr(value, "tolist") else str(value)

    write_text(f"{output}{RECORD_SUFFIX}", json.dumps(content, indent=1, ensure_ascii=False, default=plain))


def describe_input(source: str | os.PathLike) -> dict[str, Any]:
    """Return path, size in bytes, modification time in ns and SHA-256 of an input; only its name if it is no file."""
    # QGIS appends a layer's name behind a bar, which a file's own name may contain as well. os.path returns False for
    # what cannot be a file, such as the long source of a database layer; pathlib raises.
    text = str(source)
    file = raster_file(text) if text.startswith(VRT_PREFIX) else text
    path = next(filter(os.path.isfile, (file, file.split("|")[0])), None)
    if path is None:
        return {"source": str(source)}
    status = os.stat(path)
    return {"source": str(source), "bytes": status.st_size, "modified_ns": status.st_mtime_ns, "sha256": sha256(path)}


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's content as hexadecimal text."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def checksum(arrays: Mapping[str, Any]) -> int:
    """Return the CRC-32 of contiguous NumPy arrays by name, to detect damage by a disk or a copy."""
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(arrays[name], zlib.crc32(name.encode(), value))
    return value


def versions() -> dict[str, str]:
    """Return the versions of Scarp, Python, the platform and the installed libraries."""
    # Imported here: QGIS loads this module at start, and this import alone would be a third of Scarp's start-up time.
    from importlib import metadata

    found = {"scarp": scarp_version(), "python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[library] = metadata.version(library)
    rasterio = sys.modules.get("rasterio")
    return found if rasterio is None else {**found, "gdal": rasterio.__gdal_version__}


def scarp_version() -> str:
    """Return the version that ``metadata.txt`` states, the only place where it is written."""
    text = (Path(__file__).parent.parent.parent / "metadata.txt").read_text(encoding="utf-8")
    found = re.search("^version=(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def _compute_info(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the number of threads, on which rounding of sums depends, for runs that computed on a device."""
    torch = sys.modules.get("torch")
    summary = results.get("summary")
    on_device = "device" in results or (isinstance(summary, Mapping) and "device" in summary)
    return {"threads": torch.get_num_threads()} if on_device and torch is not None else {}
