"""Where the core runs: what is chosen, and that QGIS survives whatever happens in the worker process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from qgis.core import QgsProcessingException, QgsSettings
from qgis.PyQt.QtGui import QIcon

from scarp.algorithms.base.feedback import FeedbackProgress, failure
from scarp.model.demo import DemoOptions
from scarp.model.errors import Cancelled, LibraryMissing, ScarpError, TooFewData
from scarp.model.progress import NullProgress
from scarp.processing_provider import dependencies, settings
from scarp.running import core, process
from scarp.running.core import Core, CoreProcessError, Runtime, UnexpectedCoreError, choose_runtime
from scarp.running.process import CANCEL_TIMEOUT, SubprocessCore
from scarp.tests.qgis.child import PROGRAM, child_environment, needs_qgis_process
from scarp.tests.qgis.tiny import TRAINING, Listener
from scarp.tests.reliability.faults_worker import Illness, suffer
from scarp.tests.reliability.steps import Step


@pytest.fixture
def in_a_process(monkeypatch) -> None:
    """Runs compute in a worker process, with the Python of the tests."""
    monkeypatch.setenv("SCARP_RUN", "process")
    monkeypatch.setenv("SCARP_PYTHON", sys.executable)


def runtime(name: str, missing_packages: tuple[str, ...] = ()) -> Runtime:
    command = () if name == "inside" else (name,)
    return Runtime(lambda modules: [module for module in modules if module in missing_packages], command)


@pytest.mark.parametrize("mode", ["automatic", "process", "inside"])
@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize("private", [None, (), ("torch",)])
@pytest.mark.parametrize("own", [None, (), ("torch", "rasterio")])
@pytest.mark.parametrize("inside", [(), ("torch", "rasterio")])
def test_choice(monkeypatch, mode, window, private, own, inside):
    monkeypatch.delenv("SCARP_RUN", raising=False)
    monkeypatch.delenv("SCARP_PYTHON", raising=False)
    monkeypatch.setattr(core, "where_to_run", lambda: mode)
    monkeypatch.setattr(core, "has_window", lambda: window)
    monkeypatch.setattr(core, "_private_environment", lambda: None if private is None else runtime("private", private))
    monkeypatch.setattr(core, "_qgis_python", lambda: None if own is None else runtime("own", own))
    monkeypatch.setattr(core, "_in_process", lambda: runtime("inside", inside))
    chosen = choose_runtime(["torch", "rasterio"])
    name = "inside" if chosen.runtime.inside else chosen.runtime.command[0]
    ready = {"private": private == (), "own": own == (), "inside": inside == ()}
    allowed = {"automatic": set(ready), "process": {"private", "own"}, "inside": {"inside"}}[mode]
    assert bool(chosen.missing_packages) == (not any(ready[one] for one in allowed))
    if not chosen.missing_packages:
        assert ready[name] and name in allowed
        best = ("private", "own", "inside") if window or mode == "process" else ("inside", "private", "own")
        assert name == next(one for one in best if one in allowed and ready[one])
    assert chosen.fallback is None or (name == "inside" and not chosen.fallback.inside and mode == "automatic")


@pytest.mark.parametrize(
    ("brought", "program", "expected"),
    [
        (["libgdal-c8c9c467.so.36.3.10.3", "libproj-0.so.25"], "3.6.2", True),
        (["libgdal-c8c9c467.so.36.3.10.3"], "3.10.3", False),
        (["libgdal-c8c9c467.so.36.3.10.3"], None, False),
        (["libgdal.so"], "3.10.3", True),
        ([], "3.6.2", False),
    ],
)
def test_rasterio_runs_beside_a_qgis_of_another_gdal(monkeypatch, tmp_path, brought, program, expected):
    """A wheel brings a GDAL, a system's package does not; None is a program without GDAL, such as Python."""
    for file in ("rasterio/__init__.py", *(f"rasterio.libs/{name}" for name in brought)):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.touch()
    origin = SimpleNamespace(origin=str(tmp_path / "rasterio" / "__init__.py"))
    monkeypatch.setattr(dependencies.importlib.util, "find_spec", lambda name: origin)
    monkeypatch.setattr(dependencies, "_gdal_of_the_program", lambda: program)
    monkeypatch.setattr(sys, "platform", "linux")
    dependencies.has_other_gdal.cache_clear()
    try:
        assert dependencies.has_other_gdal() == expected
        for name, module in (("SCARP_RUN", "auto"), ("SCARP_PYTHON", sys.executable)):
            monkeypatch.setenv(name, module)
        monkeypatch.setattr(core, "has_window", lambda: False)
        assert choose_runtime(["rasterio"]).runtime.inside == (not expected)
        monkeypatch.setattr(sys, "platform", "win32")
        dependencies.has_other_gdal.cache_clear()
        assert not dependencies.has_other_gdal(), "there each library keeps to the GDAL that it brings"
    finally:
        dependencies.has_other_gdal.cache_clear()


