"""A tiny study area, the plugin loaded into a QGIS without a window, and a way to run its algorithms."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from scarp.algorithms.base import messages
from scarp.running.process import SubprocessCore
from scarp.tests.qgis.study import Runner, completed, load_plugin, make_chain, runner
from scarp.tests.qgis.tiny import make_area

# The networks here are so small that a second thread only costs; read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Starting a Python for every run costs seconds; test_same_result.py sees to it that both ways give the same.
os.environ.setdefault("SCARP_RUN", "inside")


_sessions: list[pytest.Session] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the session, whose exit status other hooks may still change."""
    _sessions.append(session)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End the process with the result of the tests.

    After QGIS has ended, Python frees what is left of its objects in an order of its own, which now and then is a crash
    that hides the result.
    """
    if _sessions:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(_sessions[-1].exitstatus))


@pytest.fixture(autouse=True)
def no_window(monkeypatch) -> None:
    """Let messages name parameters as scripts do: pytest-qgis has something like a window."""
    monkeypatch.setattr(messages, "has_window", lambda: False)


@pytest.fixture(scope="session")
def plugin(qgis_app):
    """Scarp, loaded as qgis_process loads it: without a window."""
    loaded = load_plugin()
    yield loaded
    loaded.unload()
    # What a failed test held of QGIS must go before QGIS does, or its end is a crash that hides the failure.
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    gc.collect()


@pytest.fixture(scope="session")
def run(plugin):
    """Return a function that runs one of Scarp's algorithms through ``processing.run``."""
    return runner()


@pytest.fixture(scope="session")
def area(tmp_path_factory, qgis_app) -> Path:
    """Folder with the inputs of a tiny study area: valleys, and landslides on the steeper slopes."""
    folder = tmp_path_factory.mktemp("area")
    make_area(folder)
    return folder


@pytest.fixture(scope="session")
def chain(area, run, tmp_path_factory) -> dict[str, Path]:
    """Files of the whole chain, run once: stack, labels, safety factor, model, windows, susceptibility, zones."""
    folder = tmp_path_factory.mktemp("chain")
    return make_chain(folder, area, run)


@pytest.fixture
def step(plugin, run, area, chain, tmp_path) -> Runner:
    """Return a function that runs an algorithm and completes its parameters, see ``study.completed``."""

    def run_step(algorithm, feedback=None, **values):
        definition = plugin.provider.algorithm(algorithm)
        return run(algorithm, feedback, **completed(definition, values, area, chain, tmp_path))

    return run_step


@pytest.fixture
def few_steps(monkeypatch):
    """Trainings by cross-fitting inside QGIS end after a few steps of the network: thousands take most of the time."""
    from scarp.model.training import pointwise_fit

    monkeypatch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30))


@pytest.fixture
def started(monkeypatch) -> list[SubprocessCore]:
    """The processes that were started, all with the Python of the tests."""
    made: list[SubprocessCore] = []
    original = SubprocessCore.__init__

    def note(self: SubprocessCore, *values: Any, **names: Any) -> None:
        original(self, *values, **names)
        made.append(self)

    monkeypatch.setenv("SCARP_PYTHON", sys.executable)
    monkeypatch.setattr(SubprocessCore, "__init__", note)
    return made
