"""Makes the private environment: runs the steps, remembers which are done, keeps a log, and says why it stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from . import builds, disk_space, lock
from .failures import InstallCancelled, InstallFailed, explain
from .i18n import tr
from .plan import InstallStep, Request, site_file, steps
from .processes import capture_output, run
from .redaction import Redactor
from .sources import SourceKind

ProgressCallback = Callable[[float, str], None]
"""Gets the done share of the whole work, 0 to 1, and what is going on."""


class Installer:
    """One installation. It may be run again after it failed or was cancelled; steps that are done are not repeated."""

    def __init__(
        self, request: Request, line: Callable[[str], None], report: ProgressCallback, cancelled: Callable[[], bool]
    ) -> None:
        """Prepare.

        Args:
            request: what to install, and where.
            line: gets each line of output, without secrets.
            report: gets progress.
            cancelled: asked ten times a second.
        """
        self.request = request
        self.environment = request.environment
        self._line = line
        self._report = report
        self._cancelled = cancelled
        self._redact = Redactor(secrets=request.source.proxy.secrets())
        self._output: list[str] = []
        self._log: Any = None

    def check(self) -> None:
        """Look for what is wrong before anything is changed.

        Raises:
            InstallFailed: with what is wrong and how to mend it.
        """
        request, folder = self.request, self.environment.folder
        problems = [builds.problem(request.facts.target), request.source.problem(), disk_space.path_problem(folder)]
        if not request.facts.venv:
            problems.append(explain(["No module named venv"]))
        if self.environment.is_foreign():
            problems.append(
                tr("{folder} holds other files. Choose an empty folder, or one that does not exist yet.").format(
                    folder=folder
                )
            )
        else:
            # What is there already does not have to find room again.
            there = disk_space.size(folder) / disk_space.GIGABYTE if folder.is_dir() else 0.0
            problems.append(
                disk_space.problem(
                    folder,
                    max(disk_space.RESERVED_GIGABYTES, disk_space.needed(request.sizes(), request.source.kind) - there),
                )
            )
        found = next((problem for problem in problems if problem), None)
        if found:
            raise InstallFailed(found)

    def run(self) -> dict[str, Any]:
        """Do all steps that are not done yet.

        Returns:
            What was written into the mark: build, versions of the libraries, size.

        Raises:
            InstallFailed: with the reason; the log has the rest.
            Cancelled: the user stopped it.
        """
        self.check()
        started = time.monotonic()
        try:
            with self._exclusive_lock(), self._logging():
                self._log_line(f"Scarp's environment in {self.environment.folder}, {time.strftime('%Y-%m-%d %H:%M')}")
                try:
                    return self._run(started)
                except InstallFailed as failure:
                    self._write(str(failure))
                    raise
        except OSError as error:
            raise InstallFailed(explain([str(error)])) from error

    def _run(self, started: float) -> dict[str, Any]:
        plan = steps(self.request)
        done = self._completed_steps()
        whole = sum(step.weight for step in plan)
        share = 0.0
        self_test_result: dict[str, Any] = {}
        for step in plan:
            if step.name in done:
                self._log_line(tr("{title}: done before").format(title=step.title))
            else:
                if step.name == "install":
                    self._discard_partial_packages()
                    self._verify(done)
                output = self._run_step(step, share, step.weight / whole)
                if step.name == "make":
                    self._configure_environment()
                elif step.name == "prove":
                    self_test_result = self._self_test_result(output)
                if step.name != "prove":
                    done.append(step.name)
                    self._save_progress(done)
            share += step.weight / whole
        return self._write_completion(self_test_result, time.monotonic() - started)

    def _completed_steps(self) -> list[str]:
        """Return the steps that an earlier attempt finished, after taking away what cannot be used again."""
        environment, request = self.environment, self.request
        record = environment.progress_record()
        if environment.is_scarp_environment() and record.get("made_with") != request.base_key:
            self._log_line(tr("The environment that is there was made with another Python and is removed."))
            environment.remove()
            record = {}
        done = list(record.get("done", [])) if environment.executable.is_file() else []
        if record.get("key") != request.key:
            done = [name for name in done if name in ("make", "pip")]
            shutil.rmtree(environment.folder / "wheels", ignore_errors=True)
        self._save_progress(done)
        shutil.rmtree(request.temporary, ignore_errors=True)
        for folder in (request.temporary, request.wheels):
            folder.mkdir(parents=True, exist_ok=True)
        return done

    def _save_progress(self, done: list[str]) -> None:
        self.environment.write_progress_record(
            {
                "key": self.request.key,
                "made_with": self.request.base_key,
                "done": done,
                "variables": self.request.facts.interpreter.variables(),
            }
        )

    def _discard_partial_packages(self) -> None:
        """Take away the records of packages that pip was writing when it was stopped, or it takes them for installed.

        pip writes ``RECORD`` when a package is complete.
        """
        packages = self.environment.site_packages
        for folder in packages.glob("*.dist-info") if packages else ():
            if not (folder / "RECORD").is_file():
                shutil.rmtree(folder)

    def _verify(self, done: list[str]) -> None:
        """Hold the wheels against the lock, right before they are unpacked.

        From the Internet they must be in it: copies that torch's own index added to what the lock names are taken
        away. From a source that the user chose they may be others, such as builds of his organisation; the log says so.
        """
        found = lock.compare(self.request.wheels)
        self._log_line(lock.verified_message(found))
        if self.request.source.kind is not SourceKind.INTERNET:
            if found.other or found.unknown:
                self._log_line(lock.unverified_message(found))
            return
        changed = found.unmatched_files()
        for path in found.other:
            path.unlink()
        if changed:
            done.remove("download")
            self._save_progress(done)
            raise InstallFailed(
                tr(
                    "{files}: changed on this disk after it was loaded. It was deleted, and nothing of it was installed. "
                    "Try again: it is loaded anew. If it happens again, have the disk and the virus scanner looked at."
                ).format(files=", ".join(path.name for path in changed))
            )

    def _self_test_result(self, output: list[str]) -> dict[str, Any]:
        try:
            return json.loads(output[-1])
        except (IndexError, ValueError) as error:
            raise InstallFailed(explain(output)) from error

    def _run_step(self, step: InstallStep, share: float, weight: float) -> list[str]:
        """Run a step, which has a weight in the whole and starts when a share of it is done; return its lines."""
        size_meter = disk_space.SizeMeter(*step.growing_folders)
        self._output = []

        def idle() -> None:
            if step.growing_folders and size_meter.look():
                part = min(0.98, size_meter.bytes / disk_space.GIGABYTE / max(step.gigabytes, 0.01))
                self._report(
                    share + weight * part,
                    tr("{title}: {size:.1f} of about {all:.1f} GB").format(
                        title=step.title, size=size_meter.bytes / disk_space.GIGABYTE, all=step.gigabytes
                    ),
                )

        self._report(share, step.title)
        self._log_line(f"\n{step.title}")
        self._log_line("> " + " ".join(step.command))
        # A start that fails is an OSError, explained where all of them are.
        code = run(
            step.command,
            step.variables,
            self._log_line,
            self._cancelled,
            idle,
            str(disk_space.existing(self.environment.folder)),
        )
        if code is None:
            self._log_line(tr("Cancelled."))
            raise InstallCancelled(tr("Cancelled. Try again to go on where it stopped."))
        if code != 0:
            raise InstallFailed(tr("{title}: {reason}").format(title=step.title, reason=explain(self._output, code)))
        return self._output

    def _configure_environment(self) -> None:
        """Let the new Python find what it needs, and see that it starts."""
        file = site_file(self.request)
        if file is not None:
            file[0].write_text(file[1], encoding="utf-8")
        command = [str(self.environment.executable), "-c", "import encodings, zlib, ctypes"]
        code, text = capture_output(command, seconds=60, variables=self.environment.variables())
        if code != 0:
            raise InstallFailed(explain(text.splitlines(), code))

    def _write_completion(self, self_test_result: dict[str, Any], seconds: float) -> dict[str, Any]:
        facts = self.request.facts
        for folder in (self.environment.folder / "wheels", self.request.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        record = {
            "base": os.path.realpath(self.environment.executable) if sys.platform != "win32" else facts.base,
            "python": self_test_result.get("python", ""),
            "build": self.request.build,
            # Only a Python that QGIS itself runs on has to follow QGIS.
            "qgis_python": list(self.environment.qgis_version) if facts.interpreter.own else None,
            "variables": facts.interpreter.variables(),
            "proof": self_test_result,
            "seconds": round(seconds),
            "gigabytes": round(disk_space.size(self.environment.folder) / disk_space.GIGABYTE, 2),
            "made": time.strftime("%Y-%m-%d %H:%M"),
        }
        self.environment.write_completion_record(record)
        self._report(1.0, tr("Done"))
        self._log_line(
            tr("\nDone in {minutes:.1f} minutes. The environment takes {size:.1f} GB.").format(
                minutes=seconds / 60, size=record["gigabytes"]
            )
        )
        if self_test_result.get("device_problem"):
            self._log_line(
                tr("The graphics card cannot be used: {problem}. Scarp will compute on the processor.").format(
                    problem=self_test_result["device_problem"]
                )
            )
        return record

    def _log_line(self, text: str) -> None:
        # Paths stay as they are: the user reads this on his own screen.
        text = self._redact.redact_passwords(text)
        self._output.append(text)
        self._write(text)
        self._line(text)

    def _write(self, text: str) -> None:
        if self._log is not None:
            self._log.write(text + "\n")
            self._log.flush()

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        self.environment.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.environment.log, "w", encoding="utf-8") as self._log:
            try:
                yield
            finally:
                self._log.flush()
        self._log = None

    @contextlib.contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        """Keep a second QGIS from installing into the same folder; the system frees the lock when a program ends."""
        path = Path(str(self.environment.folder) + ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+", encoding="utf-8") as file:
            try:
                _lock(file.fileno())
            except OSError as error:
                raise InstallFailed(
                    tr("Another QGIS is installing into {folder}. Wait until it has finished.").format(
                        folder=self.environment.folder
                    )
                ) from error
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
