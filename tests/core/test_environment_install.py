"""Real installations with tiny wheels in place of the libraries: sources, cancellation, retries, failures."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scarp.environment import builds, disk_space, install, lock, processes, sources
from scarp.environment.__main__ import main
from scarp.environment.failures import InstallCancelled, InstallFailed
from scarp.environment.install import Request
from scarp.environment.interpreter import Interpreter, StartError, clean_environment, probe, qgis_interpreter
from scarp.environment.private import COMPLETE_FILE, EnvironmentState, PrivateEnvironment
from scarp.environment.sources import Proxy, Source, SourceKind
from scarp.tests.core import fake_installation as fake

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="looks for processes as on POSIX"),
    pytest.mark.usefixtures("fakes"),
]


@pytest.fixture
def torch(python_info) -> str:
    """The version of torch."""
    return builds.torch_version(python_info.target)


@pytest.fixture
def wheels(tmp_path, torch) -> Path:
    """A folder of wheels."""
    return fake.write_all(tmp_path / "w", torch)


def output_of(python: Path, code: str, environment: dict[str, str]) -> list[str]:
    command = [str(python), "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split("\n")


def packages_of(python: Path) -> str:
    """Return a hash of names, sizes and times of everything that a Python imports from."""
    found, code = hashlib.sha256(), "import sys, site; print(*sys.path, site.getusersitepackages(), sep='\\n')"
    for folder in filter(os.path.isdir, output_of(python, code, clean_environment())[1:]):
        for path, _, files in sorted(os.walk(folder)):
            # Python itself may compile what it imports.
            for name in sorted(name for name in files if not name.endswith(".pyc")):
                status = os.lstat(os.path.join(path, name))
                found.update(f"{path}/{name} {status.st_size} {status.st_mtime_ns}".encode())
    return found.hexdigest()


def test_installing_from_wheels_leaves_the_base_python_unchanged(python_info, attempt, wheels, torch):
    base_python = python_info.interpreter.executable
    before = packages_of(base_python)
    made = attempt(fresh=True)
    record, environment = made.run(), made.environment
    assert packages_of(base_python) == before
    assert environment.status().state is EnvironmentState.READY
    assert made.missing("torch", "fakeraster", "fakelearn") == []
    imported = output_of(environment.python, "import torch; print(torch.__version__)", environment.variables())
    assert imported[0] == torch == record["proof"]["versions"]["torch"]
    assert not any((environment.folder / name).exists() for name in ("wheels", "tmp"))
    shares = [share for share, _ in made.reports]
    assert shares == sorted(shares) and shares[-1] == 1.0
    log = environment.log.read_text()
    assert "fakelearn" in log and log.strip().endswith(made.lines[-1].strip())
    environment.remove()
    assert environment.log.is_file()


PIP_CONF = """
[global]
no-index = true
find-links = {folder}/w
user = true
[install]
target = {folder}/t
"""


def test_a_configured_index_is_used_without_settings_that_break_the_installation(
    python_info, attempt, wheels, tmp_path, monkeypatch
):
    (tmp_path / "pip.conf").write_text(PIP_CONF.format(folder=tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    info = probe(python_info.interpreter)
    assert sources.custom_index_settings(info.configuration)
    made = attempt(Source(SourceKind.CONFIGURED), info=info)
    made.run()
    assert made.environment.python and not (tmp_path / "t").exists()


def test_a_failure_is_explained_and_the_next_attempt_continues(attempt, wheels, tmp_path):
    kept = next(wheels.glob("fakelearn-*")).rename(tmp_path / "kept.whl")
    first = attempt(fresh=True)
    first.fail("no fakelearn==2.0")
    assert first.environment.status().state is EnvironmentState.INCOMPLETE
    kept.rename(wheels / "fakelearn-2.0-py3-none-any.whl")
    second, third = attempt(), attempt()
    second.run()
    assert second.environment.python
    assert second.text.count("already done") == 2 and "-m venv" not in second.text
    third.run()
    assert third.text.count("already done") == 3 and "Check that every library" in third.text


WAITING = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)  # {mark}"])
print("waits", flush=True)
child.wait()
"""
"""A step that starts a child of its own and waits for it, as pip does when it builds or compiles."""


def test_cancellation_ends_all_processes_and_the_next_attempt_continues(attempt, wheels, tmp_path):
    script = tmp_path / "self_test.py"
    whole = script.read_text()
    script.write_text(WAITING.format(mark=tmp_path.name))
    first = attempt(cancel=lambda line: line == "waits")
    with pytest.raises(InstallCancelled):
        first.run()

    def is_running() -> bool:
        found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
        return any(tmp_path.name in line and "time.sleep(600)" in line for line in found)

    deadline = time.monotonic() + 60
    while is_running() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running() and first.environment.status().state is EnvironmentState.INCOMPLETE
    script.write_text(whole)
    attempt().run()
    assert first.environment.python


