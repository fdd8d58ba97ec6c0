"""Training in two processes: the same curves and weights as in one, nothing written twice, and no one waits for ever.

Run as a script by ``torchrun``, this file trains the configurations on synthetic windows and writes what came out.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from affine import Affine
from rasterio.crs import CRS
from torch import nn

from scarp.model import train
from scarp.model.artifact import load_model
from scarp.model.errors import ParameterInvalid
from scarp.model.grid import Grid
from scarp.model.inputs.rasters import create_raster
from scarp.model.networks.dropout import ChannelDropout, set_generator, set_place
from scarp.model.progress import Silent
from scarp.model.stack import StackFactor, create_stack
from scarp.model.training import checkpoint as checkpoints
from scarp.model.training import loop
from scarp.model.training.distributed import Processes, SharedBatchNorm, joined
from scarp.model.training.fit import fit_network
from scarp.model.training.settings import TrainingSettings
from scarp.model.windows.reading import WindowSet

PLUGINS = Path(__file__).resolve().parent.parent.parent / ".build" / "plugins"
CONFIGURATIONS = {
    # 20 training windows in batches of 7 and 6: slices of 4 and 3.
    "dropout and turns": {"batch": 7, "physics": "hinge", "dropout": 0.3, "precision": "fp32"},
    "deep, plain": {"batch": 20, "depth": 2, "augment": False, "encoding": "codes", "precision": "fp32"},
    # One process has no window at all, in training and validation steps.
    "one window a step": {"batch": 1, "epochs": 1, "learning_rate": 1e-4, "precision": "fp32"},
    "bf16": {"batch": 7, "epochs": 2, "precision": "bf16"},
}
SMALL = {"epochs": 4, "patience": 0, "width": 4, "depth": 1, "learning_rate": 5e-3, "weight_landslide": 3.0,
         "physics": "none", "device": "cpu", "precision": "fp32"}
SIZE, CELL = 96, 30.0
OPTIONS = ["--window", "480", "--block", "480", "--width", "4", "--epochs", "4", "--patience", "0", "--batch", "9",
           "--device", "cpu", "--precision", "fp32"]


def fit(**changes):
    """Train on windows in which landslides follow the slope; some labels and safety factors are unknown."""
    generator, count, side = np.random.default_rng(0), 40, 12
    slope = 20 + 8 * generator.normal(0, 1, (count, side // 4, side // 4)).repeat(4, 1).repeat(4, 2)
    aspect = generator.integers(1, 10, slope.shape)
    labels = (generator.random(slope.shape) < 1 / (1 + np.exp((24 - slope) / 3))).astype(np.uint8)
    safety = np.where(slope > 22, 0.3, 0.7).astype(np.float32)
    # Not evenly: the two slices of a batch have different numbers of labelled cells.
    hidden = generator.random(slope.shape) < np.linspace(0, 0.9, count)[:, None, None]
    labels[hidden], safety[hidden] = 255, np.nan
    factors = [StackFactor("slope", "continuous", "degrees"), StackFactor("aspect", "categorical")]
    windows = WindowSet(np.arange(2 * count).reshape(count, 2) * side, side, 0,
                        np.stack([slope, aspect], axis=1).astype(np.float32), labels, safety,
                        np.repeat([0, 1, 2], [20, 9, 11]).astype(np.uint8))
    return fit_network(windows, factors, TrainingSettings(**{**SMALL, **changes}), Silent())


def worker(folder: str) -> int:
    """Train all configurations with the other process."""
    with joined("cpu") as group:
        for name, changes in CONFIGURATIONS.items():
            fitted = fit(**changes)
            if group.first:
                Path(folder, f"{name}.json").write_text(json.dumps([fitted.history, fitted.metrics]))
                torch.save(fitted.network.state_dict(), Path(folder, f"{name}.pt"))
        try:
            fit(width=4 + group.number)
        except ParameterInvalid as error:
            Path(folder, f"refused {group.number}.txt").write_text(str(error))
    return 0


def ends_in_epoch_2(how: str) -> int:
    """The command line, except that the second process is killed or told to stop after an epoch."""
    checkpoints.SECONDS = 0.0
    original = loop._append

    def append(state, *others):
        if state.epoch == 1 and os.environ["RANK"] == "1":
            os._exit(3) if how == "dies" else os.kill(os.getpid(), signal.SIGINT)
        original(state, *others)

    loop._append = append
    return train.main(sys.argv[3:])


def environment(**more):
    return {**{name: value for name, value in os.environ.items() if not name.startswith("TORCHELASTIC")},
            "PYTHONPATH": f"{PLUGINS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "OMP_NUM_THREADS": "1", **more}


def torchrun_starts() -> bool:
    """Tell whether PyTorch has the store that torchrun insists on: Debian builds it without."""
    try:
        torch.distributed.TCPStore("127.0.0.1", 0, 1, True, wait_for_workers=False)
    except RuntimeError as error:
        assert "libuv" in str(error)
        return False
    return True


def torchrun(*command):
    """Run two processes under torchrun, or by hand where it does not start."""
    if torchrun_starts():
        return subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
                               *map(str, command)], env=environment(), capture_output=True, text=True, timeout=120)
    ended = processes(command, command)
    return subprocess.CompletedProcess(command, max(process.returncode for process in ended),
                                       "".join(process.stdout for process in ended),
                                       "".join(process.stderr for process in ended))


def by_hand(*commands):
    """Return the statuses and the messages of processes that were started by hand."""
    ended = processes(*commands)
    return [process.returncode for process in ended], [process.stderr for process in ended]


def processes(*commands):
    """Start processes as on machines of their own: nobody ends the others when one ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    started = [subprocess.Popen([sys.executable, *map(str, command)], text=True, stderr=subprocess.PIPE,
                                stdout=subprocess.PIPE, env=environment(
                                    RANK=str(number), WORLD_SIZE=str(len(commands)), MASTER_ADDR="127.0.0.1",
                                    MASTER_PORT=port, USE_LIBUV="1" if torchrun_starts() else "0"))
               for number, command in enumerate(commands)]
    try:
        texts = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
    return [subprocess.CompletedProcess(process.args, process.returncode, *text)
            for process, text in zip(started, texts)]


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
def alone(area, tmp_path_factory):
    """The model of one process."""
    output = tmp_path_factory.mktemp("alone") / "model.safetensors"
    assert train.main([*area, str(output), *OPTIONS]) == 0
    return load_model(output)


