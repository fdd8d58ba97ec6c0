"""The threads that torch and scikit-learn compute with: how many there are, and how those of OpenMP wait."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, MutableMapping

WAIT_POLICY = "OMP_WAIT_POLICY"


def wait_passively(variables: MutableMapping[str, str]) -> None:
    """Make threads sleep while they wait, in a process with these environment variables, unless these say otherwise.

    By default they spin. Beside other work (QGIS draws, a browser) two of them are then slower than one: steps of a
    training took a third to a half as long when they slept (measured). OpenMP reads the variable when torch is first
    imported.
    """
    variables.setdefault(WAIT_POLICY, "PASSIVE")


@contextlib.contextmanager
def limited_to(threads: int | None) -> Iterator[None]:
    """Compute on so many threads: sums then do not depend on the machine's, and a single one waits for no other.

    ``None`` changes nothing.
    """
    if threads is None:
        yield
        return
    # Imported here: QGIS loads this module at start.
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
