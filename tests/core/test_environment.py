"""The private environment before and after its installation: QGIS's Python, state and removal, failures explained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import pytest

from scarp.environment import builds, diagnostics, disk_space, interpreter, private
from scarp.environment.builds import Build
from scarp.environment.failures import explain
from scarp.environment.interpreter import PYTHON_VARIABLES, Interpreter, Layout, clean_environment, qgis_interpreter
from scarp.environment.private import COMPLETE_FILE, PROGRESS_FILE, EnvironmentState, PrivateEnvironment
from scarp.environment.redaction import Redactor
from scarp.environment.sources import Proxy, Source, SourceKind, custom_index_settings, parse_configuration

# QGIS's Python, in layouts of systems that are not here

WINDOWS, OSGEO4W, CONDA = r"C:\Program Files\QGIS 3.40.9", r"C:\OSGeo4W", r"C:\conda\envs\gis"
PYTHON312, MAC_OS = r"\apps\Python312\python.exe", "/Applications/QGIS.app/Contents/MacOS"
FRAMEWORKS = "/Applications/QGIS.app/Contents/Frameworks"
OTHER_MAC = "/Volumes/my maps/QGIS-final-4_0_3.app/Contents/MacOS"
BREW = "/opt/homebrew/opt/python@3.13"
VENV, PYENV = "/home/u/v/bin/python", "/home/u/.pyenv/shims/python3"


def layout(platform, minor, executable, prefix, base_prefix, files, **variables) -> Layout:
    return Layout(platform, (3, minor), executable, "", prefix, base_prefix, variables, set(files).__contains__)


def mac(minor, executable, prefix, files) -> Layout:
    return layout("darwin", minor, executable, prefix, prefix, files)


def linux(minor, executable, prefix, *files) -> Layout:
    return layout("linux", minor, executable, prefix, "/usr", files)


APP = WINDOWS + r"\apps\Python312"
IN_WINDOWS = [WINDOWS + path for path in (PYTHON312, r"\bin\python.exe", r"\bin\qgis-bin.exe")]
IN_BIN = OSGEO4W + r"\bin"
IN_OSGEO4W = [OSGEO4W + r"\apps\Python39\python.exe", OSGEO4W + r"\bin\python.exe"]
OLD_MAC = [f"{MAC_OS}/{path}" for path in ("bin/python3", "lib/python3.9/os.py", "QGIS")]
NEW_MAC = [f"{MAC_OS}/python3.12", f"{MAC_OS}/python", f"{FRAMEWORKS}/lib/python3.12/os.py"]
ROOT = {"OSGEO4W_ROOT": OSGEO4W}
LAYOUTS = {
    "Windows, installer": (layout("win32", 12, WINDOWS + r"\bin\qgis-bin.exe", APP, APP, IN_WINDOWS), IN_WINDOWS[0]),
    "Windows, prefix not where Python is": (
        layout("win32", 9, OSGEO4W + r"\bin\qgis-ltr-bin.exe", IN_BIN, r"C:\elsewhere", IN_OSGEO4W, **ROOT),
        OSGEO4W + r"\bin\python.exe",
    ),
    "Windows, root known": (layout("win32", 12, "", "", "", [OSGEO4W + PYTHON312], **ROOT), OSGEO4W + PYTHON312),
    "Windows, Conda": (
        layout("win32", 11, CONDA + r"\Library\bin\qgis.exe", CONDA, CONDA, [CONDA + r"\python.exe"]),
        CONDA + r"\python.exe",
    ),
    "macOS, older bundle": (mac(9, f"{MAC_OS}/QGIS", MAC_OS, OLD_MAC), f"{MAC_OS}/bin/python3", MAC_OS),
    "macOS, newer bundle": (mac(12, f"{MAC_OS}/QGIS", FRAMEWORKS, NEW_MAC), f"{MAC_OS}/python3.12", FRAMEWORKS),
    "macOS, bundle of another name with a framework": (
        mac(12, f"{OTHER_MAC}/QGIS-final", "/nowhere", [f"{OTHER_MAC}/python3.12"]),
        f"{OTHER_MAC}/python3.12",
    ),
    "macOS, Homebrew": (mac(13, f"{BREW}/bin/python3.13", BREW, [f"{BREW}/bin/python3.13"]), f"{BREW}/bin/python3.13"),
    "Linux": (linux(12, "/usr/bin/python3", "/usr", "/usr/bin/python3", "/usr/bin/python3.12"), "/usr/bin/python3.12"),
    "Linux, pyenv in PATH": (linux(12, PYENV, "/usr", "/usr/bin/python3.12", PYENV), "/usr/bin/python3.12"),
    "Linux, in a virtual environment": (
        linux(11, VENV, "/home/u/v", "/usr/bin/python3.11", f"{VENV}3.11", VENV),
        "/usr/bin/python3.11",
    ),
    "Flatpak": (linux(11, "/usr/bin/python3", "/usr", "/usr/bin/python3"), "/usr/bin/python3"),
}


def slashes(path) -> str:
    """Return a path of any system as it is compared on any."""
    return str(path).replace("\\", "/")


@pytest.mark.parametrize("case", LAYOUTS)
def test_the_python_is_found_and_never_qgis_itself(case):
    here, executable, home = (*LAYOUTS[case], None)[:3]
    found = qgis_interpreter(here)
    assert slashes(found.executable) == slashes(executable)
    assert (found.home and slashes(found.home)) == (home and slashes(home))
    assert {name: slashes(value) for name, value in found.variables().items()} == (
        {"PYTHONHOME": slashes(home)} if home else {}
    )
    assert "qgis" not in PureWindowsPath(found.executable.name.lower()).name


@pytest.mark.parametrize("case", LAYOUTS)
def test_without_files_no_python_is_found(case):
    assert qgis_interpreter(replace(LAYOUTS[case][0], is_file=lambda path: False)) is None


def test_the_copy_in_bin_of_osgeo4w_is_only_used_when_it_is_the_prefix():
    here = LAYOUTS["Windows, installer"][0]
    assert qgis_interpreter(replace(here, is_file=lambda path: path == WINDOWS + r"\bin\python.exe")) is None


def output_of(python, code, environment) -> str:
    command = [str(python), "-c", f"import sys; print({code})"]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.strip()


def test_here_it_is_a_python_of_the_same_version():
    version = output_of(interpreter.qgis_python(), "*sys.version_info[:2]", clean_environment())
    assert version.split() == [str(number) for number in sys.version_info[:2]]


BREW_PYTHON = "/opt/homebrew/bin/python3.12"
USERS_PYTHON = r"C:\Users\a\AppData\Local\Programs\Python\Python311\python.exe"


@pytest.mark.parametrize(
    ("platform", "files"),
    [
        ("darwin", [BREW_PYTHON, "/Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13"]),
        ("win32", [USERS_PYTHON, r"C:\Program Files\Python39\python.exe"]),
        ("linux", ["/usr/bin/python3.9"]),
    ],
)
def test_other_pythons_are_offered_with_the_same_version_first(platform, files):
    folders = {"LOCALAPPDATA": r"C:\Users\a\AppData\Local", "PROGRAMFILES": r"C:\Program Files"}
    found = interpreter.other_interpreters(layout(platform, 12, "", "", "", files, **folders))
    assert [(slashes(item.executable), item.is_qgis_python) for item in found] == [
        (slashes(file), False) for file in files
    ]


@pytest.mark.parametrize(
    ("here", "first"),
    [
        (mac(12, f"{MAC_OS}/QGIS", FRAMEWORKS, [*NEW_MAC, BREW_PYTHON]), BREW_PYTHON),
        (mac(12, f"{MAC_OS}/QGIS", FRAMEWORKS, NEW_MAC), f"{MAC_OS}/python3.12"),
        (linux(11, "/usr/bin/python3", "/usr", "/usr/bin/python3.11", "/usr/bin/python3.9"), "/usr/bin/python3.11"),
    ],
)
def test_on_macos_the_python_of_the_application_is_offered_last(here, first):
    """It loads only libraries that QGIS's makers have signed."""
    found = [slashes(item.executable) for item in interpreter.all_interpreters(here)]
    assert found[0] == first and slashes(qgis_interpreter(here).executable) in found


