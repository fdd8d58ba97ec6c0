"""Training in several processes: who sees which windows, and how gradients, counts and batch norm come together.

BATCH is the batch of all processes together. Each of them draws the same order, turns and dropout masks from the same
seed and takes its slice, and every mean is taken over the whole batch. So the number of processes changes nothing but
the rounding.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import Cancelled, DeviceUnavailable, ParameterInvalid, ProcessLost
from ..loss import LossTerms
from ..progress import Progress, stop_if_cancelled

WAIT = timedelta(minutes=10)
"""Until a process that is not heard of counts as lost."""


@dataclass(frozen=True)
class Processes:
    """The processes that train together and the place of this one among them; does nothing when it is alone."""

    number: int = 0
    """Of this process, from 0."""
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return self.number == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.count == 1

    def share(self, numbers: np.ndarray) -> np.ndarray:
        """Return this process's slice of some windows; slices differ by one window at most and may be empty."""
        return numbers if self.alone else np.array_split(numbers, self.count)[self.number]

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of a tensor over all processes, the same to the bit in each of them."""
        if not self.alone:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def loss(self, terms: LossTerms) -> torch.Tensor:
        """Return what to minimise: this process's part of the whole batch's loss.

        The means are over the cells of the whole batch. :class:`DistributedDataParallel` averages gradients over the
        processes where they must be summed, hence the factor.
        """
        if self.alone:
            return terms.loss
        labelled, known = self.sum(torch.stack([terms.labelled.float(), terms.known.float()]))
        return dataclasses.replace(terms, labelled=labelled, known=known).loss * self.count

    def stop_if_cancelled(self, progress: Progress) -> None:
        """Raise :class:`Cancelled` in all processes if one of them was asked to stop; all must call this."""
        if self.alone:
            stop_if_cancelled(progress)
        elif self.sum(torch.tensor(int(progress.cancelled()))):
            raise Cancelled()

    def agreed(self, progress: Progress, wish: bool) -> bool:
        """Return whether one of the processes has a wish; all must call this.

        Raises:
            Cancelled: in all processes, if one of them was asked to stop.
        """
        if self.alone:
            stop_if_cancelled(progress)
            return wish
        cancelled, wished = self.sum(torch.tensor([int(progress.cancelled()), int(wish)])).tolist()
        if cancelled:
            raise Cancelled()
        return bool(wished)

    def require_same(self, key: str) -> None:
        """Raise :class:`ParameterInvalid` in all processes unless all of them give the same text."""
        if self.alone:
            return
        first = _broadcast(key.encode())
        if self.sum(torch.tensor(int(first != key.encode()))):
            raise ParameterInvalid("The processes of this training do not have the same data or settings. Give all of "
                                   "them the same command, and each machine the same files and version of Scarp.")

    @contextlib.contextmanager
    def shared_file(self, path: str | os.PathLike | None) -> Iterator[str | os.PathLike | None]:
        """Give all processes a file with the content of the first one's; nothing when that has no such file.

        Args:
            path: used by the first process only, so other machines need not have the file.
        """
        if self.alone:
            yield path
            return
        there = self.first and path is not None and Path(path).is_file()
        content = _broadcast(Path(path).read_bytes() if there else b"")
        with tempfile.TemporaryDirectory(prefix="scarp-") as folder:
            copy = Path(folder) / "copy"
            if content and not self.first:
                copy.write_bytes(content)
            yield None if not content else path if self.first else copy

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the module to train: it shares weights and statistics with the network and keeps them alike.

        The network is the module to evaluate and to save; give it to :meth:`unwrap` when training has ended.
        """
        if self.alone:
            return network
        _synchronise(network)
        # Batch norm has the same statistics everywhere already. Newer versions of torch have a new name for this.
        names = inspect.signature(DistributedDataParallel).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"
        return DistributedDataParallel(network, **{name: False})

    def unwrap(self, network: nn.Module) -> None:
        """Put the ordinary batch norm back, which takes over weights and statistics."""
        for name, child in network.named_children():
            if isinstance(child, (SharedBatchNorm, nn.SyncBatchNorm)):
                setattr(network, name, child.replaced[0].train(child.training))
            else:
                self.unwrap(child)


