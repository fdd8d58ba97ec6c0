"""How the threads of OpenMP, which torch and scikit-learn compute with, wait for each other."""

from __future__ import annotations

from collections.abc import MutableMapping

WAIT_POLICY = "OMP_WAIT_POLICY"


def wait_passively(variables: MutableMapping[str, str]) -> None:
    """Make threads sleep while they wait, in a process with these environment variables, unless these say otherwise.

    By default they spin. Beside other work (QGIS draws, a browser) two of them are then slower than one: steps of a
    training took a third to a half as long when they slept (measured). OpenMP reads the variable when torch is first
    imported.
    """
    variables.setdefault(WAIT_POLICY, "PASSIVE")
