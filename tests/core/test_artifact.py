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
from scarp.model.grid import Block
from scarp.model.inputs.rasters import open_raster
from scarp.model.jobs.train_pcum import train_pcum
from scarp.model.networks import build_network
from scarp.model.progress import NullProgress
from scarp.model.stack import StackFactor, open_stack
from scarp.model.training.settings import TrainingSettings
from scarp.tests.core.conftest import Listener, utm_grid, write_raster, write_stack

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
    factors = [
        StackFactor("slope", "continuous", "degrees", "Slope"),
        StackFactor("aspect", "categorical", classes={1: "flat", 2: "N"}),
    ]
    write_stack(folder / "stack.tif", values, factors, GRID)
    write(folder / "labels.tif", labels)
    write_raster(folder / "safety.tif", np.where(coarse > 0, 0.3, 0.8).astype(np.float32), GRID, nodata=np.nan)
    return folder


def write(path, labels, grid=GRID):
    write_raster(path, labels, grid, nodata=255)


def train(area, output, labels=None, progress=None, safety=True, html=None, **changes):
    more = {"safety_factor": area / "safety.tif" if safety is True else safety or None, "output_html": html}
    more.update(settings=TrainingSettings(**{**SMALL, **changes}), progress=progress or NullProgress())
    return train_pcum(area / "stack.tif", labels or area / "labels.tif", output, **more)


