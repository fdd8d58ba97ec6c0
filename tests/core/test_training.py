"""Training: settings, augmentation, batches, determinism, checkpoints, the physics term at work, cancelling."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from scarp.model.encoding import Encoding, FactorSpec, fit_factors
from scarp.model.errors import Cancelled, DeviceUnavailable, ModelFileInvalid, OutputNotWritable, ParameterInvalid
from scarp.model.options import parameter_name
from scarp.model.progress import NullProgress, duration
from scarp.model.stack import StackFactor
from scarp.model.training import checkpoint as checkpoints
from scarp.model.training import devices, loop
from scarp.model.training.checkpoint import fingerprint
from scarp.model.training.devices import choose_precision, training_precision
from scarp.model.training.fit import fit_network
from scarp.model.training.loop import ORIENTATIONS, TrainingData, aspect_lookup, flip_rotate, transform_aspect
from scarp.model.training.settings import TrainingSettings, default
from scarp.model.windows.collection import WindowSet
from scarp.tests.core.conftest import Listener

CPU = torch.device("cpu")
FACTORS = [
    StackFactor("slope", "continuous", "degrees"),
    StackFactor("aspect", "categorical"),
    StackFactor("rock", "categorical", classes={1: "granite", 2: "schist", 3: "till"}),
]
SIZES = {"epochs": 4, "patience": 0, "batch": 8, "width": 4, "depth": 1, "learning_rate": 5e-3}
SMALL = {**SIZES, "weight_landslide": 3.0, "physics": "none", "device": "cpu", "precision": "fp32"}
"""In fp32, because the automatic choice depends on the processor."""


def windows_of(count=40, side=10, padded=12, seed=0, safety=True):
    """Windows in which landslides follow slope and rock, with some noise, nodata and unknown labels."""
    generator = np.random.default_rng(seed)
    factors = np.empty((count, 3, padded, padded), dtype=np.float32)
    coarse = generator.normal(0, 1, (count, padded // 4, padded // 4)).repeat(4, 1).repeat(4, 2)
    factors[:, 0] = 20 + 8 * coarse + generator.normal(0, 2, coarse.shape)
    factors[:, 1] = generator.integers(1, 10, coarse.shape)
    factors[:, 2] = generator.integers(1, 4, (count, 1, 1))
    odds = (factors[:, 0] - 24) / 3 + 2 * (factors[:, 2] == 2) - 1
    labels = (generator.random(coarse.shape) < 1 / (1 + np.exp(-odds))).astype(np.uint8)
    fs = np.where(factors[:, 0] > 22, 0.3, 0.7).astype(np.float32)
    hidden = generator.random(coarse.shape) < 0.05
    factors[:, 0][hidden] = np.nan
    margin = (padded - side) // 2
    inner = np.zeros((padded, padded), dtype=bool)
    inner[margin : margin + side, margin : margin + side] = True
    labels[hidden | ~inner] = 255
    fs[hidden | ~inner] = np.nan
    subsets = np.repeat([0, 1, 2], [count - 2 * (count // 4), count // 4, count // 4]).astype(np.uint8)
    origins = np.stack([np.arange(count) * side, np.arange(count) * side], axis=1)
    return WindowSet(origins, side, margin, factors, labels, fs if safety else None, subsets)


def fit(windows=None, progress=None, checkpoint=None, **changes):
    settings = TrainingSettings(**{**SMALL, **changes})
    return fit_network(windows or windows_of(), FACTORS, settings, progress or NullProgress(), checkpoint)


def auc_of(windows, fitted):
    """Over the labelled cells of the test windows; nothing is scored in windows of validation."""
    some = windows.indices_of(2)
    known = windows.labels[some] != 255
    assert np.isnan(fitted.scores[windows.indices_of(1)]).all() and np.isfinite(fitted.scores[some]).all()
    return roc_auc_score(windows.labels[some][known] == 1, fitted.scores[some][known])


def bytes_of(network):
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}


def weights(fitted):
    return bytes_of(fitted.network)


@pytest.fixture
def validation_losses(monkeypatch):
    """Return a function that sets the validation loss of every epoch, and returns the weights that were validated."""
    real = loop.Trainer.evaluate

    def set_losses(losses):
        validated = []

        def evaluate(self, *arguments, ema=False):
            numbers = real(self, *arguments, ema=ema)
            if ema:
                numbers["loss"] = losses[len(validated)]
                validated.append(bytes_of(self.ema.network))
            return numbers

        monkeypatch.setattr(loop.Trainer, "evaluate", evaluate)
        return validated

    return set_losses


class CancelAfter(NullProgress):
    """Cancels once so many epochs are done; counts what is reported all the same."""

    def __init__(self, epochs, of):
        super().__init__()
        self.limit, self.done, self.late = 0.03 + 0.94 * epochs / of, 0.0, 0

    def report(self, fraction, text=""):
        self.late += self.done > self.limit
        self.done = max(self.done, fraction)

    def cancelled(self):
        return self.done > self.limit


INVALID = [
    *[("physics", "soft"), ("split", "blocks"), ("encoding", "onehot"), ("precision", "fp64"), ("device", "gpu")],
    *[("device", "cuda:x"), ("epochs", 0), ("epochs", 2.5), ("epochs", True), ("batch", -1), ("learning_rate", 0.0)],
    *[("learning_rate", np.nan), ("dropout", 1.0), ("depth", 9), ("width", "8"), ("window", np.inf), ("seed", -1)],
    *[("augment", 1), ("lambda_", -0.1), ("p_low", 0.0), ("weight_stable", 0.0)],
]


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_settings_out_of_range_name_the_parameter(name, value):
    with pytest.raises(ParameterInvalid, match=parameter_name(name)):
        TrainingSettings(**{name: value})


def test_settings_have_defaults_limits_and_choices():
    assert TrainingSettings().as_dict()["width"] == default("width") == 16 and default("window") is None
    assert TrainingSettings.option("physics").choices == ("hinge", "indicator", "none", "stability")
    for option in TrainingSettings.options():
        assert option.label and option.help, option.name
        for value in option.limits or ():
            TrainingSettings(**{option.name: value})


def aspect_of(height):
    """Aspect codes of a surface on unit cells, rows going south; the direction in which it falls."""
    south, east = np.gradient(height)
    azimuth = np.degrees(np.arctan2(-east, south)) % 360
    codes = (np.floor((azimuth + 22.5) / 45) % 8 + 2).astype(int)
    return np.where(np.hypot(south, east) < 1e-12, 1, codes)


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_aspect_is_transformed_with_the_surface(orientation):
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32] / 32.0
    waves = [(generator.normal(), *one) for one in generator.normal(size=(8, 3))]
    height = sum(size * np.sin(6 * (a * rows + b * columns) + c) for size, a, b, c in waves)
    height[:8, :8] = 0.0
    before = aspect_of(height)
    after = aspect_of(flip_rotate(torch.from_numpy(height), orientation).numpy())
    moved = flip_rotate(torch.from_numpy(before), orientation).numpy()
    assert len(np.unique(before)) == 9
    expected = np.vectorize(lambda code: transform_aspect(int(code), orientation))(moved)
    assert (after == expected).mean() > 0.995


def test_eight_orientations_differ_and_keep_all_cells():
    image = torch.arange(16).reshape(4, 4)
    results = {tuple(flip_rotate(image, orientation).flatten().tolist()) for orientation in range(ORIENTATIONS)}
    assert len(results) == 8
    assert torch.equal(flip_rotate(image, 0), image)
    for orientation in range(ORIENTATIONS):
        assert sorted(transform_aspect(code, orientation) for code in range(1, 10)) == list(range(1, 10))
        assert transform_aspect(1, orientation) == 1
        assert transform_aspect(77, orientation) == 77


def test_aspect_table_knows_nodata_and_unseen():
    table = aspect_lookup(FactorSpec("aspect", "categorical", seen=(1, 2, 8)))
    assert table.shape == (8, 5)
    assert table[1].tolist() == [0, 1, 3, 4, 4]  # north becomes west, west becomes south, which was never seen
    assert (table[:, 0] == 0).all() and (table[:, -1] == 4).all()


@pytest.mark.parametrize("encoding", ["codes", "one_hot"])
@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_batches_equal_the_encoding_of_transformed_values(encoding, orientation):
    windows = windows_of()
    tables = Encoding(fit_factors(FACTORS, windows.training_cells()), encoding)
    data = TrainingData(windows, tables, CPU, NullProgress())
    numbers, turns = np.array([3, 0, 17]), np.array([orientation, 0, orientation])
    images, labels, safety = data.batch(numbers, turns)
    for place, (number, turned) in enumerate(zip(numbers, turns.tolist())):
        raw = flip_rotate(torch.from_numpy(windows.factors[number]), turned).numpy().copy()
        known = np.isfinite(raw[1])
        raw[1][known] = [transform_aspect(int(code), turned) for code in raw[1][known]]
        image, _ = tables.encode(raw)
        assert np.allclose(images[place].numpy(), image, atol=1e-6)
        for found, source in ((labels, windows.labels), (safety, windows.safety)):
            expected = flip_rotate(torch.from_numpy(source[number]), turned).numpy()
            assert np.array_equal(found[place].numpy(), expected, equal_nan=True)


CHANGES = [{}, {"augment": False, "encoding": "codes", "depth": 2}, {"physics": "hinge", "precision": "bf16"}]


@pytest.mark.parametrize("changes", CHANGES)
def test_same_seed_same_weights_and_another_seed_others(changes):
    one, two, other = fit(**changes), fit(**changes), fit(seed=2, **changes)
    assert (weights(one), one.history, one.metrics) == (weights(two), two.history, two.metrics)
    assert weights(one) != weights(other)


def test_training_leaves_the_process_as_it_was():
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(7)
    random.seed(7)

    def state():
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),
            random.getstate(),
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            torch.get_num_threads(),
            torch.get_default_dtype(),
            os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
            torch.is_grad_enabled(),
        )

    before = state()
    fit(epochs=1)
    assert state() == before
    with pytest.raises(ZeroDivisionError), devices.deterministic_torch():
        with devices.deterministic_torch():
            assert torch.are_deterministic_algorithms_enabled()
        assert torch.are_deterministic_algorithms_enabled()
        raise ZeroDivisionError
    assert state() == before


def test_two_trainings_at_once_do_not_disturb_each_other():
    alone = [weights(fit(seed=seed)) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: weights(fit(seed=seed)), (1, 2)))
    assert together == alone
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("encoding", ["codes", "one_hot"])
@pytest.mark.parametrize("augment", [True, False])
def test_training_learns(encoding, augment):
    fitted = fit(encoding=encoding, augment=augment, epochs=12)
    assert auc_of(windows_of(), fitted) > 0.8 and fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]


@pytest.mark.parametrize("safety", [True, False])
def test_history_and_metrics(safety):
    progress = NullProgress()
    fitted = fit(windows_of(safety=safety), progress, physics="hinge" if safety else "none")
    assert [item["epoch"] for item in fitted.history] == [1, 2, 3, 4]
    best = min(fitted.history, key=lambda item: item["validation_loss"])
    assert fitted.best_epoch == fitted.metrics["best_epoch"] == best["epoch"]
    for item in (*fitted.history, {f"train_{name}": value for name, value in fitted.metrics.items()}):
        assert 0 <= item["train_accuracy"] <= 1 and 0 <= item["train_recall"] <= 1
        assert (item["train_violation_rate"] is None) == (not safety)


BEST = [((1.0, 2.0, 3.0, 4.0), 1), ((3.0, 1.0, 2.0, 1.5), 2), ((3.0, 1.0, 1.0, 2.0), 2), ((4.0, 2.0, 3.0, 1.0), 4)]


@pytest.mark.parametrize("averaging", [0.0, 0.99])
@pytest.mark.parametrize(("losses", "best"), BEST)
def test_weights_are_those_of_the_best_epoch(validation_losses, losses, best, averaging):
    """Of the lowest validation loss, and of the first one of equals; as if training had ended there."""
    validated = validation_losses(losses)
    long = fit(epochs=len(losses), averaging=averaging)
    assert [item["validation_loss"] for item in long.history] == list(losses)
    assert len({tuple(one.values()) for one in validated}) == len(losses), "each has its own"
    assert (long.best_epoch, weights(long)) == (best, validated[best - 1])
    validation_losses(losses)
    assert weights(fit(epochs=best, averaging=averaging)) == weights(long)


@pytest.mark.parametrize(("batch", "fine"), [(1, False), (2, True), (3, True)])
def test_a_batch_of_one_is_refused_for_batch_norm(batch, fine):
    settings = TrainingSettings(**{**SMALL, "batch": batch, "epochs": 1})
    with contextlib.nullcontext() if fine else pytest.raises(ParameterInvalid, match="BATCH"):
        fit_network(windows_of(side=12), FACTORS, settings, NullProgress(), kind="resnet", cell=200.0)


def test_a_checkpoint_does_not_resume_in_another_precision(tmp_path):
    """An automatic choice may differ on another computer."""
    windows, settings = windows_of(), TrainingSettings(**SMALL)
    keys = {fingerprint(windows, settings, {"type": "unet"}, precision) for precision in ("fp32", "bf16")}
    assert len(keys) == 2


def test_patience_ends_training(validation_losses):
    validation_losses([5.0, 3.0, 4.0, 4.0, 2.0, 2.0, 3.0, 2.5, 1.0])
    fitted = fit(epochs=60, patience=3)
    assert (fitted.best_epoch, len(fitted.history)) == (5, 8)


def test_hinge_lowers_the_violation_rate_and_indicator_changes_no_weight():
    windows = windows_of()
    # Warnings where the labels speak of stable ground: labels and physics pull apart.
    known = np.isfinite(windows.safety)
    windows.safety[known] = np.where(windows.factors[:, 0] < 16, 0.3, 0.7)[known]
    # A U-Net alone: with curves and averaging so little is called safe that nothing is left to correct.
    settings = {"epochs": 12, "lambda_": 5.0, "knots": 0, "averaging": 0.0}
    found = {physics: fit(windows, physics=physics, **settings) for physics in ("none", "indicator", "hinge")}
    rates = {physics: item.history[-1]["validation_violation_rate"] for physics, item in found.items()}
    assert rates["none"] > 0.05 and rates["hinge"] < 0.7 * rates["none"]
    # What is reported differs, and so may the best epoch; the weights on the way there do not.
    for one, two in zip(found["none"].history, found["indicator"].history):
        assert one["train_accuracy"] == two["train_accuracy"]
        assert (one["train_loss"] < two["train_loss"]) == (one["train_violation_rate"] > 0)


def test_unseen_and_constant_factors_warn():
    windows = windows_of()
    training = windows.indices_of(0)
    slope = windows.factors[training, 0]
    windows.factors[training, 2], windows.factors[training, 0] = 1, np.where(np.isnan(slope), np.nan, 30)
    progress = NullProgress()
    fit(windows, progress, epochs=1)
    assert any("schist" in text and "till" in text for text in progress.warnings)
    assert any('"slope" is constant' in text for text in progress.warnings)


@pytest.mark.parametrize(("side", "depth"), [(4, 1), (5, 3), (7, 2)])
def test_tiny_windows_and_batches_train(side, depth):
    padded = max(-(-side // 2**depth), 2) * 2**depth
    fitted = fit(windows_of(side=side, padded=max(padded, 4)), depth=depth, batch=1, epochs=1)
    assert np.isfinite(fitted.history[0]["train_loss"])


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize("changes", [{}, {"physics": "hinge", "depth": 2, "precision": "bf16"}])
def test_interrupted_run_ends_with_the_same_weights(tmp_path, monkeypatch, stop, changes):
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    path = tmp_path / "state.safetensors"
    whole = fit(**changes)
    with pytest.raises(Cancelled):
        fit(progress=CancelAfter(stop, 4), checkpoint=path, **changes)
    with_checkpoint = fit(checkpoint=path, **changes)
    assert (weights(with_checkpoint), with_checkpoint.history) == (weights(whole), whole.history)
    # A finished run is not trained again.
    assert weights(fit(checkpoint=path, **changes)) == weights(whole)


@pytest.mark.parametrize("changes", [{"seed": 2}, {"width": 5}, {"learning_rate": 1e-3}])
def test_checkpoint_of_other_settings_is_refused(tmp_path, changes):
    path = tmp_path / "state.safetensors"
    fit(checkpoint=path, epochs=1)
    for windows, other in ((windows_of(), changes), (windows_of(seed=1), {})):
        with pytest.raises(ParameterInvalid, match="other data or settings"):
            fit(windows, checkpoint=path, **{"epochs": 1, **other})


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "state.safetensors"
    fit(checkpoint=path, epochs=1)
    content = path.read_bytes()
    path.write_bytes({"text": b"not a checkpoint at all", "cut": content[: len(content) // 2], "empty": b""}[damage])
    with pytest.raises(ModelFileInvalid, match="Choose another file"):
        fit(checkpoint=path, epochs=1)


def test_lower_precision_stays_close():
    full, low = fit(precision="fp32", epochs=6), fit(precision="bf16", epochs=6)
    both = [auc_of(windows_of(), fitted) for fitted in (low, full)]
    assert (low.precision, both[0]) == ("bf16", pytest.approx(both[1], abs=0.05))


@pytest.mark.parametrize("epochs", [0.4, 1.3])
def test_cancelling_ends_training_with_the_batch_under_way(epochs):
    """The seconds are measured by ``benchmarks/responsiveness.py``."""
    progress = CancelAfter(epochs, 4)
    with pytest.raises(Cancelled):
        fit(progress=progress, batch=2)
    assert progress.late <= 1 and progress.done < progress.limit + 0.05


def test_the_log_has_some_epochs():
    progress = Listener()
    fit(progress=progress, epochs=25, width=2)
    told = [text for text in progress.texts if text.startswith("Epoch")]
    assert [int(text.split()[1]) for text in told] == [1, 10, 20, 25]
    assert all("left" in text for text in told) and told[-1].endswith("none left.")
    assert not [text for text in progress.texts if text.startswith("An epoch takes")]


def test_durations_are_rounded():
    seconds = 0, 8, 42, 95, 3000, 5500, 7200, 100000, 300000
    texts = "a few seconds,10 seconds,40 seconds,2 minutes,50 minutes,1 hour 30 minutes,2 hours,27 hours 50 minutes"
    assert ",".join(duration(value) for value in seconds) == f"{texts},3 days"


def test_slow_epochs_are_logged_one_by_one(monkeypatch):
    for name in ("MAX_LOG_INTERVAL", "FORECAST_AFTER"):
        monkeypatch.setattr(f"scarp.model.training.loop.{name}", 0.0)
    progress = Listener()
    fit(progress=progress, epochs=3, width=2)
    lines = progress.texts
    assert [text.split()[1] for text in lines if text.startswith("Epoch")] == ["1", "2", "3"]
    assert [text for text in lines if text.startswith("An epoch takes")] == lines[:1]
    assert "3 epochs" in lines[0]


def test_training_precision_follows_the_device(monkeypatch):
    for generation, expected in ((6, torch.float32), (7, torch.float16), (8, torch.bfloat16), (9, torch.bfloat16)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, major=generation: (major, 0))
        assert training_precision("auto", torch.device("cuda:0")) == expected
    for has in (True, False):
        monkeypatch.setattr(devices, "cpu_has_bf16", lambda has=has: has)
        assert training_precision("auto", CPU) == (torch.bfloat16 if has else torch.float32)
        assert choose_precision("auto", CPU) == torch.float32, "maps stay exact"
        for choose in (choose_precision, training_precision):
            assert (choose("fp32", CPU), choose("bf16", CPU)) == (torch.float32, torch.bfloat16)
            with pytest.raises(DeviceUnavailable, match="fp16"):
                choose("fp16", CPU)
    assert training_precision("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize("kind", ["missing", "raises", "no"])
def test_a_torch_that_cannot_tell_means_no_bf16(monkeypatch, kind):
    def ask():
        if kind == "raises":
            raise RuntimeError("not on this system")
        return False

    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
        if kind != "missing":
            monkeypatch.setattr(torch.cpu, name, ask, raising=False)
    assert devices.cpu_has_bf16() is False
    if kind == "no":
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
        assert devices.cpu_has_bf16() is True


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

    def written():
        return path.stat().st_mtime_ns if path.is_file() else 0

    for number in range(KILLS):
        before, share = written(), (number + 1) / (KILLS + 1)
        process = subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(share)], env=environment)
        # At least one epoch further than the last time, then at any moment of any epoch, also while it writes.
        while process.poll() is None and written() == before:
            time.sleep(0.002)
        time.sleep(generator.uniform(0.0, 0.1))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    resumed, whole = fit(checkpoint=path, **RUN), fit(**RUN)
    assert (weights(resumed), resumed.history, resumed.metrics) == (weights(whole), whole.history, whole.metrics)


def failing_writes(monkeypatch, first, error):
    """Have every write of a file from a number on end in the middle; return the paths that were written to."""
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    seen, write = [], Path.write_bytes

    def fails(self, content):
        seen.append(self)
        if len(seen) < first:
            return write(self, content)
        write(self, content[: len(content) // 2])
        raise error

    monkeypatch.setattr(Path, "write_bytes", fails)
    return seen


def test_a_checkpoint_that_was_being_written_leaves_the_last_one(tmp_path, monkeypatch):
    """The file under its name is always a whole one, so a kill in the middle of writing costs an epoch and no more."""
    path, seen = tmp_path / "state.safetensors", failing_writes(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=path)
    monkeypatch.undo()
    assert path not in seen
    assert weights(fit(checkpoint=path)) == weights(fit())


def test_a_disk_that_fills_up_costs_the_checkpoint_and_not_the_training(tmp_path, monkeypatch):
    path, progress = tmp_path / "state.safetensors", NullProgress()
    seen = failing_writes(monkeypatch, 4, OSError(errno.ENOSPC, "No space left on device"))
    fitted = fit(progress=progress, checkpoint=path, epochs=8)
    assert weights(fitted) == weights(fit(epochs=8))
    assert len(seen) > 5
    assert len([text for text in progress.warnings if "No space left" in text and "goes on" in text]) == 1
    assert [item.name for item in tmp_path.iterdir()] == [path.name], "the last whole one"
    with pytest.raises(OutputNotWritable, match="No space left"):
        fit(checkpoint=tmp_path / "other.safetensors", epochs=8)
    monkeypatch.undo()
    assert weights(fit(checkpoint=path, epochs=8)) == weights(fitted)
