"""What comparing two things gave: a verdict, and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Of two files, numbers or texts."""

    same: bool | None
    """``None`` when they were not compared."""
    text: str
    """What differs, or why nothing was compared."""


SAME_BYTES = Difference(True, "identical to the byte")
