"""The same U-Net, width 32 and depth 4, on the same stack from file to file: Scarp and what else would predict it.

    ./run python benchmarks/prediction_peers.py [--side 2048] [--rows bf16,plain,onnx,deepness]
                                                [--python PEERS/bin/python] [--deepness CHECKOUT]

- ``fp32`` and ``bf16``: Scarp at its defaults, on the CPU. ``fp32`` always runs; the others are compared with its map.
- ``plain``: torch as most plugins use it. Tiles of 512 without halo; read, encode, predict, write, one after the other.
- ``onnx``: the same loop around ONNX Runtime. The encoding is part of the exported graph, which so reads raw factors.
- ``deepness``: the QGIS plugin Deepness, without its windows: its map processor for regression on a QGIS raster layer,
  tile size, overlap (15 %, as it proposes) and scaling from the metadata of the same ONNX file. It keeps its result in
  bytes, whatever type it writes: the model asks for a scaling of 255, without which the map would be 0 everywhere. What
  it cuts off is about 0.002 of its mean difference and 0.004 of its largest one.

Every run is a process of its own, with glibc's default memory. Loading the model, reading and writing count, imports
and loading the layer into QGIS do not. Differences are those from Scarp's ``fp32`` map, without a frame as wide as what
the network sees: what lies beyond a raster is a matter of convention, and only seams should show.

What the peers need does not belong to Scarp and is kept apart; rows whose tools are missing are left out and named::

    /usr/bin/python3 -m venv --system-site-packages PEERS
    PEERS/bin/pip install "numpy<2" "onnx<1.18" "onnxruntime<1.24" "opencv-python-headless<=4.9.0.80"
    git clone https://github.com/PUTvision/qgis-plugin-deepness CHECKOUT

It must be the same Python as Scarp's, whose torch and rasterio it borrows, and see the system's QGIS.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np
import rasterio
from rasterio.windows import Window

NET = "w32d4"
TILE = 512
OVERLAP = 15
"""Per cent; what Deepness proposes."""
BYTES = 255
"""Deepness's result is whole numbers from 0 to this."""
MODULES = {"onnx": ("scarp", "torch", "rasterio", "onnx", "onnxruntime")}
MODULES["deepness"] = (*MODULES["onnx"], "cv2", "qgis.core")

Tile = Callable[[np.ndarray], np.ndarray]
"""Susceptibility (height, width) of raw factors (factors, height, width)."""


def tile_loop(stack: Path, output: Path, predict: Tile) -> None:
    """Predict a stack tile by tile, without halo."""
    with rasterio.open(stack) as source, rasterio.open(output, "w", **{**source.profile, "count": 1}) as target:
        for top in range(0, source.height, TILE):
            for left in range(0, source.width, TILE):
                window = Window(left, top, min(TILE, source.width - left), min(TILE, source.height - top))
                raw = source.read(window=window)
                height, width = raw.shape[1:]
                raw = np.pad(raw, [(0, 0), (0, TILE - height), (0, TILE - width)], constant_values=np.nan)
                target.write(predict(raw)[:height, :width], 1, window=window)


def predict_scarp(folder: Path, stack: Path, output: Path, precision: str) -> tuple[str, float]:
    """Predict with Scarp, and give a label and the seconds."""
    from scarp.model.jobs.predict_susceptibility import predict_susceptibility
    from scarp.model.prediction.settings import PredictionOptions
    from scarp.model.progress import NullProgress

    start = time.perf_counter()
    options = PredictionOptions(device="cpu", precision=precision)
    summary = predict_susceptibility(stack, [folder / f"{NET}.safetensors"], output, options, progress=NullProgress())
    seconds = time.perf_counter() - start
    if summary.precision != {"fp32": "float32", "bf16": "bfloat16"}[precision]:
        raise SystemExit(f"Scarp computed in {summary.precision}, not in {precision}.")
    return f"Scarp, {precision}", seconds


def predict_fp32(folder: Path, stack: Path, output: Path, chosen: argparse.Namespace) -> tuple[str, float]:
    """Predict with Scarp in full precision."""
    return predict_scarp(folder, stack, output, "fp32")


def predict_bf16(folder: Path, stack: Path, output: Path, chosen: argparse.Namespace) -> tuple[str, float]:
    """Predict with Scarp in 16 bits."""
    return predict_scarp(folder, stack, output, "bf16")


