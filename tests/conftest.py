"""What the tests of the core and of the QGIS shell share."""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# ``./run`` makes this link as well; it gives the checkout the name scarp, whatever its folder is called.
LINK = ROOT / ".build" / "plugins" / "scarp"
if not LINK.exists():
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.symlink_to(ROOT, target_is_directory=True)
    importlib.invalidate_caches()


# Trainings of the tests are none of the user's, whose histories lie in a folder of the user.
_STATE = tempfile.TemporaryDirectory(prefix="scarp-tests-")
os.environ["SCARP_STATE"] = _STATE.name


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with data of real mountains; tests that need it are skipped where it is not there."""
    folder = Path(os.environ.get("SCARP_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"The real data are not at {folder}. Set SCARP_TEST_DATA to their folder to run this test.")
    return folder
