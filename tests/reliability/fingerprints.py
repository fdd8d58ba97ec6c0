"""What a file holds, as a text that is the same for the same content."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path


def fingerprint(path: Path) -> str:
    """Return a hash of a file; of a GeoPackage that of its rows, and of a run record nothing: it holds the time."""
    if path.name.endswith(".run.json"):
        return ""
    content = _rows(path) if path.suffix.lower() == ".gpkg" else path.read_bytes()
    return hashlib.sha256(content).hexdigest()


def _rows(path: Path) -> bytes:
    base = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        names = [name for (name,) in base.execute("SELECT table_name FROM gpkg_contents ORDER BY table_name")]
        rows = [base.execute(f'SELECT * FROM "{name}" ORDER BY fid').fetchall() for name in names]
        return repr(list(zip(names, rows))).encode()
    except sqlite3.DatabaseError as error:
        return f"unreadable: {error}".encode()
    finally:
        base.close()
