"""Grids, rasters and listeners that the tests of the core share; import them from here."""

from __future__ import annotations

import csv
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS

from scarp.model.grid import Grid
from scarp.model.progress import NullProgress

UTM, DEGREES = CRS.from_epsg(32645), CRS.from_epsg(4326)


@pytest.fixture(autouse=True, scope="session")
def no_bf16_by_itself():
    """Let ``auto`` mean fp32 on every processor; tests that are about bf16 ask for it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            patch.setattr(torch.cpu, name, lambda: False, raising=False)
        yield


def run_gdal(*command: Any) -> str:
    """Run a program of GDAL, by which results are judged, and return its output."""
    if sys.platform == "win32":
        pytest.skip("Windows wheels bring no programs of GDAL")
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def utm_grid(height: int = 20, width: int = 30, cell: float = 30.0, left: float = 5e5, top: float = 3e6) -> Grid:
    """A grid in metres."""
    return Grid(UTM, Affine(cell, 0, left, 0, -cell, top), width, height)


def degree_grid(
    height: int = 20, width: int = 30, cell: float = 1 / 3600, left: float = 86.0, top: float = 28.0
) -> Grid:
    """A geographic grid."""
    return Grid(DEGREES, Affine(cell, 0, left, 0, -cell, top), width, height)


def write_raster(
    path: Path,
    values: np.ndarray,
    grid: Grid | None = None,
    *,
    nodata: float | None = None,
    transform: Affine | None = None,
    crs: Any = None,
    **profile: Any,
) -> str:
    """Write (height, width) or (bands, height, width) as GeoTIFF and return the path as text.

    Args:
        grid: gives transform and CRS; by default a grid in metres of the size of the values.
        transform: instead of the grid's.
        crs: instead of the grid's.
    """
    bands = values[None] if values.ndim == 2 else values
    grid = grid or utm_grid(*bands.shape[1:])
    profile = {
        "driver": "GTiff",
        "dtype": values.dtype,
        "nodata": nodata,
        "transform": transform or grid.transform,
        "crs": grid.crs if crs is None else crs or None,
        **profile,
    }
    with rasterio.open(path, "w", count=len(bands), height=bands.shape[1], width=bands.shape[2], **profile) as dataset:
        dataset.write(bands)
    return str(path)


class Listener(NullProgress):
    """Keeps fractions, texts and warnings; cancels after some questions or at a share of the work."""

    def __init__(self, cancel_after: float = np.inf, cancel_at: float = np.inf) -> None:
        super().__init__()
        self.fractions: list[float] = []
        self.texts: list[str] = []
        self.questions, self.cancel_after, self.cancel_at = 0, cancel_after, cancel_at

    def report(self, fraction: float, text: str = "") -> None:
        self.fractions.append(fraction)
        if text:
            self.texts.append(text)

    def cancelled(self) -> bool:
        self.questions += 1
        return self.questions > self.cancel_after or max(self.fractions, default=0.0) >= self.cancel_at


def warnings_of(job: Callable, *arguments: Any, **settings: Any) -> list[str]:
    """Run a job and return what it warned of."""
    progress = NullProgress()
    job(*arguments, **settings, progress=progress)
    return progress.warnings


def build(kind, settings, *first):
    """Take what a dataclass has fields for out of the settings and return one of it."""
    names = [field.name for field in dataclasses.fields(kind)[len(first) :] if field.init]
    return kind(*first, **{name: settings.pop(name) for name in names if name in settings})


# The jobs of these names with layers, options and paths as keywords.


def validate_with_points(susceptibility, landslides, output_html, output_table, progress=None, **settings):
    from scarp.model.jobs import validate_with_points as job
    from scarp.model.validation.settings import EvaluationLayers, ValidationOptions

    given = build(EvaluationLayers, settings, landslides), output_html, output_table, build(ValidationOptions, settings)
    return job.validate_with_points(susceptibility, *given, **settings, progress=progress or NullProgress())


def compare_models(susceptibility, landslides, output_html, output_table, progress=None, **settings):
    from scarp.model.comparison.settings import ComparisonOptions
    from scarp.model.jobs import compare_models as job
    from scarp.model.validation.settings import EvaluationLayers

    given = build(EvaluationLayers, settings, landslides), output_html, output_table, build(ComparisonOptions, settings)
    return job.compare_models(susceptibility, *given, **settings, progress=progress or NullProgress())


def classify_zones(susceptibility, output, progress=None, **settings):
    from scarp.model.jobs import classify_zones as job
    from scarp.model.zones.schemes import ZoneOptions

    options = build(ZoneOptions, settings)
    return job.classify_zones(susceptibility, output, options, **settings, progress=progress or NullProgress())


def rainfall_warning(susceptibility, rain, output, output_table, progress=None, **settings):
    from scarp.model.jobs import rainfall_warning as job
    from scarp.model.warning.classes import WarningInputs, WarningOptions

    given = build(WarningInputs, settings, susceptibility, rain), output, output_table, build(WarningOptions, settings)
    return job.rainfall_warning(*given, **settings, progress=progress or NullProgress())


def build_factor_stack(dem, output, progress=None, **settings):
    from scarp.model.factors.settings import StackInputs, StackOptions
    from scarp.model.jobs import build_factor_stack as job

    # Most tests are about the layers that users give; those about further terrain factors ask for them.
    settings.setdefault("terrain", ("none",))
    options = build(StackOptions, settings)
    return job.build_factor_stack(StackInputs(dem, **settings), output, options, progress or NullProgress())


def build_buffered_labels(landslides, reference, output, progress=None, **settings):
    from scarp.model.jobs import build_buffered_labels as job
    from scarp.model.labels.settings import LabelOptions

    given = landslides, reference, output, build(LabelOptions, settings)
    return job.build_buffered_labels(*given, **settings, progress=progress or NullProgress())


def build_safety_factor(reference, precipitation, output, progress=None, **settings):
    from scarp.model.jobs import build_safety_factor as job
    from scarp.model.safety.settings import SafetyInputs, SafetyOptions

    given = build(SafetyInputs, settings, reference, precipitation), output, build(SafetyOptions, settings)
    return job.build_safety_factor(*given, **settings, progress=progress or NullProgress())


def box(left: float, bottom: float, right: float, top: float) -> dict[str, Any]:
    """Return a rectangle as GeoJSON polygon."""
    ring = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    return {"type": "Polygon", "coordinates": [ring]}


def cell_box(grid: Grid, row: float, column: float, height: float, width: float) -> dict[str, Any]:
    """A rectangle of cells as GeoJSON."""
    (left, top), (right, bottom) = at_cells(grid, [row, row + height], [column, column + width], 0)
    return box(left, bottom, right, top)


def at_cells(grid: Grid, rows, columns, shift: float = 0.5) -> np.ndarray:
    """Map coordinates in cells, by default of their centres, shape (cells, 2)."""
    t = grid.transform
    return np.stack([t.c + t.a * (np.asarray(columns) + shift), t.f + t.e * (np.asarray(rows) + shift)], axis=1)


def by_blocks(grid: Grid, read: Callable, side: int = 1024) -> np.ndarray:
    """Return what a reader gives for all blocks of a grid, joined."""
    blocks = [(block, np.asarray(read(block))) for block in grid.blocks(side)]
    result = np.empty((*blocks[0][1].shape[:-2], *grid.shape), dtype=blocks[0][1].dtype)
    for block, values in blocks:
        result[(..., *block.slices)] = values
    return result


def read_band(path) -> np.ndarray:
    """Return the first band of a raster as it is stored."""
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def read_csv(path) -> list[dict[str, str]]:
    """Return the rows of a table by column."""
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def address():
    """Scheduler of a Dask cluster of two workers, each in a process of its own."""
    from scarp.tests.core.local_cluster import two_workers

    with two_workers() as address:
        yield address


@pytest.fixture
def whole(address):
    """The address, when both workers are there."""
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return address


def write_stack(path: Path, values: np.ndarray, factors: list, grid: Grid | None = None) -> str:
    """Write (factors, height, width) as a factor stack and return the path as text."""
    from scarp.model.stack import create_stack

    with create_stack(path, grid or utm_grid(*values.shape[1:]), factors) as dataset:
        dataset.write(values.astype(np.float32))
    return str(path)


@pytest.fixture(scope="session")
def python_info():
    """The Python here, as the installer of the private environment sees it."""
    from scarp.tests.core.fake_installation import plain_info

    return plain_info()


@pytest.fixture(scope="session")
def base(tmp_path_factory, python_info):
    """An environment with pip, to be copied, because pip takes seconds to install."""
    from scarp.tests.core.fake_installation import with_pip

    return with_pip(tmp_path_factory.mktemp("base") / "py", python_info)


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Fake libraries for installations."""
    from scarp.tests.core import fake_installation

    fake_installation.use_fakes(tmp_path, monkeypatch)
    yield
    fake_installation.forget_hashes()


@pytest.fixture
def attempt(python_info, base, fakes, tmp_path):
    """Return a function that makes an attempt at an installation, by default from the folder of wheels ``w``."""
    from scarp.environment.sources import Source, SourceKind
    from scarp.tests.core.fake_installation import Attempt

    def make(source=None, build="offered", info=python_info, fresh=False, **options):
        source = source or Source(SourceKind.FOLDER, tmp_path / "w")
        made = Attempt(info, tmp_path / "py", source, build, **options)
        return made if fresh or made.environment.folder.exists() else made.start_with(base)

    return make