def test_packages_interrupted_during_install_are_reinstalled(attempt, wheels):
    made = attempt()
    # As after a kill: files and metadata are there, the record is not.
    partial = made.environment.site_packages / "fakeraster-1.0.dist-info"
    partial.mkdir()
    (partial / "METADATA").write_text("Metadata-Version: 2.1\nName: fakeraster\nVersion: 1.0\n")
    made.run()
    assert made.missing("fakeraster") == []


def test_an_environment_whose_libraries_do_not_work_is_not_complete(attempt, torch, tmp_path):
    fake.write_all(tmp_path / "w", torch, code="raise OSError('[WinError 126] c10.dll')\n")
    attempt().fail("Visual C")


def test_another_build_replaces_the_installed_one(attempt, torch, tmp_path):
    wheels = fake.write_all(tmp_path / "w", f"{torch}+cpu")
    fake.write_wheel(wheels, "torch", f"{torch}+cu130")
    attempt(build="cpu").run()
    second = attempt(build="cu130")
    second.run()
    version = second.environment.completion_record()["proof"]["versions"]["torch"]
    assert version.endswith("+cu130") and "-m venv" not in second.text


def test_an_environment_of_another_python_is_created_anew(attempt, wheels):
    made = attempt()
    record = {"made_with": "/usr/bin/python3.0 3.0.0", "done": ["make", "pip", "install"]}
    made.environment.write_progress_record(record)
    old = made.environment.folder / "of the old one"
    old.touch()
    made.run()
    assert made.environment.python and not old.exists()


def test_a_point_release_of_qgis_in_another_folder_downloads_nothing(python_info, attempt, wheels, tmp_path):
    """As on Windows, where each one brings its Python, and the one before is removed."""
    releases = [tmp_path / name / "python3" for name in ("QGIS 3.44.7", "QGIS 3.44.8")]
    for release in releases:
        release.parent.mkdir()
        release.symlink_to(python_info.base_python)
    infos = [replace(python_info, interpreter=Interpreter(path), base_python=str(path)) for path in releases]
    first = attempt(info=infos[0], fresh=True)
    first.run()
    mine = first.environment.site_packages / "fakelearn" / "mine.txt"
    mine.touch()
    releases[0].unlink()
    assert first.environment.status().state is EnvironmentState.OUTDATED and first.environment.python is None
    for wheel in wheels.iterdir():
        if not wheel.name.startswith("torch"):
            wheel.unlink()
    second = attempt(info=infos[1])
    second.run()
    assert "is fitted to the new Python" in second.text and second.text.count("already done") == 2, second.text
    assert second.environment.python and mine.is_file()
    imported = output_of(second.environment.python, "import fakelearn", second.environment.variables())
    assert imported == [""]


@pytest.mark.parametrize("code", ["", "raise ImportError('mapping process and mapped file have different Team IDs')"])
def test_on_macos_a_small_library_is_tried_before_the_large_download(
    python_info, attempt, torch, tmp_path, monkeypatch, code
):
    public, large = tmp_path / "public", tmp_path / "large"
    fake.write_wheel(large, "torch", torch)
    fake.write_wheel(public, "fakeraster", "1.0", code=code)
    fake.write_wheel(public, "fakelearn", "2.0", needs=("fakeraster",))
    fake.use_indexes(tmp_path, large, public, monkeypatch)
    fake.write_lock(lock.LOCK, public)
    monkeypatch.setattr(install, "SAMPLE", "fakeraster")
    info = replace(python_info, target=replace(python_info.target, platform="darwin", machine="arm64"))
    made = attempt(Source(), builds.CPU, info=info, fresh=True)
    if code:
        made.fail("python.org", "torch")
        assert not made.wheels and "Download torch" not in made.text
    else:
        made.run()
        assert made.environment.python and "Try a small library" in made.text


SPOILED = {
    "holds other files": lambda request, patch: (request.environment.folder / "x").mkdir(parents=True),
    "GB are free": lambda request, patch: patch.setattr(disk_space, "free", lambda folder: 0.1),
    "too deep": lambda request, patch: patch.setattr(disk_space, "path_problem", lambda folder: "too deep"),
    "no wheels": lambda request, patch: [path.unlink() for path in request.source.folder.iterdir()],
    "lacks venv": lambda request, patch: object.__setattr__(request, "python", replace(request.python, venv=False)),
}


@pytest.mark.parametrize("message", SPOILED)
def test_an_impossible_request_is_refused_before_anything_is_changed(attempt, wheels, tmp_path, message, monkeypatch):
    made = attempt(fresh=True)
    SPOILED[message](made.request, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InstallFailed, match=message):
        made.run()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_second_installation_into_the_same_folder_is_refused(attempt, wheels):
    second = attempt(fresh=True)

    def refuse_second(line: str) -> bool:
        with pytest.raises(InstallFailed, match="Another QGIS"):
            second.run()
        return True

    with pytest.raises(InstallCancelled):
        attempt(fresh=True, cancel=refuse_second).run()