def predict_plain(folder: Path, stack: Path, output: Path, chosen: argparse.Namespace) -> tuple[str, float]:
    """Predict with the network as torch runs it when nothing is done for it."""
    import torch

    from scarp.model.artifact import load_model

    start = time.perf_counter()
    model = load_model(folder / f"{NET}.safetensors")
    network = model.network.eval()

    def predict(raw: np.ndarray) -> np.ndarray:
        image, _ = model.encoder.encode(raw)
        with torch.no_grad():
            return torch.softmax(network(torch.from_numpy(image)[None]), dim=1)[0, 1].numpy()

    tile_loop(stack, output, predict)
    return f"plain tile loop, torch {torch.__version__}", time.perf_counter() - start


def predict_onnx(folder: Path, stack: Path, output: Path, chosen: argparse.Namespace) -> tuple[str, float]:
    """Predict with ONNX Runtime."""
    import onnxruntime

    start = time.perf_counter()
    session = onnxruntime.InferenceSession(str(folder / f"{NET}.onnx"), providers=["CPUExecutionProvider"])
    tile_loop(stack, output, lambda raw: session.run(None, {"raw": raw[None]})[0][0, 0])
    return f"plain tile loop, ONNX Runtime {onnxruntime.__version__}", time.perf_counter() - start


def predict_deepness(folder: Path, stack: Path, output: Path, chosen: argparse.Namespace) -> tuple[str, float]:
    """Predict with Deepness, set up as its dock widget does it from the model's metadata."""
    sys.path.insert(0, str(Path(chosen.deepness) / "src"))
    from deepness.common.channels_mapping import ChannelsMapping, ImageChannelStandaloneBand
    from deepness.common.misc import TMP_DIR_PATH
    from deepness.common.processing_overlap import ProcessingOverlap, ProcessingOverlapOptions
    from deepness.common.processing_parameters.map_processing_parameters import ProcessedAreaType
    from deepness.processing.models.model_types import ModelDefinition, ModelType
    from qgis.core import QgsApplication, QgsRasterLayer

    application = QgsApplication([], False)
    application.initQgis()
    layer = QgsRasterLayer(str(stack), "stack")
    start = time.perf_counter()
    path = str(folder / f"{NET}.onnx")
    definition = ModelDefinition.get_definition_for_type(ModelType.REGRESSION)
    if definition.model_class.get_model_type_from_metadata(path) != definition.model_type.value:
        raise SystemExit("Deepness does not see the model as one for regression.")
    model = definition.model_class(path)
    model.check_loaded_model_outputs()
    mapping = ChannelsMapping()
    mapping.set_image_channels(
        [ImageChannelStandaloneBand(band + 1, layer.bandName(band + 1)) for band in range(layer.bandCount())]
    )
    mapping.set_number_of_model_inputs(model.get_number_of_channels())
    overlap = ProcessingOverlap(ProcessingOverlapOptions.OVERLAP_IN_PERCENT, model.get_metadata_tiles_overlap())
    parameters = definition.parameters_class(
        resolution_cm_per_px=model.get_metadata_resolution(),
        processed_area_type=ProcessedAreaType.ENTIRE_LAYER,
        tile_size_px=model.get_metadata_tile_size(),
        batch_size=model.get_model_batch_size(),
        local_cache=False,
        input_layer_id=layer.id(),
        mask_layer_id=None,
        processing_overlap=overlap,
        input_channels_mapping=mapping,
        output_scaling=model.get_metadata_regression_output_scaling(),
        model=model,
    )
    processor = definition.map_processor_class(rlayer=layer, vlayer_mask=None, map_canvas=None, params=parameters)
    processor.run()
    seconds = time.perf_counter() - start
    written = list(Path(TMP_DIR_PATH).glob("*.tif"))
    if len(written) != 1:
        raise SystemExit("Deepness wrote no map.")
    shutil.move(written[0], output)
    return f"Deepness {version(chosen.deepness)}, stride {parameters.processing_stride_px}", seconds


ROWS = {
    "fp32": predict_fp32,
    "bf16": predict_bf16,
    "plain": predict_plain,
    "onnx": predict_onnx,
    "deepness": predict_deepness,
}


