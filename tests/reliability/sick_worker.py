"""The process that computes, with a fault at a chosen moment: ``SCARP_SICK=WHAT@SHARE`` says which, and when.

Started in the place of ``model/worker/start.py``. WHAT is kill, segv, silent (its end of the line is closed), garbage,
hang (it stands still), or memory (there is no more). SHARE is how far the job must be.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

START = Path(__file__).resolve().parents[2] / "model" / "worker" / "start.py"
WHAT, _, SHARE = os.environ.get("SCARP_SICK", "none@2").partition("@")


def strike(outgoing: Any) -> None:
    """Do the fault, and write down when."""
    if "SCARP_STRUCK" in os.environ:
        Path(os.environ["SCARP_STRUCK"]).write_text(str(time.time()), encoding="ascii")
    if WHAT == "kill":
        os.kill(os.getpid(), getattr(signal, "SIGKILL", 9))  # on Windows any number ends a process
    elif WHAT == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif WHAT == "silent":
        os.close(outgoing.fileno())
        time.sleep(600)
    elif WHAT == "garbage":
        os.write(outgoing.fileno(), b"\x00\xff{]\n")
        time.sleep(600)
    elif WHAT == "hang":
        os.kill(os.getpid(), signal.SIGSTOP) if hasattr(signal, "SIGSTOP") else time.sleep(600)
    elif WHAT == "memory":
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, used))
        bytearray(1 << 32)


def _infect() -> None:
    """Put the fault where the process reports how far its job is."""
    original = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        module = original(name, package)
        if name.endswith("worker.server"):
            report = module._ChannelProgress.report

            def sick(self: Any, fraction: float, text: str = "") -> None:
                report(self, fraction, text)
                if fraction >= float(SHARE):
                    strike(self._worker.channel._stream)

            module._ChannelProgress.report = sick
        return module

    importlib.import_module = import_module


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("scarp_start", START)
    start = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(start)
    _infect()
    start.main(Path(sys.argv[1]))
