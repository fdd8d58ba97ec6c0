"""Explains a failed installation in a sentence, with the remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .i18n import tr

TAIL_LINES = 80  # lines at the end of the output that are searched


class InstallFailed(Exception):
    """An installation that stopped; the message gives the reason and the remedy."""


class InstallCancelled(Exception):
    """The user cancelled the installation."""


def explain(lines: Sequence[str], code: int | None = None) -> str:
    """Return the meaning of a program's output and exit code; negative codes are signals."""
    text = "\n".join(lines[-TAIL_LINES:])
    for pattern, sentence in _explanations().items():
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            return sentence.format(**match.groupdict())
    if code in (-9, 137):
        return tr(
            "The system killed the installation, probably for lack of memory. Close other programs and try again."
        )
    if code == -4:
        return tr("This computer's processor lacks instructions that the libraries were built with.")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return tr("Unknown reason: {last}").format(last=last or code)


def _explanations() -> dict[str, str]:
    # The most specific patterns first.
    return {
        r"No space left on device|not enough space on the disk|\[Errno 28\]|Disk quota exceeded": tr(
            "The disk is full. Make room, or choose a folder on another disk, and try again."
        ),
        r"ssl module (in Python )?is not available": tr(
            "This Python has no encryption (its ssl module cannot be loaded), so it cannot download anything. "
            "Choose another Python, or install from a folder of wheels."
        ),
        r"407 Proxy Authentication|Tunnel connection failed: 407": tr(
            "The proxy requires a user name and a password, or rejected them. Enter them under Proxy."
        ),
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed": tr(
            "The proxy cannot be reached or refuses the connection. Check host and port under Proxy; your "
            "administrator knows them."
        ),
        r"Missing dependencies for SOCKS support": tr(
            "pip cannot use a SOCKS proxy. Enter an HTTP proxy, or install from a folder of wheels."
        ),
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|problem confirming the ssl certificate": tr(
            "The connection's certificate is not trusted, as happens where a firewall inspects encrypted connections. "
            "Ask your administrator for the firewall's certificate file and tell pip with: pip config set global.cert "
            "FILE. Or install from a folder of wheels."
        ),
        r"DO NOT MATCH THE HASHES[^\n]*\s+(?P<file>[^\s:]+)": tr(
            "A downloaded file is not the one that was expected ({file}): its hash differs. It was rejected, and "
            "nothing of it was kept or installed. Try again, since the connection may have been cut. If it happens "
            "again, something on the way changes files, such as a proxy or a virus scanner: ask your administrator, "
            "use another network, or install from a folder of wheels."
        ),
        r"IncompleteRead|Read timed out|Connection reset|Connection aborted|BadZipFile"
        r"|File is not a zip file|RemoteDisconnected|ChunkedEncodingError": tr(
            "The connection broke during a download. Try again: complete files are not downloaded again."
        ),
        r"Temporary failure in name resolution|Name or service not known|getaddrinfo failed|nodename nor servname"
        r"|Network is unreachable|NewConnectionError|Failed to establish a new connection|ConnectTimeout"
        r"|Max retries exceeded|Connection refused|No route to host": tr(
            "There is no connection to the source of the libraries. Check your network and Proxy, or install from a "
            "folder of wheels."
        ),
        r"(401|403) Client Error|HTTP error 40[13]|status code 40[13]": tr(
            "The source of the libraries refused access. If pip is configured for a source of your organisation, its "
            "user name or password may have expired."
        ),
        r"No module named '?encodings|init_fs_encoding|init_sys_streams": tr(
            "This Python cannot create an environment: it does not find its own standard library. Choose another "
            "Python."
        ),
        r"No module named '?(?P<module>ensurepip|pip|venv)\b": tr(
            "This Python lacks {module}. On Debian and Ubuntu: sudo apt install python3-venv. Elsewhere choose another "
            "Python, or put a wheel of pip (pip-….whl) into the folder of wheels."
        ),
        r"\[WinError 206\]|File ?name too long|path too long|\[Errno 36\]|Long Paths? support": tr(
            "A path is too long for the system. Choose a folder with a shorter path, such as C:\\scarp."
        ),
        r"\[WinError 32\]|being used by another process": tr(
            "Another program uses a file. Close other QGIS windows, wait until the virus scanner has finished, and try "
            "again."
        ),
        r"\[WinError (1260|4551)\]|Application Control policy|blocked by (your )?group policy": tr(
            "The rules of this computer do not allow to start the program. Ask your administrator to allow it, choose "
            "a Python that is allowed, or name one that has the libraries in the variable SCARP_PYTHON."
        ),
        r"\[WinError 5\]|Permission denied|\[Errno 13\]|Read-only file system|Operation not permitted": tr(
            "Writing is not allowed: the folder belongs to someone else, or a virus scanner forbids it. Choose another "
            "folder, or ask your administrator."
        ),
        r"(No matching distribution found for|Could not find a version that satisfies the requirement) "
        r"(?P<package>[^\s;]+)": tr(
            "The source has no {package} for this Python and system. Choose another build or Python, or add that wheel "
            "to the folder of wheels."
        ),
        r"ResolutionImpossible|conflicting dependencies": tr(
            "The source offers versions that conflict with each other. Choose another source."
        ),
        r"different Team IDs|code signature|library load disallowed by system policy": tr(
            "macOS does not let this Python load libraries: the one in QGIS's application accepts only those that "
            "QGIS's makers have signed. Install Python from python.org and choose it."
        ),
        r"\[WinError (126|127|1114)\]|DLL load failed": tr(
            "A library cannot be loaded. On Windows the usual reason is that the Microsoft Visual C++ Redistributable "
            "(x64) is missing or old: install it from Microsoft (https://aka.ms/vs/17/release/vc_redist.x64.exe; it "
            "needs an administrator) and try again. Nothing is downloaded twice."
        ),
        r"MemoryError|Cannot allocate memory|std::bad_alloc": tr(
            "The memory is full. Close other programs and try again."
        ),
        r"GLIBC_[\d.]+. not found": tr(
            "This system is too old for the libraries: they need a newer C library (glibc)."
        ),
        r"ImportError|ModuleNotFoundError|RuntimeError|OSError": tr(
            "The libraries were installed but do not work. Remove the environment and install again; if that does not "
            "help, report it with the log."
        ),
    }