def assert_same_curves(one, two, tolerance):
    assert len(one) == len(two)
    for first, second in zip(one, two):
        for name in ("train_loss", "validation_loss"):
            assert second[name] == pytest.approx(first[name], rel=tolerance), name


# The same numbers


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What two processes made of the configurations."""
    folder = tmp_path_factory.mktemp("pair")
    result = torchrun(__file__, "worker", folder)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    results = {name: (json.loads((folder / f"{name}.json").read_text()),
                      torch.load(folder / f"{name}.pt", weights_only=True)) for name in CONFIGURATIONS}
    return {**results, "refused": [item.read_text() for item in folder.glob("refused*")]}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_two_processes_train_as_one(pair, name):
    one, ((history, metrics), weights) = fit(**CONFIGURATIONS[name]), pair[name]
    low = "bf16" in name
    assert_same_curves(one.history, history, 0.02 if low else 1e-4)
    assert metrics["auc"] == pytest.approx(one.metrics["auc"], abs=0.02 if low else 1e-4)
    own = one.network.state_dict()
    assert list(own) == list(weights)
    for key, value in own.items():
        assert torch.allclose(value.float(), weights[key].float(), atol=0.05 if low else 1e-3), key


def test_processes_with_other_settings_are_refused(pair):
    assert len(pair["refused"]) == 2 and all("same data or settings" in text for text in pair["refused"])


def test_slices_cover_the_batch():
    for length in (0, 1, 2, 7, 12):
        for count in (1, 2, 5):
            parts = [Processes(number, count).share(np.arange(length)) for number in range(count)]
            assert np.concatenate(parts).tolist() == list(range(length))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_dropout_masks_are_those_of_the_whole_batch():
    layer, image = ChannelDropout(6, 0.5), torch.ones(5, 6, 2, 2)

    def drop(images, place):
        set_generator(layer, torch.Generator().manual_seed(4))
        set_place(layer, place)
        return layer(images)

    whole = drop(image, None)
    assert torch.equal(torch.cat([drop(image[:3], (0, 5)), drop(image[3:], (3, 5))]), whole)
    assert torch.equal(drop(image[:0], (5, 5)), whole[:0])


@pytest.mark.parametrize("shape", [(6, 3, 5, 4), (8, 3)])
def test_shared_batch_norm_is_batch_norm(monkeypatch, shape):
    """With nothing to add from other processes; large offsets show whether the variance loses digits."""
    monkeypatch.setattr("scarp.model.training.distributed.dist.all_reduce", lambda values: None)
    image = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(1)) + 200
    results = []
    for layer in ((nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(3), SharedBatchNorm(3)):
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
        values = image.clone().requires_grad_()
        found = layer(values)
        (found ** 3).sum().backward()
        results.append((found, values.grad, layer.weight.grad, layer.bias.grad, layer.running_mean, layer.running_var,
                        layer.num_batches_tracked))
    for own, torchs in zip(*results):
        assert torch.allclose(own, torchs, rtol=1e-3, atol=1e-3)


# The command line


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as end:
        train.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0 and "torchrun" in text
    for word in ("--lambda NUMBER", "--no-augment", "{spatial_blocks,random}", "From 1 to 65536", "--start-from FILE"):
        assert word in text


@pytest.mark.parametrize("more,word", [([], "does not exist"), (["--epochs", "0"], "EPOCHS")])
def test_a_failure_is_one_message(tmp_path, capsys, more, word):
    command = [str(tmp_path / "none.tif"), "labels.tif", str(tmp_path / "m.safetensors"), "--physics", "none", *more]
    assert train.main(command) == 1
    text = capsys.readouterr().err
    assert word in text and "Traceback" not in text and len(text.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_module_runs_as_a_program(tmp_path):
    result = subprocess.run([sys.executable, "-m", "scarp.model.train", "--width", "x", "a", "b", "c"], text=True,
                            env=environment(), capture_output=True)
    assert result.returncode == 2 and "--width" in result.stderr


def test_one_process_goes_on_where_two_were_cancelled(area, alone, tmp_path):
    """Only the second process hears of the wish to stop; both stop, and the first leaves a checkpoint."""
    command = [*area, tmp_path / "m.safetensors", *OPTIONS, "--checkpoint", tmp_path / "state"]
    statuses, texts = by_hand(*[[__file__, "cancels", "-", *command]] * 2)
    assert statuses == [train.CANCELLED] * 2 and "Traceback" not in "".join(texts)
    assert [item.name for item in tmp_path.iterdir()] == ["state"]
    assert train.main([str(word) for word in command]) == 0
    assert_same_curves(alone.history, load_model(tmp_path / "m.safetensors").history, 1e-4)


def test_two_processes_go_on_where_one_was_cancelled(area, alone, tmp_path, monkeypatch):
    command = [*area, str(tmp_path / "m.safetensors"), *OPTIONS, "--checkpoint", str(tmp_path / "state"), "--html",
               str(tmp_path / "m.html")]
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    original = loop._append

    def append(state, *others):
        original(state, *others)
        if state.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_append", append)
        assert train.main(command) == train.CANCELLED
    result = torchrun("-m", "scarp.model.train", *command)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("Going on after epoch 2") == 1 and result.stdout.split() == [command[2]]
    assert {item.name for item in tmp_path.iterdir()} == {"m.safetensors", "m.safetensors.run.json", "m.html",
                                                          "m.html.run.json", "state"}
    model = load_model(tmp_path / "m.safetensors")
    assert_same_curves(alone.history, model.history, 1e-4)
    assert list(model.network.state_dict()) == list(alone.network.state_dict())


def test_a_lost_process_ends_the_others(area, tmp_path):
    command = [*area, tmp_path / "m.safetensors", *OPTIONS]
    statuses, texts = by_hand(*[[__file__, "dies", "-", *command]] * 2)
    assert statuses == [train.FAILED, 3]
    assert "Another process of this training ended" in texts[0] and "Traceback" not in texts[0]
    assert not list(tmp_path.iterdir())


if __name__ == "__main__":
    train.leave(worker(sys.argv[2]) if sys.argv[1] == "worker" else ends_in_epoch_2(sys.argv[1]))
