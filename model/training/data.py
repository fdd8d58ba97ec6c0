"""Windows as tensors, ready to be made into batches on the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..encoding import Encoding
from ..progress import Progress, stop_if_cancelled
from ..windows.reading import WindowSet
from .augment import ASPECT, WAYS, aspect_table, turn

_SHARE_OF_GPU = 0.4
"""Of the free memory of a GPU that the windows may take; the network needs the rest."""


@dataclass
class Batch:
    """What one step of training sees."""

    image: torch.Tensor
    """float32 (windows, channels, height, width)."""
    labels: torch.Tensor
    """uint8 (windows, height, width)."""
    safety: torch.Tensor | None
    """float32 (windows, height, width), NaN where unknown."""


class TrainingData:
    """All windows in memory: z-scores as float32, classes as bytes; classes become channels batch by batch."""

    def __init__(self, windows: WindowSet, encoding: Encoding, device: torch.device, progress: Progress) -> None:
        """Encode the windows.

        Args:
            windows: physical values.
            encoding: fitted on the training windows.
            device: where batches are wanted.
            progress: 0 to 1 over the encoding.
        """
        count, padded = len(windows), windows.labels.shape[-1]
        scores = np.empty((count, len(encoding.continuous), padded, padded), dtype=np.float32)
        numbers = np.empty((count, len(encoding.categorical), padded, padded), dtype=np.uint8)
        for index in range(count):
            scores[index], numbers[index], _ = encoding.split(windows.factors[index])
            if index % 64 == 0:
                stop_if_cancelled(progress)
                progress.report(index / count)
        tensors = [torch.from_numpy(scores), torch.from_numpy(numbers), torch.from_numpy(windows.labels)]
        if windows.safety is not None:
            tensors.append(torch.from_numpy(windows.safety))
        home = device if _fits(sum(tensor.nbytes for tensor in tensors), device) else torch.device("cpu")
        tensors = [tensor.to(home) for tensor in tensors]
        self.device, self._home = device, home
        self._scores, self._numbers, self._labels = tensors[:3]
        self._safety = tensors[3] if len(tensors) > 3 else None
        self._tables = [torch.from_numpy(table).to(device) for table in encoding.tables]
        cells = torch.arange(padded * padded).view(padded, padded)
        self._sources = torch.stack([turn(cells, way).flatten() for way in range(WAYS)]).to(home)
        self._turned = {row: torch.from_numpy(aspect_table(encoding.factors[index]).astype(np.uint8)).to(home)
                        for row, index in enumerate(encoding.categorical) if encoding.factors[index].name == ASPECT}

    def batch(self, numbers: np.ndarray, ways: np.ndarray | None = None) -> Batch:
        """Return some windows.

        Args:
            numbers: of the windows.
            ways: how to turn each of them (0 to 7); as they are by default.
        """
        index = torch.from_numpy(np.asarray(numbers, dtype=np.int64)).to(self._home)
        parts = [self._scores[index], self._numbers[index], self._labels[index]]
        if self._safety is not None:
            parts.append(self._safety[index])
        if ways is not None:
            parts = self._turn(parts, ways)
        parts = [part.to(self.device, non_blocking=True) for part in parts]
        return Batch(self._image(parts[0], parts[1]), parts[2], parts[3] if len(parts) > 3 else None)

    def _turn(self, parts: list[torch.Tensor], ways: np.ndarray) -> list[torch.Tensor]:
        # All ways at once by looking up where each cell comes from: a GPU need not wait for the CPU to sort them.
        way = torch.from_numpy(np.asarray(ways, dtype=np.int64)).to(self._home)
        sources = self._sources[way]
        results = []
        for part in parts:
            flat = part.flatten(-2)
            places = sources if flat.dim() == 2 else sources[:, None].expand(-1, flat.shape[1], -1)
            results.append(flat.gather(-1, places).view(part.shape))
        for row, table in self._turned.items():
            results[1][:, row] = table[way[:, None, None], results[1][:, row].long()]
        return results

    def _image(self, scores: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        planes = [scores.permute(0, 2, 3, 1)]
        planes += [table[numbers[:, row].long()] for row, table in enumerate(self._tables)]
        # Channels end up innermost, which is the layout that convolutions are fastest in.
        return torch.cat(planes, dim=-1).permute(0, 3, 1, 2)


def _fits(size: int, device: torch.device) -> bool:
    if device.type != "cuda":
        return device.type == "cpu"
    return size < _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]
