"""Making the environment for real, with tiny wheels in place of the libraries: sources, cancel, retry, failures."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scarp.environment import builds, disk_space, plan, processes, sources
from scarp.environment.__main__ import main
from scarp.environment.failures import InstallCancelled, InstallFailed
from scarp.environment.inspection import InterpreterStartError, probe
from scarp.environment.interpreter import clean_environment, qgis_interpreter
from scarp.environment.plan import Request
from scarp.environment.private import COMPLETE_FILE, PrivateEnvironment, State
from scarp.environment.sources import Proxy, Source, SourceKind
from scarp.tests.core.attempts import Attempt, forget, plain_facts, use_fakes, with_pip
from scarp.tests.core.wheels import read_json, write_all, write_index, write_lock, write_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks for processes as on POSIX")


@pytest.fixture(scope="module")
def facts():
    return plain_facts()


@pytest.fixture(scope="module")
def base(tmp_path_factory, facts):
    """An environment with pip, copied for each test, because pip takes seconds to arrive."""
    return with_pip(tmp_path_factory.mktemp("base") / "py", facts)


@pytest.fixture(autouse=True)
def fakes(tmp_path, monkeypatch):
    """Fake libraries and a proof that imports them."""
    use_fakes(tmp_path, monkeypatch)
    yield
    forget()


def wheels_of(folder: Path, version: str) -> Path:
    return write_all(folder, version)


def torch_of(facts) -> str:
    return builds.torch_version(facts.target)


def packages_of(python: Path) -> str:
    """Return a hash of names, sizes and times of all that a Python imports from."""
    code = "import sys, site; print(*sys.path, site.getusersitepackages(), sep='\\n')"
    found = hashlib.sha256()
    said = subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True, env=clean_environment()
    )
    for folder in filter(os.path.isdir, said.stdout.split("\n")[1:]):
        for path, _, files in sorted(os.walk(folder)):
            for name in sorted(files):
                # Python itself may compile what it imports.
                if not name.endswith(".pyc"):
                    status = os.lstat(os.path.join(path, name))
                    found.update(f"{path}/{name} {status.st_size} {status.st_mtime_ns}".encode())
    return found.hexdigest()


def test_from_a_folder_of_wheels_and_the_python_below_stays_as_it_was(facts, tmp_path):
    before = packages_of(facts.interpreter.executable)
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    attempt = Attempt(facts, tmp_path / "a folder" / "py", Source(SourceKind.FOLDER, wheels))
    record = attempt.run()
    assert packages_of(facts.interpreter.executable) == before
    assert attempt.environment.status().state is State.READY
    assert attempt.environment.missing(["torch", "fakeraster", "fakelearn"]) == []
    said = subprocess.run(
        [str(attempt.environment.python), "-c", "import torch; print(torch.__version__)"],
        check=True,
        capture_output=True,
        text=True,
        env=attempt.environment.variables(),
    ).stdout.split()
    assert said[0] == torch_of(facts) == record["proof"]["versions"]["torch"]
    assert not (attempt.environment.folder / "wheels").exists()
    assert not (attempt.environment.folder / "tmp").exists()
    shares = [share for share, _ in attempt.reports]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert attempt.environment.log.read_text().strip().endswith(attempt.lines[-1].strip())
    assert "fakelearn" in attempt.environment.log.read_text()


def test_from_the_internet_torch_comes_from_its_own_index(facts, base, tmp_path, monkeypatch):
    torch = wheels_of(tmp_path / "torch", f"{torch_of(facts)}+cpu")
    for name in ("fakeraster", "fakelearn"):
        next(torch.glob(f"{name}-*")).unlink()
    # The ordinary index also has a torch, of another build, which must not be taken.
    ordinary = wheels_of(tmp_path / "ordinary", torch_of(facts))
    write_lock(tmp_path / "libraries.lock", ordinary)
    monkeypatch.setattr(plan.builds, "index_of_torch", lambda build: write_index(tmp_path / build, torch))
    monkeypatch.setattr(sources, "ALWAYS", {**sources.ALWAYS, "PIP_INDEX_URL": write_index(tmp_path / "all", ordinary)})
    attempt = Attempt(facts, tmp_path / "py", Source(), builds.CPU).start_with(base)
    attempt.run()
    assert attempt.environment.mark()["proof"]["versions"]["torch"] == f"{torch_of(facts)}+cpu"
    assert attempt.environment.mark()["build"] == "cpu"


def test_as_pip_is_configured(facts, base, tmp_path, monkeypatch):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    config = tmp_path / "pip.conf"
    # What would break an installation into an environment must not reach it.
    config.write_text(
        f"[global]\nno-index = true\nfind-links = {wheels}\nuser = true\n[install]\ntarget = {tmp_path}/t\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    asked = probe(facts.interpreter)
    assert sources.custom_index_settings(asked.configuration)
    attempt = Attempt(asked, tmp_path / "py", Source(SourceKind.CONFIGURED)).start_with(base)
    attempt.run()
    assert attempt.environment.python
    assert not (tmp_path / "t").exists()


def test_a_failure_is_explained_and_the_next_try_goes_on(facts, tmp_path):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    kept = next(wheels.glob("fakelearn-*")).rename(tmp_path / "kept.whl")
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels))
    with pytest.raises(InstallFailed, match="no fakelearn==2.0"):
        attempt.run()
    assert attempt.environment.status().state is State.INCOMPLETE
    assert attempt.environment.python is None
    kept.rename(wheels / "fakelearn-2.0-py3-none-any.whl")
    again = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels))
    again.run()
    assert again.environment.python
    assert again.text.count("done before") == 2
    assert "-m venv" not in again.text
    third = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels))
    third.run()
    assert third.text.count("done before") == 3
    assert "Prove" in third.text


def test_cancel_ends_all_processes_and_the_next_try_goes_on(facts, base, tmp_path, monkeypatch):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    # A step that starts a child of its own and waits for it, as pip does when it builds or compiles.
    slow = tmp_path / "proof.py"
    whole = slow.read_text()
    slow.write_text(
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', "
        f"'import time; time.sleep(600)  # {tmp_path.name}'])\nprint('waits', flush=True)\nchild.wait()\n"
    )
    attempt = Attempt(
        facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels), cancel=lambda line: line == "waits"
    ).start_with(base)
    with pytest.raises(InstallCancelled):
        attempt.run()
    deadline = time.monotonic() + 60
    while running(tmp_path.name) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(tmp_path.name)
    assert attempt.environment.status().state is State.INCOMPLETE
    slow.write_text(whole)
    Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels)).run()
    assert attempt.environment.python


def running(mark: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if mark in line and "time.sleep(600)" in line]


def test_packages_interrupted_during_install_are_reinstalled(facts, base, tmp_path):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels)).start_with(base)
    # As after a kill: files and metadata are there, the last file of the record is not.
    half = attempt.environment.site_packages / "fakeraster-1.0.dist-info"
    half.mkdir()
    (half / "METADATA").write_text("Metadata-Version: 2.1\nName: fakeraster\nVersion: 1.0\n")
    attempt.run()
    assert attempt.environment.missing(["fakeraster"]) == []


def test_libraries_that_do_not_work_are_not_taken_for_complete(facts, base, tmp_path):
    wheels = write_all(tmp_path / "w", torch_of(facts), code="raise OSError('[WinError 126] c10.dll')\n")
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels)).start_with(base)
    with pytest.raises(InstallFailed, match="Visual C"):
        attempt.run()
    assert attempt.environment.python is None


def test_another_build_replaces_the_one_that_is_there(facts, base, tmp_path):
    wheels = wheels_of(tmp_path / "w", f"{torch_of(facts)}+cpu")
    write_wheel(wheels, "torch", f"{torch_of(facts)}+cu130")
    folder = tmp_path / "py"
    Attempt(facts, folder, Source(SourceKind.FOLDER, wheels), "cpu").start_with(base).run()
    second = Attempt(facts, folder, Source(SourceKind.FOLDER, wheels), "cu130")
    second.run()
    assert second.environment.mark()["proof"]["versions"]["torch"].endswith("+cu130")
    assert "-m venv" not in second.text


def test_one_made_with_another_python_is_made_again(facts, base, tmp_path):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels)).start_with(base)
    attempt.environment.write_progress_record(
        {"made_with": "/usr/bin/python3.0 3.0.0", "done": ["make", "pip", "install"]}
    )
    (attempt.environment.folder / "of the old one").touch()
    attempt.run()
    assert attempt.environment.python
    assert not (attempt.environment.folder / "of the old one").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda request, monkeypatch: (
                request.environment.folder.mkdir(),
                (request.environment.folder / "x").touch(),
            ),
            "holds other files",
        ),
        (lambda request, monkeypatch: monkeypatch.setattr(disk_space, "free", lambda folder: 0.1), "GB are free"),
        (
            lambda request, monkeypatch: monkeypatch.setattr(disk_space, "path_problem", lambda folder: "too deep"),
            "too deep",
        ),
        (lambda request, monkeypatch: [path.unlink() for path in request.source.folder.iterdir()], "no wheels"),
        (
            lambda request, monkeypatch: object.__setattr__(
                request, "facts", type(request.facts)(**{**request.facts.__dict__, "venv": False})
            ),
            "lacks venv",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_changed(facts, tmp_path, monkeypatch, spoil, words):
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels_of(tmp_path / "w", torch_of(facts))))
    spoil(attempt.request, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InstallFailed, match=words):
        attempt.run()
    assert sorted(tmp_path.rglob("*")) == before


def test_two_at_once_into_one_folder_are_refused(facts, tmp_path):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    second = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels))
    said = []

    def try_again(line: str) -> bool:
        with pytest.raises(InstallFailed, match="Another QGIS"):
            second.run()
        said.append(line)
        return True

    with pytest.raises(InstallCancelled):
        Attempt(
            facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels), cancel=lambda line: not said and try_again(line)
        ).run()
    assert said


def test_the_proxy_is_used_and_its_password_stays_out_of_log_and_arguments(facts, base, tmp_path, monkeypatch):
    asked: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(sources, "ALWAYS", {**sources.ALWAYS, "PIP_RETRIES": "1"})
    proxy = Proxy("127.0.0.1", server.getsockname()[1], "me", "s3cr3t!")
    attempt = Attempt(facts, tmp_path / "py", Source(proxy=proxy), builds.CPU).start_with(base)
    with pytest.raises(InstallFailed, match="proxy wants a user name"):
        attempt.run()
    server.close()
    assert asked
    assert asked[0].startswith(b"CONNECT download.pytorch.org:443")
    assert b"Proxy-Authorization: Basic" in asked[0] or b"proxy-authorization: basic" in asked[0].lower()
    for text in (attempt.text, attempt.environment.log.read_text()):
        assert "s3cr3t" not in text
    assert not [part for step in plan.steps(attempt.request) for part in step.command if "s3cr3t" in part]


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({"ensurepip": True}, "own"),
        ({"ensurepip": False, "pip": "23.0.1"}, "--python"),
        ({"ensurepip": False, "pip": "20.0"}, "wheel"),
        ({"ensurepip": False, "pip": ""}, "wheel"),
    ],
)
def test_pip_comes_from_where_there_is_one(facts, tmp_path, monkeypatch, has, expected):
    wheels = tmp_path / "w"
    wheels.mkdir()
    (wheels / "pip-25.0-py3-none-any.whl").touch()
    monkeypatch.setattr(plan, "SYSTEM_WHEELS", tmp_path / "none")
    other = type(facts)(**{**facts.__dict__, **has})
    request = Request(
        other, builds.BUILD_OF_SOURCE, Source(SourceKind.FOLDER, wheels), PrivateEnvironment(tmp_path / "py")
    )
    command = plan.pip_command(request)
    own = str(request.environment.executable)
    assert {
        "own": command == (own, "-m", "pip"),
        "--python": command[1:] == ("-m", "pip", "--python", own),
        "wheel": command == (own, str(wheels / "pip-25.0-py3-none-any.whl" / "pip")),
    }[expected]
    (wheels / "pip-25.0-py3-none-any.whl").unlink()
    if expected == "wheel":
        with pytest.raises(InstallFailed, match="python3-venv"):
            plan.steps(request)


def test_without_ensurepip_the_pip_of_the_other_python_installs_into_the_environment(facts, tmp_path):
    if not facts.pip_can_target_others:
        pytest.skip("The Python here has no pip of 22.3 or newer.")
    before = packages_of(facts.interpreter.executable)
    without = type(facts)(**{**facts.__dict__, "ensurepip": False})
    attempt = Attempt(without, tmp_path / "py", Source(SourceKind.FOLDER, wheels_of(tmp_path / "w", torch_of(facts))))
    attempt.run()
    assert attempt.environment.python
    assert attempt.environment.missing(["pip"]) == ["pip"]
    assert packages_of(facts.interpreter.executable) == before


def test_osgeo4w_gets_the_file_that_finds_its_dlls(facts, base, tmp_path, monkeypatch):
    attempt = Attempt(facts, tmp_path / "py", Source()).start_with(base)
    assert plan.site_file(attempt.request) is None
    monkeypatch.setattr(plan, "dll_folder", lambda interpreter: r"C:\OSGeo4W\bin")
    path, content = plan.site_file(attempt.request)
    assert path.name == "sitecustomize.py"
    assert path.parent == attempt.environment.site_packages
    asked: list[str] = []
    monkeypatch.setattr(os, "add_dll_directory", asked.append, raising=False)
    exec(compile(content, str(path), "exec"), {})
    assert asked == [r"C:\OSGeo4W\bin"]


def test_a_program_that_is_no_python_is_named(tmp_path):
    for path in (tmp_path / "missing", Path("/bin/true"), Path("/bin/false")):
        with pytest.raises(InterpreterStartError, match=path.name):
            probe(type(qgis_interpreter())(path, own=False))


def test_lines_arrive_while_the_program_runs(tmp_path):
    """The program goes on only when its last line was heard, and gives up after a minute."""
    heard = tmp_path / "heard"
    heard.mkdir()
    code = f"""
