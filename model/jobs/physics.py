"""The physics constraint in a training job: whether it is used, and what is said of its safety factor."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import ParameterInvalid
from ..inputs.survey import ROUNDING
from ..networks.unet import NONE
from ..progress import Progress
from ..training.settings import CROSS_FITTED, STABILITY, TrainingSettings
from ..windows.collection import WindowSet
from ..windows.split import TRAIN

MUCH_WARNED = 50.0  # per cent of the training cells under warning, above which the physics constraint tells little


def with_physics_setting(settings: TrainingSettings, safety_factor: Any, progress: Progress) -> TrainingSettings:
    """Turn the physics term off if there is no safety factor, on windows with a warning."""
    if safety_factor is not None or settings.physics in (NONE, STABILITY):
        return settings
    if settings.method == CROSS_FITTED:
        progress.report(0.0, "No SAFETY_FACTOR was given, so the model is trained without the physics constraint.")
        return dataclasses.replace(settings, physics=NONE)
    progress.warn(
        f"PHYSICS is {settings.physics}, but no SAFETY_FACTOR was given, so the model is trained without the physics "
        "constraint, as a plain U-Net with these weights. Build a rain index first, or choose PHYSICS=none."
    )
    return dataclasses.replace(settings, physics=NONE)


def tell_warned(
    safety: np.ndarray, settings: TrainingSettings, done: float, progress: Progress, area: np.ndarray | None = None
) -> None:
    """Say how much land is under warning, and warn of a safety factor that cannot be meant so.

    ``safety`` is that of training cells, NaN where unknown, ``area`` what each of them stands for.
    """
    critical = settings.critical
    with np.errstate(invalid="ignore"):
        warned, known = safety < critical, np.isfinite(safety)
    area = np.ones(safety.shape) if area is None else area
    share = 100 * np.average(warned[known], weights=area[known])
    text = f"The safety factor or rain index is below {critical:g} in {share:.1f} % of the training cells."
    progress.report(done, text)
    highest = float(np.nanmax(safety))
    if highest > 1 + ROUNDING and critical < 1:
        progress.warn(
            f"The safety factor runs from {np.nanmin(safety):.4g} to {highest:.4g}, but the rain index of "
            f'"Build safety factor" lies between 0 and 1, and FS_CRITICAL is {critical:g}. If it comes from slope '
            "stability, where 1 is critical, set FS_CRITICAL to 1; if it is in percent, divide it by 100."
        )
    if settings.physics == STABILITY:
        # The rule asks where a place stands in its land, whatever the level.
        return
    if share > MUCH_WARNED and settings.physics != NONE:
        progress.warn(
            f"{share:.0f} % of the training cells are under warning, so the physics constraint asks for a "
            "susceptibility of P_LOW nearly everywhere and tells little. A rain index with a low PERCENTILE is "
            "made for warnings: take one with a higher PERCENTILE, or PHYSICS=none."
        )
    if not warned.any() and settings.physics != NONE:
        none = f"No training cell has a safety factor or rain index below {critical:g}"
        progress.warn(f"{none}, so the physics constraint has no effect.")


def training_safety(windows: WindowSet) -> np.ndarray:
    """Return the safety factor of the training windows, float32 (windows, height, width). Raises ``ParameterInvalid``
    if it has no data at all.
    """
    safety = np.empty(0) if windows.safety is None else windows.safety[windows.indices_of(TRAIN)]
    require_known(safety, "window")
    return safety


def require_known(safety: np.ndarray, what: str) -> None:
    """Raise ``ParameterInvalid`` if the safety factor of all training windows or cells is unknown."""
    if not np.isfinite(safety).any():
        raise ParameterInvalid(
            f"The safety factor has no data in any training {what}. Check that it covers the area of the labels."
        )
