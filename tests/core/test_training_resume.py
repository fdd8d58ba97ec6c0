"""Training that is killed or cancelled: what is left, and how soon it ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from scarp.model.errors import Cancelled, OutputNotWritable
from scarp.model.progress import NullProgress
from scarp.model.training import checkpoint as checkpoints
from scarp.tests.core.test_training import fit, weights, windows_of

RUN = {"epochs": 16, "depth": 2}
KILLS = 3
CHILD = f"""
import sys, time
from scarp.model.progress import NullProgress
from scarp.model.training import checkpoint
from scarp.tests.core.test_training import fit
class Waits(NullProgress):
    def report(self, fraction, text=""):
        if fraction > float(sys.argv[2]):
            time.sleep(600)
checkpoint.WRITE_INTERVAL = 0.0
fit(progress=Waits(), checkpoint=sys.argv[1], **{RUN})
"""
"""Waits at a share of the work to be killed, so that it never ends before, however fast it is."""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so")
def test_a_run_killed_at_any_moment_ends_the_same(tmp_path):
    path, generator = tmp_path / "state.safetensors", np.random.default_rng()
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    for number in range(KILLS):
        before = path.stat().st_mtime_ns if path.is_file() else 0
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str((number + 1) / (KILLS + 1))], env=environment
        )
        # At least one epoch further than the last time, then at any moment of any epoch, also while it writes.
        while process.poll() is None and (path.stat().st_mtime_ns if path.is_file() else 0) == before:
            time.sleep(0.002)
        time.sleep(generator.uniform(0.0, 0.1))
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
    resumed, whole = fit(checkpoint=path, **RUN), fit(**RUN)
    assert weights(resumed) == weights(whole)
    assert resumed.history == whole.history
    assert resumed.metrics == whole.metrics


def test_a_checkpoint_that_was_being_written_leaves_the_last_one(tmp_path, monkeypatch):
    """The file under its name is always a whole one, so a kill in the middle of writing costs an epoch and no more."""
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    path, seen = tmp_path / "state.safetensors", []
    write = Path.write_bytes

    def dies(self, content):
        seen.append(self)
        if len(seen) == 3:
            write(self, content[: len(content) // 2])
            raise KeyboardInterrupt
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", dies)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=path)
    monkeypatch.undo()
    assert path not in seen
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    assert weights(fit(checkpoint=path)) == weights(fit())


def test_a_disk_that_fills_up_costs_the_checkpoint_and_not_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    path, progress, write, count = tmp_path / "state.safetensors", NullProgress(), Path.write_bytes, 0

    def fills(self, content):
        nonlocal count
        count += 1
        if count > 3:
            write(self, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", fills)
    fitted = fit(progress=progress, checkpoint=path, epochs=8)
    assert weights(fitted) == weights(fit(epochs=8))
    assert count > 5
    assert len([text for text in progress.warnings if "No space left" in text and "goes on" in text]) == 1
    assert [item.name for item in tmp_path.iterdir()] == [path.name], "the last whole one"
    count = 3
    with pytest.raises(OutputNotWritable, match="No space left"):
        fit(checkpoint=tmp_path / "other.safetensors", epochs=8)
    monkeypatch.undo()
    assert weights(fit(checkpoint=path, epochs=8)) == weights(fitted)


class CancelOnce(NullProgress):
    """Cancelled from another thread, as by a button; counts what is done all the same."""

    def __init__(self):
        super().__init__()
        self.event, self.reports = threading.Event(), 0

    def report(self, fraction, text=""):
        self.reports += self.event.is_set()

    def cancelled(self):
        return self.event.is_set()


@pytest.mark.parametrize("after", [0.05, 0.6])
def test_cancelling_ends_training_with_the_batch_under_way(after):
    """With windows, batch and network of the default size; the seconds are measured by
    ``benchmarks/responsiveness.py``."""
    progress = CancelOnce()
    windows = windows_of(count=192, side=50, padded=52)
    timer = threading.Timer(after, progress.event.set)
    timer.start()
    try:
        with pytest.raises(Cancelled):
            fit(windows, progress, epochs=1000, width=16, depth=1, batch=32)
    finally:
        timer.cancel()
    assert progress.reports <= 1
