"""Where the libraries come from: the Internet, pip's configured index, or a folder of wheels; and the proxy."""

from __future__ import annotations

import configparser
import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from .i18n import tr

# Settings of pip that name another source than the public index, and those about the way to any source.
INDEX_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "index")
INHERITED_OPTIONS = ("cert", "client-cert", "proxy", "timeout", "retries", "trusted-host", "default-timeout")
_SWITCHES = "NO_INPUT DISABLE_PIP_VERSION_CHECK NO_CACHE_DIR NO_COLOR NO_PYTHON_VERSION_WARNING".split()
_VALUES = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_PROGRESS_BAR": "off", "PIP_ONLY_BINARY": ":all:"}
# pip never asks, never compiles, and keeps no second copy in a cache.
ALWAYS = {**_VALUES, **{f"PIP_{name}": "1" for name in _SWITCHES}}


class SourceKind(enum.Enum):
    """Kinds of sources."""

    INTERNET = "internet"
    CONFIGURED = "configured"
    FOLDER = "folder"


@dataclass(frozen=True)
class Proxy:
    """A proxy to the Internet; none without a host."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Its address with user and password; empty without a host."""
        if not self.host:
            return ""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{self.scheme}://{login}{self.host}{f':{self.port}' if self.port else ''}"

    def secrets(self) -> list[str]:
        """Return the texts to redact."""
        return [text for text in {self.password, quote(self.password, safe="")} if text]

    def problem(self) -> str | None:
        """Return an error text for a proxy that cannot be used."""
        if "/" in self.host or " " in self.host:
            return tr("The proxy's host is a name or a number without http:// and without a path.")
        if self.host and self.scheme.startswith("socks"):
            return tr("pip cannot use a SOCKS proxy. Enter an HTTP proxy, or install from a folder of wheels.")
        return None


@dataclass(frozen=True)
class Source:
    """Where the libraries come from; ``folder`` holds the wheels of :attr:`SourceKind.FOLDER`."""

    kind: SourceKind = SourceKind.INTERNET
    folder: Path | None = None
    proxy: Proxy = Proxy()

    def problem(self) -> str | None:
        """Return an error text for a source that cannot be used, before anything starts."""
        if self.kind is not SourceKind.FOLDER:
            return self.proxy.problem()
        if self.folder is None or not self.folder.is_dir():
            return tr("Choose the folder with the wheels.")
        if not any(self.folder.glob("*.whl")):
            return tr("There are no wheels (*.whl) in {folder}.").format(folder=self.folder)
        if not any(self.folder.glob("torch-*.whl")):
            return tr("There is no wheel of torch in {folder}.").format(folder=self.folder)
        return None

    def variables(self, configuration: Mapping[str, str], environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return pip's settings, with this computer's, as variables: all users can see passwords in arguments."""
        if self.kind is SourceKind.FOLDER:
            return isolated_pip_settings()
        if self.kind is SourceKind.INTERNET:
            inherited = {name: value for name, value in configuration.items() if name in INHERITED_OPTIONS}
            variables = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in inherited.items()}
            settings = {**isolated_pip_settings(), **variables}
        else:
            inherited = dict(os.environ if environ is None else environ)
            settings = {name: value for name, value in inherited.items() if name.startswith("PIP_")}
        if self.proxy.url:
            settings["PIP_PROXY"] = self.proxy.url
        return {**settings, **ALWAYS}


def isolated_pip_settings() -> dict[str, str]:
    """Return settings with which pip ignores the user's configuration."""
    return {"PIP_CONFIG_FILE": os.devnull, **ALWAYS}


def parse_configuration(text: str) -> dict[str, str]:
    """Parse ``pip config list``: environment variables override files; sections of other commands are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        section, dot, option = name.rpartition(".")
        if not equals or not dot or section not in ("global", "install", "download", ":env:"):
            continue
        option = option.replace("_", "-").lower()
        # pip prints values as Python literals; lists have newlines in them.
        value = value.strip().strip("'\"").replace("\\n", " ").strip()
        if section == ":env:" or option not in found:
            found[option] = value
    return found


def read_configuration(path: str) -> dict[str, str]:
    """Read the file that ``PIP_CONFIG_FILE`` names; ``pip config list`` leaves it out in many versions."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        # pip itself will report it.
        return {}
    sections = [section for section in ("download", "install", "global") if parser.has_section(section)]
    items = [item for section in sections for item in parser.items(section)]
    return {option.replace("_", "-"): value.strip() for option, value in items}


def custom_index_settings(configuration: Mapping[str, str]) -> list[str]:
    """Return the settings with which pip on this computer uses another source than the public index."""
    return [f"{name} = {configuration[name]}" for name in INDEX_OPTIONS if configuration.get(name)]
