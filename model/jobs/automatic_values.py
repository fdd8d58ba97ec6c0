"""Values that automatic settings would get in a run, for the dialogs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..artifact_header import read_header_of_file
from ..explanation.settings import ExplanationOptions
from ..factors.polygons import AreaMask
from ..grid import Grid
from ..inputs.rasters import open_raster
from ..labels.extents import RING_CELLS
from ..labels.settings import PAPER, LabelOptions
from ..options import automatic_values as values_of
from ..progress import NullProgress, Progress, SubProgress
from ..training import automatic
from ..training.areas import MoreAreas, match_areas, open_areas
from ..training.settings import PCUM, TrainingSettings
from ..validation.preparation import complete_options
from ..validation.settings import EvaluationOptions
from ..windows.split import Blocks, scan_labels

MAX_VALUES = 300_000_000  # cells × factors of a stack; reading it takes some ten seconds


def automatic_values(
    asked: TrainingSettings | EvaluationOptions | LabelOptions | ExplanationOptions,
    paths: Sequence[str | os.PathLike],
    *,
    kind: str = PCUM,
    held_out: int = 0,
    more_stacks: Sequence[str | os.PathLike] = (),
    more_labels: Sequence[str | os.PathLike] = (),
    progress: Progress,
) -> dict[str, Any]:
    """Return the values of automatic settings that can be told before a run, by parameter name.

    Nothing for a stack that takes long to read. Raises errors as the run would.

    Args:
        asked: settings of a training, or options of a validation, a comparison, labels or an explanation.
        paths: factor stack and labels, or the maps; the reference of labels; labels and model of an explanation.
        kind: of the model that is trained.
        held_out: as in :func:`~..training.automatic.complete`.
        more_stacks: of more areas, with the next one as in a training.
        more_labels: their labels.
    """
    if isinstance(asked, EvaluationOptions):
        grid = min((Grid.from_file(path, "susceptibility") for path in paths), key=Grid.cell_size)
        return values_of(asked, complete_options(asked, paths, grid, progress))
    if isinstance(asked, LabelOptions):
        return _ring(asked, paths[0])
    if isinstance(asked, ExplanationOptions):
        return _block_of_explanation(asked, paths[0], paths[1], progress)
    stack, labels = paths
    areas = match_areas(stack, labels, None, MoreAreas(more_stacks, more_labels))
    with open_areas(areas, NullProgress()) as opened:
        if sum(rasters.grid.width * rasters.grid.height * len(rasters.factors) for rasters in opened) > MAX_VALUES:
            return {}
        used = automatic.complete(asked, kind, opened, SubProgress(progress, 0.0, 0.6), held_out)
        found = values_of(asked, used)
        if held_out and len(opened) == 1:
            rasters, grid = opened[0], opened[0].grid
            blocks, part = Blocks.for_grid(grid, used.block_side), SubProgress(progress, 0.6, 1.0)
            landslide = scan_labels(rasters, blocks, blocks, used.seed, part).landslide
            found["FOLDS"] = automatic.number_of_folds(landslide)
        return found


def _ring(asked: LabelOptions, reference: str | os.PathLike) -> dict[str, Any]:
    if asked.ring is not None:
        return {}
    if asked.preset == PAPER:
        return {"RING": 0.0}
    metres = RING_CELLS * Grid.from_file(reference, "reference").cell_size()
    has_radius = bool(asked.scale_field or asked.area_field or asked.radii)
    return {"RING": f"{metres:.3g} m beyond the radius" if has_radius else f"{metres:.3g} m"}


def _block_of_explanation(
    asked: ExplanationOptions, labels: str | os.PathLike, model: str | os.PathLike, progress: Progress
) -> dict[str, Any]:
    """Return the side of the blocks for a model of single cells; that of others depends on their network."""
    from ..explanation.sample import LabelledArea, automatic_blocks

    if asked.block is not None or {"depth", "patch", "unet"} & set(read_header_of_file(model)["architecture"]):
        return {}
    with open_raster(labels, "labels") as dataset:
        grid = Grid.from_dataset(dataset, "labels")
        if grid.width * grid.height > MAX_VALUES:
            return {}
        area = LabelledArea(None, grid, dataset, AreaMask(grid, None))  # type: ignore[arg-type]  # only its labels count
        return {"BLOCK": automatic_blocks(area, 1, progress).side * grid.cell_size()}
