"""Asks a Python and its pip what they are, by starting them; takes seconds, so never in the window's thread."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .builds import Target
from .i18n import tr
from .interpreter import Interpreter, clean_environment
from .processes import capture_output
from .sources import parse_configuration, read_configuration

SCRIPT = Path(__file__).resolve().parent / "inspect_python.py"
MIN_PIP_WITH_PYTHON_OPTION = (22, 3)
"""pip can install into another Python's environment (``--python``) from this version on."""


@dataclass(frozen=True)
class PythonInfo:
    """What a Python is and has."""

    interpreter: Interpreter
    version: tuple[int, int, int]
    target: Target
    base: str
    """Executable that environments are linked to."""
    venv: bool
    ensurepip: bool
    pip: str
    ssl: bool
    libc: str = ""
    configuration: dict[str, str] = field(default_factory=dict)
    """What pip is configured for on this computer."""

    @property
    def pip_can_target_others(self) -> bool:
        """Return whether its pip can install into an environment that has none."""
        numbers = [int(part) for part in self.pip.split(".")[:2] if part.isdigit()]
        return tuple(numbers) >= MIN_PIP_WITH_PYTHON_OPTION


class InterpreterStartError(Exception):
    """A Python that does not start, or is no Python."""


def probe(interpreter: Interpreter) -> PythonInfo:
    """Start a Python and ask it.

    Raises:
        CannotStart: it does not start or does not answer.
    """
    variables = clean_environment(interpreter.variables())
    command = [str(interpreter.executable), "-I", str(SCRIPT)]
    if interpreter.home:
        # -I ignores PYTHONHOME as well, and this Python finds its standard library only through it.
        command = [str(interpreter.executable), "-s", str(SCRIPT)]
    code, text = capture_output(command, seconds=60, variables=variables)
    try:
        said = json.loads(text[text.index("{") :]) if code == 0 else {}
    except ValueError:
        said = {}
    if not said:
        raise InterpreterStartError(
            tr("{python} does not start as a Python: {reason}").format(
                python=interpreter.executable, reason=text.strip()[-300:] or code
            )
        )
    if said["bits"] != 64:
        raise InterpreterStartError(
            tr("{python} is a Python of 32 bits, for which there is no torch.").format(python=interpreter.executable)
        )
    configuration = {}
    if said["pip"]:
        code, text = capture_output(
            [str(interpreter.executable), "-m", "pip", "config", "list"], seconds=60, variables=variables
        )
        configuration = parse_configuration(text) if code == 0 else {}
        named = variables.get("PIP_CONFIG_FILE")
        if named:
            configuration = {**read_configuration(named), **configuration}
    version = tuple(said["version"])
    return PythonInfo(
        interpreter,
        version,
        Target(version[:2], said["platform"], said["machine"]),
        said["base"],
        said["venv"],
        said["ensurepip"],
        said["pip"],
        said["ssl"],
        said["libc"],
        configuration,
    )


def running_target() -> Target:
    """Return the running Python as a target."""
    return Target(sys.version_info[:2], sys.platform, platform.machine())
