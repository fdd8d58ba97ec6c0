"""Explanations of failures, disk space, proxies, pip's settings, and redacted reports."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scarp.environment import diagnostics, disk_space
from scarp.environment.builds import Build
from scarp.environment.failures import explain
from scarp.environment.private import PrivateEnvironment
from scarp.environment.redaction import Redactor
from scarp.environment.sources import Proxy, Source, SourceKind, custom_index_settings, parse_configuration

FAILURES = """
disk is full             | ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
disk is full             | OSError: [WinError 112] There is not enough space on the disk
no encryption            | pip is configured with locations that require TLS/SSL, however the ssl module in Python is \
not available.
requires a user name     | ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy \
Authentication Required'))
proxy cannot be reached  | Max retries exceeded (Caused by ProxyError('Cannot connect to proxy.', \
NewConnectionError('refused')))
not trusted              | SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify \
failed: self-signed
no connection            | NewConnectionError(': Failed to establish a new connection: [Errno -3] Temporary failure in \
name resolution')
connection broke         | ReadTimeoutError("HTTPSConnectionPool(host='x', port=443): Read timed out.")
expected (numpy==2.4.6)  | ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. Someone may \
have tampered with them.¶    numpy==2.4.6 from https://mirror/numpy.whl (from -r list (line 3)):¶        Expected \
sha256 1¶             Got        2
refused access           | ERROR: HTTP error 403 while getting https://mirror/torch.whl (403 Client Error: Forbidden)
no torch==2.13.0+cu130   | ERROR: No matching distribution found for torch==2.13.0+cu130
own standard library     | Fatal Python error: init_fs_encoding¶ModuleNotFoundError: No module named 'encodings'
lacks ensurepip          | /usr/bin/python3: No module named ensurepip
too long                 | [WinError 206] The filename or extension is too long
too long                 | HINT: This error might have occurred since this system does not have Windows Long Path \
support enabled.
Another program          | PermissionError: [WinError 32] The process cannot access the file because it is being used \
by another process
not allowed              | PermissionError: [Errno 13] Permission denied: '/opt/scarp'
Visual C++               | OSError: [WinError 126] The specified module could not be found. Error loading "c10.dll"
too old                  | ImportError: /lib/libc.so.6: version `GLIBC_2.34' not found
something new            | something new
""".strip()


@pytest.mark.parametrize("row", FAILURES.split("\n"))
def test_known_failures_are_explained(row):
    expected, output = (part.strip() for part in row.split("|"))
    more = "more noise" if expected != "something new" else ""
    text = explain(["noise", *output.split("¶"), more], 1)
    assert expected in text
    assert "{" not in text


@pytest.mark.parametrize(("code", "expected"), [(-9, "memory"), (-4, "processor")])
def test_signals_are_explained(code, expected):
    assert expected in explain(["Collecting torch"], code)


APP_DATA = r"C:\Users\somebody\AppData"
PROFILE = APP_DATA + r"\Roaming\QGIS\QGIS3\profiles\default\scarp\py312"


@pytest.mark.parametrize(
    ("folder", "long_paths", "fits"),
    [(APP_DATA + r"\Local\scarp\py312", False, True), (PROFILE, False, False), (PROFILE, True, True)],
)
def test_windows_is_warned_of_long_paths(folder, long_paths, fits):
    problem = disk_space.path_problem(Path(folder), "win32", long_paths)
    assert (problem is None) == fits
    assert fits or str(len(folder)) in problem
    assert disk_space.path_problem(Path(folder), "linux") is None


def test_disk_space_is_checked_at_the_target_folder(tmp_path):
    folder = tmp_path / "not" / "yet"
    assert disk_space.existing(folder) == tmp_path
    assert disk_space.problem(folder, 0.000001) is None
    assert "1000000.0 GB are needed" in disk_space.problem(folder, 1e6)
    build = Build("cpu", 0.4, 1.5)
    assert disk_space.required_gigabytes(build, SourceKind.FOLDER) < disk_space.required_gigabytes(
        build, SourceKind.INTERNET
    )


def test_sizes_ignore_links_and_missing_folders(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "f").write_bytes(b"x" * 1000)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "f")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
    assert disk_space.size(tmp_path / "a", tmp_path / "missing") == 1000


@pytest.mark.parametrize(
    ("proxy", "url"),
    [
        (Proxy(), ""),
        (Proxy("proxy", 8080), "http://proxy:8080"),
        (Proxy("proxy"), "http://proxy"),
        (Proxy("proxy", 8080, "me", "p@ss/word"), "http://me:p%40ss%2Fword@proxy:8080"),
    ],
)
def test_the_address_of_a_proxy_is_escaped_and_its_password_redacted(proxy, url):
    assert proxy.url == url
    assert "p@ss" not in repr(proxy)
    assert "p%40ss" not in Redactor(secrets=proxy.secrets())(f"via {url} and p@ss/word")


@pytest.mark.parametrize("proxy", [Proxy("http://proxy", 1), Proxy("a b", 1), Proxy("proxy", 1080, scheme="socks5")])
def test_a_proxy_that_pip_cannot_use_is_refused(proxy):
    assert Source(SourceKind.INTERNET, proxy=proxy).problem()
    assert Source(SourceKind.CONFIGURED, proxy=proxy).problem()


def test_a_folder_without_wheels_is_refused(tmp_path):
    assert Source(SourceKind.FOLDER, None).problem()
    assert Source(SourceKind.FOLDER, tmp_path).problem()
    (tmp_path / "numpy-1-py3-none-any.whl").touch()
    assert "torch" in Source(SourceKind.FOLDER, tmp_path).problem()
    (tmp_path / "torch-1-py3-none-any.whl").touch()
    assert Source(SourceKind.FOLDER, tmp_path).problem() is None


CONFIG = """:env:.disable-pip-version-check='1'
global.cert='/etc/own.pem'
global.extra-index-url='\\nhttps://a.example/simple\\nhttps://b.example/simple'
global.user='true'
download.timeout='99'
:env:.timeout='7'
wheel.no-index='true'
nonsense
"""


def test_settings_of_pip_are_parsed():
    found = parse_configuration(CONFIG)
    assert found["extra-index-url"].split() == ["https://a.example/simple", "https://b.example/simple"]
    assert found["timeout"] == "7"
    assert "no-index" not in found
    assert custom_index_settings(found)
    assert not custom_index_settings({"cert": "x", "timeout": "7"})


def test_each_source_inherits_its_settings_of_pip():
    settings = parse_configuration(CONFIG)
    here = {"PIP_INDEX_URL": "https://own.example/simple", "PIP_TARGET": "/elsewhere", "HOME": "/home/a"}
    internet = Source(SourceKind.INTERNET, proxy=Proxy("p", 1)).variables(settings, here)
    assert internet["PIP_CERT"] == "/etc/own.pem"
    assert internet["PIP_PROXY"] == "http://p:1"
    assert "PIP_EXTRA_INDEX_URL" not in internet
    assert "PIP_INDEX_URL" not in internet
    configured = Source(SourceKind.CONFIGURED).variables(settings, here)
    assert configured["PIP_INDEX_URL"] == "https://own.example/simple"
    assert "PIP_CONFIG_FILE" not in configured
    folder = Source(SourceKind.FOLDER, Path("/wheels")).variables(settings, here)
    assert not {"PIP_INDEX_URL", "PIP_CERT", "PIP_PROXY"} & set(folder)
    always = {"PIP_USER": "0", "PIP_ONLY_BINARY": ":all:", "PIP_NO_INPUT": "1"}
    assert all(always.items() <= found.items() for found in (internet, configured, folder))


REDACTORS = {
    "linux": Redactor("/home/mayer", "mayer", "mayers-laptop", ["s3cret"]),
    "windows": Redactor(r"C:\Users\Eva Mayer", "Eva Mayer", "DESKTOP-7", []),
    "root": Redactor("/root", "root", "localhost", []),
}


@pytest.mark.parametrize(
    ("system", "text", "expected"),
    [
        ("linux", "/home/mayer/.local/x", "~/.local/x"),
        ("linux", "/home/mayers/x", "/home/<user>/x"),
        ("linux", "host mayers-laptop, user MAYER", "host <user>, user <user>"),
        ("linux", "password s3cret", "password ***"),
        ("linux", "the mayerling", "the mayerling"),
        ("linux", "http://me:pw@proxy:1/x", "http://***@proxy:1/x"),
        ("linux", "/home/other/file", "/home/<user>/file"),
        ("windows", r"C:\Users\Eva Mayer\AppData", r"~\AppData"),
        ("windows", "c:/users/eva mayer/x", "~/x"),
        ("windows", r"C:\Users\EVAMAY~1\AppData\Local\Temp", r"C:\Users\<user>\AppData\Local\Temp"),
        ("root", "/root/x and root cause", "~/x and root cause"),
        ("root", "/rooted", "/rooted"),
    ],
)
def test_names_and_passwords_are_redacted(system, text, expected):
    assert REDACTORS[system](text) == expected


def test_the_report_is_complete_and_redacted(tmp_path, monkeypatch):
    home = tmp_path / "home" / "mayer"
    environment = PrivateEnvironment(home / "scarp" / "py3")
    environment.log.parent.mkdir(parents=True)
    environment.log.write_text(f"line one\nwrote {home}/x with s3cret\n")
    monkeypatch.setenv("PYTHONPATH", f"{home}/lib")
    proxy = Proxy("proxy.example", 8080, "mayer", "s3cret")

    def broken() -> str:
        raise RuntimeError(f"cannot read {home}")

    redact = Redactor(str(home), "mayer", "laptop", proxy.secrets())
    items = {"version": lambda: "3.99", "broken": broken}
    text = diagnostics.report(environment, items, "a process", proxy, redact)
    for word in "3.99|a process|numpy|absent|line one|PYTHONPATH|8080|not known (RuntimeError".split("|"):
        assert word in text
    assert sys.version.split()[0] in text
    for word in ("mayer", "s3cret", str(home)):
        assert word not in text
