"""Whatever goes wrong in a run, as one sentence for the user; what explains it goes into the log."""

from __future__ import annotations

import traceback

from qgis.core import QgsProcessingException, QgsProcessingFeedback

from ..model.errors import ScarpError
from ..model.memory import is_out_of_memory
from ..processing_provider.dependencies import broken
from ..running.failures import Unforeseen
from ..translation import tr


def failure(error: Exception, title: str, feedback: QgsProcessingFeedback) -> QgsProcessingException:
    """Return what an algorithm raises for an error, and log what explains it.

    Args:
        error: of the run.
        title: of the algorithm.
        feedback: of the run.
    """
    if isinstance(error, ScarpError):
        _log(getattr(error, "log", ""), feedback)
        return QgsProcessingException(str(error))
    if isinstance(error, ImportError):
        _log(traceback.format_exc(), feedback)
        return QgsProcessingException(broken(error))
    if is_out_of_memory(error):
        return QgsProcessingException(tr("The computer ran out of memory. Close other programs, or choose a smaller "
                                         "area, tile or batch."))
    # A fault of Scarp's own: the trace goes to the log, for the report.
    remote = isinstance(error, Unforeseen)
    _log(error.log if remote else traceback.format_exc(), feedback)
    return QgsProcessingException(
        tr("{title} failed in a way that Scarp did not foresee: {error}. Nothing was left under the outputs' names. "
           "Please report it with the log.")
        .format(title=title, error=str(error) if remote else f"{type(error).__name__}: {error}"))


def _log(text: str, feedback: QgsProcessingFeedback) -> None:
    if text:
        feedback.pushDebugInfo(text)
