"""Fuzzes readers: ``./run python tests/reliability/fuzz.py fuzz_models [--inputs 50000] [--seed 1]``.

fuzz_models: model files; fuzz_records: all readers of records; fuzz_rasters: what reads GeoTIFFs; fuzz_layers:
GeoPackages and styles.
"""

from __future__ import annotations

import importlib
import sys

from scarp.tests.reliability.fuzzing import campaign

INPUTS = {"fuzz_models": 50000, "fuzz_records": 60000, "fuzz_rasters": 5000, "fuzz_layers": 5000}
TARGETS = {
    "fuzz_models": ("model_target", "ModelTarget"),
    "fuzz_records": ("record_target", "RecordTarget"),
    "fuzz_rasters": ("raster_target", "RasterTarget"),
    "fuzz_layers": ("layer_target", "LayerTarget", "StyleTarget"),
}


def main() -> int:
    name = sys.argv.pop(1)
    module, *kinds = TARGETS[name]
    found = [getattr(importlib.import_module(f"scarp.tests.reliability.{module}"), kind) for kind in kinds]
    return campaign(name, __doc__, {target.name: target for target in found}, INPUTS[name])


if __name__ == "__main__":
    sys.exit(main())
