"""Runs damaged inputs against a reader, and watches what it does: time, memory, files, programs, exceptions.

A reader may accept an input or refuse it with a ``ScarpError``. Anything else is a failure: another exception, more
than two seconds, more memory than allowed, a file opened elsewhere, code compiled, a program started, a crash.

``./run python tests/reliability/fuzzing.py fuzz_models [--inputs 50000] [--seed 1]``. fuzz_models: model files;
fuzz_records: all readers of records; fuzz_rasters: what reads GeoTIFFs; fuzz_layers: GeoPackages and styles;
fuzz_vectors: strange but sound vector layers.
"""

from __future__ import annotations

import codecs
import ctypes
import importlib
import json
import mmap
import os
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from select import select
from typing import Any, Callable, Protocol

from scarp.model.errors import ScarpError
from scarp.tests.reliability.results import Report, read_options

TARGETS = {
    "fuzz_models": (50000, "model_target", "ModelTarget"),
    "fuzz_records": (60000, "record_target", "RecordTarget"),
    "fuzz_rasters": (5000, "raster_target", "RasterTarget"),
    "fuzz_layers": (5000, "layer_target", "LayerTarget", "StyleTarget"),
    "fuzz_vectors": (5000, "vector_target", "VectorTarget"),
}
"""Inputs of each reader, module and readers by the name of the campaign."""
SECONDS = 2.0  # of the processor, for one input: by the clock on the wall, a busy machine would make every reader slow
MEMORY = 2 * 1024**3  # bytes of address space that a reader may add to what the process has when it begins
BATCH = 2000  # inputs of one process; a crash costs no more than these
WARM = 200  # inputs that a process reads before any counts
STUCK = 300.0
"""Seconds on one input after which a process is killed that could not even be interrupted; many, since the machine may
have much else to do while the process begins."""

_ENDED = "the process ended"


_PROGRAMS = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.startfile", "subprocess."),
    *("pty.", "socket.", "ctypes.dlopen", "ctypes.call_function", "pickle.", "marshal.", "urllib.", "http."),
    *("webbrowser.", "sqlite3.", "code.__new__", "exec", "compile"),
)
_FILES = (
    *("open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate"),
    "shutil.",
)


def _memory_calls() -> set[int | None]:
    """Return where the C library has the functions by which Scarp limits how much freed memory it keeps."""
    library = ctypes.CDLL(None)
    calls = [getattr(library, name) for name in ("mallopt", "malloc_trim") if hasattr(library, name)]
    return {ctypes.cast(call, ctypes.c_void_p).value for call in calls}


