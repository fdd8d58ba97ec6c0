"""Vector files that QGIS writes: whole under their final name, or as before."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Iterator

from qgis.core import QgsVectorLayer

from ..model.errors import OutputNotWritable
from ..model.temporaries import temporary_beside
from ..model.together import all_or_none, take_name
from ..translation import tr

_LOGS = ("-journal", "-wal", "-shm")
"""Endings of what SQLite keeps beside a database that is open."""
_FIRST = (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".qix")
"""Endings that get their names before the file that is opened by name."""


@contextlib.contextmanager
def complete_or_absent_layer(path: str) -> Iterator[Path]:
    """Give a place to write a vector file to; the file takes its name only when the block succeeds.

    Args:
        path: final path.

    Yields:
        A path with the same file name, after which a GeoPackage names its layer, in a hidden folder beside.

    Raises:
        OutputNotWritable: the file cannot be given its name.
    """
    final = Path(path)
    folder = temporary_beside(final, ".part")
    try:
        folder.mkdir()
        yield folder / final.name
        made = sorted(folder.iterdir(), key=lambda item: item.suffix.lower() not in _FIRST)
        with all_or_none():
            for item in made:
                _take_name(item, final.parent / item.name)
    except OutputNotWritable as error:
        # The analyst knows the file by its own name.
        raise OutputNotWritable(str(error).replace(str(folder / final.name), str(final))) from error
    except OSError as error:
        raise OutputNotWritable(tr("{name} could not be written: {error}. Check that the disk has room.")
                                .format(name=final, error=error.strerror or error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_name(temporary: Path, final: Path) -> None:
    # What SQLite has not yet brought into the older file would be brought into the new one.
    for ending in _LOGS:
        with contextlib.suppress(OSError):
            Path(f"{final}{ending}").unlink()
    take_name(temporary, final)


def holds(destination: str, features: int) -> bool:
    """Return whether as many features as were written are to be read; what is no file is believed.

    What SQLite cannot store when a file is closed is only said on the console.
    """
    if not os.path.isfile(destination.split("|")[0]):
        return True
    layer = QgsVectorLayer(destination, "written", "ogr")
    # Some formats do not know how many features they hold.
    return layer.isValid() and layer.featureCount() in (features, -1)