import pathlib, time
for number in range(3):
    print(number, flush=True)
    until = time.monotonic() + 60
    while not pathlib.Path({str(heard)!r}, str(number)).exists():
        assert time.monotonic() < until
        time.sleep(0.01)
"""
    assert (
        processes.run(
            [sys.executable, "-c", code], clean_environment(), lambda line: (heard / line).touch(), lambda: False
        )
        == 0
    )
    assert sorted(path.name for path in heard.iterdir()) == ["0", "1", "2"]


def test_the_command_line_installs_shows_and_removes(tmp_path, facts, capsys):
    wheels = wheels_of(tmp_path / "w", torch_of(facts))
    folder = tmp_path / "py"
    common = ["--folder", str(folder)]
    assert main(["status", *common]) == 1
    assert "absent" in capsys.readouterr().out
    assert main(["install", *common, "--wheels", str(wheels), "--python", str(facts.interpreter.executable)]) == 0
    assert str(PrivateEnvironment(folder).python) in capsys.readouterr().out
    assert main(["status", *common]) == 0
    assert read_json(folder / COMPLETE_FILE)["build"] == builds.BUILD_OF_SOURCE
    assert main(["remove", *common]) == 0
    assert not folder.exists()
    assert main(["install", *common, "--wheels", str(tmp_path / "none")]) == 1
    assert "Choose the folder" in capsys.readouterr().err


def test_the_module_starts_from_the_plugins_folder_without_qgis():
    plugins = Path(__file__).resolve().parents[2] / ".build" / "plugins"
    command = [str(qgis_interpreter().executable), "-m", "scarp.environment", "status", "--folder", "/nowhere"]
    said = subprocess.run(command, cwd=plugins, capture_output=True, text=True, env=clean_environment())
    assert said.returncode == 1
    assert said.stdout.strip() == "absent"
    assert not said.stderr


def test_the_log_is_kept_when_the_environment_goes(facts, base, tmp_path):
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels_of(tmp_path / "w", torch_of(facts))))
    attempt.start_with(base).run()
    attempt.environment.remove()
    assert attempt.environment.log.is_file()
