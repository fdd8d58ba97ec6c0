"""Threads of OpenMP sleep while they wait."""

from __future__ import annotations

import os
import subprocess
import sys

from scarp.model.threads import WAIT_POLICY, wait_passively

SCRIPT = "import os; from scarp.model.threads import wait_passively; wait_passively(os.environ); import torch"


def policy_of(**variables: str) -> str:
    """Return the policy that OpenMP itself states when torch loads it."""
    kept = {name: value for name, value in os.environ.items() if name != WAIT_POLICY}
    shown = {**kept, **variables, "OMP_DISPLAY_ENV": "TRUE"}
    result = subprocess.run([sys.executable, "-c", SCRIPT], env=shown, capture_output=True, text=True, check=True)
    return next(line for line in result.stderr.splitlines() if WAIT_POLICY in line).split("'")[1]


def test_openmp_takes_the_policy_when_torch_is_imported():
    assert policy_of() == "PASSIVE"


def test_the_users_policy_wins():
    assert policy_of(**{WAIT_POLICY: "ACTIVE"}) == "ACTIVE"
    variables = {WAIT_POLICY: "ACTIVE"}
    wait_passively(variables)
    assert variables == {WAIT_POLICY: "ACTIVE"}