def test_variables_that_qgis_sets_for_itself_do_not_reach_another_python():
    given = dict.fromkeys(PYTHON_VARIABLES, "of QGIS")
    kept = {"PATH": "p", "HOME": "h", "LD_LIBRARY_PATH": "l"}
    cleaned = clean_environment({"EXTRA": "e"}, {**given, **kept, "Gdal_Data": "in small letters"})
    assert not {*PYTHON_VARIABLES, "Gdal_Data"} & set(cleaned)
    assert {**kept, "EXTRA": "e", "PYTHONNOUSERSITE": "1"}.items() <= cleaned.items()


@pytest.mark.skipif(sys.platform == "win32", reason="folders as on POSIX")
def test_a_python_with_a_given_home_still_sees_its_environment(tmp_path):
    """The bundles of macOS rely on ``PYTHONHOME`` together with ``pyvenv.cfg``."""
    base = interpreter.qgis_python()
    subprocess.run([str(base), "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True, env=clean_environment())
    home = Path(output_of(base, "sys.base_prefix", clean_environment()))
    variables = clean_environment(Interpreter(base, home).variables())
    assert os.path.samefile(output_of(tmp_path / "v" / "bin" / "python", "sys.prefix", variables), tmp_path / "v")


@pytest.mark.parametrize(
    ("executable", "names", "expected"),
    [
        (OSGEO4W + PYTHON312, ["_ssl.pyd"], OSGEO4W + r"\bin"),
        (OSGEO4W + PYTHON312, ["_ssl.pyd", "libssl-3.dll"], None),
        *((USERS_PYTHON, ["_ssl.pyd"], None), ("/usr/bin/python3", [], None)),
    ],
)
def test_only_osgeo4w_needs_a_folder_for_its_dlls(executable, names, expected):
    found = interpreter.dll_folder(Interpreter(Path(executable)), is_dir=lambda path: True, names=lambda path: names)
    assert (found and str(found)) == expected


def test_versions_without_builds_are_refused():
    versions = ((3, 8), (3, 9), (3, 14), (3, 15))
    problems = [builds.problem(builds.Target(version, "linux", "x86_64")) for version in versions]
    assert problems[1] is None and problems[2] is None
    assert all("is not supported" in problem for problem in (problems[0], problems[3]))


# State and removal

HERE = tuple(sys.version_info[:2])
READY, INCOMPLETE = EnvironmentState.READY, EnvironmentState.INCOMPLETE
OUTDATED, ABSENT = EnvironmentState.OUTDATED, EnvironmentState.ABSENT


@pytest.fixture
def environment(tmp_path) -> PrivateEnvironment:
    """A fake of a complete environment: a link to a Python, packages and the completion record."""
    if sys.platform == "win32":
        pytest.skip("the fake is laid out as on POSIX")
    base = tmp_path / "system" / "python3.x"
    base.parent.mkdir()
    base.write_text("")
    made = PrivateEnvironment(tmp_path / "scarp" / "py3", HERE)
    packages = made.folder / "lib" / "python3.x" / "site-packages"
    for name in ("torch", "attr", "leftover"):
        (packages / name).mkdir(parents=True)
    for name in ("torch/__init__.py", "attr/__init__.py", "single.py", "compiled.cpython-3x.so"):
        (packages / name).write_text("")
    (made.folder / "bin").mkdir()
    made.executable.symlink_to(base)
    made.write_progress_record({"done": ["make"]})
    record = {"base": os.path.realpath(base), "qgis_python": list(HERE), "variables": {"PYTHONHOME": "/x"}}
    made.write_completion_record(record)
    return made


def change(**values):
    """Return a function that changes the completion record of an environment."""

    def changed(environment: PrivateEnvironment) -> None:
        mark = environment.folder / COMPLETE_FILE
        mark.write_text(json.dumps({**json.loads(mark.read_text()), **values}))

    return changed


def test_a_complete_environment_has_a_python(environment):
    assert (environment.status().state, environment.python) == (READY, environment.executable)
    assert environment.variables()["PYTHONHOME"] == "/x"


def test_its_modules_are_found_without_starting_it(environment):
    assert environment.missing(["torch", "attr", "single", "compiled", "torch.nn"]) == []
    assert environment.missing(["rasterio", "torch", "leftover"]) == ["rasterio", "leftover"]
    assert PrivateEnvironment(environment.folder / "no").missing(["torch"]) == ["torch"]


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda e: (e.folder / COMPLETE_FILE).unlink(), INCOMPLETE),
        (lambda e: (e.folder / COMPLETE_FILE).write_text("{"), INCOMPLETE),
        (lambda e: (e.folder / COMPLETE_FILE).write_text("[]"), INCOMPLETE),
        (lambda e: [(e.folder / name).unlink() for name in (COMPLETE_FILE, PROGRESS_FILE)], ABSENT),
        *((change(list="another"), OUTDATED), (change(format=0), OUTDATED)),
        *((change(base="/usr/bin/python0"), OUTDATED), (change(qgis_python=[3, 0]), OUTDATED)),
        (lambda e: Path(os.path.realpath(e.executable)).unlink(), OUTDATED),
        (lambda e: e.executable.unlink(), OUTDATED),
        (lambda e: e.write_progress_record({}), INCOMPLETE),
    ],
)
def test_an_incomplete_environment_has_no_python(environment, spoil, state):
    spoil(environment)
    status = environment.status()
    assert (status.state, status.reason != "", environment.python) == (state, state is OUTDATED, None)


