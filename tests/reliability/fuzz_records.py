"""Fuzzes all readers of records: ``./run python tests/reliability/fuzz_records.py [--inputs 60000] [--seed 1]``."""

from __future__ import annotations

import sys

from scarp.tests.reliability.fuzzing import campaign
from scarp.tests.reliability.record_target import RecordTarget


def main() -> int:
    """Run the campaign; the exit status tells whether all was well."""
    return campaign("fuzz_records", __doc__, {"records": RecordTarget}, 60000)


if __name__ == "__main__":
    sys.exit(main())
