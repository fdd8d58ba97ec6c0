"""Inspects a Python and its pip by starting them; takes seconds, so never call it in the window's thread."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from .builds import Target
from .i18n import tr
from .interpreter import Interpreter, clean_environment
from .processes import capture_output
from .sources import parse_configuration, read_configuration

SCRIPT = Path(__file__).resolve().parent / "inspect_python.py"
MIN_PIP_WITH_PYTHON_OPTION = (22, 3)  # from here on pip can install into another Python's environment (--python)


@dataclass(frozen=True)
class PythonInfo:
    """What a Python is and has."""

    interpreter: Interpreter
    version: tuple[int, ...]
    target: Target
    base_python: str  # executable that environments are linked to
    venv: bool
    ensurepip: bool
    pip: str  # version; empty without pip
    configuration: dict[str, str] = field(default_factory=dict)  # settings of pip on this computer

    @property
    def pip_can_target_others(self) -> bool:
        """Whether its pip can install into an environment that has none."""
        numbers = [int(part) for part in self.pip.split(".")[:2] if part.isdigit()]
        return tuple(numbers) >= MIN_PIP_WITH_PYTHON_OPTION


class InterpreterStartError(Exception):
    """A Python that does not start, or a program that is no Python."""


def probe(interpreter: Interpreter) -> PythonInfo:
    """Start a Python and inspect it; raises InterpreterStartError when it does not start or cannot be used."""
    variables = clean_environment(interpreter.variables())
    executable = str(interpreter.executable)
    # -I ignores PYTHONHOME as well, through which some Pythons find their standard library.
    code, text = capture_output([executable, "-s" if interpreter.home else "-I", str(SCRIPT)], 60, variables)
    try:
        info = json.loads(text[text.index("{") :]) if code == 0 else {}
    except ValueError:
        info = {}
    if not info:
        message = tr("{python} does not start as a Python: {reason}")
        raise InterpreterStartError(message.format(python=executable, reason=text.strip()[-300:] or code))
    if info["bits"] != 64:
        message = tr("{python} is a 32-bit Python, for which there is no torch.")
        raise InterpreterStartError(message.format(python=executable))
    version = tuple(info["version"])
    target = Target(version[:2], info["platform"], info["machine"])
    configuration = _pip_configuration(executable, variables) if info["pip"] else {}
    found = (info["base"], info["venv"], info["ensurepip"], info["pip"])
    return PythonInfo(interpreter, version, target, *found, configuration)


def _pip_configuration(executable: str, variables: dict[str, str]) -> dict[str, str]:
    code, text = capture_output([executable, "-m", "pip", "config", "list"], 60, variables)
    listed = parse_configuration(text) if code == 0 else {}
    named = variables.get("PIP_CONFIG_FILE")
    return {**read_configuration(named), **listed} if named else listed