class Watch:
    """Notes what readers do that they should not."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        # Python guesses the encoding of JSON in bytes, and fetches those codecs from its own folder when first needed;
        # so it does with that in which labels may have been misread.
        for name in ("utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le", "cp1252"):
            codecs.lookup(name)
        self.armed = False
        self.seen: list[str] = []
        self._harmless = _memory_calls()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        # Python 3.14 also reports calls of functions that were fetched before; only those about memory are ours.
        if not self.armed or (event == "ctypes.call_function" and arguments[0] in self._harmless):
            return
        if event.startswith(_PROGRAMS) and arguments != (None,):
            # The C library, which is there already, is asked to give memory back.
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event.startswith(_FILES):
            names = [os.fsdecode(item) for item in arguments[:2] if isinstance(item, (str, bytes, os.PathLike))]
            if event == "open":
                # A run record names its inputs, and an input's own record may say more. Outputs state the versions of
                # libraries; to read these is no harm, and to run what stands there would show.
                libraries = tuple(filter(None, sys.path)) if str(arguments[1]).startswith("r") else ()
                harmless = names[0].endswith(".run.json") or names[0].startswith(libraries) if names else True
                names = [] if harmless else names[:1]
            if any(not name.startswith(self._folder) for name in names):
                self.seen.append(f"{event} {arguments!r:.200}")


class Target(Protocol):
    """A reader with a way to make inputs for it."""

    name: str

    def make(self, seed: int, number: int) -> None:
        """Put an input where it will be read; the same numbers give the same input."""

    def read(self) -> None:
        """Read it; raise what the reader raises, and ``AssertionError`` for a promise that it broke."""


class Hang(BaseException):
    """An input took too long. No ``Exception``, so that nothing that is tested catches it."""


class Outcome:
    def __init__(self) -> None:
        self.accepted = self.refused = 0
        self.slowest, self.grown = 0.0, 0  # seconds of an input, bytes of memory that a process of readers gained
        self.failures: dict[str, dict[str, Any]] = {}  # by what went wrong and where: how often, and the first number

    @property
    def inputs(self) -> int:
        return self.accepted + self.refused + sum(found["count"] for found in self.failures.values())

    def fail(self, what: str, number: int, count: int = 1) -> None:
        found = self.failures.setdefault(what, {"count": 0, "first": number})
        found["count"] += count

    def add(self, other: dict[str, Any]) -> None:
        self.accepted += other["accepted"]
        self.refused += other["refused"]
        self.slowest, self.grown = max(self.slowest, other["slowest"]), max(self.grown, other["grown"])
        for what, found in other["failures"].items():
            self.fail(what, found["first"], found["count"])


def main() -> int:
    """Fuzz the readers of a campaign as the command line says, and report what came of it."""
    name = sys.argv.pop(1)
    inputs, module, *kinds = TARGETS[name]
    given = read_options(__doc__, inputs=(inputs, "for each reader"))
    report = Report(name, seed=given.seed)
    # A file system in memory, where there is one, keeps the disk out of it.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        for kind in kinds:
            target = getattr(importlib.import_module(f"scarp.tests.reliability.{module}"), kind)
            found = read_in_processes(target, Path(place), given.seed, given.inputs)
            numbers = {name: getattr(found, name) for name in ("inputs", "accepted", "refused")}
            numbers |= {"slowest, ms": round(1000 * found.slowest), "memory gained, MB": round(found.grown / 1e6)}
            numbers["crashes"] = sum(one["count"] for words, one in found.failures.items() if _ENDED in words)
            report.counts |= {f"{target.name}: {what}": number for what, number in numbers.items()}
            failures = found.failures.items()
            report.failures += [{"reader": target.name, "what": words, **one} for words, one in failures]
    return report.finish()


def read_all(
    target: Target, watch: Watch, seed: int, numbers: range, tell: Callable[[int], None] = lambda number: None
) -> Outcome:
    import resource  # not on Windows, where this module is only imported

    outcome = Outcome()
    previous = signal.signal(signal.SIGPROF, _hang)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for number in numbers:
            tell(number)
            target.make(seed, number)
            _read_one(target, watch, number, outcome)
    finally:
        signal.signal(signal.SIGPROF, previous)
    outcome.grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024
    return outcome


def read_in_processes(make: Callable[[Path], Target], place: Path, seed: int, count: int) -> Outcome:
    """Read inputs in processes of their own with bounded memory, so that a crash is a failure and no end."""
    total = Outcome()
    done = 0
    while done < count:
        numbers = range(done, min(done + BATCH, count))
        with mmap.mmap(-1, 8) as mark, tempfile.TemporaryDirectory(dir=place) as folder:
            found, ended = _in_process(make, Path(folder), seed, numbers, mark)
            done = numbers.stop
            if found is None:
                # What the process found before it ended is lost, so all but the one that ended it are read again.
                number = max(*struct.unpack("q", mark[:]), numbers.start)
                total.fail(ended, number)
                done = number + 1
                if number > numbers.start:
                    found, _ = _in_process(make, Path(folder), seed, range(numbers.start, number), mark)
            if found is not None:
                total.add(found)
    return total


def _in_process(
    make: Callable[[Path], Target], folder: Path, seed: int, numbers: range, mark: mmap.mmap
) -> tuple[dict[str, Any] | None, str]:
    source, drain = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(source)
            # Libraries write there of every input that they do not like.
            sys.stderr = folder.with_name("stderr.txt").open("w", encoding="utf-8")
            os.dup2(sys.stderr.fileno(), 2)
            # With the source line, for which that is opened and compiled.
            sys.unraisablehook = lambda found: None
            warnings.simplefilter("ignore")

            def tell(number: int) -> None:
                mark[:] = struct.pack("q", number)

            tell(numbers.start)
            for leftover in folder.iterdir():
                leftover.unlink() if leftover.is_file() else shutil.rmtree(leftover)
            target, watch = make(folder), Watch(folder)
            # What Python and libraries fetch when first used is no doing of an input.
            read_all(target, watch, seed + 1000, range(WARM), lambda number: tell(-1 - number))
            _bound_memory()
            found = read_all(target, watch, seed, numbers, tell)
            with open(drain, "w", encoding="utf-8") as stream:
                json.dump(vars(found), stream)
            os._exit(0)
        finally:
            # Never back into the code of the process that forked.
            traceback.print_exc(file=sys.__stdout__)
            sys.__stdout__.flush()
            os._exit(1)
    os.close(drain)
    with open(source, encoding="utf-8") as stream:
        text = _patiently(stream, child, mark)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 1:
        raise SystemExit("The campaign itself failed, see above.")
    ended = f"{_ENDED} {f'by signal {-code}' if code < 0 else f'with status {code}'}"
    return (json.loads(text), "") if text and status == 0 else (None, ended)


def _patiently(stream: Any, child: int, mark: mmap.mmap) -> str:
    """Return what a process says at its end; kill it when it stays on one input for too long."""
    last, since = mark[:], time.monotonic()
    while not select([stream], [], [], 1.0)[0]:
        if mark[:] != last:
            last, since = mark[:], time.monotonic()
        elif time.monotonic() - since > STUCK:
            os.kill(child, signal.SIGKILL)
    return stream.read()


def _read_one(target: Target, watch: Watch, number: int, outcome: Outcome) -> None:
    watch.seen.clear()
    begun, problem, refused = time.process_time(), "", False
    try:
        try:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            watch.armed = True
            target.read()
        finally:
            # The alarm may still go off in here.
            watch.armed = False
            signal.setitimer(signal.ITIMER_PROF, 0)
    except ScarpError:
        refused = True
    except KeyboardInterrupt:
        raise
    except Hang:
        problem = f"{SECONDS:g} seconds and not done"
    except BaseException as error:  # a panic of a library in Rust is no Exception
        problem = _where(error)
    took = time.process_time() - begun
    outcome.slowest = max(outcome.slowest, took)
    if problem or watch.seen:
        outcome.fail(problem or watch.seen[0], number)
    else:
        outcome.refused += refused
        outcome.accepted += not refused


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/model/" in frame.filename or "/algorithms/" in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
    return f"{type(error).__name__} at {place}: {error!s:.120}"


def _bound_memory() -> None:
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _hang(*_: Any) -> None:
    raise Hang()


if __name__ == "__main__":
    sys.exit(main())
