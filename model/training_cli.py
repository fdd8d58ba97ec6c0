"""Train PCUM from a command line, without QGIS."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .errors import Cancelled, ScarpError
from .options import Option
from .threads import wait_passively
from .training import settings as training

DONE, FAILED, CANCELLED = 0, 1, 130  # exit status; wrong options give 2
_FILES = {
    "stack": "factor stack",
    "labels": "label raster on the stack's grid: 1 landslide, 0 stable, 255 unknown",
    "output": "model file, .safetensors",
    "--safety-factor": "safety factor on the stack's grid",
    "--start-from": "trained model to fine-tune on this stack and labels",
    "--checkpoint": "state of the run; if it exists, the run resumes from it",
    "--html": "report with the training curves",
    "--out-of-fold": "map of each cell by the model of the fold that did not see it, of cross-fitting",
}


class Lines:
    """Progress as lines of text on standard error; Ctrl-C cancels."""

    def __init__(self) -> None:
        self._stopping = False

    def report(self, fraction: float, text: str = "") -> None:
        """Write a text with the share of the work done before it."""
        if text:
            self._write(f"[{100 * fraction:3.0f} %] {text}")

    def warn(self, text: str) -> None:
        """Write a warning."""
        self._write(f"Warning: {text}")

    def cancelled(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._stopping

    def stop(self, *_: Any) -> None:
        """Request cancellation; takes the arguments of a signal handler."""
        if not self._stopping:
            self._write("Stopping ...")
        self._stopping = True

    def _write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train with the arguments, by default those of the command line, and return the exit status."""
    options = vars(parser().parse_args(arguments))
    progress = Lines()
    # Ctrl-C cancels the run cleanly instead of interrupting it.
    before = signal.signal(signal.SIGINT, progress.stop)
    try:
        _train(options, progress)
    except ScarpError as error:
        print(error, file=sys.stderr, flush=True)
        return CANCELLED if isinstance(error, Cancelled) else FAILED
    finally:
        signal.signal(signal.SIGINT, before)
    print(options["output"])
    return DONE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with an option for every training setting."""
    result = argparse.ArgumentParser(
        prog="python -m scarp.model.training_cli",
        description="Trains PCUM on a factor stack and landslide labels, and writes the model file.",
    )
    for name, about in _FILES.items():
        result.add_argument(name, metavar="FILE" if name.startswith("-") else name.upper(), help=about)
    about = f"values of all settings that are not given; {training.RECOMMENDED} by default"
    result.add_argument("--preset", choices=training.PRESETS, default=training.RECOMMENDED, help=about)
    group = result.add_argument_group("settings")
    for option in training.TrainingSettings.options():
        flag = f"--{option.name.rstrip('_').replace('_', '-')}"
        group.add_argument(flag, dest=option.name, default=None, **_argument(option))
    return result


def _argument(option: Option) -> dict[str, Any]:
    """Return the arguments of ``add_argument`` for a setting; the settings check the value themselves."""
    about = f"{option.help} Default: {training.format_value(option.default)}."
    if training.in_preset(option.name):
        about = f"{option.help} {training.preset_help(option.name)}"
    if option.limits is not None:
        about += f" From {option.limits[0]:.12g} to {option.limits[1]:.12g}."
    # A percent sign starts a placeholder in argparse.
    about = about.replace("%", "%%")
    if isinstance(option.default, bool):
        return {"help": about, "action": argparse.BooleanOptionalAction}
    if option.choices is not None:
        return {"help": about, "choices": option.choices}
    return {"help": about, "type": int if option.is_integer else float, "metavar": "NUMBER"}


def _train(options: dict[str, Any], progress: Lines) -> None:
    names = [option.name for option in training.TrainingSettings.options()]
    given = {name: options[name] for name in names if options[name] is not None}
    settings = training.preset_settings(options["preset"], given)
    note = training.preset_note(options["preset"], training.PCUM, given)
    if note:
        progress.report(0.0, note)
    wait_passively(os.environ)
    # Not before the options are understood: torch takes seconds to load.
    from .jobs.train_pcum import train_pcum

    paths = [options[name] for name in ("stack", "labels", "output")]
    files = {name: options[name] for name in ("safety_factor", "start_from", "checkpoint")}
    files.update(output_html=options["html"], output_out_of_fold=options["out_of_fold"])
    train_pcum(*paths, **files, settings=settings, given=given, progress=progress)


if __name__ == "__main__":
    sys.exit(main())