def test_an_environment_made_with_another_python_does_not_depend_on_qgis(environment):
    change(qgis_python=None)(environment)
    assert PrivateEnvironment(environment.folder, (3, 99)).status().state is READY


def test_a_changed_list_makes_it_outdated(environment, monkeypatch, tmp_path):
    (tmp_path / "list.txt").write_text("numpy==9\n")
    with monkeypatch.context() as patch:
        patch.setattr(builds, "LIBRARIES", tmp_path / "list.txt")
        builds.requirements_hash.cache_clear()
        assert environment.status().state is OUTDATED
    builds.requirements_hash.cache_clear()
    assert environment.status().state is READY


def test_removal_deletes_the_environment_and_nothing_else(environment, tmp_path):
    beside = environment.folder.parent / "other"
    beside.write_text("stays")
    environment.remove()
    assert not environment.folder.exists()
    assert beside.read_text() == "stays" and (tmp_path / "system" / "python3.x").exists()
    environment.remove()


def test_a_foreign_folder_is_not_removed(tmp_path):
    other = PrivateEnvironment(tmp_path / "thesis")
    other.folder.mkdir()
    (other.folder / "chapter.txt").write_text("years of work")
    assert other.is_foreign() and not other.is_scarp_environment()
    with pytest.raises(OSError, match="not created by Scarp"):
        other.remove()
    assert (other.folder / "chapter.txt").exists()


