"""Rasters that are no satellite embeddings, and embeddings that a model does not know."""

from __future__ import annotations

import numpy as np

from scarp.tests.qgis.bad_input.case import Workplace, read_cases
from scarp.tests.qgis.bad_input.making import raster
from scarp.tests.qgis.tiny import LEFT, TOP


def _embeddings(bands: int, dtype: str = "float32", value: float | None = None, name: str = "embeddings.tif", **more):
    def make(at: Workplace):
        values = np.random.default_rng(1).normal(50, 20, (bands, 120, 120))
        if value is not None:
            values[:] = value
        return {"EMBEDDINGS": raster(at.folder / name, values, dtype=dtype, **{"nodata": None, **more})}

    return make


CASES = read_cases(
    """
[buildfactorstack]
embeddings-picture :: A colour picture as embeddings :: looks like a picture
embeddings-one-band :: One band as embeddings :: has one band
embeddings-elsewhere :: Embeddings of another place :: does not overlap the study grid
embeddings-empty :: Embeddings without any value :: No cell has data in all factors.*embeddings 14,400
embeddings-whole-numbers :: Whole numbers without a scale as embeddings :: works: They are taken as they are, with a
    warning. :: whole numbers without a scale
embeddings-without-year :: Embeddings whose year is not known :: works: The stack is built, and the year is asked
    about. :: does not tell its year
embeddings-late :: Embeddings of a year after the landslides :: works: The stack is built, and a warning says that the
    scars are in the picture. :: scars
""",
    {
        "embeddings-picture": _embeddings(3, "uint8"),
        "embeddings-one-band": _embeddings(1),
        "embeddings-elsewhere": _embeddings(4, left=LEFT + 1e6, top=TOP + 1e6),
        "embeddings-empty": _embeddings(4, value=-9999, nodata=-9999),
        "embeddings-whole-numbers": _embeddings(4, "int16"),
        "embeddings-without-year": _embeddings(4),
        "embeddings-late": lambda at: {**_embeddings(4, name="of_2019.tif")(at), "LANDSLIDE_YEAR": 2015},
    },
)
