"""Invalid training settings."""

from __future__ import annotations

from typing import Any

from scarp.tests.qgis.bad_input.case import Case, Workplace
from scarp.tests.qgis.bad_input.making import changed, empty, text


def _with(**values: Any):
    return lambda at: dict(values)


def _gpu(at: Workplace) -> dict:
    import torch

    return {"DEVICE": "mps" if torch.cuda.is_available() else "cuda"}


def _void_safety(at: Workplace) -> dict:
    def void(values) -> None:
        values[:] = float("nan")

    return {"SAFETY_FACTOR": changed(at.chain["safety"], at.folder / "safety.tif", void)}


def _checkpoint(make):
    return lambda at: {"CHECKPOINT": make(at.folder / "stand.ckpt")}


TRAIN, COMPARE, FOLDS = "trainpcum", "traincomparisonmodel", "crossvalidate"
PREDICT, EXPLAIN = "predictsusceptibility", "explainsusceptibility"
NO_GPU = "DEVICE cuda where there is no graphics card"
CASES = (
    Case("physics-unknown", TRAIN, "PHYSICS quantum", _with(PHYSICS="quantum"), r"PHYSICS .*quantum.*hinge"),
    Case("rate-high", TRAIN, "LEARNING_RATE 5", _with(LEARNING_RATE=5), r"LEARNING_RATE"),
    Case("rate-nan", TRAIN, "LEARNING_RATE NaN", _with(LEARNING_RATE=float("nan")), r"LEARNING_RATE"),
    Case("dropout-negative", TRAIN, "DROPOUT -0.1", _with(DROPOUT=-0.1), r"DROPOUT"),
    Case("epochs-word", TRAIN, "EPOCHS many", _with(EPOCHS="many"), r"EPOCHS .*many"),
    Case("epochs-zero", TRAIN, "EPOCHS 0", _with(EPOCHS=0), r"EPOCHS"),
    Case("width-zero", TRAIN, "WIDTH 0", _with(WIDTH=0), r"WIDTH"),
    Case("depth-too-deep", TRAIN, "DEPTH 99", _with(DEPTH=99), r"DEPTH"),
    Case("depth-for-window", TRAIN, "A network too deep for its window", _with(DEPTH=6, WINDOW=60), r"WINDOW|DEPTH"),
    Case("seed-negative", TRAIN, "SEED -1", _with(SEED=-1), r"SEED"),
    Case("lambda-infinite", TRAIN, "LAMBDA infinite", _with(LAMBDA=float("inf")), r"LAMBDA"),
    Case("split-unknown", TRAIN, "SPLIT halves", _with(SPLIT="halves"), r"SPLIT .*halves.*spatial_blocks"),
    Case("preset-unknown", TRAIN, "PRESET best", _with(PRESET="best"), r"PRESET .*best.*paper"),
    Case("train-no-gpu", TRAIN, NO_GPU, _gpu, r"DEVICE is (cuda|mps)"),
    Case("predict-no-gpu", PREDICT, NO_GPU, _gpu, r"DEVICE is (cuda|mps)"),
    Case("explain-no-gpu", EXPLAIN, NO_GPU, _gpu, r"DEVICE is (cuda|mps)"),
    Case("device-unknown", TRAIN, "DEVICE tpu", _with(DEVICE="tpu"), r"DEVICE .*tpu"),
    Case(
        "precision-half-on-cpu",
        PREDICT,
        "PRECISION fp16 on a processor",
        _with(PRECISION="fp16", DEVICE="cpu"),
        r"PRECISION is fp16",
    ),
    Case(
        "safety-void",
        TRAIN,
        "A safety factor without any value",
        _void_safety,
        r"safety factor has no data in any training window",
    ),
    Case(
        "safety-missing",
        TRAIN,
        "A safety factor that does not exist",
        lambda at: {"SAFETY_FACTOR": at.folder / "safety.tif"},
        r"SAFETY_FACTOR.*safety\.tif",
    ),
    Case("checkpoint-text", TRAIN, "CHECKPOINT names a text file", _checkpoint(text), r"stand\.ckpt"),
    Case("checkpoint-empty", TRAIN, "CHECKPOINT names a file of no bytes", _checkpoint(empty), r"stand\.ckpt"),
    Case(
        "checkpoint-model",
        TRAIN,
        "CHECKPOINT names a trained model",
        lambda at: {"CHECKPOINT": at.chain["model"]},
        r"model\.safetensors .*no checkpoint.*Choose another file",
    ),
    Case(
        "checkpoint-no-folder",
        TRAIN,
        "CHECKPOINT in a folder that is not there",
        lambda at: {"CHECKPOINT": at.folder / "no" / "stand.ckpt"},
        r"folder .*no.* does not exist",
    ),
    Case("kind-unknown", COMPARE, "KIND magic", _with(KIND="magic"), r"KIND .*magic.*random_forest"),
    Case("kind-pcum", COMPARE, "KIND pcum, which has its own algorithm", _with(KIND="pcum"), r"KIND .*pcum.*unet"),
    Case("batch-of-one", COMPARE, "BATCH 1 for a ResNet", _with(KIND="resnet", BATCH=1, EPOCHS=1), r"BATCH"),
    Case(
        "comparison-rate",
        COMPARE,
        "LEARNING_RATE NaN for a U-Net",
        _with(KIND="unet", LEARNING_RATE=float("nan")),
        r"LEARNING_RATE",
    ),
    Case(
        "comparison-window",
        COMPARE,
        "A window larger than the area for a U-Net",
        _with(KIND="unet", WINDOW=9000, BLOCK=20000),
        r"WINDOW is 9000",
    ),
    Case("comparison-weight", COMPARE, "WEIGHT_STABLE -1", _with(WEIGHT_STABLE=-1), r"WEIGHT_STABLE"),
    Case("folds-one", FOLDS, "FOLDS 1", _with(FOLDS=1), r"FOLDS .*from 2 to 50"),
    Case("folds-word", FOLDS, "FOLDS five", _with(FOLDS="five"), r"FOLDS .*five"),
    Case("folds-kind", FOLDS, "KIND magic", _with(KIND="magic"), r"KIND .*magic.*pcum"),
    Case("folds-block-nan", FOLDS, "BLOCK NaN", _with(BLOCK=float("nan")), r"BLOCK"),
)
