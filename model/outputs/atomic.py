"""Writing outputs whole or not at all, and the run record beside each of them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Callable

from ..errors import OutputNotWritable
from ..safe_json import read_json
from .temp_files import remove_temp_file, temp_path_beside
from .transaction import RECORD_SUFFIX, commit, register_folder

_NO_RECORD_SUFFIXES = (".json", ".xml", ".qml")
"""Endings of what lies beside outputs, and has no run record of its own that could not be done without."""
DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
LIBRARIES = ("torch", "numpy", "rasterio", "scikit-learn", "safetensors")


@contextlib.contextmanager
def atomic_output(output: str | os.PathLike, permanent: bool = False) -> Iterator[Path]:
    """Give a temporary path in the output's folder that takes the output's name only when the block succeeds.

    A block that raises, is cancelled or is killed leaves nothing under the final name, and an older file of that
    name stays as it was.

    Args:
        output: final path of a file.
        for_good: whether the file stays also if the run that it belongs to fails later; see ``together``.

    Yields:
        A path in the same folder, with the same suffix, to write to.

    Raises:
        OutputNotWritable: the folder does not exist or cannot be written, or the disk is full.
    """
    final = Path(output)
    if final.is_dir():
        raise OutputNotWritable(f"{final} is a folder, so no file can have this name. Choose another one.")
    check_writable(final)
    temporary = temp_path_beside(final, f".part{final.suffix}")
    try:
        yield temporary
        if permanent:
            os.replace(temporary, final)
        else:
            commit(temporary, final)
    except OSError as error:
        if not _is_output_error(error, temporary):
            raise
        raise OutputNotWritable(
            f"{final} could not be written: {error.strerror or error}. "
            "Check that the disk has room and that the file is not open elsewhere."
        ) from error
    finally:
        remove_temp_file(temporary)


@contextlib.contextmanager
def atomic_output_folder(output: str | os.PathLike) -> Iterator[Path]:
    """Like :func:`atomic_output` for a folder of files; files of other names in an existing folder stay.

    Args:
        output: final folder; made when it is not there.

    Yields:
        An empty folder beside it to write to. Its files are moved into place when the block succeeds.

    Raises:
        OutputNotWritable: the parent folder does not exist or cannot be written.
    """
    final = Path(output)
    if final.is_file():
        raise OutputNotWritable(f"{final} is a file, so no folder can have this name. Choose another one.")
    check_writable(final)
    temporary = temp_path_beside(final, ".part")
    try:
        temporary.mkdir()
        yield temporary
        if not final.is_dir():
            final.mkdir()
            register_folder(final)
        for item in sorted(temporary.iterdir()):
            commit(item, final / item.name)
    except OutputNotWritable as error:
        # The analyst knows the folder by its own name.
        raise OutputNotWritable(str(error).replace(str(temporary), str(final))) from error
    except OSError as error:
        if not _is_output_error(error, temporary):
            raise
        raise OutputNotWritable(
            f"{final} could not be written: {error.strerror or error}. Check that the disk has "
            "room, or choose another place for the output."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_output_error(error: OSError, temporary: Path) -> bool:
    """Whether an error came from writing the output, and not from reading some input inside the same block."""
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return error.errno in DISK_ERRORS or any(name.startswith(str(temporary)) for name in named)


def check_writable(output: str | os.PathLike) -> None:
    """Raise :class:`OutputNotWritable` when ``output`` could not be created; call it before long work.

    Permission bits say little (an administrator passes them all, a read-only file system none), so a file is made.
    """
    final = Path(output)
    folder = final.parent
    if not os.path.isdir(folder):
        raise OutputNotWritable(
            f"The folder {folder} for the output {final.name} does not exist. "
            "Make it, or choose another place for the output."
        )
    probe = folder / f".scarp-{uuid.uuid4().hex[:8]}.probe"
    try:
        probe.touch(exist_ok=False)
        # Another run may have taken it for one that a killed run left.
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise OutputNotWritable(
            f"The folder {folder} cannot be written ({error.strerror or error}). Choose another place for the output."
        ) from error
    # Said before the work is done: the name itself is first used when the output is complete.
    beside = "" if final.suffix in _NO_RECORD_SUFFIXES else RECORD_SUFFIX
    try:
        os.lstat(f"{final}{beside}")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputNotWritable(
            f"The output {final} cannot have this name ({why}). Choose a shorter or a plainer one."
        ) from error


def write_text(output: str | os.PathLike, text: str) -> None:
    """Write a UTF-8 text file whole or not at all.

    File names may hold bytes that are no text; they must not make a run fail that is otherwise done.
    """
    with atomic_output(output) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's content as hexadecimal text."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def describe_input(source: str | os.PathLike) -> dict[str, Any]:
    """Return path, size in bytes, time of change in ns and SHA-256 of an input; only its name when it is no file.

    A memory layer is none, say. The time is only there to be compared with the file's own, whatever the clock was.
    """
    # QGIS writes what of a file is meant behind a bar, which a file's own name may have as well.
    # os.path says no to what cannot be a file, such as the long source of a database layer; pathlib fails.
    path = next(filter(os.path.isfile, (str(source), str(source).split("|")[0])), None)
    if path is None:
        return {"source": str(source)}
    status = os.stat(path)
    return {"source": str(source), "bytes": status.st_size, "modified_ns": status.st_mtime_ns, "sha256": sha256(path)}


def read_record(output: str | os.PathLike) -> dict[str, Any]:
    """Return what the run record beside an output says, of which nothing is to be believed.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is no run record.
    """
    content = read_json(f"{output}{RECORD_SUFFIX}")
    if not isinstance(content, dict):
        raise ValueError("it is no run record")
    return content


def write_record(output: str | os.PathLike, content: Mapping[str, Any]) -> None:
    """Write the run record of an output beside it.

    Raises:
        OutputNotWritable: it cannot be written.
    """
    write_text(
        f"{output}{RECORD_SUFFIX}",
        json.dumps(content, indent=1, ensure_ascii=False, default=_json_default, allow_nan=True),
    )


def checksum(arrays: Mapping[str, Any]) -> int:
    """Return a number that tells arrays by name from all that a disk or a copy may have made of them.

    Args:
        arrays: NumPy arrays, in one piece.
    """
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(arrays[name], zlib.crc32(name.encode(), value))
    return value


class RunRecord:
    """What was run, on what, with which settings; written as JSON beside each output when the run succeeds."""

    def __init__(
        self, algorithm: str, parameters: Mapping[str, Any], inputs: Mapping[str, Any], background: bool = False
    ) -> None:
        """Start the clock.

        Args:
            algorithm: id without the provider, such as ``trainpcum``.
            parameters: plain settings by name.
            inputs: path or layer source by parameter name; ``None`` values are left out, lists are allowed.
            background: whether to take the hashes of the inputs in a thread of its own, beside the work; for large
                ones.
        """
        self._started = time.time()
        self._clock = time.perf_counter()
        self.content: dict[str, Any] = {"algorithm": f"scarp:{algorithm}", "parameters": dict(parameters)}
        self._inputs: Future = Future()
        if background:
            threading.Thread(target=self._hash_inputs, args=(dict(inputs),), daemon=True).start()
        else:
            self._hash_inputs(inputs)

    def inputs(self, wait: bool = True) -> dict[str, Any] | None:
        """Return path, size and hash of the inputs by parameter name; ``None`` when not to wait and not known yet."""
        return self._inputs.result() if wait or self._inputs.done() else None

    def on_inputs_known(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call a function with :meth:`inputs` as soon as they are known, unless it or reading them fails."""

        def on_done(known: Future) -> None:
            with contextlib.suppress(OSError, OutputNotWritable):
                callback(known.result())

        self._inputs.add_done_callback(on_done)

    def _hash_inputs(self, inputs: Mapping[str, Any]) -> None:
        try:
            self._inputs.set_result({name: _describe(value) for name, value in inputs.items() if value is not None})
        except OSError as error:
            self._inputs.set_exception(error)

    def write(self, outputs: Mapping[str, str | os.PathLike | None], **results: Any) -> None:
        """Write ``OUTPUT.run.json`` beside every output that was made.

        Args:
            outputs: path by output name; ``None`` for outputs that were not asked for.
            **results: metrics, device, warnings and the like; must be JSON-able.
        """
        made = {name: str(path) for name, path in outputs.items() if path is not None}
        content = {
            **self.content,
            "inputs": self.inputs(),
            **results,
            "outputs": {name: describe_input(path) for name, path in made.items()},
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "seconds": round(time.perf_counter() - self._clock, 3),
            "versions": versions(),
            **_compute_info(results),
        }
        for path in made.values():
            if Path(path).is_file():
                write_record(path, content)


def versions() -> dict[str, str]:
    """Return the versions of Scarp, Python, the platform and the libraries that are installed."""
    # Imported here: QGIS loads this module when it starts, and this alone would be a third of Scarp's start.
    from importlib import metadata

    found = {"scarp": scarp_version(), "python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[library] = metadata.version(library)
    rasterio = sys.modules.get("rasterio")
    return found if rasterio is None else {**found, "gdal": rasterio.__gdal_version__}


def _compute_info(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the number of threads, which decides how sums are rounded, for runs that computed on a device."""
    torch = sys.modules.get("torch")
    summary = results.get("summary")
    on_device = "device" in results or (isinstance(summary, Mapping) and "device" in summary)
    return {"threads": torch.get_num_threads()} if on_device and torch is not None else {}


def scarp_version() -> str:
    """Return the version that ``metadata.txt`` states, the only place where it is written."""
    for line in (Path(__file__).parent.parent.parent / "metadata.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("version="):
            return line.partition("=")[2].strip()
    return "unknown"


def _describe(value: Any) -> Any:
    return [describe_input(item) for item in value] if isinstance(value, (list, tuple)) else describe_input(value)


def _json_default(value: Any) -> Any:
    """Turn NumPy scalars and arrays, and paths, into what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
