"""The worker process, seen from QGIS: whatever happens in it, the channel stays intact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scarp.model.worker.protocol import CALL, CANCEL, ERROR, HEARTBEAT, PROGRESS, RESULT, Channel, read_message

START = Path(__file__).resolve().parents[2] / "model" / "worker" / "start.py"


class WorkerProcess:
    """A worker process and QGIS's end of its channel."""

    def __init__(self, folder: Path, package: Path) -> None:
        folder.mkdir()
        self.folder = folder
        command = [sys.executable, "-I", "-X", "utf8", str(package / "model" / "worker" / "start.py"), str(folder)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(command, **pipes)
        self.channel = Channel(self.process.stdin, folder, "test", records=False)

    def ask(self, job: str, *values: Any, progress: bool = False, **named: Any) -> None:
        self.channel.send(CALL, {"job": job, "values": list(values), "named": named, "progress": progress})

    def receive(self) -> tuple[str, Any]:
        """Return the next message other than a heartbeat."""
        while True:
            line = self.process.stdout.readline()
            assert line, f"the process ended with {self.process.wait()}: {self.process.stderr.read().decode()}"
            kind, content = read_message(line, self.folder)
            if kind != HEARTBEAT:
                return kind, content

    def answer(self) -> tuple[str, Any]:
        """Return the next message other than progress."""
        while True:
            kind, content = self.receive()
            if kind != PROGRESS:
                return kind, content


ODD_JOB = '''
"""A job for tests: does what it is told."""
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
from ..errors import TooFewData
from ..outputs.atomic import atomic_output
from ..progress import stop_if_cancelled

def odd_job(what, output=None, progress=None):
    if what == "print":
        print("stray", flush=True)
        sys.stdout.write('{"kind": "result", "content": 1}\\n')
        os.write(1, b"stray bytes\\n")
        subprocess.run([sys.executable, "-c", "print(input())"], check=False)
        return sys.stdin.read()
    if what == "memory":
        raise MemoryError()
    if what == "torch":
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory")
    if what == "too few":
        raise TooFewData("There are 3.")
    if what == "bug":
        return {}["nothing"]
    if what == "library":
        import no_such_library
    if what == "crash":
        ctypes.string_at(0)
    if what == "leave":
        os._exit(3)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "unsendable":
        return {"handle": object()}
    if what == "wait":
        while True:
            time.sleep(0.01)
            stop_if_cancelled(progress)
            progress.report(0.5, "")
    if what == "deaf":
        with atomic_output(output) as temporary:
            temporary.write_text("half")
            progress.report(0.5, "half")
            time.sleep(60)
    if what == "name":
        return __name__, sys.path, sys.flags.isolated
    if what == "callback":
        return progress
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package in a folder of another name, with a job that misbehaves."""
    root = tmp_path_factory.mktemp("plugins") / "Scarp 1.0 (ü)"
    root.mkdir()
    for item in ("__init__.py", "metadata.txt"):
        (root / item).write_bytes((START.parents[2] / item).read_bytes())
    subprocess.run(["cp", "-r", str(START.parents[1]), str(root / "model")], check=True)
    (root / "model" / "jobs" / "odd_job.py").write_text(ODD_JOB, encoding="utf-8")
    (root.parent / "numpy.py").write_text("raise RuntimeError('the folder of plugins is on the path')")
    return root


@pytest.fixture
def line(tmp_path, package):
    made = WorkerProcess(tmp_path / "line", package)
    yield made
    made.process.kill()
    made.process.wait()
    for stream in (made.process.stdin, made.process.stdout, made.process.stderr):
        stream.close()


def test_printed_text_does_not_get_into_the_channel(line):
    line.ask("odd_job", "print")
    assert line.receive() == (RESULT, "")
    line.process.stdin.close()
    assert b"stray bytes" in line.process.stderr.read()


def test_the_process_is_isolated_and_the_package_is_scarp(line, package):
    line.ask("odd_job", "name")
    kind, (name, path, isolated) = line.receive()
    assert kind == RESULT
    assert name == "scarp.model.jobs.odd_job"
    assert isolated == 1
    assert not [folder for folder in path if folder.startswith(str(package.parent))]


@pytest.mark.parametrize(
    ("what", "kind", "expected"),
    [
        ("memory", "MemoryError", False),
        ("torch", "MemoryError", False),
        ("too few", "TooFewData", True),
        ("bug", "KeyError", False),
        ("library", "ModuleNotFoundError", False),
        ("unsendable", "MessageInvalid", True),
    ],
)
def test_errors_are_reported_and_the_next_call_works(line, what, kind, expected):
    line.ask("odd_job", what)
    received, error = line.receive()
    assert received == ERROR
    assert (error["kind"], error["expected"]) == (kind, expected)
    assert error["library"] == ("no_such_library" if what == "library" else None)
    assert "odd_job.py" in error["trace"] or what == "unsendable"
    line.ask("odd_job", "name")
    assert line.receive()[0] == RESULT


@pytest.mark.parametrize("job", ["no_such_job", "../errors", "os", "__init__", ""])
def test_only_jobs_can_be_called(line, job):
    line.ask(job)
    kind, error = line.receive()
    assert kind == ERROR
    assert error["kind"] == "MessageInvalid"
    assert error["expected"]


@pytest.mark.parametrize("sent", [b"nonsense\n", b'{"kind": "what"}\n', b'{"kind": "call", "content": {"$x": 1}}\n'])
def test_a_bad_message_is_answered_and_the_next_call_works(line, sent):
    line.process.stdin.write(sent)
    line.process.stdin.flush()
    kind, error = line.receive()
    assert kind == ERROR
    assert error["kind"] == "MessageInvalid"
    line.ask("odd_job", "name")
    assert line.receive()[0] == RESULT


def test_cancel_is_received_during_a_job(line):
    line.ask("odd_job", "wait", progress=True)
    assert line.receive()[0] == PROGRESS
    line.channel.send(CANCEL)
    kind, error = line.answer()
    assert kind == ERROR
    assert error["kind"] == "Cancelled"


def test_small_progress_steps_are_throttled(line):
    line.ask("odd_job", "wait", progress=True)
    assert line.receive() == (PROGRESS, [0.5, ""])
    time.sleep(0.5)
    line.channel.send(CANCEL)
    assert line.receive()[0] == ERROR


@pytest.mark.parametrize("what", ["name", "wait"])
def test_it_exits_when_the_channel_is_closed(line, what):
    line.ask("odd_job", what, progress=what == "wait")
    line.receive()
    line.process.stdin.close()
    assert line.process.wait(60) == 0
    assert not line.folder.exists(), "and removes the folder of the run"


def test_a_job_that_ignores_cancel_does_not_outlive_qgis(line, tmp_path):
    output = tmp_path / "map.tif"
    line.ask("odd_job", "deaf", output, progress=True)
    line.receive()
    assert [path.name[:5] for path in tmp_path.iterdir() if path.is_file()] == [".map."]
    line.process.stdin.close()
    assert line.process.wait(60) == 1
    assert not [path for path in tmp_path.iterdir() if path.is_file()], "its temporary file is removed"


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("what", "code"), [("crash", -signal.SIGSEGV), ("leave", 3), ("killed", -signal.SIGKILL)])
def test_a_crash_closes_the_channel_with_its_exit_code(line, what, code):
    line.ask("odd_job", what)
    assert line.process.stdout.readline() == b""
    assert line.process.wait(60) == code
    if what == "crash":
        assert b"odd_job.py" in line.process.stderr.read(), "the traceback says where"