def test_a_removal_that_fails_midway_can_be_repeated(environment, monkeypatch):
    def refuse(path, *args):
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr(private.shutil, "rmtree", refuse)
    with pytest.raises(PermissionError):
        environment.remove()
    assert (environment.status().state, environment.python) == (INCOMPLETE, None)
    monkeypatch.undo()
    environment.remove()
    assert not environment.folder.exists()


# Explanations of failures, settings of pip, and redacted reports

FAILURES = """
disk is full | ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
disk is full | OSError: [WinError 112] There is not enough space on the disk
no encryption | configured with locations that require TLS/SSL, however the ssl module in Python is not available.
requires a user name | OSError('Tunnel connection failed: 407 Proxy Authentication Required'))
proxy cannot be reached | (Caused by ProxyError('Cannot connect to proxy.', NewConnectionError('refused')))
not trusted | SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed
no connection | Error(': Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')
connection broke | ReadTimeoutError("HTTPSConnectionPool(host='x', port=443): Read timed out.")
expected (numpy==2.4.6) | ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. Someone may \
have tampered with them.¶    numpy==2.4.6 from https://mirror/numpy.whl (from -r list (line 3)):¶        Expected \
sha256 1¶             Got        2
refused access | ERROR: HTTP error 403 while getting https://mirror/torch.whl (403 Client Error: Forbidden)
no torch==2.13.0+cu130 | ERROR: No matching distribution found for torch==2.13.0+cu130
own standard library | Fatal Python error: init_fs_encoding¶ModuleNotFoundError: No module named 'encodings'
lacks ensurepip | /usr/bin/python3: No module named ensurepip
too long | [WinError 206] The filename or extension is too long
too long | HINT: This error might have occurred since this system does not have Windows Long Path support enabled.
Another program | PermissionError: [WinError 32] The process cannot access the file because it is being used by another
not allowed | PermissionError: [Errno 13] Permission denied: '/opt/scarp'
Visual C++ | OSError: [WinError 126] The specified module could not be found. Error loading "c10.dll"
python.org | ImportError: dlopen(numpy.so): mapping process and mapped file (non-platform) have different Team IDs
administrator to allow | OSError: [WinError 4551] An Application Control policy has blocked this file
administrator to allow | OSError: [WinError 1260] This program is blocked by group policy
too old | ImportError: /lib/libc.so.6: version `GLIBC_2.34' not found
something new | something new
""".strip()


