"""A plugin of pytest: tests of ``limits.txt`` must fail, for the reason that stands there; one that passes is told."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

LIMITS = Path(__file__).with_name("limits.txt")
NOT_RUN = "not run: "  # begins the reason of tests that would end Python, or never end


def read_limits(text: str) -> dict[str, str]:
    """Return the reason by pattern of test names; a line that ends in a colon is the reason of those below it."""
    found, reason = {}, ""
    for line in map(str.strip, text.splitlines()):
        if line.endswith(":"):
            reason = line[:-1]
        elif line and not line.startswith("#"):
            found[line] = reason
    return found


def matches(name: str, pattern: str) -> bool:
    """Whether a test is meant; brackets are those of parameters, not of a pattern."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out whole files, which may be skipped for a package that is not there."""
    name = collection_path.relative_to(config.rootpath).as_posix() if collection_path.suffix == ".py" else ""
    return True if name in read_limits(LIMITS.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    limits = read_limits(LIMITS.read_text(encoding="utf-8"))
    used = set()
    for item in items:
        for pattern, reason in limits.items():
            if matches(item.nodeid, pattern):
                used.add(pattern)
                run = not reason.startswith(NOT_RUN)
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True, run=run))
    # With a part of the tests, such as one file, the others are not there.
    collected = {item.nodeid.partition("::")[0] for item in items}
    gone = [pattern for pattern in set(limits) - used if pattern.partition("::")[0] in collected]
    if gone and not config.option.keyword and not any("::" in argument for argument in config.args):
        raise pytest.UsageError(f"No test is called {', '.join(sorted(gone))}. Take it out of {LIMITS.name}.")
