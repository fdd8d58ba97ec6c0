"""Runs in the worker process of the environment, as QGIS starts it: results, Cancel, kill, and what is left then."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from scarp.model.demo import DemoOptions
from scarp.model.errors import Cancelled, InputMissing
from scarp.model.progress import NullProgress
from scarp.running import process
from scarp.running.core import Core, CoreProcessError
from scarp.tests.core.conftest import Listener, read_band, utm_grid, write_raster

SICK = Path(__file__).resolve().parents[1] / "reliability" / "sick_worker.py"
NEEDS = ("rasterio", "scipy")


class FromOutside(Listener):
    """Cancels when the job says that it has come so far; keeps when."""

    when = None

    def cancelled(self) -> bool:
        asked = super().cancelled()
        if asked and self.when is None:
            self.when = time.monotonic()
        return asked


@pytest.fixture
def start(installed, monkeypatch):
    """Return a function that makes a core in the environment; it is closed after the test."""
    monkeypatch.setenv("SCARP_RUN", "process")
    monkeypatch.setenv("SCARP_PYTHON", str(installed.environment.executable))
    cores = []

    def make(progress) -> Core:
        cores.append(Core(NEEDS, progress))
        return cores[-1]

    yield make
    for core in cores:
        core.__exit__()


@pytest.fixture
def fall_ill(monkeypatch, tmp_path_factory):
    """Return a function that lets a job do something bad when it has come half the way."""

    def choose(what: str) -> None:
        monkeypatch.setattr(process, "WORKER_SCRIPT", SICK)
        monkeypatch.setenv("SCARP_SICK", f"{what}@0.5")

    return choose


def demo(core: Core, folder: Path, progress, size: int = 96):
    return core.call("create_demo_data", folder, DemoOptions(size=size), progress=progress)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_job_gives_the_same_as_inside(start, tmp_path):
    from scarp.model.jobs import job

    progress = Listener()
    made = demo(start(progress), tmp_path / "outside", progress)
    inside = job("create_demo_data")(tmp_path / "inside", DemoOptions(size=96), progress=NullProgress())
    assert made.summary == inside.summary and progress.fractions[-1] == 1.0 and progress.texts
    np.testing.assert_array_equal(made.vectors["landslides"].xy, inside.vectors["landslides"].xy)
    assert names(tmp_path / "outside") == names(tmp_path / "inside")
    for name in ("dem", "true_probability"):
        np.testing.assert_array_equal(*(read_band(tmp_path / one / f"{name}.tif") for one in ("outside", "inside")))


def test_a_function_is_called_here_and_an_error_of_it_comes_back(start, tmp_path):
    seen = []

    def write(folder: Path, made) -> None:
        seen.append((os.getpid(), Path(folder).is_dir(), len(made.vectors)))
        raise ValueError("as a full disk would")

    core = start(NullProgress())
    with pytest.raises(ValueError, match="as a full disk would"):
        core.call(
            "create_demo_data", tmp_path / "d", DemoOptions(size=64), write_vectors=write, progress=NullProgress()
        )
    assert seen == [(os.getpid(), True, 11)]
    assert names(tmp_path) == []


def test_an_error_of_a_job_keeps_its_class_and_the_process_goes_on(start, tmp_path):
    core = start(NullProgress())
    with pytest.raises(InputMissing):
        core.call("raster_extent", str(tmp_path / "none.tif"), "DEM", reaches=[])
    raster = write_raster(tmp_path / "a.tif", np.ones((20, 30), np.float32))
    assert core.call("raster_extent", raster, "DEM", reaches=[]).bounds == pytest.approx(utm_grid().bounds)


def test_cancel_ends_a_job_politely_and_leaves_nothing(start, tmp_path):
    progress = FromOutside(cancel_at=0.3)
    with pytest.raises(Cancelled):
        demo(start(progress), tmp_path / "demo", progress, 400)
    assert time.monotonic() - progress.when < process.CANCEL_TIMEOUT + 10
    assert names(tmp_path) == []


@pytest.mark.parametrize("what", ["hang", "silent"])
def test_a_job_that_does_not_hear_is_killed_on_cancel_and_leaves_nothing(start, fall_ill, tmp_path, what):
    fall_ill(what)
    progress = FromOutside(cancel_at=0.5)
    core = start(progress)
    with pytest.raises((Cancelled, CoreProcessError)):
        demo(core, tmp_path / "demo", progress)
    core.__exit__()
    assert names(tmp_path) == []


def test_a_process_that_is_killed_is_explained_and_leaves_the_older_result(start, fall_ill, tmp_path):
    demo(start(NullProgress()), tmp_path / "demo", NullProgress(), 64)
    before = {path.name: path.read_bytes() for path in (tmp_path / "demo").iterdir()}
    fall_ill("kill")
    core = start(NullProgress())
    with pytest.raises(CoreProcessError, match="ended"):
        demo(core, tmp_path / "demo", NullProgress())
    core.__exit__()
    assert {path.name: path.read_bytes() for path in (tmp_path / "demo").iterdir()} == before
    assert names(tmp_path) == sorted(["demo", *(name for name in names(tmp_path) if name.endswith(".run.json"))])


def test_the_folder_of_a_run_goes_with_it(start, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    core = start(NullProgress())
    raster = write_raster(tmp_path / "a.tif", np.ones((20, 30), np.float32))
    core.call("raster_extent", raster, "DEM", reaches=[])
    assert any(name.startswith("scarp-") for name in names(tmp_path))
    core.__exit__()
    assert names(tmp_path) == ["a.tif"]
