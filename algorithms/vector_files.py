"""Vector files that QGIS writes under their final name: whole in the end, or as before."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Iterator

from qgis.core import QgsVectorLayer

_PARTS = {".gpkg": ("-journal", "-wal", "-shm")}
_SHAPEFILE = (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".qix")


@contextlib.contextmanager
def whole_or_as_before(path: str | None) -> Iterator[None]:
    """Take a file away, and put back the older one of its name, when the block that writes it fails.

    Args:
        path: of the file; None where the layer is no file.
    """
    if path is None:
        yield
        return
    final = Path(path)
    earlier = final.with_name(f".{final.stem[:40]}.{uuid.uuid4().hex[:8]}.earlier") if final.is_file() else None
    if earlier is not None:
        try:
            os.link(final, earlier)
        except OSError:
            # A disk that knows no second name for a file.
            earlier = _renamed(final, earlier)
    try:
        yield
    except BaseException:
        _take_away(final)
        if earlier is not None:
            os.replace(earlier, final)
        raise
    if earlier is not None:
        with contextlib.suppress(OSError):
            earlier.unlink()


def holds(destination: str, features: int) -> bool:
    """Return whether as many features as were written are to be read; what is no file is believed.

    What SQLite cannot store when a file is closed is only said on the console.
    """
    if not os.path.isfile(destination.split("|")[0]):
        return True
    layer = QgsVectorLayer(destination, "written", "ogr")
    # Some formats do not know how many features they hold.
    return layer.isValid() and layer.featureCount() in (features, -1)


def _renamed(path: Path, name: Path) -> Path | None:
    """Rename a file; return its name, None when another program holds it."""
    try:
        os.replace(path, name)
    except OSError:
        return None
    return name


def _take_away(path: Path) -> None:
    names = [path, *(Path(f"{path}{ending}") for ending in _PARTS.get(path.suffix.lower(), ()))]
    if path.suffix.lower() == ".shp":
        names += [path.with_suffix(ending) for ending in _SHAPEFILE]
    for name in names:
        with contextlib.suppress(OSError):
            name.unlink()