def version(checkout: str) -> str:
    """Return the version of a Deepness checkout, empty if it is none."""
    metadata = Path(checkout) / "src" / "deepness" / "metadata.txt"
    lines = metadata.read_text(encoding="utf-8").splitlines() if checkout and metadata.is_file() else []
    return next((line.split("=")[1].strip() for line in lines if line.startswith("version=")), "")


def export(folder: Path) -> None:
    """Write the network as one ONNX file for ONNX Runtime and Deepness: raw factors in, susceptibility out."""
    import onnx
    import torch
    from torch import nn

    from scarp.model.artifact import load_model

    model = load_model(folder / f"{NET}.safetensors")
    encoding, factors = model.encoder, len(model.factors)

    class FromRaw(nn.Module):
        """What ``Encoding`` does before the network and a map after it."""

        def __init__(self) -> None:
            super().__init__()
            self.network = model.network.eval()
            specs = [model.factors[place] for place in encoding.continuous]
            self.register_buffer("mean", torch.tensor([spec.mean for spec in specs])[:, None, None])
            self.register_buffer("std", torch.tensor([spec.std for spec in specs])[:, None, None])
            # A cell without data in any factor has the mean of each amount and no class.
            self.register_buffer("nothing", torch.full((factors, 1, 1), -1.0))
            self.nothing[encoding.continuous] = self.mean
            for place in encoding.categorical:
                self.register_buffer(f"codes{place}", torch.tensor(model.factors[place].seen)[:, None, None].float())

        def forward(self, raw: torch.Tensor) -> torch.Tensor:
            """Return the susceptibility, shape (1, 1, height, width)."""
            raw = torch.where(torch.isnan(raw.sum(dim=1, keepdim=True)), self.nothing, raw)
            scores = (raw[:, encoding.continuous] - self.mean) / self.std
            # Deepness divides by 255 and multiplies again: codes are no longer whole.
            classes = [
                (torch.round(raw[:, place : place + 1]) == getattr(self, f"codes{place}")).float()
                for place in encoding.categorical
            ]
            image = torch.cat([scores, *classes], dim=1)
            return torch.softmax(self.network(image), dim=1)[:, 1:]

    path = folder / f"{NET}.onnx"
    torch.onnx.export(
        FromRaw(),
        (torch.ones(1, factors, TILE, TILE),),
        str(path),
        input_names=["raw"],
        output_names=["susceptibility"],
        opset_version=17,
        dynamo=False,
    )
    graph = onnx.load(str(path))
    # Deepness takes every band for bytes and divides by 255; the standardisation takes that back.
    metadata = {
        "model_type": "Regressor",
        "class_names": {"0": "susceptibility"},
        "tile_size": TILE,
        "tiles_overlap": OVERLAP,
        "resolution": 100 * model.pixel_size,
        "reg_output_scaling": BYTES,
        "standardization_mean": [0.0] * factors,
        "standardization_std": [1 / 255] * factors,
    }
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=json.dumps(value))
    onnx.save(graph, str(path))


def peak() -> float:
    """Peak memory of this process in MB; what getrusage says would include the process that started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def in_own_process(python: str, arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run this script in a process of its own, and return what it says.

    Raises:
        RuntimeError: it failed; the message is its last line.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"
    }
    environment |= {"QT_QPA_PLATFORM": "offscreen", "TMPDIR": str(folder)}
    # Deepness leaves a file in the current folder.
    done = subprocess.run(
        [python, str(Path(__file__).resolve()), *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def missing(row: str, chosen: argparse.Namespace) -> str:
    """Return what a row lacks, empty if nothing."""
    for module in MODULES.get(row, ()):
        if subprocess.run([chosen.python, "-c", f"import {module}"], capture_output=True, check=False).returncode:
            return f"{chosen.python} has no {module}"
    if row == "deepness" and not version(chosen.deepness):
        return "--deepness is no checkout of Deepness"
    return ""


def difference(path: Path, reference: Path, scale: float, frame: int) -> tuple[float, float]:
    """Return the largest and the mean difference of two maps inside a frame."""
    largest, total, cells = 0.0, 0.0, 0
    with rasterio.open(path) as first, rasterio.open(reference) as second:
        if first.shape != second.shape:
            raise RuntimeError(f"its map has {first.shape} cells, not {second.shape}")
        width, bottom = second.width - 2 * frame, second.height - frame
        for top in range(frame, bottom, TILE):
            window = Window(frame, top, width, min(TILE, bottom - top))
            away = np.abs(first.read(1, window=window) / scale - second.read(1, window=window))
            largest, total, cells = np.maximum(largest, away.max()), total + away.sum(dtype=float), cells + away.size
    return float(largest), total / cells


def measure(row: str, folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run a row as often as asked, and return the fastest run."""
    arguments = ["--run", row, "--folder", str(folder), "--side", str(chosen.side), "--deepness", chosen.deepness]
    python = chosen.python if row in ("onnx", "deepness") else sys.executable
    runs = [in_own_process(python, arguments, folder) for _ in range(chosen.repeats)]
    return min(runs, key=lambda run: run["seconds"])


