"""Fuzzes GeoPackages and styles: ``./run python tests/reliability/fuzz_layers.py [--inputs 5000] [--seed 1]``."""

from __future__ import annotations

import sys

from scarp.tests.reliability.fuzzing import campaign
from scarp.tests.reliability.layer_target import LayerTarget, StyleTarget


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    return campaign("fuzz_layers", __doc__, {target.name: target for target in (LayerTarget, StyleTarget)}, 5000)


if __name__ == "__main__":
    sys.exit(main())
