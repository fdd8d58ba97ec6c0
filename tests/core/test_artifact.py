"""The model file and the job that writes it: round trip, same bytes, hostile files, wrong inputs, cancelling."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.metrics import roc_auc_score

from scarp.model import errors
from scarp.model.artifact import HEADER_KEY, TrainedModel, load_model, save_model
from scarp.model.encoding import FactorSpec
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.networks import build_network
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor
from scarp.model.training.settings import TrainingSettings
from scarp.tests.core.conftest import Listener, read_band, utm_grid, write_raster, write_stack
from scarp.tests.core.prediction_models import predict

SIZE, CELL = 160, 30.0
GRID = utm_grid(SIZE, SIZE, CELL)
FACTORS = [
    FactorSpec("slope", "continuous", "degrees", "Slope", {}, 20.0, 8.0, 0.0, 60.0),
    FactorSpec("aspect", "categorical", "", "Aspect", {1: "flat", 2: "N"}, 5.0, 2.0, 1.0, 9.0, (1, 2, 5, 9)),
]
SMALL = {"window": 480.0, "block": 960.0, "epochs": 2, "width": 4, "depth": 1, "device": "cpu", "precision": "fp32"}


def model(depth=2, encoding="one_hot"):
    channels = 5 if encoding == "one_hot" else 2
    architecture = {"type": "unet", "channels": channels, "width": 3, "depth": depth, "dropout": 0.2}
    torch.manual_seed(depth)
    network = build_network(architecture)
    network(torch.randn(2, channels, 32, 32))
    history, settings = [{"epoch": 1, "train_loss": 0.5, "train_recall": None}], TrainingSettings().as_dict()
    tables = history, {"auc": float("nan")}, {"subsets": []}, {"torch": "2"}
    return TrainedModel("pcum", architecture, encoding, FACTORS, 30.0, settings, 1, *tables, network)


def raw_values(height=37, width=50):
    generator = np.random.default_rng(0)
    raw = np.stack([generator.normal(20, 8, (height, width)), generator.integers(1, 10, (height, width))])
    raw[0][generator.random((height, width)) < 0.05] = np.nan
    return raw.astype(np.float32)


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A stack, labels that follow the slope, and a safety factor."""
    folder = tmp_path_factory.mktemp("training")
    generator = np.random.default_rng(3)
    coarse = generator.normal(0, 1, (SIZE // 8, SIZE // 8)).repeat(8, 0).repeat(8, 1)
    values = np.stack([20 + 8 * coarse, generator.integers(1, 10, (SIZE, SIZE))]).astype(np.float32)
    values[:, :6, :9] = np.nan
    labels = (generator.random((SIZE, SIZE)) < 1 / (1 + np.exp(-(values[0] - 30) / 3))).astype(np.uint8)
    factors = [StackFactor(one.name, one.kind, one.unit, one.title, one.classes) for one in FACTORS]
    write_stack(folder / "stack.tif", values, factors, GRID)
    write_raster(folder / "labels.tif", labels, GRID, nodata=255)
    write_raster(folder / "safety.tif", np.where(coarse > 0, 0.3, 0.8).astype(np.float32), GRID, nodata=np.nan)
    return folder


def train(area, output, labels=None, progress=None, safety=True, html=None, **changes):
    more = {"safety_factor": area / "safety.tif" if safety is True else safety or None, "output_html": html}
    more.update(settings=TrainingSettings(**{**SMALL, **changes}), progress=progress or NullProgress())
    return train_pcum(area / "stack.tif", labels or area / "labels.tif", output, **more)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("encoding", ["codes", "one_hot"])
def test_a_model_comes_back_as_it_was(tmp_path, depth, encoding):
    one = model(depth, encoding)
    save_model(one, tmp_path / "a.safetensors")
    two = load_model(tmp_path / "a.safetensors")
    for name in ("factors", "architecture", "history", "settings"):
        assert getattr(two, name) == getattr(one, name), name
    assert (two.kind, two.encoding, two.pixel_size, two.seed) == ("pcum", encoding, 30.0, 1)
    assert two.metrics == {"auc": None}
    assert (two.halo, two.align) == (one.halo, one.align) == (one.network.halo, 2**depth)
    raw = raw_values()
    found = two.probability(raw)
    assert np.array_equal(found, one.probability(raw), equal_nan=True)
    assert (found.shape, found.dtype) == (raw.shape[1:], np.float32)
    assert np.array_equal(np.isnan(found), np.isnan(raw).any(axis=0))
    assert 0 <= np.nanmin(found) <= np.nanmax(found) <= 1
    save_model(two, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_probability_is_softmax_of_the_logits_also_sampled_and_in_bf16():
    one, raw = model(), raw_values(32, 48)
    image, valid = one.encoder.encode(raw)
    with torch.no_grad():
        expected = torch.softmax(one.network(torch.from_numpy(image)[None]), dim=1)[0, 1].numpy()
    plain, first, again, other = (one.probability(raw, sample)[valid] for sample in (None, 1, 1, 2))
    assert np.allclose(plain, expected[valid], atol=1e-6)
    assert np.array_equal(first, again) and not np.allclose(first, other) and not np.allclose(first, plain)
    one.to("cpu", "bf16")
    low = one.probability(raw)[valid]
    assert 0 < np.abs(plain - low).max() < 0.05


GONE, NESTED, ZEROS = object(), {}, np.zeros(3, dtype=np.float32)
for _ in range(50):
    NESTED = {"a": NESTED}
HEADER = [
    *[{"program": "other"}, {"format": 99}, {"format": "1"}, {"format": True}, {"kind": "backdoor"}],
    *[{"encoding": "pickle"}, {"pixel_size": 0}, {"pixel_size": "30"}, {"seed": -1}, {"seed": 1.5}, {"more": 1}],
    *[{"factors": []}, {"factors": "slope"}, {"history": [1]}, {"history": [{"loss": "x"}]}, {"metrics": []}],
    *[{"architecture": []}, {"versions": {"torch": "x" * 5000}}, {"settings": NESTED}],
    *[{"factors": GONE}, {"architecture": GONE}],
]
SLOPE = [
    *[{"name": ""}, {"name": 3}, {"kind": "text"}, {"mean": None}, {"std": -1.0}, {"minimum": 70.0}],
    *[{"mean": 1e300}, {"extra": 1}, {"seen": [1]}],
]
ASPECT = [
    *[{"name": "slope"}, {"seen": []}, {"seen": [2, 1]}, {"seen": [1, 2, 5]}, {"seen": list(range(300))}],
    *[{"seen": [1, 2, 5, 9.0]}, {"classes": {"x": "a"}}, {"classes": {"1": 2}}, {"classes": []}],
]
NETWORK = [
    *[{"width": 4}, {"width": 10**9}, {"width": "3"}, {"depth": 3}, {"depth": 60}, {"type": "os.system"}],
    *[{"channels": 10**9}, {"channels": 6}, {"dropout": 2}, {"more": 1}],
]
TENSORS = [
    *[{"head.bias": GONE}, {"more": ZEROS}, {"head.bias": ZEROS}, {"head.bias": np.zeros(2)}],
    *[{"head.bias": np.array([0, np.inf], dtype=np.float32)}, {"encoder.0.1.running_var": ZEROS - 1}],
]
PLACES = {(): HEADER, ("factors", 0): SLOPE, ("factors", 1): ASPECT, ("architecture",): NETWORK, ("tensors",): TENSORS}


@pytest.mark.parametrize(("place", "changes"), [(place, one) for place, some in PLACES.items() for one in some])
def test_hostile_files_are_refused(tmp_path, place, changes):
    path = tmp_path / "m.safetensors"
    save_model(model(), path)
    with safe_open(str(path), framework="np") as stream:
        header = json.loads(stream.metadata()[HEADER_KEY])
    tensors = load_file(path)
    changed = {**header, "tensors": tensors} if place else header
    for key in place:
        changed = changed[key]
    changed.update(changes)
    for name in [name for name, value in changed.items() if value is GONE]:
        del changed[name]
    save_file(tensors, path, metadata={HEADER_KEY: json.dumps(header)})
    with pytest.raises(errors.ModelFileInvalid, match="m.safetensors"):
        load_model(path)


FOREIGN = [b"", b"PK\x03\x04 a zip, as torch.save writes", b"\xff" * 64, b"\x80\x04K\x01."]
HEADERS = ["", "[]", "null", "{", "[" * 100000, '{"program": "scarp", "format": NaN}']


@pytest.mark.parametrize("content", [*FOREIGN, *HEADERS, None])
def test_foreign_broken_and_cut_files_are_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    with pytest.raises(errors.InputMissing):
        load_model(path)
    save_model(model(), path)
    if isinstance(content, str):
        save_file({"a": ZEROS}, path, metadata={HEADER_KEY: content})
    else:
        path.write_bytes(path.read_bytes()[:-5] if content is None else content)
    with pytest.raises(errors.ModelFileInvalid):
        load_model(path)


def test_training_writes_a_model_a_record_and_a_report(area, tmp_path):
    progress = NullProgress()
    result = train(area, tmp_path / "m.safetensors", progress=progress, html=tmp_path / "m.html", epochs=4)
    trained = load_model(tmp_path / "m.safetensors")
    record = json.loads((tmp_path / "m.safetensors.run.json").read_text())
    assert record["outputs"]["OUTPUT"]["sha256"] == result.sha256
    assert set(record["inputs"]) == {"STACK", "LABELS", "SAFETY_FACTOR"}
    assert record["metrics"] == trained.metrics == result.metrics
    assert (record["parameters"]["WINDOW"], record["parameters"]["LAMBDA"]) == (480, 0.1)
    assert "svg+xml" in (tmp_path / "m.html").read_text()
    assert (trained.history, trained.factor_names) == (result.history, ["slope", "aspect"])
    assert (trained.pixel_size, trained.settings["physics"]) == (pytest.approx(30), "hinge")
    assert result.metrics["violation_rate"] is not None
    assert result.metrics["auc"] > 0.7
    assert {item.subset for item in result.windows} == {"train", "validation", "test"}
    assert [item["name"] for item in result.subsets] == ["train", "validation", "test"]
    (warning,) = progress.warnings
    assert "53 % of the training cells are under warning" in warning
    files = ("m.html", "m.safetensors")
    assert {item.name for item in tmp_path.iterdir()} == {*files, *(f"{name}.run.json" for name in files)}


def test_the_map_of_the_model_agrees_with_its_test_metrics(area, tmp_path):
    """What the model file predicts on whole rasters ranks the test windows' cells as training said it does."""
    result = train(area, tmp_path / "m.safetensors", epochs=4)
    predict(area / "stack.tif", [tmp_path / "m.safetensors"], tmp_path / "map.tif")
    found, truth = read_band(tmp_path / "map.tif"), read_band(area / "labels.tif")
    hold = np.zeros((SIZE, SIZE), dtype=bool)
    for item in result.windows:
        if item.subset == "test":
            row, column = round((3000000 - item.top) / CELL), round((item.left - 500000) / CELL)
            hold[row : row + 16, column : column + 16] = True
    hold &= np.isfinite(found)
    assert roc_auc_score(truth[hold] == 1, found[hold]) == pytest.approx(result.metrics["auc"], abs=0.05)


USED = {"RADII": {"small": 300.0}, "RING": 0.0}
RECORDS = [(json.dumps({"parameters": USED}), USED), ("{", {}), ("[]", {}), ('{"parameters": {"RING": NaN}}', {})]


@pytest.mark.parametrize(("record", "expected"), [*RECORDS, (None, {})])
def test_the_model_file_keeps_the_label_settings(area, tmp_path, record, expected):
    (tmp_path / "labels.tif").write_bytes((area / "labels.tif").read_bytes())
    if record is not None:
        (tmp_path / "labels.tif.run.json").write_text(record)
    train(area, tmp_path / "m.safetensors", labels=tmp_path / "labels.tif", epochs=1)
    assert load_model(tmp_path / "m.safetensors").training["labels"] == expected


def test_automatic_weight_balances_the_classes(area, tmp_path):
    result = train(area, tmp_path / "m.safetensors", epochs=1, weight_landslide=0.0)
    expected = result.subsets[0]["stable_cells"] / result.subsets[0]["landslide_cells"]
    assert result.settings.weight_landslide == pytest.approx(expected, rel=0.01)
    assert train(area, tmp_path / "n.safetensors", epochs=1, weight_landslide=4.0).settings.weight_landslide == 4.0


@pytest.mark.parametrize("physics", ["hinge", "indicator", "none"])
def test_physics_without_a_safety_factor_warns(area, tmp_path, physics):
    progress = NullProgress()
    result = train(area, tmp_path / "m.safetensors", safety=False, progress=progress, epochs=1, physics=physics)
    told = [text for text in progress.warnings if "SAFETY_FACTOR" in text]
    assert len(told) == (physics != "none")
    assert load_model(tmp_path / "m.safetensors").settings["physics"] == "none"
    record = json.loads((tmp_path / "m.safetensors.run.json").read_text())
    assert record["warnings"] == result.warnings == progress.warnings
    assert record["parameters"]["PHYSICS"] == physics


def test_an_unwritable_output_fails_before_any_work(area, tmp_path):
    progress = Listener()
    with pytest.raises(errors.OutputNotWritable):
        train(area, tmp_path / "none" / "m.safetensors", progress=progress)
    assert not progress.fractions
