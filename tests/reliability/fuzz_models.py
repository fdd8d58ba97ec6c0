"""Fuzzes the model-file reader: ``./run python tests/reliability/fuzz_models.py [--inputs 50000] [--seed 1]``."""

from __future__ import annotations

import sys

from scarp.tests.reliability.fuzzing import campaign
from scarp.tests.reliability.model_target import ModelTarget


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    return campaign("fuzz_models", __doc__, {"model files": ModelTarget}, 50000)


if __name__ == "__main__":
    sys.exit(main())