def print_rows(rows: Iterable[str], folder: Path, frame: int, chosen: argparse.Namespace) -> None:
    """Measure and print row by row.

    Args:
        rows: their names, ``fp32`` first, because the others are compared with it.
        folder: with stack and model.
        frame: cells around the map that are not compared.
        chosen: the options.
    """
    cells = chosen.side**2 / 1e6
    fastest = None
    print(f"{'row':44}{'Mcells/s':>10}{'seconds':>10}{'peak MB':>10}{'largest':>11}{'mean':>11}{'bf16 is':>10}")
    for row in rows:
        lack = missing(row, chosen)
        if lack:
            print(f"{row}: left out, {lack}", flush=True)
            continue
        try:
            if row in ("onnx", "deepness") and not (folder / f"{NET}.onnx").exists():
                in_own_process(chosen.python, ["--run", "export", "--folder", str(folder)], folder)
            run = measure(row, folder, chosen)
            largest, mean = difference(
                folder / f"{row}.tif", folder / "fp32.tif", BYTES if row == "deepness" else 1, frame
            )
        except RuntimeError as error:
            if row == "fp32":
                raise
            print(f"{row}: failed, {error}", flush=True)
            continue
        seconds = run["seconds"]
        fastest = seconds if row == "bf16" else fastest
        print(
            f"{run['label']:44}{cells / seconds:10.2f}{seconds:10.1f}{run['peak']:10.0f}{largest:11.6f}{mean:11.6f}"
            f"{f'{seconds / fastest:.1f} x' if fastest else '':>10}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--rows", default="bf16,plain,onnx,deepness")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each row, of which the fastest counts")
    parser.add_argument("--python", default=sys.executable, help="Python with onnx, onnxruntime and opencv")
    parser.add_argument("--deepness", default="", help="checkout of the Deepness plugin")
    parser.add_argument("--folder", help="where the stack is kept; a temporary folder by default")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    stack = f"stack{chosen.side}.tif"
    if chosen.run == "export":
        export(Path(chosen.folder))
        print("{}")
        return
    if chosen.run:
        folder = Path(chosen.folder)
        label, seconds = ROWS[chosen.run](folder, folder / stack, folder / f"{chosen.run}.tif", chosen)
        print(json.dumps({"label": label, "seconds": seconds, "peak": peak()}))
        return
    rows = ["fp32", *(row for row in chosen.rows.split(",") if row != "fp32")]
    if not set(rows) <= set(ROWS):
        parser.error(f"--rows are {', '.join(ROWS)}")

    from prediction import make_model, make_stack

    from scarp.model.artifact import load_model

    if os.path.sep in chosen.python:
        # Not resolved: a virtual environment's Python is a link.
        chosen.python = os.path.abspath(chosen.python)
    chosen.deepness = chosen.deepness and os.path.abspath(chosen.deepness)
    with tempfile.TemporaryDirectory() as name:
        kept, folder = Path(chosen.folder or name).resolve(), Path(name)
        kept.mkdir(exist_ok=True)
        if not (kept / stack).exists():
            make_stack(kept / stack, chosen.side)
        if kept != folder:
            (folder / stack).symlink_to(kept / stack)
        make_model(folder / f"{NET}.safetensors", NET)
        frame = load_model(folder / f"{NET}.safetensors").halo
        if chosen.side <= 2 * frame:
            parser.error(f"--side must be more than {2 * frame}")
        print(f"{chosen.side}² cells, {os.cpu_count()} processors; differences {frame} cells from the border on")
        print_rows(rows, folder, frame, chosen)


if __name__ == "__main__":
    main()