@needs_qgis_process
@pytest.mark.parametrize("way", ["auto", "inside", "process"])
def test_signed_bytes_give_in_qgis_process_what_int16_gives(tmp_path, way):
    """With negative numbers and nodata; a DEM, which is read, and factors, which are warped: right or refused."""
    profile = tmp_path / "profile"
    environment = child_environment(profile, SCARP_RUN=way)
    environment.pop("SCARP_PYTHON", None)
    if way == "process":
        environment["SCARP_PYTHON"] = sys.executable
    random = np.random.default_rng(1)
    dem, values = random.integers(-100, 101, (40, 50)), random.integers(-128, 128, (40, 50))
    where = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(5e5, 4e6, 30, 30)}
    for dtype in ("int8", "int16"):
        for name, cells, nodata in (("dem", dem, None), ("values", values, -128), ("classes", values % 7 - 3, -3)):
            shape = {"height": 40, "width": 50, "count": 1, "dtype": dtype, "nodata": nodata}
            with rasterio.open(tmp_path / f"{name}_{dtype}.tif", "w", driver="GTiff", **shape, **where) as target:
                target.write(cells.astype(dtype), 1)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=300)

    def built(dtype: str, *inputs: str) -> np.ndarray | str:
        files = [f"{parameter}={tmp_path / name}_{dtype}.tif" for parameter, name in (one.split() for one in inputs)]
        output = tmp_path / f"stack_{dtype}.tif"
        done = run("run", "scarp:buildfactorstack", "--", *files, f"OUTPUT={output}")
        if done.returncode:
            return done.stdout + done.stderr
        with rasterio.open(output) as stack:
            return stack.read()

    assert run("plugins", "enable", "scarp").returncode == 0
    np.testing.assert_array_equal(built("int8", "DEM dem"), built("int16", "DEM dem"))
    factors = ("DEM dem", "EXTRA_CONTINUOUS values", "EXTRA_CATEGORICAL classes")
    found, expected = built("int8", *factors), built("int16", *factors)
    if way == "inside" and isinstance(found, str):
        assert "holds signed bytes (Int8)" in found and "Int16" in found
    else:
        np.testing.assert_array_equal(found, expected)


MODES = {"auto": "automatic", "process": "process", "Inside ": "inside", "nonsense": "set", "": "set"}


@pytest.mark.parametrize(("word", "expected"), MODES.items())
def test_the_variable_overrides_the_setting(monkeypatch, word, expected):
    monkeypatch.setenv("SCARP_RUN", word)
    monkeypatch.setattr(core, "where_to_run", lambda: "set")
    assert core._configured_mode() == expected


def test_the_setting_is_registered_stored_by_number_and_removed(run, monkeypatch):
    from processing.core.ProcessingConfig import ProcessingConfig

    key = settings._STORE + settings._RUN
    QgsSettings().remove(key)
    monkeypatch.setattr(settings, "has_window", lambda: True)
    settings.register("Scarp", QIcon())
    try:
        assert settings.where_to_run() == "automatic"
        for number, expected in enumerate(("automatic", "process", "inside")):
            ProcessingConfig.setSettingValue("SCARP_WHERE_TO_RUN", number)
            assert settings.where_to_run() == expected
        for broken in ("9", "x", None, -7):
            QgsSettings().setValue(key, broken)
            assert settings.where_to_run() == "automatic"
    finally:
        QgsSettings().remove(key)
        settings.unregister()
    assert "SCARP_WHERE_TO_RUN" not in ProcessingConfig.settings
    settings.unregister()


