"""Command line of the installer, for administrators: ``python3 -m scarp.environment --help`` in the plugins folder."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from . import builds
from .failures import InstallCancelled, InstallFailed
from .install import Installer, Request
from .interpreter import Interpreter, StartError, probe
from .private import PrivateEnvironment
from .sources import Proxy, Source, SourceKind, custom_index_settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
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
        info = probe(Interpreter(Path(given.python), is_qgis_python=given.python == sys.executable))
        source = _source(given, info.configuration)
        build = given.build or builds.BUILD_OF_SOURCE
        if source.kind is SourceKind.INTERNET and not given.build:
            build = builds.recommended(info.target, builds.cards())
        request = Request(info, build, source, environment)
        Installer(request, print, lambda share, text: None, lambda: bool(stopped)).run()
    except (InstallFailed, StartError, InstallCancelled) as error:
        return _fail(str(error))
    print(environment.executable)
    return 0


def _source(given: argparse.Namespace, configuration: dict[str, str]) -> Source:
    host, _, port = (given.proxy or "").rpartition(":")
    proxy = Proxy(host, int(port)) if host and port.isdigit() else Proxy(given.proxy or "")
    if given.wheels:
        return Source(SourceKind.FOLDER, Path(given.wheels).expanduser().absolute())
    if given.source:
        return Source(SourceKind(given.source), proxy=proxy)
    return Source(SourceKind.CONFIGURED if custom_index_settings(configuration) else SourceKind.INTERNET, proxy=proxy)


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m scarp.environment",
        description="Creates, shows or removes the private Python environment in which Scarp computes.",
    )
    add = parser.add_argument
    add("command", choices=("install", "status", "remove"))
    add("--folder", required=True, help="of the environment")
    add("--python", default=sys.executable, help="base Python; the running one by default")
    add("--build", choices=sorted(builds.labels()), help="of torch; detected by default")
    about = (
        "internet: PyTorch's index for torch and the public index for the rest; configured: as pip is configured on "
        "this computer, the default where it has a source of its own"
    )
    add("--source", choices=("internet", "configured"), help=about)
    add("--wheels", help="install from this folder of wheels, without network")
    add("--proxy", help="host:port; one with a password goes into the variable HTTPS_PROXY instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
