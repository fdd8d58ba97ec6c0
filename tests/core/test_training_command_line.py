"""Training from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from scarp.model import training_cli
from scarp.model.artifact import load_model
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.stack import StackFactor, create_stack
from scarp.model.training import checkpoint as checkpoints
from scarp.model.training import loop

PLUGINS = Path(__file__).resolve().parent.parent.parent / ".build" / "plugins"
SIZE, CELL = 96, 30.0
OPTIONS = ("--window 480 --block 480 --width 4 --epochs 4 --patience 0 --batch 9 --device cpu --precision fp32").split()


def environment(**more):
    return {
        **os.environ,
        "PYTHONPATH": f"{PLUGINS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "OMP_NUM_THREADS": "1",
        **more,
    }


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """Stack and labels that follow the slope, as arguments of the command line."""
    folder = tmp_path_factory.mktemp("area")
    generator = np.random.default_rng(3)
    grid = Grid(CRS.from_epsg(32646), Affine(CELL, 0, 500000, 0, -CELL, 3300000), SIZE, SIZE)
    coarse = generator.normal(0, 1, (SIZE // 8, SIZE // 8)).repeat(8, 0).repeat(8, 1)
    values = np.stack([20 + 8 * coarse, generator.integers(1, 10, (SIZE, SIZE))]).astype(np.float32)
    labels = (generator.random((SIZE, SIZE)) < 1 / (1 + np.exp(-(values[0] - 30) / 3))).astype(np.uint8)
    factors = [StackFactor("slope", "continuous", "degrees", "Slope"), StackFactor("aspect", "categorical")]
    with create_stack(folder / "stack.tif", grid, factors) as dataset:
        dataset.write(values)
    with create_raster(folder / "labels.tif", grid, "uint8", 255, overviews=None) as dataset:
        dataset.write(labels, 1)
    return [str(folder / "stack.tif"), str(folder / "labels.tif")]


@pytest.fixture(scope="module")
def uninterrupted(area, tmp_path_factory):
    """A model trained in one go."""
    output = tmp_path_factory.mktemp("alone") / "model.safetensors"
    assert training_cli.main([*area, str(output), *OPTIONS]) == 0
    return load_model(output)


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as end:
        training_cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    for word in ("--lambda NUMBER", "--no-augment", "{spatial_blocks,random}", "From 1 to 65536", "--start-from FILE"):
        assert word in text


@pytest.mark.parametrize(("more", "word"), [([], "does not exist"), (["--epochs", "0"], "EPOCHS")])
def test_a_failure_is_one_message(tmp_path, capsys, more, word):
    command = [str(tmp_path / "none.tif"), "labels.tif", str(tmp_path / "m.safetensors"), "--physics", "none", *more]
    assert training_cli.main(command) == 1
    text = capsys.readouterr().err
    assert word in text
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_module_runs_as_a_program(tmp_path):
    program = [sys.executable, "-m", "scarp.model.training_cli", "--width", "x", "a", "b", "c"]
    result = subprocess.run(program, text=True, env=environment(), capture_output=True)
    assert result.returncode == 2
    assert "--width" in result.stderr


def test_interrupted_training_resumes_from_its_checkpoint(area, uninterrupted, tmp_path, monkeypatch):
    files = [str(tmp_path / name) for name in ("m.safetensors", "state", "m.html")]
    command = [*area, files[0], *OPTIONS, "--checkpoint", files[1], "--html", files[2]]
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    original = loop._append_epoch

    def append(state, *others):
        original(state, *others)
        if state.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_append_epoch", append)
        assert training_cli.main(command) == training_cli.CANCELLED
    assert [item.name for item in tmp_path.iterdir()] == ["state"]
    program = [sys.executable, "-m", "scarp.model.training_cli", *command]
    result = subprocess.run(program, env=environment(), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("Resuming after epoch 2") == 1
    assert result.stdout.split() == [command[2]]
    written = {"m.safetensors", "m.safetensors.run.json", "m.html", "m.html.run.json", "state"}
    assert {item.name for item in tmp_path.iterdir()} == written
    model = load_model(tmp_path / "m.safetensors")
    for first, second in zip(uninterrupted.history, model.history):
        assert second["train_loss"] == pytest.approx(first["train_loss"], rel=1e-4)
    assert list(model.network.state_dict()) == list(uninterrupted.network.state_dict())
