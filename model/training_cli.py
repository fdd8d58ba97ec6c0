"""Train PCUM from a command line, without QGIS."""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import inspect
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .errors import Cancelled, ScarpError
from .training.settings import PRESETS, RECOMMENDED, TrainingSettings, in_preset, in_words, preset_help, preset_settings

DONE, FAILED, CANCELLED = 0, 1, 130
"""Exit status; wrong options give 2."""


class Lines:
    """Progress as lines of text on standard error; knows whether Ctrl-C was pressed."""

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
        """Ask the work to end; takes what a signal handler is given."""
        if not self._stopping:
            self._write("Stopping ...")
        self._stopping = True

    def _write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the arguments say and return the exit status.

    Args:
        arguments: those of the command line by default.
    """
    options = vars(parser().parse_args(arguments))
    progress = Lines()
    try:
        with _heard(progress):
            model = _train(options, progress)
    except ScarpError as error:
        print(error, file=sys.stderr, flush=True)
        return CANCELLED if isinstance(error, Cancelled) else FAILED
    print(model)
    return DONE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with an option for every training setting."""
    result = argparse.ArgumentParser(
        prog="python -m scarp.model.training_cli",
        description="Trains PCUM on a factor stack and landslide labels, and writes the model file.",
    )
    for name, text in (
        ("stack", "factor stack"),
        ("labels", "label raster on the stack's grid: 1 landslide, 0 stable, 255 unknown"),
        ("output", "model file, .safetensors"),
    ):
        result.add_argument(name, metavar=name.upper(), help=text)
    result.add_argument("--safety-factor", metavar="FILE", help="safety factor on the stack's grid")
    result.add_argument("--start-from", metavar="FILE", help="trained model to go on from, on this stack and labels")
    result.add_argument("--checkpoint", metavar="FILE", help="state of the run; when it exists, the run goes on")
    result.add_argument("--html", metavar="FILE", help="report with the curves")
    result.add_argument(
        "--preset",
        choices=PRESETS,
        default=RECOMMENDED,
        help=f"values of all settings that are not given; {RECOMMENDED} by default",
    )
    group = result.add_argument_group("settings")
    texts = _texts()
    for item in dataclasses.fields(TrainingSettings):
        group.add_argument(
            f"--{item.name.rstrip('_').replace('_', '-')}",
            dest=item.name,
            default=None,
            **_option(item, texts.get(item.name, "")),
        )
    return result


def _option(item: dataclasses.Field, text: str) -> dict[str, Any]:
    """Return what argparse wants to know of a setting; its value is checked by the settings themselves."""
    about = f"{text} " + (preset_help(item.name) if in_preset(item.name) else f"Default: {in_words(item.default)}.")
    if "limits" in item.metadata:
        lowest, highest = item.metadata["limits"]
        about += f" From {lowest:.12g} to {highest:.12g}."
    # A percent sign starts a placeholder in argparse.
    option: dict[str, Any] = {"help": about.strip().replace("%", "%%")}
    if isinstance(item.default, bool):
        return {**option, "action": argparse.BooleanOptionalAction}
    if "choices" in item.metadata:
        return {**option, "choices": item.metadata["choices"]}
    if isinstance(item.default, (int, float)):
        return {**option, "type": type(item.default), "metavar": "NUMBER"}
    return {**option, "metavar": "TEXT"}


def _texts() -> dict[str, str]:
    """Return what the source of the settings says of each of them; nothing where the source is not at hand."""
    try:
        body = ast.parse(inspect.getsource(TrainingSettings)).body[0].body
    except (OSError, SyntaxError):
        return {}
    return {
        field.target.id: " ".join(text.value.value.replace("`", "").split())
        for field, text in zip(body, body[1:])
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _train(options: dict[str, Any], progress: Lines) -> str:
    """Train and return the path of the model."""
    names = [item.name for item in dataclasses.fields(TrainingSettings)]
    given = {name: options[name] for name in names if options[name] is not None}
    settings = preset_settings(options["preset"], given)
    # Not before the options are understood: torch takes seconds to load.
    from .jobs.train_pcum import train_pcum

    train_pcum(
        options["stack"],
        options["labels"],
        options["output"],
        safety_factor=options["safety_factor"],
        settings=settings,
        start_from=options["start_from"],
        given=given,
        checkpoint=options["checkpoint"],
        output_html=options["html"],
        progress=progress,
    )
    return options["output"]


@contextlib.contextmanager
def _heard(progress: Lines) -> Iterator[None]:
    """Let Ctrl-C cancel the work instead of breaking it off."""
    before = signal.signal(signal.SIGINT, progress.stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
