"""Pictures for the documentation.

    ./run python tools/make_pictures.py factors STACK OUT.png
    ./run python tools/make_pictures.py map SUSCEPTIBILITY DEM LANDSLIDES OUT.png
    ./run python tools/make_pictures.py pages PAGE.png [PAGE.png ...] OUT.png

The pages are those of a report, printed to PDF by a browser (``chromium --headless --no-pdf-header-footer
--print-to-pdf=r.pdf r.html``) or by ``validatewithpoints``, and made pictures with ``pdftoppm -png -r 90 r.pdf page``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import rasterio
from matplotlib.axes import Axes
from matplotlib.colors import LightSource
from matplotlib.figure import Figure
from osgeo import ogr
from PIL import Image

from scarp.model.stack import open_stack

MOST_PIXELS = 500
"""Side of a panel; larger rasters are thinned out, which is enough to see them."""
PAGE_PIXELS, PAGES_ACROSS, GAP = 460, 4, 6
COLOURS = 200
"""As many as a picture keeps, so that it is small."""


def factors(stack_path: str, output: str) -> None:
    """Draw every factor of a stack: continuous ones in a ramp from 2 to 98 %, classes in colours of their own."""
    with open_stack(stack_path) as stack:
        step = max(1, max(stack.grid.shape) // MOST_PIXELS)
        shape = (len(stack.factors), stack.grid.height // step, stack.grid.width // step)
        values = stack.dataset.read(out_shape=shape)
        described = list(stack.factors)
    columns = 5
    rows = -(-len(described) // columns)
    figure = Figure(figsize=(15, 3.4 * rows), dpi=80, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for axis, factor, band in zip(axes.ravel(), described, values):
        if factor.kind == "categorical":
            image = axis.imshow(band, cmap="tab20", interpolation="nearest")
        else:
            low, high = np.nanpercentile(band, [2, 98])
            image = axis.imshow(band, cmap="viridis", vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest")
        figure.colorbar(image, ax=axis, shrink=0.75)
        axis.set_title(f"{factor.name}{', ' + factor.unit if factor.unit else ''}", fontsize=10)
    _save(figure, output)


def susceptibility_map(susceptibility: str, dem: str, landslides: str, output: str) -> None:
    """Draw a susceptibility map over a hillshade, alone and with the landslides."""
    with rasterio.open(dem) as dataset, rasterio.open(susceptibility) as probability:
        width, height = dataset.res
        shade = LightSource(315, 45).hillshade(dataset.read(1), dx=width, dy=height)
        values = probability.read(1)
        left, bottom, right, top = probability.bounds
    source = ogr.Open(landslides)
    xy = np.array([feature.GetGeometryRef().GetPoint_2D() for feature in source.GetLayer()])
    figure = Figure(figsize=(14, 8), dpi=80, layout="constrained")
    axes: list[Axes] = list(figure.subplots(1, 2))
    for axis in axes:
        axis.imshow(shade, cmap="gray", extent=(left, right, bottom, top))
        image = axis.imshow(values, cmap="magma_r", vmin=0, vmax=1, alpha=0.65, extent=(left, right, bottom, top))
        axis.set_axis_off()
    axes[1].plot(xy[:, 0], xy[:, 1], ".", color="#00a0d0", markersize=2)
    axes[1].set_xlim(left, right)
    axes[1].set_ylim(bottom, top)
    axes[0].set_title("Susceptibility (relative)")
    axes[1].set_title(f"with the {len(xy)} landslides of the inventory")
    figure.colorbar(image, ax=axes, shrink=0.5)
    _save(figure, output)


def pages(*paths: str) -> None:
    """Put pages side by side."""
    *sources, output = paths
    images = [Image.open(path).convert("RGB") for path in sources]
    width = PAGE_PIXELS
    height = round(width * images[0].height / images[0].width)
    across = min(PAGES_ACROSS, len(images))
    rows = -(-len(images) // across)
    sheet = Image.new("RGB", (across * (width + GAP) + GAP, rows * (height + GAP) + GAP), "#d5dade")
    for number, image in enumerate(images):
        place = GAP + number % across * (width + GAP), GAP + number // across * (height + GAP)
        sheet.paste(image.resize((width, height), Image.Resampling.LANCZOS), place)
    _save_small(sheet, output)


def _save(figure: Figure, output: str) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn)
    _save_small(Image.open(drawn).convert("RGB"), output)


def _save_small(picture: Image.Image, output: str) -> None:
    picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(output, optimize=True)


if __name__ == "__main__":
    kind, *paths = sys.argv[1:]
    Path(paths[-1]).parent.mkdir(parents=True, exist_ok=True)
    {"factors": factors, "map": susceptibility_map, "pages": pages}[kind](*paths)