def test_a_library_that_cannot_be_loaded_inside_qgis_falls_back_to_the_worker(monkeypatch):
    def broken(name: str) -> Any:
        raise ImportError("numpy.core.multiarray failed to import", name="torch")

    progress = NullProgress()
    chosen = core.RuntimeChoice(runtime("inside"), (), core._from_variable(sys.executable))
    with Core(["rasterio"], progress, chosen) as opened:
        monkeypatch.setattr("scarp.running.core.jobs.job", broken)
        with pytest.raises(Exception, match="does not exist"):
            opened.call("raster_extent", "/no/such.tif", "DEM")
    assert ["torch" in text for text in progress.warnings] == [True]


def test_missing_libraries_are_reported_before_any_work(monkeypatch):
    chosen = core.RuntimeChoice(runtime("own", ("torch",)), ("torch",))
    with Core(["torch"], NullProgress(), chosen) as opened, pytest.raises(LibraryMissing, match="torch"):
        opened.call("train_pcum")


EXITS = {"kill -9 $$": "memory ran out", "exit 137": "memory ran out", "kill -SEGV $$": "crashed .SIGSEGV"}
EXITS |= {"kill -ILL $$": "instructions", "echo last words >&2; exit 3": "exit code 3", "exit 0": "exit code 0"}


@pytest.mark.parametrize(("text", "expected"), EXITS.items())
def test_the_exit_reason_of_a_process_is_reported(tmp_path, text, expected):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{text}\n")
    python.chmod(0o755)
    core = SubprocessCore(Runtime(lambda modules: [], (str(python),)), NullProgress())
    with pytest.raises(CoreProcessError, match=expected) as caught:
        core.call("raster_extent", "a.tif", "DEM")
    core.close()
    assert "QGIS is not affected" in str(caught.value)
    assert caught.value.log == ("last words" if "last words" in text else "")


@pytest.mark.parametrize("python", ["/no/such/python", "/etc/hostname", "/tmp"])
def test_a_python_that_cannot_be_started_is_named(python):
    with pytest.raises(CoreProcessError, match=python):
        SubprocessCore(Runtime(lambda modules: [], (python,)), NullProgress())


@pytest.mark.parametrize(("number", "words"), [(1260, "administrator"), (4551, "SCARP_PYTHON"), (2, "install again")])
def test_a_python_that_company_rules_forbid_is_explained(number, words):
    error = OSError(13, "This program is blocked by group policy")
    error.winerror = number
    assert words in str(core.cannot_start("python.exe", error))


WINDOWS_CODES = {0xC0000005: "0xC0000005", 0xC0000017: "memory", 0xC0000135: "incomplete", 0xC000001D: "instructions"}
WINDOWS_CODES |= {-1073741819: "0xC0000005", 1: "0x00000001", 3: "crashed (exit code 0x00000003)"}


@pytest.mark.parametrize(("code", "words"), WINDOWS_CODES.items())
def test_windows_exit_codes_are_explained(monkeypatch, code, words):
    monkeypatch.setattr(core.sys, "platform", "win32")
    assert words in str(core.process_ended(code, ""))


@pytest.mark.parametrize("kind", [TooFewData, Cancelled, MemoryError, KeyError, ImportError])
def test_worker_errors_are_rebuilt_with_their_class(kind):
    library, expected = ("torch" if kind is ImportError else None), kind in (TooFewData, Cancelled)
    content = {"kind": kind.__name__, "text": "There are 3.", "trace": "", "library": library, "expected": expected}
    error = core.rebuild_error(content)
    assert type(error) is (UnexpectedCoreError if kind is KeyError else kind) and "There are 3." in str(error)


class Striker(Listener):
    """Does something when the training has begun to report."""

    def __init__(self, strike: Any) -> None:
        super().__init__()
        self._strike = strike
        self.when: float | None = None

    def pushInfo(self, info: str) -> None:
        super().pushInfo(info)
        if self.when is None and info.startswith("Settings:"):
            self.when = time.perf_counter()
            self._strike()


def train(run, chain, tmp_path, listener, **more: Any) -> Any:
    inputs = {"STACK": chain["stack"], "LABELS": chain["labels"], **TRAINING, "EPOCHS": 100000, **more}
    outputs = {"OUTPUT": tmp_path / "model.safetensors", "OUTPUT_HTML": tmp_path / "page.html"}
    return run("trainpcum", listener, **inputs, **outputs)