def test_the_proxy_is_used_and_its_password_is_in_neither_log_nor_arguments(attempt, monkeypatch):
    requests: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                requests.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(sources, "ALWAYS", {**sources.ALWAYS, "PIP_RETRIES": "1"})
    made = attempt(Source(proxy=Proxy("127.0.0.1", server.getsockname()[1], "me", "s3cr3t!")), builds.CPU)
    made.fail("proxy requires a user name")
    server.close()
    assert requests[0].startswith(b"CONNECT download.pytorch.org:443")
    assert b"proxy-authorization: basic" in requests[0].lower()
    arguments = [part for step in install.steps(made.request) for part in step.command]
    assert "s3cr3t" not in "\n".join([made.text, made.environment.log.read_text(), *arguments])


@pytest.mark.parametrize("pip", ["20.0", ""])
def test_without_ensurepip_and_a_new_pip_a_wheel_of_pip_is_used(python_info, tmp_path, monkeypatch, pip):
    wheel = tmp_path / "pip-25.0-py3-none-any.whl"
    wheel.touch()
    monkeypatch.setattr(install, "SYSTEM_WHEELS", tmp_path / "none")
    info, source = replace(python_info, ensurepip=False, pip=pip), Source(SourceKind.FOLDER, tmp_path)
    request = Request(info, builds.BUILD_OF_SOURCE, source, PrivateEnvironment(tmp_path / "py"))
    assert install.pip_command(request) == (str(request.environment.executable), str(wheel / "pip"))
    wheel.unlink()
    with pytest.raises(InstallFailed, match="python3-venv"):
        install.steps(request)


def test_without_ensurepip_the_pip_of_the_base_python_installs_into_the_environment(python_info, attempt, wheels):
    if not python_info.pip_can_target_others:
        pytest.skip("The Python here has no pip of 22.3 or newer.")
    base_python = python_info.interpreter.executable
    before, made = packages_of(base_python), attempt(info=replace(python_info, ensurepip=False), fresh=True)
    made.run()
    assert made.environment.python and made.missing("pip") == ["pip"]
    assert packages_of(base_python) == before


def test_osgeo4w_gets_the_file_that_finds_its_dlls(attempt, monkeypatch):
    made = attempt(Source())
    assert install.site_file(made.request) is None
    monkeypatch.setattr(install, "dll_folder", lambda interpreter: r"C:\OSGeo4W\bin")
    path, content = install.site_file(made.request)
    assert path == made.environment.site_packages / "sitecustomize.py"
    added: list[str] = []
    monkeypatch.setattr(os, "add_dll_directory", added.append, raising=False)
    exec(compile(content, str(path), "exec"), {})
    assert added == [r"C:\OSGeo4W\bin"]


def test_a_program_that_is_no_python_is_named_in_the_error(tmp_path):
    for path in (tmp_path / "missing", Path("/bin/true"), Path("/bin/false")):
        with pytest.raises(StartError, match=path.name):
            probe(Interpreter(path, is_qgis_python=False))


def test_output_arrives_while_the_program_runs(tmp_path):
    """The program continues only when its last line was received, and gives up after a minute."""
    received = tmp_path / "received"
    received.mkdir()
    code = f"""
import pathlib, time
for number in range(3):
    print(number, flush=True)
    until = time.monotonic() + 60
    while not pathlib.Path({str(received)!r}, str(number)).exists():
        assert time.monotonic() < until
        time.sleep(0.01)
"""
    command = [sys.executable, "-c", code]
    assert processes.run(command, clean_environment(), lambda line: (received / line).touch(), lambda: False) == 0
    assert sorted(path.name for path in received.iterdir()) == ["0", "1", "2"]


def test_the_command_line_installs_shows_and_removes(tmp_path, python_info, wheels, capsys):
    folder, base_python = tmp_path / "py", str(python_info.interpreter.executable)

    def run(command: str, *more: str) -> int:
        return main([command, "--folder", str(folder), *more])

    assert run("status") == 1 and "absent" in capsys.readouterr().out
    assert run("install", "--wheels", str(wheels), "--python", base_python) == 0
    assert str(PrivateEnvironment(folder).python) in capsys.readouterr().out
    assert run("status") == 0
    assert fake.read_json(folder / COMPLETE_FILE)["build"] == builds.BUILD_OF_SOURCE
    assert run("remove") == 0 and not folder.exists()
    assert run("install", "--wheels", str(tmp_path / "none")) == 1
    assert "Choose the folder" in capsys.readouterr().err


def test_the_module_starts_from_the_plugins_folder_without_qgis():
    plugins = Path(__file__).resolve().parents[2] / ".build" / "plugins"
    command = [str(qgis_interpreter().executable), "-m", "scarp.environment", "status", "--folder", "/nowhere"]
    done = subprocess.run(command, cwd=plugins, capture_output=True, text=True, env=clean_environment())
    assert (done.returncode, done.stdout.strip(), done.stderr) == (1, "absent", "")
