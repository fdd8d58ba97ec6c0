"""The same without a window, for administrators: ``python3 -m scarp.environment --help`` in the plugins folder."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from . import builds
from .failures import InstallCancelled, InstallFailed
from .inspection import InterpreterStartError, probe
from .install import Installer
from .interpreter import Interpreter
from .plan import Request
from .private import PrivateEnvironment
from .sources import Proxy, Source, SourceKind, custom_index_settings


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    given = _parser().parse_args(arguments)
    environment = PrivateEnvironment(Path(given.folder).expanduser().absolute())
    if given.command == "install":
        return _install(environment, given)
    if given.command == "remove":
        try:
            environment.remove()
        except OSError as error:
            return _fail(str(error))
        return 0
    status = environment.status()
    print(f"{status.state.value}{': ' + status.reason if status.reason else ''}")
    if environment.python:
        print(environment.python)
    return 0 if environment.python else 1


def _install(environment: PrivateEnvironment, given: argparse.Namespace) -> int:
    stopped: list[bool] = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    try:
        facts = probe(Interpreter(Path(given.python), own=given.python == sys.executable))
        source = _source(given, facts.configuration)
        build = given.build or (
            builds.recommended(facts.target, builds.cards())
            if source.kind is SourceKind.INTERNET
            else builds.BUILD_OF_SOURCE
        )
        request = Request(facts, build, source, environment)
        Installer(request, print, lambda share, text: None, lambda: bool(stopped)).run()
    except (InstallFailed, InterpreterStartError, InstallCancelled) as error:
        return _fail(str(error))
    print(environment.executable)
    return 0


def _source(given: argparse.Namespace, configuration: dict[str, str]) -> Source:
    host, _, port = (given.proxy or "").rpartition(":")
    proxy = Proxy(host, int(port)) if host and port.isdigit() else Proxy(given.proxy or "")
    if given.wheels:
        return Source(SourceKind.FOLDER, Path(given.wheels).expanduser().absolute())
    kind = (
        SourceKind(given.source)
        if given.source
        else SourceKind.CONFIGURED
        if custom_index_settings(configuration)
        else SourceKind.INTERNET
    )
    return Source(kind, proxy=proxy)


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m scarp.environment",
        description=("Makes, shows or removes the private Python environment in which Scarp computes."),
    )
    parser.add_argument("command", choices=("install", "status", "remove"))
    parser.add_argument("--folder", required=True, help="of the environment")
    parser.add_argument("--python", default=sys.executable, help="make it with this Python; the running one by default")
    parser.add_argument("--build", choices=sorted(builds.labels()), help="of torch; detected by default")
    parser.add_argument(
        "--source",
        choices=("internet", "configured"),
        help=(
            "internet: PyTorch's index for torch and the public index for the rest; configured: as pip is configured on "
            "this computer, the default where it has a source of its own"
        ),
    )
    parser.add_argument("--wheels", help="install from this folder of wheels, without network")
    parser.add_argument("--proxy", help="host:port; one with a password goes into the variable HTTPS_PROXY instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
