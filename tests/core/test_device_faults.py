"""GPUs that run out of memory, fail or vanish, simulated: a training explains it, a map is finished without."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from scarp.model.artifact import load_model
from scarp.model.errors import DeviceUnavailable
from scarp.model.factors.polygons import AreaMask
from scarp.model.memory import is_out_of_memory
from scarp.model.networks.unet import PcumLoss
from scarp.model.prediction.engines import ComputeSetup
from scarp.model.prediction.ensemble import Ensemble
from scarp.model.prediction.pipeline import make_plan
from scarp.model.prediction.tile_inference import MEAN, TileWork
from scarp.model.progress import NullProgress
from scarp.model.stack import open_stack
from scarp.model.training import checkpoint as checkpoints
from scarp.model.training.devices import choose_device, device_errors_explained, is_device_failure
from scarp.tests.core.prediction_models import saved, stack, values
from scarp.tests.core.test_training import fit, weights

CPU, GPU = torch.device("cpu"), torch.device("meta")
"""The only other device that every torch has, one that computes nothing, in place of a GPU."""
FULL = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
GONE = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later.")
BUG = RuntimeError("mat1 and mat2 shapes cannot be multiplied")


@pytest.fixture
def failing(monkeypatch):
    """Returns a function that has the n-th batch of a training, checks included, fail."""

    def fail(error: BaseException, number: int) -> None:
        plain, count = PcumLoss.__call__, 0

        def batch(self, *values):
            nonlocal count
            count += 1
            if count == number:
                raise error
            return plain(self, *values)

        monkeypatch.setattr(PcumLoss, "__call__", batch)

    return fail


@pytest.mark.parametrize("number", [1, 7])
@pytest.mark.parametrize(
    ("error", "words"), [(FULL, "too little memory.*BATCH"), (GONE, "failed.*launch failure.*cpu")]
)
def test_a_training_explains_gpu_errors_and_how_to_continue(failing, number, error, words):
    failing(error, number)
    with pytest.raises(DeviceUnavailable, match=words) as caught:
        fit(epochs=4)
    assert "\n" not in str(caught.value)
    failing(BUG, number)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        fit(epochs=4)


@pytest.mark.parametrize("error", [FULL, GONE])
def test_a_training_resumes_from_its_checkpoint_after_the_gpu_failed(tmp_path, monkeypatch, failing, error):
    monkeypatch.setattr(checkpoints, "WRITE_INTERVAL", 0.0)
    path = tmp_path / "state.safetensors"
    with monkeypatch.context():
        failing(error, 12)
        with pytest.raises(DeviceUnavailable) as caught:
            fit(epochs=8, checkpoint=path)
    assert error is FULL or str(path) in str(caught.value)
    kept = path.read_bytes()
    monkeypatch.undo()
    resumed, whole = fit(epochs=8, checkpoint=path), fit(epochs=8)
    assert path.read_bytes() != kept, "it went on"
    assert (weights(resumed), resumed.history) == (weights(whole), whole.history)


@pytest.mark.parametrize(
    ("device", "error", "blamed"),
    [
        (GPU, RuntimeError("MPS backend out of memory"), True),
        (GPU, FULL, True),
        (CPU, GONE, True),
        (CPU, RuntimeError("DefaultCPUAllocator: can't allocate memory"), False),
        (GPU, BUG, False),
    ],
)
def test_device_errors_are_recognised(device, error, blamed):
    with pytest.raises(DeviceUnavailable if blamed else RuntimeError), device_errors_explained(device):
        raise error


DRIVER = ["CUDA error: device-side assert triggered", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"]
DRIVER += ["No CUDA GPUs are available", "NVML_SUCCESS == r INTERNAL ASSERT FAILED"]


@pytest.mark.parametrize("text", [*DRIVER, "shapes cannot be multiplied", ""])
def test_driver_messages_are_recognised(text):
    assert is_device_failure(RuntimeError(text)) == (text in DRIVER)
    assert not is_device_failure(ValueError(text)) and not is_out_of_memory(RuntimeError(text))


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_a_gpu_that_cannot_be_used_or_is_not_there(monkeypatch, name):
    def fails():
        raise RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", fails)
    with pytest.raises(DeviceUnavailable, match="cannot be used.*DEVICE=cpu"):
        choose_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for asked in ("cuda", "cuda:0", "cuda:3"):
        with pytest.raises(DeviceUnavailable, match=f"DEVICE is {asked}.*auto or cpu"):
            choose_device(asked)
    assert choose_device("auto") == CPU


class FailingEngine:
    """An engine on a GPU that fails from its n-th piece on; until then it is the CPU's."""

    bytes_per_cell = 1.0

    def __init__(self, engine, error, number, together=0):
        self._engine, self._error, self._left = engine, error, number
        self._barrier = threading.Barrier(together) if together else None

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def logit(self, *values):
        self._left -= 1
        if self._left <= 0:
            if self._barrier is not None:
                self._barrier.wait(60)
            raise self._error
        return self._engine.logit(*values)


@pytest.fixture
def prepared(tmp_path):
    """A stack, an ensemble and its tiling."""
    trained, progress = saved(tmp_path / "m.safetensors", "pcum"), NullProgress()
    with open_stack(stack(tmp_path / "s.tif", values(300, 280))) as dataset:
        ensemble = Ensemble(dataset, [load_model(trained)], [trained], 0, progress)
        setup = ensemble.setup(CPU, torch.float32)
        tiling = make_plan(dataset.grid, ensemble, setup, 128).tiling

        def work(device, *engines):
            on_device = ComputeSetup(device, setup.dtypes, list(engines))
            return TileWork(ensemble, on_device, tiling, AreaMask(dataset.grid, None), [MEAN], progress)

        yield SimpleNamespace(stack=dataset, engines=setup.engines, tiling=tiling, work=work, progress=progress)


def maps(work, prepared):
    computed = (work.compute(tile, work.read(prepared.stack, tile), lambda share: None) for tile in prepared.tiling)
    return [one.arrays[MEAN] for one in computed]


def require_same(found, expected):
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(("error", "words"), [(FULL, "memory"), (GONE, "launch failure")])
def test_a_map_is_finished_on_the_processor_but_no_bug_hidden(prepared, error, words, number):
    expected = maps(prepared.work(CPU, *prepared.engines), prepared)
    require_same(maps(prepared.work(GPU, FailingEngine(prepared.engines[0], error, number)), prepared), expected)
    (warning,) = prepared.progress.warnings
    assert words in warning and "processor" in warning
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        maps(prepared.work(GPU, FailingEngine(prepared.engines[0], BUG, number)), prepared)


@pytest.mark.parametrize("error", [GONE, FULL])
def test_threads_that_fail_together_all_fall_back(prepared, error):
    """The second thread finds the CPU in the GPU's place, and must not take it for the device that failed."""
    expected = maps(prepared.work(CPU, *prepared.engines), prepared)[:2]
    work = prepared.work(GPU, FailingEngine(prepared.engines[0], error, 1, together=2))
    tiles, tiling = list(prepared.tiling)[:2], prepared.tiling
    # Pieces are not split, so that both fail at the same moment with the smallest.
    work.tiling = SimpleNamespace(align=tiling.align, around=tiling.around, quarters=lambda piece: [piece])
    read = [work.read(prepared.stack, tile) for tile in tiles]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda pair: work.compute(*pair, lambda share: None), zip(tiles, read)))
    require_same([one.arrays[MEAN] for one in done], expected)
    assert len(prepared.progress.warnings) == 1
