"""Model files that are damaged, of a newer version, of other factors, or no models."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any, Callable

from scarp.tests.qgis.bad_input.case import Case, Workplace
from scarp.tests.qgis.bad_input.making import changed, corrupt, empty, text, truncated


def rewritten(source: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Copy a model file with another header: its length, JSON with one text of JSON in it, then the numbers."""
    content = source.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    outer = json.loads(content[8 : 8 + length])
    header = json.loads(outer["__metadata__"]["scarp"])
    change(header)
    outer["__metadata__"]["scarp"] = json.dumps(header)
    text_of_it = json.dumps(outer).encode()
    text_of_it += b" " * (-len(text_of_it) % 8)
    path.write_bytes(struct.pack("<Q", len(text_of_it)) + text_of_it + content[8 + length :])
    return path


def _with_header(**values: Any):
    return lambda at: {
        "MODEL": rewritten(at.chain["model"], at.folder / "other.safetensors", lambda header: header.update(values))
    }


def _pickled(at: Workplace) -> dict:
    path = at.folder / "weights.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))
    return {"MODEL": path}


def _foreign(at: Workplace) -> dict:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"weight": np.ones(4, dtype="float32")}, str(at.folder / "other.safetensors"))
    return {"MODEL": at.folder / "other.safetensors"}


def _without(name: str):
    """Return a maker of parameters with a stack that lacks a factor."""

    def make(at: Workplace) -> dict:
        import rasterio

        with rasterio.open(at.chain["stack"]) as dataset:
            kept = [band for band in dataset.indexes if dataset.descriptions[band - 1] != name]
            path = at.folder / "stack.tif"
            with rasterio.open(path, "w", **{**dataset.profile, "count": len(kept)}) as target:
                target.update_tags(**dataset.tags())
                for place, band in enumerate(kept, 1):
                    target.write(dataset.read(band), place)
                    target.set_band_description(place, dataset.descriptions[band - 1])
                    target.update_tags(place, **dataset.tags(band))
        return {"STACK": path}

    return make


def _none(at: Workplace) -> dict:
    return {"MODEL": at.folder / "none.safetensors"}


def _made(make):
    return lambda at: {"MODEL": make(at.folder / "bad.safetensors")}


def _damaged(damage, *where):
    return lambda at: {"MODEL": damage(at.chain["model"], at.folder / "bad.safetensors", *where)}


def _void(values) -> None:
    values[:] = float("nan")


TRAIN, PREDICT, EXPLAIN = "trainpcum", "predictsusceptibility", "explainsusceptibility"
CASES = (
    Case("model-missing", PREDICT, "A model that does not exist", _none, r"none\.safetensors does not exist"),
    Case("model-left-out", PREDICT, "No model", lambda at: {"MODEL": None}, r"MODEL .*is missing"),
    Case("model-empty", PREDICT, "A model file of no bytes", _made(empty), r"bad\.safetensors"),
    Case("model-text", PREDICT, "A text file called bad.safetensors", _made(text), r"bad\.safetensors"),
    Case("model-truncated", PREDICT, "The first half of a model file", _damaged(truncated), r"bad\.safetensors"),
    Case(
        "model-corrupt",
        PREDICT,
        "A model file with noise in its weights",
        _damaged(corrupt, 0.9, 0.95),
        r"bad\.safetensors",
    ),
    Case(
        "model-head-corrupt",
        PREDICT,
        "A model file with noise in its head",
        _damaged(corrupt, 0.01, 0.1),
        r"bad\.safetensors",
    ),
    Case(
        "model-newer",
        PREDICT,
        "A model of a newer format version",
        _with_header(format=99),
        r"other\.safetensors was written by a newer version .*Update the plugin",
    ),
    Case(
        "model-unknown-kind",
        PREDICT,
        "A model of an unknown kind",
        _with_header(kind="oracle"),
        r"other\.safetensors .*kind",
    ),
    Case("model-not-scarp", PREDICT, "A .safetensors file of another program", _foreign, r"other\.safetensors"),
    Case("model-pickle", PREDICT, "A pickle file called weights.safetensors", _pickled, r"weights\.safetensors"),
    Case(
        "model-is-raster", PREDICT, "The factor stack given as model", lambda at: {"MODEL": at.chain["stack"]}, r"MODEL"
    ),
    Case("model-is-folder", PREDICT, "A folder given as model", lambda at: {"MODEL": at.folder}, r"MODEL"),
    Case(
        "more-models-missing",
        PREDICT,
        "A second model that does not exist",
        lambda at: {"MORE_MODELS": [at.folder / "second.safetensors"]},
        r"second\.safetensors",
    ),
    Case(
        "stack-lacks-factor",
        PREDICT,
        "A stack without the lithology that the model needs",
        _without("lithology"),
        r"factor stack .*stack\.tif has no lithology",
    ),
    Case("explain-model-missing", EXPLAIN, "A model that does not exist", _none, r"none\.safetensors"),
    Case(
        "explain-model-newer", EXPLAIN, "A model of a newer format version", _with_header(format=99), r"newer version"
    ),
    Case(
        "explain-stack-lacks-factor",
        EXPLAIN,
        "A stack without the slope that the model needs",
        _without("slope"),
        r"has no slope",
    ),
    Case(
        "explain-stack-void",
        EXPLAIN,
        "A factor stack without any value",
        lambda at: {"STACK": changed(at.chain["stack"], at.folder / "stack.tif", _void)},
        r"(?i)stack|LABELS",
    ),
    Case(
        "start-from-text",
        TRAIN,
        "START_FROM names a text file",
        lambda at: {"START_FROM": text(at.folder / "old.safetensors"), "WIDTH": None, "DEPTH": None},
        r"old\.safetensors",
    ),
    Case(
        "start-from-width",
        TRAIN,
        "START_FROM with another WIDTH than its model has",
        lambda at: {"START_FROM": at.chain["model"], "WIDTH": 16, "DEPTH": None},
        r"WIDTH is 16.*Leave WIDTH empty",
    ),
    Case(
        "start-from-lacks-factor",
        TRAIN,
        "START_FROM with a stack that lacks its lithology",
        lambda at: {**_without("lithology")(at), "START_FROM": at.chain["model"], "WIDTH": None, "DEPTH": None},
        r"has no lithology.*START_FROM",
    ),
)
