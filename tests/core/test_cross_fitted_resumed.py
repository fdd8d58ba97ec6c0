"""CHECKPOINT and DEVICE of a training by cross-fitting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scarp.model.errors import Cancelled, ModelFileInvalid, ParameterInvalid
from scarp.model.training import checkpoint, pointwise_fit
from scarp.tests.core.conftest import Listener
from scarp.tests.core.cross_fitting import StopAt, area, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An area with 60 landslides, and the model of a training that ran through."""
    result = tmp_path_factory.mktemp("area")
    area(result, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise_fit, "CHECKPOINTS", (10, 30, 60))
        # Few steps between two writes, so that a training is stopped in the middle of them.
        patch.setattr(pointwise_fit, "_DRAWN_STEPS", 7)
        patch.setattr(checkpoint, "WRITE_INTERVAL", 0.0)
        train(result, block=200.0)
        yield result


def test_a_stopped_training_resumes_to_the_same_weights(folder, tmp_path):
    state = tmp_path / "state"
    # In the additive part, at the first network, between two checkpoints, near the end.
    for share in (0.5, 0.62, 0.65, 0.7, 0.75, 0.8, 0.9):
        with pytest.raises(Cancelled):
            train(folder, "resumed.safetensors", StopAt(share), checkpoint=state, block=200.0)
        assert state.exists() and not (folder / "resumed.safetensors").exists()
    log = Listener()
    train(folder, "resumed.safetensors", log, checkpoint=state, block=200.0)
    assert any("Resuming after step" in text for text in log.texts)
    whole = (folder / "model.safetensors").read_bytes()
    assert (folder / "resumed.safetensors").read_bytes() == whole
    # From its end, and with the file where there was none.
    for path in (state, tmp_path / "new"):
        train(folder, "again.safetensors", checkpoint=path, block=200.0)
        assert (folder / "again.safetensors").read_bytes() == whole


def test_a_checkpoint_of_another_run_is_refused(folder, tmp_path):
    state = tmp_path / "state"
    train(folder, "one.safetensors", checkpoint=state, block=200.0)
    for given in ({"seed": 2}, {"block": 300.0}):
        with pytest.raises(ParameterInvalid, match="belongs to a run with other data or settings"):
            train(folder, "other.safetensors", checkpoint=state, **{"block": 200.0, **given})
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(ModelFileInvalid, match="cannot be used"):
        train(folder, "other.safetensors", checkpoint=state, block=200.0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_trains_the_same_model(folder):
    result = train(folder, "gpu.safetensors", block=200.0, device="cuda")
    other = train(folder, "cpu.safetensors", block=200.0, device="cpu")
    assert result.device.startswith("cuda")
    assert np.isclose(result.metrics["auc"], other.metrics["auc"], atol=2e-3)
    assert result.metrics["chosen_steps"] == other.metrics["chosen_steps"]