@pytest.mark.parametrize(("number", "words"), [(signal.SIGKILL, "memory ran out"), (signal.SIGSEGV, "crashed")])
def test_a_crash_in_the_middle_of_a_training(run, chain, tmp_path, in_a_process, started, number, words):
    listener = Striker(lambda: os.kill(started[-1]._process.pid, number))
    with pytest.raises(QgsProcessingException, match=words):
        train(run, chain, tmp_path, listener)
    assert number != signal.SIGSEGV or "Fatal Python error" in listener.textLog(), "the log says where"
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".history.jsonl")]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="signals")
@pytest.mark.parametrize("ignored", [False, True])
def test_cancel_ends_the_process_even_if_it_ignores_that(run, chain, tmp_path, in_a_process, started, ignored):
    def strike() -> None:
        if ignored:
            os.kill(started[-1]._process.pid, signal.SIGSTOP)
        threading.Timer(1.0, listener.cancel).start()

    listener = Striker(strike)
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        train(run, chain, tmp_path, listener)
    assert not ignored or time.perf_counter() - listener.when > CANCEL_TIMEOUT, "it was given time to stop"
    with pytest.raises(ProcessLookupError):
        os.kill(started[-1]._process.pid, 0)


def test_a_callback_that_fails_stops_the_job_and_is_raised_here(tmp_path, in_a_process):
    def write(folder: Path, data: Any) -> None:
        raise OSError("no room")

    with Core(["rasterio"], NullProgress()) as core, pytest.raises(OSError, match="no room"):
        options = DemoOptions(size=64, regions=1)
        core.call("create_demo_data", tmp_path / "demo", options, write_vectors=write, progress=NullProgress())
    assert not list(tmp_path.iterdir())


OUT_OF_MEMORY = ("DefaultCPUAllocator: can't allocate memory: you tried", "CUDA out of memory. Tried to allocate 2 GiB")


@pytest.mark.parametrize("error", [MemoryError(), *map(RuntimeError, OUT_OF_MEMORY)])
def test_out_of_memory_is_reported(error):
    message = str(failure(error, "Train", Listener()))
    assert "out of memory" in message and "smaller" in message


def test_the_remaining_time_is_reported_periodically(monkeypatch):
    class Bar(Listener):
        def __init__(self) -> None:
            super().__init__()
            self.texts: list[str] = []

        def setProgressText(self, text: str) -> None:
            self.texts.append(text)

    clock = [0.0]
    monkeypatch.setattr("scarp.algorithms.base.feedback.time.monotonic", lambda: clock[0])
    bar = Bar()
    progress = FeedbackProgress(bar)
    for step in range(1, 1201):
        clock[0] = step / 2
        progress.report(step / 1200)
    assert (bar.texts[0], *bar.texts[-2:]) == ("About 10 minutes left", "A few seconds left", "")
    assert 10 < len(bar.texts) == len(set(bar.texts)) < 25 and bar.progress() == 100 and not bar.lines


def test_work_in_uneven_stages_tells_no_time(monkeypatch, plugin):
    clock = [0.0]
    monkeypatch.setattr("scarp.algorithms.base.feedback.time.monotonic", lambda: clock[0])
    told = {}
    for name in ("trainpcum", "predictsusceptibility"):
        texts: list[str] = []
        bar = Listener()
        monkeypatch.setattr(bar, "setProgressText", texts.append, raising=False)
        clock[0] = 0.0
        progress = FeedbackProgress(bar, plugin.provider.algorithm(name))
        for step in range(1, 601):
            clock[0] = step / 2
            progress.report(step / 1200)
        told[name] = texts
    assert told["trainpcum"] == [] and told["predictsusceptibility"][0].startswith("About")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="faults of a Linux")
@pytest.mark.parametrize("fault", ["silent", "garbage", "hang"])
def test_an_unresponsive_process_is_reported_and_the_next_run_works(run, chain, tmp_path, in_a_process, fault):
    step = Step({"STACK": chain["stack"], "MODEL": chain["model"]}, {"OUTPUT": "map.tif"})
    illness = Illness("predictsusceptibility", fault, 0.02, True)
    assert suffer(illness, step, run, tmp_path, seconds=float("inf")) == []
    run("predictsusceptibility", **step.parameters(tmp_path / "out"))
    assert (tmp_path / "out" / "map.tif").stat().st_size > 1000


def test_a_full_folder_for_temporary_files_is_named(monkeypatch, tmp_path):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(process.tempfile, "mkdtemp", full)
    with pytest.raises(ScarpError, match="temporary files .*No space left.*TMPDIR"):
        process.SubprocessCore(process.Runtime(lambda modules: [], (sys.executable,)), None)
