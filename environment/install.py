"""Makes the private environment: runs the steps, remembers which are done, keeps a log, and says why it stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

from . import builds, lock, space
from .failures import Cancelled, InstallFailed, explain
from .hiding import Hider
from .plan import Request, Step, site_file, steps
from .processes import output_of, run
from .sources import Kind
from .words import tr

Report = Callable[[float, str], None]
"""Gets the done share of the whole work, 0 to 1, and what is going on."""


class Installer:
    """One installation. It may be run again after it failed or was cancelled; steps that are done are not repeated."""

    def __init__(self, request: Request, line: Callable[[str], None], report: Report,
                 cancelled: Callable[[], bool]) -> None:
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
        self._hide = Hider(secrets=request.source.proxy.secrets())
        self._output: list[str] = []
        self._log: Any = None

    def check(self) -> None:
        """Look for what is wrong before anything is changed.

        Raises:
            InstallFailed: with what is wrong and how to mend it.
        """
        request, folder = self.request, self.environment.folder
        problems = [builds.problem(request.facts.target), request.source.problem(), space.path_problem(folder)]
        if not request.facts.venv:
            problems.append(explain(["No module named venv"]))
        if self.environment.occupied():
            problems.append(tr("{folder} holds other files. Choose an empty folder, or one that does not exist yet."
                               ).format(folder=folder))
        else:
            # What is there already does not have to find room again.
            there = space.size(folder) / space.GIGABYTE if folder.is_dir() else 0.0
            problems.append(space.problem(folder, max(
                space.SPARE, space.needed(request.sizes(), request.source.kind) - there)))
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
            with self._only_one(), self._logging():
                self._say(f"Scarp's environment in {self.environment.folder}, {time.strftime('%Y-%m-%d %H:%M')}")
                try:
                    return self._run(started)
                except InstallFailed as failure:
                    self._write(str(failure))
                    raise
        except OSError as error:
            raise InstallFailed(explain([str(error)])) from error

    def _run(self, started: float) -> dict[str, Any]:
        plan = steps(self.request)
        done = self._done_before()
        whole = sum(step.weight for step in plan)
        share = 0.0
        proof: dict[str, Any] = {}
        for step in plan:
            if step.name in done:
                self._say(tr("{title}: done before").format(title=step.title))
            else:
                if step.name == "install":
                    self._forget_halves()
                    self._verify(done)
                output = self._do(step, share, step.weight / whole)
                if step.name == "make":
                    self._after_making()
                elif step.name == "prove":
                    proof = self._proved(output)
                if step.name != "prove":
                    done.append(step.name)
                    self._remember(done)
            share += step.weight / whole
        return self._finish(proof, time.monotonic() - started)

    def _done_before(self) -> list[str]:
        """Return the steps that an earlier attempt finished, after taking away what cannot be used again."""
        environment, request = self.environment, self.request
        record = environment.begun()
        if environment.is_ours() and record.get("made_with") != request.made_with:
            self._say(tr("The environment that is there was made with another Python and is removed."))
            environment.remove()
            record = {}
        done = list(record.get("done", [])) if environment.executable.is_file() else []
        if record.get("key") != request.key:
            done = [name for name in done if name in ("make", "pip")]
            shutil.rmtree(environment.folder / "wheels", ignore_errors=True)
        self._remember(done)
        shutil.rmtree(request.temporary, ignore_errors=True)
        for folder in (request.temporary, request.wheels):
            folder.mkdir(parents=True, exist_ok=True)
        return done

    def _remember(self, done: list[str]) -> None:
        self.environment.write_begun({"key": self.request.key, "made_with": self.request.made_with, "done": done,
                                      "variables": self.request.facts.interpreter.variables()})

    def _forget_halves(self) -> None:
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
        self._say(lock.counted(found))
        if self.request.source.kind is not Kind.INTERNET:
            if found.other or found.unknown:
                self._say(lock.not_verified(found))
            return
        changed = found.without_any()
        for path in found.other:
            path.unlink()
        if changed:
            done.remove("download")
            self._remember(done)
            raise InstallFailed(tr(
                "{files}: changed on this disk after it was loaded. It was deleted, and nothing of it was installed. "
                "Try again: it is loaded anew. If it happens again, have the disk and the virus scanner looked at."
                ).format(files=", ".join(path.name for path in changed)))

    def _proved(self, output: list[str]) -> dict[str, Any]:
        try:
            return json.loads(output[-1])
        except (IndexError, ValueError) as error:
            raise InstallFailed(explain(output)) from error

    def _do(self, step: Step, share: float, weight: float) -> list[str]:
        """Run a step, which has a weight in the whole and starts when a share of it is done; return its lines."""
        meter = space.Meter(*step.grows)
        self._output = []

        def idle() -> None:
            if step.grows and meter.look():
                part = min(0.98, meter.bytes / space.GIGABYTE / max(step.gigabytes, 0.01))
                self._report(share + weight * part, tr("{title}: {size:.1f} of about {all:.1f} GB").format(
                    title=step.title, size=meter.bytes / space.GIGABYTE, all=step.gigabytes))

        self._report(share, step.title)
        self._say(f"\n{step.title}")
        self._say("> " + " ".join(step.command))
        # A start that fails is an OSError, explained where all of them are.
        code = run(step.command, step.variables, self._say, self._cancelled, idle,
                   str(space.existing(self.environment.folder)))
        if code is None:
            self._say(tr("Cancelled."))
            raise Cancelled(tr("Cancelled. Try again to go on where it stopped."))
        if code != 0:
            raise InstallFailed(tr("{title}: {reason}").format(title=step.title, reason=explain(self._output, code)))
        return self._output

    def _after_making(self) -> None:
        """Let the new Python find what it needs, and see that it starts."""
        file = site_file(self.request)
        if file is not None:
            file[0].write_text(file[1], encoding="utf-8")
        command = [str(self.environment.executable), "-c", "import encodings, zlib, ctypes"]
        code, text = output_of(command, seconds=60, variables=self.environment.variables())
        if code != 0:
            raise InstallFailed(explain(text.splitlines(), code))

    def _finish(self, proof: dict[str, Any], seconds: float) -> dict[str, Any]:
        facts = self.request.facts
        for folder in (self.environment.folder / "wheels", self.request.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        record = {
            "base": os.path.realpath(self.environment.executable) if sys.platform != "win32" else facts.base,
            "python": proof.get("python", ""), "build": self.request.build,
            # Only a Python that QGIS itself runs on has to follow QGIS.
            "qgis_python": list(self.environment.qgis_version) if facts.interpreter.own else None,
            "variables": facts.interpreter.variables(), "proof": proof, "seconds": round(seconds),
            "gigabytes": round(space.size(self.environment.folder) / space.GIGABYTE, 2),
            "made": time.strftime("%Y-%m-%d %H:%M"),
        }
        self.environment.write_mark(record)
        self._report(1.0, tr("Done"))
        self._say(tr("\nDone in {minutes:.1f} minutes. The environment takes {size:.1f} GB.").format(
            minutes=seconds / 60, size=record["gigabytes"]))
        if proof.get("device_problem"):
            self._say(tr("The graphics card cannot be used: {problem}. Scarp will compute on the processor.").format(
                problem=proof["device_problem"]))
        return record

    def _say(self, text: str) -> None:
        # Paths stay as they are: the user reads this on his own screen.
        text = self._hide.passwords(text)
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
    def _only_one(self) -> Iterator[None]:
        """Keep a second QGIS from installing into the same folder; the system frees the lock when a program ends."""
        path = Path(str(self.environment.folder) + ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+", encoding="utf-8") as file:
            try:
                _lock(file.fileno())
            except OSError as error:
                raise InstallFailed(tr("Another QGIS is installing into {folder}. Wait until it has finished.").format(
                    folder=self.environment.folder)) from error
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
