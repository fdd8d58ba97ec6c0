"""Settings of trainings that cannot be."""

from __future__ import annotations

from typing import Any

from scarp.tests.qgis.bad_input.case import Case, Workplace
from scarp.tests.qgis.bad_input.making import changed, empty, text


def _is(**values: Any):
    return lambda at: dict(values)


def _gpu(at: Workplace) -> dict:
    import torch

    return {"DEVICE": "mps" if torch.cuda.is_available() else "cuda"}


def _void_safety(at: Workplace) -> dict:
    def void(values) -> None:
        values[:] = float("nan")

    return {"SAFETY_FACTOR": changed(at.chain["safety"], at.folder / "safety.tif", void)}


CASES = (
    Case("physics-unknown", "trainpcum", "PHYSICS quantum", _is(PHYSICS="quantum"), r"PHYSICS .*quantum.*hinge"),
    Case("rate-high", "trainpcum", "LEARNING_RATE 5", _is(LEARNING_RATE=5), r"LEARNING_RATE"),
    Case("rate-nan", "trainpcum", "LEARNING_RATE NaN", _is(LEARNING_RATE=float("nan")), r"LEARNING_RATE"),
    Case("dropout-negative", "trainpcum", "DROPOUT -0.1", _is(DROPOUT=-0.1), r"DROPOUT"),
    Case("epochs-word", "trainpcum", "EPOCHS many", _is(EPOCHS="many"), r"EPOCHS .*many"),
    Case("epochs-zero", "trainpcum", "EPOCHS 0", _is(EPOCHS=0), r"EPOCHS"),
    Case("width-zero", "trainpcum", "WIDTH 0", _is(WIDTH=0), r"WIDTH"),
    Case("depth-too-deep", "trainpcum", "DEPTH 99", _is(DEPTH=99), r"DEPTH"),
    Case(
        "depth-for-window", "trainpcum", "A network too deep for its window", _is(DEPTH=6, WINDOW=60), r"WINDOW|DEPTH"
    ),
    Case("seed-negative", "trainpcum", "SEED -1", _is(SEED=-1), r"SEED"),
    Case("lambda-infinite", "trainpcum", "LAMBDA infinite", _is(LAMBDA=float("inf")), r"LAMBDA"),
    Case("split-unknown", "trainpcum", "SPLIT halves", _is(SPLIT="halves"), r"SPLIT .*halves.*spatial_blocks"),
    Case("preset-unknown", "trainpcum", "PRESET best", _is(PRESET="best"), r"PRESET .*best.*paper"),
    Case("train-no-gpu", "trainpcum", "DEVICE cuda where there is no graphics card", _gpu, r"DEVICE is (cuda|mps)"),
    Case(
        "predict-no-gpu",
        "predictsusceptibility",
        "DEVICE cuda where there is no graphics card",
        _gpu,
        r"DEVICE is (cuda|mps)",
    ),
    Case(
        "explain-no-gpu",
        "explainsusceptibility",
        "DEVICE cuda where there is no graphics card",
        _gpu,
        r"DEVICE is (cuda|mps)",
    ),
    Case("device-unknown", "trainpcum", "DEVICE tpu", _is(DEVICE="tpu"), r"DEVICE .*tpu"),
    Case(
        "precision-half-on-cpu",
        "predictsusceptibility",
        "PRECISION fp16 on a processor",
        _is(PRECISION="fp16", DEVICE="cpu"),
        r"PRECISION is fp16",
    ),
    Case(
        "safety-void",
        "trainpcum",
        "A safety factor without any value",
        _void_safety,
        r"safety factor has no data in any training window",
    ),
    Case(
        "safety-missing",
        "trainpcum",
        "A safety factor that does not exist",
        lambda at: {"SAFETY_FACTOR": at.folder / "safety.tif"},
        r"SAFETY_FACTOR.*safety\.tif",
    ),
    Case(
        "checkpoint-text",
        "trainpcum",
        "CHECKPOINT names a text file",
        lambda at: {"CHECKPOINT": text(at.folder / "stand.ckpt")},
        r"stand\.ckpt",
    ),
    Case(
        "checkpoint-empty",
        "trainpcum",
        "CHECKPOINT names a file of no bytes",
        lambda at: {"CHECKPOINT": empty(at.folder / "stand.ckpt")},
        r"stand\.ckpt",
    ),
    Case(
        "checkpoint-model",
        "trainpcum",
        "CHECKPOINT names a trained model",
        lambda at: {"CHECKPOINT": at.chain["model"]},
        r"model\.safetensors .*no checkpoint.*Choose another file",
    ),
    Case(
        "checkpoint-no-folder",
        "trainpcum",
        "CHECKPOINT in a folder that is not there",
        lambda at: {"CHECKPOINT": at.folder / "no" / "stand.ckpt"},
        r"folder .*no.* does not exist",
    ),
    Case("kind-unknown", "traincomparisonmodel", "KIND magic", _is(KIND="magic"), r"KIND .*magic.*random_forest"),
    Case(
        "kind-pcum",
        "traincomparisonmodel",
        "KIND pcum, which has its own algorithm",
        _is(KIND="pcum"),
        r"KIND .*pcum.*unet",
    ),
    Case(
        "batch-of-one", "traincomparisonmodel", "BATCH 1 for a ResNet", _is(KIND="resnet", BATCH=1, EPOCHS=1), r"BATCH"
    ),
    Case(
        "comparison-rate",
        "traincomparisonmodel",
        "LEARNING_RATE NaN for a U-Net",
        _is(KIND="unet", LEARNING_RATE=float("nan")),
        r"LEARNING_RATE",
    ),
    Case(
        "comparison-window",
        "traincomparisonmodel",
        "A window larger than the area for a U-Net",
        _is(KIND="unet", WINDOW=9000, BLOCK=20000),
        r"WINDOW is 9000",
    ),
    Case("comparison-weight", "traincomparisonmodel", "WEIGHT_STABLE -1", _is(WEIGHT_STABLE=-1), r"WEIGHT_STABLE"),
    Case("folds-one", "crossvalidate", "FOLDS 1", _is(FOLDS=1), r"FOLDS .*from 2 to 50"),
    Case("folds-word", "crossvalidate", "FOLDS five", _is(FOLDS="five"), r"FOLDS .*five"),
    Case("folds-kind", "crossvalidate", "KIND magic", _is(KIND="magic"), r"KIND .*magic.*pcum"),
    Case("folds-block-nan", "crossvalidate", "BLOCK NaN", _is(BLOCK=float("nan")), r"BLOCK"),
)
