"""Windows as tensors, batches on the device, and data augmentation: flips and rotations with their aspect codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..encoding import Encoding, FactorSpec
from ..factors.definitions import ASPECT_CLASSES
from ..progress import Progress, stop_if_cancelled
from ..windows.collection import WindowSet

ORIENTATIONS = 8  # 0 changes nothing; 4 and up flip left and right first; each step rotates by 90°
ASPECT = "aspect"
_FIRST_DIRECTION = 2  # code of north; the eight directions follow clockwise, and flat (1) has none
_SHARE_OF_GPU = 0.4  # of the free memory of a GPU for the windows; the network needs the rest


def flip_rotate(image: torch.Tensor, orientation: int) -> torch.Tensor:
    """Return square images (…, height, width) in one of the eight orientations."""
    if orientation >= 4:
        image = image.flip(-1)
    return torch.rot90(image, orientation % 4, dims=(-2, -1))


def transform_aspect(code: int, orientation: int) -> int:
    """Return the aspect code of a slope after its window was transformed.

    A flip swaps east and west; a rotation is counter-clockwise, so north becomes west. Unknown codes stay.
    """
    if code not in ASPECT_CLASSES or code < _FIRST_DIRECTION:
        return code
    direction = code - _FIRST_DIRECTION
    if orientation >= 4:
        direction = -direction
    return (direction - 2 * (orientation % 4)) % 8 + _FIRST_DIRECTION


def aspect_lookup(spec: FactorSpec) -> np.ndarray:
    """Return the transformed class number of the aspect, int64 (8 orientations, seen classes + 2).

    Class numbers are those of ``Encoding.split``: 0 no data, then the classes seen, then unseen.
    """
    numbers = {code: place + 1 for place, code in enumerate(spec.seen)}
    unseen = len(spec.seen) + 1
    table = np.empty((ORIENTATIONS, unseen + 1), dtype=np.int64)
    for orientation in range(ORIENTATIONS):
        turned = [numbers.get(transform_aspect(code, orientation), unseen) for code in spec.seen]
        table[orientation] = [0, *turned, unseen]
    return table


@dataclass
class Batch:
    """Input of one training step."""

    image: torch.Tensor  # float32 (windows, channels, height, width)
    labels: torch.Tensor  # uint8 (windows, height, width)
    safety: torch.Tensor | None  # float32 (windows, height, width), NaN where unknown


class TrainingData:
    """All windows in memory: z-scores as float32, classes as bytes; classes become channels batch by batch."""

    def __init__(self, windows: WindowSet, encoding: Encoding, device: torch.device, progress: Progress) -> None:
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
        sources = [flip_rotate(cells, orientation).flatten() for orientation in range(ORIENTATIONS)]
        self._sources = torch.stack(sources).to(home)
        self._aspect_lookups = {
            row: torch.from_numpy(aspect_lookup(encoding.factors[index]).astype(np.uint8)).to(home)
            for row, index in enumerate(encoding.categorical)
            if encoding.factors[index].name == ASPECT
        }

    def batch(self, indices: np.ndarray, orientations: np.ndarray | None = None) -> Batch:
        """Return the windows of some indices, each in its orientation (0 to 7) if given."""
        index = torch.from_numpy(np.asarray(indices, dtype=np.int64)).to(self._home)
        parts = [self._scores[index], self._numbers[index], self._labels[index]]
        if self._safety is not None:
            parts.append(self._safety[index])
        if orientations is not None:
            parts = self._augment(parts, orientations)
        parts = [part.to(self.device, non_blocking=True) for part in parts]
        return Batch(self._image(parts[0], parts[1]), parts[2], parts[3] if len(parts) > 3 else None)

    def _augment(self, parts: list[torch.Tensor], orientations: np.ndarray) -> list[torch.Tensor]:
        # All orientations at once by looking up the source of each cell, so that a GPU does not wait for the CPU.
        orientation = torch.from_numpy(np.asarray(orientations, dtype=np.int64)).to(self._home)
        sources = self._sources[orientation]
        results = []
        for part in parts:
            flat = part.flatten(-2)
            places = sources if flat.dim() == 2 else sources[:, None].expand(-1, flat.shape[1], -1)
            results.append(flat.gather(-1, places).view(part.shape))
        for row, table in self._aspect_lookups.items():
            results[1][:, row] = table[orientation[:, None, None], results[1][:, row].long()]
        return results

    def _image(self, scores: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        planes = [scores.permute(0, 2, 3, 1)]
        planes += [table[numbers[:, row].long()] for row, table in enumerate(self._tables)]
        # Channels last is the fastest layout for convolutions.
        return torch.cat(planes, dim=-1).permute(0, 3, 1, 2)


def _fits(size: int, device: torch.device) -> bool:
    if device.type != "cuda":
        return device.type == "cpu"
    return size < _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]
