"""Fixtures and checks of all test suites."""

from __future__ import annotations

import fnmatch
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
    try:
        LINK.symlink_to(ROOT, target_is_directory=True)
    except OSError:
        # Windows lets only administrators make symbolic links; a junction does as well.
        import _winapi

        _winapi.CreateJunction(str(ROOT), str(LINK))
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


def unexpected_skips(reasons: list[str]) -> list[str]:
    """Return the reasons that match no pattern of ``expected_skips.txt``."""
    lines = (ROOT / "tests" / "expected_skips.txt").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line.strip() and not line.startswith("#")]
    return [reason for reason in reasons if not any(fnmatch.fnmatch(reason, pattern) for pattern in patterns)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a test was skipped for a reason that is not expected."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    found = unexpected_skips(sorted({report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)}))
    if found and not os.environ.get("SCARP_ALLOW_SKIPS"):
        reporter.write_line("Unexpected skips (see tests/expected_skips.txt):", red=True)
        for reason in found:
            reporter.write_line(f"  {reason}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