# The file


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("encoding", ["codes", "one_hot"])
def test_a_model_comes_back_as_it_was(tmp_path, depth, encoding):
    one = model(depth, encoding)
    save_model(one, tmp_path / "a.safetensors")
    two = load_model(tmp_path / "a.safetensors")
    assert two.factors == one.factors
    assert two.architecture == one.architecture
    assert two.history == one.history
    assert (two.kind, two.encoding, two.pixel_size, two.seed) == ("pcum", encoding, 30.0, 1)
    assert two.settings == one.settings
    assert two.metrics == {"auc": None}
    assert (two.halo, two.align) == (one.halo, one.align) == (one.network.halo, 2**depth)
    raw = raw_values()
    found = two.probability(raw)
    assert np.array_equal(found, one.probability(raw), equal_nan=True)
    assert found.shape == raw.shape[1:]
    assert found.dtype == np.float32
    assert np.array_equal(np.isnan(found), np.isnan(raw).any(axis=0))
    assert np.nanmin(found) >= 0
    assert np.nanmax(found) <= 1
    save_model(two, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_probability_is_softmax_of_the_logits():
    one = model()
    raw = raw_values(32, 48)
    image, valid = one.encoder.encode(raw)
    with torch.no_grad():
        expected = torch.softmax(one.network(torch.from_numpy(image)[None]), dim=1)[0, 1].numpy()
    assert np.allclose(one.probability(raw)[valid], expected[valid], atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_aligned_tiles_with_halo_equal_the_whole(depth):
    one = model(depth)
    halo = -(-one.halo // one.align) * one.align
    raw = np.full((2, 90 + 2 * halo, 70 + 2 * halo), np.nan, dtype=np.float32)
    raw[:, halo:-halo, halo:-halo] = raw_values(90, 70)
    whole = one.probability(raw)[halo:-halo, halo:-halo]
    side = 4 * one.align
    for row in range(0, 90, side):
        tile = one.probability(raw[:, row : row + side + 2 * halo, :])[halo : halo + side, halo:-halo][: 90 - row]
        assert np.allclose(tile, whole[row : row + side], atol=1e-5, equal_nan=True)


def test_samples_repeat_and_differ():
    one = model()
    raw = raw_values(32, 32)
    first, again, other, plain = (one.probability(raw, sample=sample) for sample in (1, 1, 2, None))
    assert np.array_equal(first, again, equal_nan=True)
    assert not np.allclose(first, other, equal_nan=True)
    assert not np.allclose(first, plain, equal_nan=True)


def test_bf16_stays_close():
    one = model()
    raw = raw_values(64, 64)
    full = one.probability(raw)
    one.to("cpu", "bf16")
    low = one.probability(raw)
    assert not np.array_equal(full, low, equal_nan=True)
    assert np.nanmax(np.abs(full - low)) < 0.05


def change_header(**changes):
    return lambda header, tensors: header.update(changes)


def change_factor(index=0, **changes):
    return lambda header, tensors: header["factors"][index].update(changes)


def change_network(**changes):
    return lambda header, tensors: header["architecture"].update(changes)


def drop(name):
    return lambda header, tensors: header.pop(name)


def change_tensor(name, value):
    """Replace a tensor, or remove it."""
    return lambda header, tensors: tensors.pop(name) if value is None else tensors.update({name: value})


def nested(header, tensors):
    value = {}
    for _ in range(50):
        value = {"a": value}
    header["settings"] = value


ZEROS = np.zeros(3, dtype=np.float32)
HEADERS = [
    *[{"program": "other"}, {"format": 99}, {"format": "1"}, {"format": True}, {"kind": "backdoor"}],
    *[{"encoding": "pickle"}, {"pixel_size": 0}, {"pixel_size": "30"}, {"seed": -1}, {"seed": 1.5}, {"more": 1}],
    *[{"factors": []}, {"factors": "slope"}, {"history": [1]}, {"history": [{"loss": "x"}]}, {"metrics": []}],
    *[{"architecture": []}, {"versions": {"torch": "x" * 5000}}],
]
SLOPES = [
    *[{"name": ""}, {"name": 3}, {"kind": "text"}, {"mean": None}, {"std": -1.0}, {"minimum": 70.0}],
    *[{"mean": 1e300}, {"extra": 1}, {"seen": [1]}],
]
ASPECTS = [
    *[{"name": "slope"}, {"seen": []}, {"seen": [2, 1]}, {"seen": [1, 2, 5]}, {"seen": list(range(300))}],
    *[{"seen": [1, 2, 5, 9.0]}, {"classes": {"x": "a"}}, {"classes": {"1": 2}}, {"classes": []}],
]
NETWORKS = [
    *[{"width": 4}, {"width": 10**9}, {"width": "3"}, {"depth": 3}, {"depth": 60}, {"type": "os.system"}],
    *[{"channels": 10**9}, {"channels": 6}, {"dropout": 2}, {"more": 1}],
]
TENSORS = [
    *[("head.bias", None), ("more", ZEROS), ("head.bias", ZEROS), ("head.bias", np.zeros(2))],
    *[("head.bias", np.array([0, np.inf], dtype=np.float32)), ("encoder.0.1.running_var", ZEROS - 1)],
]
HOSTILE = [
    *(change_header(**changes) for changes in HEADERS),
    *(change_factor(0, **changes) for changes in SLOPES),
    *(change_factor(1, **changes) for changes in ASPECTS),
    *(change_network(**changes) for changes in NETWORKS),
    *(change_tensor(*changes) for changes in TENSORS),
    *(drop("factors"), drop("architecture"), nested),
]


@pytest.mark.parametrize("edit", HOSTILE)
def test_hostile_files_are_refused(tmp_path, edit):
    path = tmp_path / "m.safetensors"
    save_model(model(), path)
    with safe_open(str(path), framework="np") as stream:
        header = json.loads(stream.metadata()[HEADER_KEY])
    tensors = load_file(path)
    edit(header, tensors)
    save_file(tensors, path, metadata={HEADER_KEY: json.dumps(header)})
    with pytest.raises(errors.ModelFileInvalid, match="m.safetensors"):
        load_model(path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100000, '{"program": "scarp", "format": NaN}'])
def test_broken_headers_are_refused(tmp_path, text):
    path = tmp_path / "m.safetensors"
    save_file({"a": np.zeros(1, dtype=np.float32)}, path, metadata={HEADER_KEY: text})
    with pytest.raises(errors.ModelFileInvalid):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip, as torch.save writes", b"\xff" * 64, b"\x80\x04K\x01."])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(errors.ModelFileInvalid):
        load_model(path)
    with pytest.raises(errors.InputMissing):
        load_model(tmp_path / "none.safetensors")


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(model(), path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(errors.ModelFileInvalid):
        load_model(path)


# The job


def test_training_writes_a_model_a_record_and_a_report(area, tmp_path):
    progress = NullProgress()
    result = train(area, tmp_path / "m.safetensors", progress=progress, html=tmp_path / "m.html", epochs=4)
    trained = load_model(tmp_path / "m.safetensors")
    record = json.loads((tmp_path / "m.safetensors.run.json").read_text())
    assert record["outputs"]["OUTPUT"]["sha256"] == result.sha256
    assert set(record["inputs"]) == {"STACK", "LABELS", "SAFETY_FACTOR"}
    assert record["metrics"] == result.metrics
    assert record["parameters"]["WINDOW"] == 480
    assert record["parameters"]["LAMBDA"] == 0.1
    assert "<svg" in (tmp_path / "m.html").read_text() or "svg+xml" in (tmp_path / "m.html").read_text()
    assert trained.metrics == result.metrics
    assert trained.history == result.history
    assert trained.factor_names == ["slope", "aspect"]
    assert trained.pixel_size == pytest.approx(30)
    assert trained.settings["physics"] == "hinge"
    assert result.metrics["violation_rate"] is not None
    assert result.metrics["auc"] > 0.7
    assert {item.subset for item in result.windows} == {"train", "validation", "test"}
    assert [item["name"] for item in result.subsets] == ["train", "validation", "test"]
    assert not progress.warnings
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "m.html",
        "m.html.run.json",
        "m.safetensors",
        "m.safetensors.run.json",
    ]


def test_the_map_of_the_model_agrees_with_its_test_metrics(area, tmp_path):
    """What the model file predicts on whole rasters ranks the test windows' cells as training said it does."""
    result = train(area, tmp_path / "m.safetensors", epochs=4)
    trained = load_model(tmp_path / "m.safetensors")
    halo = -(-trained.halo // trained.align) * trained.align
    with open_stack(area / "stack.tif") as stack:
        side = -(-SIZE // trained.align) * trained.align + 2 * halo
        raw = stack.read(Block(-halo, -halo, side, side), trained.factor_names)
    found = trained.probability(raw)[halo : halo + SIZE, halo : halo + SIZE]
    with open_raster(area / "labels.tif", "label") as dataset:
        truth = dataset.read(1)
    hold = np.zeros((SIZE, SIZE), dtype=bool)
    for item in result.windows:
        if item.subset == "test":
            row, column = round((3000000 - item.top) / CELL), round((item.left - 500000) / CELL)
            hold[row : row + 16, column : column + 16] = True
    hold &= np.isfinite(found)
    assert roc_auc_score(truth[hold] == 1, found[hold]) == pytest.approx(result.metrics["auc"], abs=0.05)


@pytest.mark.parametrize("changes", [{}, {"split": "random", "encoding": "codes", "depth": 2, "seed": 5}])
def test_same_seed_gives_the_same_bytes(area, tmp_path, changes):
    for name in ("a", "b"):
        train(area, tmp_path / f"{name}.safetensors", **changes)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ('{"parameters": {"RADII": {"small": 300.0}, "RING": 0.0}}', {"RADII": {"small": 300.0}, "RING": 0.0}),
        ("{", {}),
        ("[]", {}),
        ('{"parameters": {"RING": NaN}}', {}),
        (None, {}),
    ],
)
def test_the_model_file_keeps_the_label_settings(area, tmp_path, record, expected):
    (tmp_path / "labels.tif").write_bytes((area / "labels.tif").read_bytes())
    if record is not None:
        (tmp_path / "labels.tif.run.json").write_text(record)
    train(area, tmp_path / "m.safetensors", labels=tmp_path / "labels.tif", epochs=1)
    assert load_model(tmp_path / "m.safetensors").training["labels"] == expected


def test_automatic_weight_balances_the_classes(area, tmp_path):
    result = train(area, tmp_path / "m.safetensors", epochs=1, weight_landslide=0.0)
    counts = result.subsets[0]
    assert result.settings.weight_landslide == pytest.approx(
        counts["stable_cells"] / counts["landslide_cells"], rel=0.01
    )
    assert train(area, tmp_path / "n.safetensors", epochs=1, weight_landslide=4.0).settings.weight_landslide == 4.0


@pytest.mark.parametrize("physics", ["hinge", "indicator", "none"])
def test_physics_without_a_safety_factor_warns(area, tmp_path, physics):
    progress = NullProgress()
    result = train(area, tmp_path / "m.safetensors", safety=False, progress=progress, epochs=1, physics=physics)
    told = [text for text in progress.warnings if "SAFETY_FACTOR" in text]
    assert len(told) == (physics != "none")
    assert result.warnings == progress.warnings
    assert load_model(tmp_path / "m.safetensors").settings["physics"] == "none"
    record = json.loads((tmp_path / "m.safetensors.run.json").read_text())
    assert record["warnings"] == progress.warnings
    assert record["parameters"]["PHYSICS"] == physics


def test_a_random_split_warns_that_it_is_optimistic(area, tmp_path):
    result = train(area, tmp_path / "m.safetensors", epochs=1, split="random")
    assert any("spatial_blocks" in text for text in result.warnings)


def test_inputs_on_other_grids_are_refused(area, tmp_path):
    other = utm_grid(SIZE, SIZE, CELL, left=5e5 + 3 * CELL)
    write(tmp_path / "labels.tif", np.zeros((SIZE, SIZE), dtype=np.uint8), other)
    with pytest.raises(errors.GridMismatch, match="label"):
        train(area, tmp_path / "m.safetensors", labels=tmp_path / "labels.tif")
    with pytest.raises(errors.GridMismatch, match="safety factor"):
        train(area, tmp_path / "m.safetensors", safety=tmp_path / "labels.tif")
    assert [item.name for item in tmp_path.iterdir()] == ["labels.tif"]


@pytest.mark.parametrize(("value", "text"), [(0, "no landslide cell"), (1, "no stable cell")])
def test_labels_of_one_class_are_refused(area, tmp_path, value, text):
    write(tmp_path / "labels.tif", np.full((SIZE, SIZE), value, dtype=np.uint8))
    with pytest.raises(errors.TooFewData, match=text):
        train(area, tmp_path / "m.safetensors", labels=tmp_path / "labels.tif")


def test_landslides_in_one_block_are_too_few(area, tmp_path):
    labels = np.zeros((SIZE, SIZE), dtype=np.uint8)
    labels[40:50, 40:50] = 1
    write(tmp_path / "labels.tif", labels)
    with pytest.raises(errors.TooFewData, match="BLOCK smaller"):
        train(area, tmp_path / "m.safetensors", labels=tmp_path / "labels.tif")


def test_an_unwritable_output_fails_before_any_work(area, tmp_path):
    with pytest.raises(errors.OutputNotWritable):
        train(area, tmp_path / "none" / "m.safetensors", progress=Refusing())


class Refusing(NullProgress):
    """Any report fails: the check must come first."""

    def report(self, fraction, text=""):
        raise RuntimeError("work began")


@pytest.mark.parametrize("at", [0.0, 0.03, 0.06, 0.3, 0.9])
def test_cancelling_leaves_nothing(area, tmp_path, at):
    progress = Listener(cancel_at=at)
    with pytest.raises(errors.Cancelled):
        train(area, tmp_path / "m.safetensors", progress=progress, html=tmp_path / "m.html", epochs=3)
    assert max(progress.fractions, default=0.0) < 0.98
    assert not list(tmp_path.iterdir())


def test_a_larger_window_than_the_blocks_is_refused(area, tmp_path):
    with pytest.raises(errors.ParameterInvalid, match="BLOCK"):
        train(area, tmp_path / "m.safetensors", window=1200.0)
