"""The lines of a history file, and the words in them.

A history is a text file of JSON lines. The first, the head, says what is trained; then there is a line for each epoch,
for how far a slow epoch has come, and at last one for how it ended. A file without that last line belongs to a training
that runs, or that was killed: while a training lives, it touches its file every few seconds.
"""

from __future__ import annotations

NUMBERS = ("loss", "accuracy", "recall", "violation_rate")
"""What is measured in each epoch."""
SUBSETS = ("train", "validation")
"""On what; an epoch has ``train_loss`` and so on, ``None`` where there is nothing to divide by."""
SERIES = tuple(f"{subset}_{name}" for subset in SUBSETS for name in NUMBERS)

EPOCHS, PATIENCE, STOPPED, CANCELLED, FAILED = "epochs", "patience", "stopped", "cancelled", "failed"
ENDS = (EPOCHS, PATIENCE, STOPPED, CANCELLED, FAILED)
"""How a training ended: after all epochs, when it no longer got better, by hand with its best weights kept, by hand
without a model, or by an error."""
RUNNING, LOST = "running", "lost"
"""What a training without an end is: at work, or not heard of any more."""

HEAD, EPOCH, WITHIN, SHARE, END = "scarp_training", "epoch", "in_epoch", "share", "ended"
"""The member by which a line is known; ``SHARE`` goes with ``WITHIN``."""
FORMAT = 1
"""In the head; raised when older versions could no longer read a new file rightly."""

HEARTBEAT = 3.0
"""Seconds between two touches of the file."""
SILENCE = 30.0
"""Seconds without a touch after which a training counts as lost."""
MOST_EPOCHS = 100000
LONGEST_LINE = 64 * 1024
