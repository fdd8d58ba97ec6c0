"""Redaction: removes the user's name, home folder, computer name and passwords from texts shown to others."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path

USER = "<user>"
REDACTED = "***"
COMMON_NAMES = frozenset(  # names that are also words: redacted in paths only
    "root user users admin administrator home qgis python python3 scarp local localhost debian ubuntu linux windows "
    "share default profile torch data test".split()
)
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
FOLDER = re.compile(r"((?:^|[\\/])(?:Users|home|Benutzer|Documents and Settings)[\\/]+)([^\\/:\"'<>|\s]+)", re.I)


class Redactor:
    """Replaces what identifies a user, by default the running one, and ``secrets``: passwords and the like."""

    def __init__(
        self, home: str | None = None, user: str | None = None, computer: str | None = None, secrets: Iterable[str] = ()
    ) -> None:
        self.home = str(Path.home()) if home is None else home
        names = (_user() if user is None else user, socket.gethostname() if computer is None else computer)
        self.names = [name for name in names if len(name) >= 3 and name.lower() not in COMMON_NAMES]
        self.secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the redacted text."""
        text = self.redact_passwords(text)
        forms = {self.home, self.home.replace("\\", "/"), self.home.replace("\\", "\\\\")}
        # Windows ignores case in paths; elsewhere another case is another path, but leaking a name would be worse.
        for form in sorted(forms, key=len, reverse=True) if len(self.home) > 1 else ():
            text = re.sub(re.escape(form) + r"(?![\w.-])", "~", text, flags=re.IGNORECASE)
        text = FOLDER.sub(lambda match: match[1] + USER, text)
        for name in self.names:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", USER, text, flags=re.IGNORECASE)
        return text

    def redact_passwords(self, text: str) -> str:
        """Return the text without passwords; names stay."""
        for secret in self.secrets:
            text = text.replace(secret, REDACTED)
        return CREDENTIALS.sub(f"{REDACTED}@", text)


def _user() -> str:
    # A process may run under a number without an account, as in containers.
    with contextlib.suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return os.environ.get("USERNAME", "")
