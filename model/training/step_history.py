"""The history of a training by cross-fitting: its entries, and whether it was stopped by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..history.writing import AUC, EPOCHS, NUMBERS, STEPS, STOPPED, SUBSETS, TrainingLog
from .fold_problem import FoldProblem


class StepHistory:
    """Keeps an entry for each number of steps at which the networks are judged, and writes it to a log."""

    def __init__(self, problem: FoldProblem, log: TrainingLog) -> None:
        self._problem, self._log = problem, log
        self.entries: list[dict[str, Any]] = []
        self.ended = EPOCHS
        log.start_clock()

    def add(self, steps: int, training_loss: float, logit: np.ndarray) -> None:
        """Add the networks after some steps, by their loss on the cells they learn from and their logit out of fold."""
        numbers: dict[str, Any] = {"epoch": len(self.entries) + 1, STEPS: steps}
        numbers.update({f"{subset}_{name}": None for subset in SUBSETS for name in (*NUMBERS, AUC)})
        numbers.update({f"validation_{name}": value for name, value in self._problem.measures(logit).items()})
        numbers["train_loss"] = training_loss
        self.entries.append(numbers)
        self._log.epoch(numbers)

    def restore(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take over the entries of a checkpoint."""
        self.entries = [dict(numbers) for numbers in entries]
        for numbers in self.entries:
            self._log.epoch(numbers, timed=False)
        self._log.start_clock()

    def report_share(self, share: float) -> None:
        """Tell how much of the way to the next entry is done (0 to 1)."""
        self._log.report_epoch_share(len(self.entries) + 1, share)

    def stop_requested(self) -> bool:
        """Whether the training was asked to stop; then it has ended by hand."""
        if self._log.stop_requested():
            self.ended = STOPPED
        return self.ended == STOPPED
