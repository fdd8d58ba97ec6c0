"""Faults of the worker process; kills and crashes are in ``test_running.py``."""

from __future__ import annotations

import os
import sys

import pytest

from scarp.model.errors import ScarpError
from scarp.running import process
from scarp.tests.reliability.faults_worker import Illness, suffer
from scarp.tests.reliability.steps import Step

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="faults of a Linux")


@pytest.mark.parametrize("fault", ["silent", "garbage", "hang"])
def test_an_unresponsive_process_is_reported_and_the_next_run_works(run, chain, tmp_path, monkeypatch, fault):
    monkeypatch.setenv("SCARP_RUN", "process")
    monkeypatch.setenv("SCARP_PYTHON", sys.executable)
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