def processes() -> Processes:
    """Return the group that this process trains in: that of :func:`joined`, or itself alone."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


@contextlib.contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` (or alike, with the same environment variables) started.

    Processes on the CPU talk through gloo; on CUDA each takes the GPU of its number on its machine and they talk
    through NCCL.

    Args:
        device: the setting.

    Raises:
        DeviceUnavailable: there are fewer GPUs than processes, or the device cannot be shared out.
        ProcessLost: the others cannot be reached, or one of them ended.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    if not dist.is_available():
        raise DeviceUnavailable("This build of torch cannot train in several processes. Start one, without torchrun.")
    cuda = _take_gpu(device)
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=WAIT)
        yield processes()
    except (dist.DistError, RuntimeError) as error:
        if not isinstance(error, dist.DistError) and not _is_connection(error):
            raise
        reason = str(error).strip().split("\n")[0][:200]
        raise ProcessLost("Another process of this training ended or cannot be reached, so this one ends as well. "
                          f"Look for its message; with a CHECKPOINT the training can go on. ({reason})") from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _take_gpu(device: str) -> bool:
    """Make one GPU this process's own; return whether there is one."""
    own, here = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device not in ("auto", "cpu", "cuda"):
        raise DeviceUnavailable(f"DEVICE is {device}, which several processes cannot share. Choose cuda, which gives "
                                "each of them its own GPU, or cpu.")
    if device == "cpu" or not torch.cuda.is_available():
        return False
    count = torch.cuda.device_count()
    if here > count:
        raise DeviceUnavailable(f"{here} processes run on this machine, but it has {count} CUDA GPUs. Start as many "
                                "processes as GPUs, or choose DEVICE=cpu.")
    torch.cuda.set_device(own)
    return True


def _is_connection(error: RuntimeError) -> bool:
    return "gloo" in str(error).lower() or "nccl" in str(error).lower()


def _broadcast(content: bytes) -> bytes:
    """Return what the first process gave."""
    size = torch.tensor(len(content))
    dist.broadcast(size, 0)
    found = torch.zeros(int(size), dtype=torch.uint8)
    if dist.get_rank() == 0:
        found = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
    if len(found):
        dist.broadcast(found, 0)
    return found.numpy().tobytes()


class _Sum(torch.autograd.Function):
    """The sum over all processes; what each of them does with it flows back to all."""

    @staticmethod
    def forward(_: Any, values: torch.Tensor) -> torch.Tensor:
        """Add up."""
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> torch.Tensor:
        """Add up the gradients."""
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, for devices on which torch's ``SyncBatchNorm`` refuses to work."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Normalise channels, which are the second dimension; a process may have no window at all."""
        if not self.training:
            return super().forward(image)
        values = image.float()
        cells = [place for place in range(values.dim()) if place != 1]
        number = values.numel() // values.shape[1]
        if number:
            variance, mean = torch.var_mean(values, cells, correction=0)
        else:
            # Zeros that depend on the input: gradients must be exchanged by this process as well.
            variance = mean = values.sum(cells)
        mean, variance = mean.double(), variance.double()
        # In float64 the square of the mean can be taken off the mean of squares without loss.
        sums = _Sum.apply(torch.cat([mean * number, (variance + mean ** 2) * number, mean.new_tensor([number])]))
        total = sums[-1].detach()
        mean, squares = (sums[:-1] / total).chunk(2)
        variance = squares - mean ** 2
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.float(), self.momentum)
            self.running_var.lerp_((variance * (total / (total - 1).clamp(min=1))).float(), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps).float()
        shift = self.bias - mean.float() * scale
        shape = [1, -1] + [1] * (values.dim() - 2)
        return torch.addcmul(shift.view(shape), values, scale.view(shape)).to(image.dtype)


def _synchronise(module: nn.Module) -> None:
    """Replace batch norm throughout by one that spans all processes and shares weights and statistics with it."""
    for name, child in module.named_children():
        if not isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            _synchronise(child)
            continue
        kind = nn.SyncBatchNorm if child.weight.device.type == "cuda" else SharedBatchNorm
        other = kind(child.num_features, child.eps, child.momentum)
        other.weight, other.bias = child.weight, child.bias
        for statistic in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(other, statistic, getattr(child, statistic))
        # In a tuple, so that the module does not become a part of the network.
        other.replaced = (child,)
        setattr(module, name, other)
