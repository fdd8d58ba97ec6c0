"""Self-test, run in the private environment: checks every library and prints versions as JSON on the last line."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any

# On Windows the order matters: as the worker process begins, see FIRST.
MODULES = ("numpy", "torch", "scipy", "sklearn", "rasterio", "safetensors", "matplotlib", "jinja2", "attr")

FIRST = Path(__file__).resolve().parent.parent / "model" / "worker" / "first_libraries.py"


def main() -> None:
    """Import each library, compute a little with those that have compiled parts, and print the findings."""
    # The file itself, because the environment knows nothing of the plugin.
    runpy.run_path(str(FIRST))["load_first"](MODULES)
    found: dict[str, Any] = {"python": ".".join(map(str, sys.version_info[:3])), "versions": {}, "seconds": {}}
    for name in MODULES:
        started = time.perf_counter()
        module = importlib.import_module(name)
        found["versions"][name] = getattr(module, "__version__", "")
        print(name, found["versions"][name], flush=True)
        found["seconds"][name] = round(time.perf_counter() - started, 2)
    found.update(_torch())
    found["gdal"] = _rasterio()
    from sklearn.linear_model import LogisticRegression

    if LogisticRegression().fit([[0.0], [1.0]], [0, 1]).predict([[1.0]])[0] != 1:
        raise RuntimeError("scikit-learn computes wrong results")
    print(json.dumps(found), flush=True)


def _torch() -> dict[str, Any]:
    import torch

    product = torch.tensor([[1.0, 2.0], [3.0, 4.0]]) @ torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    if product.tolist() != [[2.0, 1.0], [4.0, 3.0]]:
        raise RuntimeError(f"torch computes wrong results: {product.tolist()}")
    devices: list[str] = []
    cuda, problem = torch.version.cuda, ""
    try:
        for number in range(torch.cuda.device_count() if cuda else 0):
            ones = torch.ones(2, 2, device=f"cuda:{number}")
            if (ones @ ones).sum().item() != 8.0:
                raise RuntimeError(f"cuda:{number} computes wrong results")
            devices.append(torch.cuda.get_device_name(number))
        if cuda and not devices:
            problem = "torch sees no CUDA device"
    except RuntimeError as error:
        problem = str(error).splitlines()[0]
    return {"cuda_build": cuda, "threads": torch.get_num_threads(), "devices": devices, "device_problem": problem}


def _rasterio() -> str:
    import numpy
    import rasterio
    from rasterio.crs import CRS
    from rasterio.io import MemoryFile

    # EPSG codes come from PROJ's database: another PROJ's, named in the environment, would fail here.
    profile = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "float32", "crs": CRS.from_epsg(32633)}
    with MemoryFile() as memory:
        with memory.open(**profile, transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)) as raster:
            raster.write(numpy.ones((1, 2, 2), "float32"))
        with memory.open() as raster:
            if raster.read().sum() != 4 or raster.crs.to_epsg() != 32633:
                raise RuntimeError("rasterio does not read what it wrote")
    return rasterio.__gdal_version__


if __name__ == "__main__":
    main()