@pytest.mark.parametrize("row", FAILURES.split("\n"))
def test_known_failures_are_explained(row):
    expected, output = (part.strip() for part in row.split("|"))
    more = "more noise" if expected != "something new" else ""
    text = explain(["noise", *output.split("¶"), more], 1)
    assert expected in text and "{" not in text


@pytest.mark.parametrize(("code", "expected"), [(-9, "memory"), (-4, "processor")])
def test_signals_are_explained(code, expected):
    assert expected in explain(["Collecting torch"], code)


APP_DATA = r"C:\Users\somebody\AppData"


@pytest.mark.parametrize(("place", "long_paths"), [("local", False), ("roaming", False), ("roaming", True)])
def test_windows_is_warned_of_long_paths(place, long_paths):
    below = {"local": r"\Local\scarp\py312", "roaming": r"\Roaming\QGIS\QGIS3\profiles\default\scarp\py312"}
    folder, fits = APP_DATA + below[place], place == "local" or long_paths
    problem = disk_space.path_problem(Path(folder), "win32", long_paths)
    assert (problem is None) == fits and (fits or str(len(folder)) in problem)
    assert disk_space.path_problem(Path(folder), "linux") is None


def test_disk_space_is_checked_at_the_target_folder(tmp_path):
    folder = tmp_path / "not" / "yet"
    assert (disk_space.existing(folder), disk_space.problem(folder, 0.000001)) == (tmp_path, None)
    assert "1000000.0 GB are needed" in disk_space.problem(folder, 1e6)
    build, required = Build("cpu", 0.4, 1.5), disk_space.required_gigabytes
    assert required(build, SourceKind.FOLDER) < required(build, SourceKind.INTERNET)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make symbolic links.")
def test_sizes_ignore_links_and_missing_folders(tmp_path):
    folder = tmp_path / "a"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "f").write_bytes(b"x" * 1000)
    (folder / "link").symlink_to(folder / "b" / "f")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert disk_space.size(folder, tmp_path / "missing") == 1000


@pytest.mark.parametrize(
    ("proxy", "url"),
    [
        *((Proxy(), ""), (Proxy("proxy", 8080), "http://proxy:8080"), (Proxy("proxy"), "http://proxy")),
        (Proxy("proxy", 8080, "me", "p@ss/word"), "http://me:p%40ss%2Fword@proxy:8080"),
    ],
)
def test_the_address_of_a_proxy_is_escaped_and_its_password_redacted(proxy, url):
    assert proxy.url == url
    assert "p@ss" not in repr(proxy)
    assert "p%40ss" not in Redactor(secrets=proxy.secrets())(f"via {url} and p@ss/word")


@pytest.mark.parametrize("proxy", [Proxy("http://proxy", 1), Proxy("a b", 1), Proxy("proxy", 1080, scheme="socks5")])
def test_a_proxy_that_pip_cannot_use_is_refused(proxy):
    assert all(Source(kind, proxy=proxy).problem() for kind in (SourceKind.INTERNET, SourceKind.CONFIGURED))


def test_a_folder_without_wheels_is_refused(tmp_path):
    assert Source(SourceKind.FOLDER, None).problem() and Source(SourceKind.FOLDER, tmp_path).problem()
    for name, problem in (("numpy", "torch"), ("torch", None)):
        (tmp_path / f"{name}-1-py3-none-any.whl").touch()
        found = Source(SourceKind.FOLDER, tmp_path).problem()
        assert found == problem or problem in found


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
    assert found["timeout"] == "7" and "no-index" not in found
    assert custom_index_settings(found) and not custom_index_settings({"cert": "x", "timeout": "7"})


def test_each_source_inherits_its_settings_of_pip():
    settings = parse_configuration(CONFIG)
    here = {"PIP_INDEX_URL": "https://own.example/simple", "PIP_TARGET": "/elsewhere", "HOME": "/home/a"}
    internet = Source(SourceKind.INTERNET, proxy=Proxy("p", 1)).variables(settings, here)
    assert (internet["PIP_CERT"], internet["PIP_PROXY"]) == ("/etc/own.pem", "http://p:1")
    assert not {"PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"} & set(internet)
    configured = Source(SourceKind.CONFIGURED).variables(settings, here)
    assert configured["PIP_INDEX_URL"] == "https://own.example/simple" and "PIP_CONFIG_FILE" not in configured
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
    assert not [word for word in ("mayer", "s3cret", str(home)) if word in text]
