"""What can go wrong. Every message says what is wrong, in which input, and how to fix it: the user sees it as it is."""

from __future__ import annotations


class ScarpError(Exception):
    """Base of all failures that Scarp reports; its text is meant for the user."""


class Cancelled(ScarpError):
    """The user cancelled; no output was written."""

    def __init__(self, text: str = "Cancelled. No output was written.") -> None:
        super().__init__(text)


class InputMissing(ScarpError):
    """A given file or layer cannot be found or opened."""


class InputCorrupt(ScarpError):
    """A file opens but its content cannot be used."""


class CrsMissing(ScarpError):
    """A raster or layer has no coordinate reference system."""


class GridUnsupported(ScarpError):
    """A raster grid is not supported (rotated, south-up, empty)."""


class GridMismatch(ScarpError):
    """Two rasters that must share one grid do not."""


class NoOverlap(ScarpError):
    """Two inputs do not overlap, so nothing can be computed from both."""


class LayerEmpty(ScarpError):
    """A layer has no usable feature, or none inside the study grid."""


class FieldUnusable(ScarpError):
    """An attribute field is missing or holds values of the wrong type."""


class ParameterInvalid(ScarpError):
    """A parameter is out of its range or cannot be read."""


class ParameterMissing(ParameterInvalid):
    """One of several parameters is required, and none was given."""


class FactorMissing(ScarpError):
    """A factor that a trained model needs is not in the stack."""


class TooFewData(ScarpError):
    """There is too little data for the step: too few landslides, windows or valid cells."""


class ModelFileInvalid(ScarpError):
    """A model file is not from Scarp, is damaged, or was written by a newer version."""


class HistoryInvalid(ScarpError):
    """A file is not a training history, or a model has none."""


class OutputNotWritable(ScarpError):
    """An output cannot be written: the folder is missing or read-only, or the disk is full."""


class DeviceUnavailable(ScarpError):
    """The requested device (a GPU, say) does not exist or has too little memory."""


class LibraryMissing(ScarpError):
    """A library that this way of running needs is not installed."""


class ClusterUnreachable(ScarpError):
    """The scheduler of a cluster cannot be reached, has no workers, or was lost."""


class ClusterUnsuitable(ScarpError):
    """Workers of a cluster run another version, or do not see the files of the run."""


class MessageInvalid(ScarpError):
    """A message between QGIS and the worker process is invalid."""


class WorkerFailed(ScarpError):
    """A job failed on a worker of a cluster with an unexpected error, or ended the worker."""
