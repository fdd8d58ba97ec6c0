"""Fine-tuning a trained network on another area."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from scarp.model.encoding import ClassMatcher, Encoding
from scarp.model.errors import ParameterInvalid
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training import fine_tuning
from scarp.model.training.fine_tuning import StartModel, adapt_windows, fine_tune_network, fine_tune_settings
from scarp.model.training.fit import fit_network
from scarp.model.training.settings import TrainingSettings
from scarp.tests.core.conftest import Listener
from scarp.tests.core.test_training import FACTORS, SMALL, auc_of, windows_of

NEW = "basalt"
ENCODINGS = pytest.mark.parametrize("encoding", ["one_hot", "codes"])


def settings(**changes):
    return TrainingSettings(**{**SMALL, "epochs": 6, **changes})


def start_of(encoding="one_hot", windows=None, kind="pcum", **changes):
    given = settings(encoding=encoding, **changes)
    fitted = fit_network(windows or windows_of(), FACTORS, given, NullProgress())
    return StartModel("old.safetensors", "0" * 64, kind, fitted.architecture, encoding, fitted.factors, fitted.network)


@pytest.fixture(scope="module")
def starts():
    return {encoding: start_of(encoding) for encoding in ("one_hot", "codes")}


def other_area(seed=5, count=40):
    """The same country in a stack with its factors in another order, other codes of rock, one more rock and factor."""
    windows = windows_of(count, seed=seed)
    old = windows.factors
    rock = np.select([old[:, 2] == 1, old[:, 2] == 2], [7, 3], 1)
    rock[::5] = 2
    extra = np.random.default_rng(0).normal(size=rock.shape)
    windows.factors = np.stack([rock, old[:, 0], extra, old[:, 1]], axis=1).astype(np.float32)
    factors = [
        StackFactor("rock", "categorical", classes={7: " Granite", 3: "schist", 1: "TILL", 2: NEW}),
        StackFactor("slope", "continuous", "degrees"),
        StackFactor("rain", "continuous", "mm"),
        StackFactor("aspect", "categorical"),
    ]
    return windows, factors


def logits(network, specs, encoding, raw):
    image, _ = Encoding(specs, encoding).encode(raw)
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(image)[None])[0].numpy()


@ENCODINGS
def test_the_start_is_the_old_model(starts, encoding):
    start, (windows, factors) = starts[encoding], other_area()
    adapted, specs = adapt_windows(start, windows, factors, NullProgress())
    network, architecture = fine_tune_network(start, specs, 1)
    assert {**architecture, "channels": 0} == {**start.architecture, "channels": 0}
    new = 1 if encoding == "one_hot" else 0
    assert architecture["channels"] == start.architecture["channels"] + new

    def check(raw, known):
        found = logits(network, specs, encoding, raw)
        assert np.allclose(found, logits(start.network, start.factors, encoding, known), atol=1e-6)

    for raw in windows_of(4, seed=9).factors:
        check(raw, raw)
    if new:
        spec = next(item for item in specs if item.name == "rock")
        # A class that it cannot weigh yet is no class at all.
        unseen = adapted.factors[0].copy()
        unseen[2][unseen[2] == spec.seen[-1]] = 99
        check(adapted.factors[0], unseen)


def test_classes_are_matched_by_label_and_factors_by_name(starts):
    start, (windows, factors) = starts["one_hot"], other_area()
    log = Listener()
    adapted, specs = adapt_windows(start, windows, factors, log)
    assert [spec.name for spec in specs] == ["slope", "aspect", "rock"]
    old = windows_of(seed=5).factors
    same = np.arange(len(old)) % 5 != 0
    assert np.array_equal(adapted.factors[same], old[same], equal_nan=True)
    rock = specs[2]
    (code,) = (code for code, label in rock.classes.items() if label == NEW)
    assert code not in start.factors[2].seen and code in rock.seen
    assert set(start.factors[2].seen) < set(rock.seen)
    assert (adapted.factors[::5, 2] == code).all()
    assert any("rain" in line and "ignored" in line for line in log.texts)
    assert any("New classes" in line and NEW in line for line in log.texts)
    # A map of either area finds its classes in the new model.
    for stack_factors in (factors, FACTORS):
        mine = [next(item for item in stack_factors if item.name == spec.name) for spec in specs]
        assert not ClassMatcher(specs, mine).unknown


def test_statistics_stay_and_ranges_widen(starts):
    start, (windows, factors) = starts["one_hot"], other_area()
    slope = windows.factors[:, 1]
    slope[0][np.isfinite(slope[0])] += 1000
    _, specs = adapt_windows(start, windows, factors, NullProgress())
    assert (specs[0].mean, specs[0].std) == (start.factors[0].mean, start.factors[0].std)
    assert specs[0].minimum <= start.factors[0].minimum and specs[0].maximum > 1000


def test_codes_have_no_place_for_a_new_class(starts):
    windows, factors = other_area()
    log = Listener()
    adapted, specs = adapt_windows(starts["codes"], windows, factors, log)
    assert specs[2] == starts["codes"].factors[2]
    assert (adapted.factors[::5, 2] == -1).all()
    assert any(NEW in text and "ENCODING=codes" in text for text in log.warnings)


def test_without_class_names_codes_mean_the_same(starts):
    windows, factors = windows_of(seed=5), [dataclasses.replace(item, classes={}) for item in FACTORS]
    windows.factors[::3, 2] = 8
    log = Listener()
    adapted, specs = adapt_windows(starts["one_hot"], windows, factors, log)
    assert np.array_equal(adapted.factors, windows.factors, equal_nan=True)
    assert specs[2].seen == (1, 2, 3, 8)
    assert any("no class names" in text for text in log.warnings)


def test_what_does_not_fit_is_refused(starts):
    start = starts["one_hot"]
    with pytest.raises(ParameterInvalid, match="random_forest"):
        dataclasses.replace(start, kind="random_forest")
    with pytest.raises(ParameterInvalid, match="START_FROM"):
        # A file may call itself what it is not.
        dataclasses.replace(start, architecture={"type": "bpnn", "channels": 3, "patch": 20, "width": 4, "dropout": 0})
    assert set(fine_tuning.FINE_TUNABLE_KINDS) == {"pcum", "unet"}


def test_network_comes_from_the_model_and_steps_are_smaller(starts):
    start = starts["codes"]
    found = fine_tune_settings(start, TrainingSettings())
    assert (found.encoding, found.width, found.depth, found.dropout) == ("codes", 4, 1, SMALL.get("dropout", 0.2))
    assert found.learning_rate == pytest.approx(0.1 * TrainingSettings().learning_rate)
    given = settings(learning_rate=0.02, encoding="codes"), {"learning_rate", "width", "encoding"}
    assert fine_tune_settings(start, *given).learning_rate == 0.02


@pytest.mark.parametrize(("name", "value"), [("width", 8), ("depth", 2), ("encoding", "codes"), ("dropout", 0.5)])
def test_a_given_value_that_the_model_lacks_is_refused(starts, name, value):
    with pytest.raises(ParameterInvalid, match=f"{name.upper()} is {value}, but .* Leave {name.upper()} empty"):
        fine_tune_settings(starts["one_hot"], settings(**{name: value}), {name})


@pytest.mark.parametrize(("size", "warned"), [(30.0, False), (30.2, False), (12.5, True)])
def test_another_cell_size_warns(starts, size, warned):
    log = Listener()
    fine_tuning.check_pixel_size(dataclasses.replace(starts["codes"], pixel_size=30.0), size, log)
    assert bool(log.warnings) is warned


def fine_tune(start, windows, factors, **changes):
    given = fine_tune_settings(start, settings(**changes), set(changes))
    return fit_network(windows, factors, given, NullProgress(), start=start)


@ENCODINGS
def test_tiny_steps_change_next_to_nothing(starts, encoding):
    start, windows = starts[encoding], windows_of()
    tuned = fine_tune(start, windows, FACTORS, learning_rate=1e-8, epochs=2)
    assert tuned.factors == start.factors
    for name, value in tuned.network.named_parameters():
        assert torch.allclose(value, start.network.get_parameter(name), atol=1e-6), name
    # Batch norm goes on averaging, so answers move a little even so.
    raw = windows.factors[windows.indices_of(2)[0]]
    before, after = (logits(network, start.factors, encoding, raw) for network in (start.network, tuned.network))
    assert np.corrcoef((before[1] - before[0]).ravel(), (after[1] - after[0]).ravel())[0, 1] > 0.98


def test_a_new_class_is_learned(starts):
    windows, factors = other_area()
    tuned = fine_tune(starts["one_hot"], windows, factors, learning_rate=5e-3)
    place = Encoding(tuned.factors, "one_hot").channels - 1
    first = next(value for value in tuned.network.parameters() if value.dim() == 4)
    assert tuned.factors[2].classes[tuned.factors[2].seen[-1]] == NEW
    assert first[:, place].abs().max() > 0


def test_few_landslides_are_better_used_with_a_start(starts):
    """Area B has the same country and few labels; held-out land of B judges."""
    start = start_of(windows=windows_of(80, seed=11), epochs=15)
    few, held_out = windows_of(8, seed=21), windows_of(60, seed=22)
    names = ("origins", "factors", "labels", "safety")
    parts = {name: np.concatenate([getattr(few, name), getattr(held_out, name)]) for name in names}
    subsets = np.repeat([0, 1, 2], [6, 2, 60]).astype(np.uint8)
    windows = dataclasses.replace(few, **parts, subsets=subsets)
    aucs = []
    for seed in (1, 2, 3):
        scratch = fit_network(windows, FACTORS, settings(epochs=15, seed=seed), NullProgress())
        tuned = fine_tune(start, windows, FACTORS, epochs=15, seed=seed)
        aucs.append((auc_of(windows, scratch), auc_of(windows, tuned)))
    assert all(tuned > scratch for scratch, tuned in aucs), aucs


def test_a_checkpoint_belongs_to_its_start(starts, tmp_path):
    path, windows = tmp_path / "state.safetensors", windows_of()
    given = fine_tune_settings(starts["one_hot"], settings(epochs=1))
    fit_network(windows, FACTORS, given, NullProgress(), path, start=starts["one_hot"])
    for start in (None, dataclasses.replace(starts["one_hot"], sha256="1" * 64)):
        with pytest.raises(ParameterInvalid, match="other data or settings"):
            fit_network(windows, FACTORS, given, NullProgress(), path, start=start)
