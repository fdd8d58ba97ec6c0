"""What can go wrong, one named exception per kind of failure.

Every message says what is wrong, in which input, and how to mend it: it is shown to an analyst as it stands.
"""

from __future__ import annotations


class ScarpError(Exception):
    """Base of all failures that Scarp reports; its text is meant for the user."""


class Cancelled(ScarpError):
    """The user asked to stop. Nothing was left under an output's name."""

    def __init__(self, text: str = "Cancelled. No output was written.") -> None:
        super().__init__(text)


class InputMissing(ScarpError):
    """A file or layer that was named cannot be found or opened."""


class InputCorrupt(ScarpError):
    """A file opens but its content cannot be used."""


class CrsMissing(ScarpError):
    """A raster or layer has no coordinate reference system."""


class GridUnsupported(ScarpError):
    """A raster grid has a form that Scarp does not compute on (rotated, south-up, empty)."""


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
    """One of several parameters is needed, and none of them was given."""


class FactorMissing(ScarpError):
    """A factor that a trained model needs is not in the stack."""


class TooFewData(ScarpError):
    """There is too little data for the step: too few landslides, windows or valid cells."""


class ModelFileInvalid(ScarpError):
    """A model file is not one of Scarp's, is damaged, or was written by a newer version."""


class HistoryInvalid(ScarpError):
    """A file is no history of a training, or a model has none."""


class OutputNotWritable(ScarpError):
    """An output cannot be written: the folder is missing or read-only, or the disk is full."""


class DeviceUnavailable(ScarpError):
    """The device asked for (a GPU, say) is not there or has too little memory."""


class LibraryMissing(ScarpError):
    """A library that only this way of running needs is not installed."""


class ClusterUnreachable(ScarpError):
    """The scheduler of a cluster cannot be reached, has no workers, or was lost on the way."""


class ClusterUnsuitable(ScarpError):
    """Workers of a cluster run another version, or do not see the files of the run."""


class MessageInvalid(ScarpError):
    """QGIS and the process that computes do not understand each other."""


class WorkerFailed(ScarpError):
    """A piece of work failed on a worker of a cluster in a way that was not foreseen, or ended the worker."""
