"""Several calls of one job in worker processes at once, with one progress and one way to stop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..model.errors import Cancelled
from ..model.progress import Progress
from ..translation import tr
from .core import CoreProcessError, Runtime
from .process import SubprocessCore

POLL_INTERVAL = 0.1  # seconds between two checks whether the user cancelled


class _CallProgress:
    """Progress of one call, passed on to the thread that waits for all of them."""

    def __init__(self, number: int, title: str, messages: queue.SimpleQueue[Any], stop: threading.Event) -> None:
        self._number, self._title, self._messages, self._stop = number, title, messages, stop

    def report(self, fraction: float, text: str = "") -> None:
        self._messages.put((self._number, fraction, f"{self._title}: {text}" if text else ""))

    def warn(self, text: str) -> None:
        self._messages.put((self._number, None, text))

    def cancelled(self) -> bool:
        return self._stop.is_set()


def run_side_by_side(
    runtime: Runtime,
    job: str,
    calls: Sequence[Mapping[str, Any]],
    titles: Sequence[str],
    processes: int,
    progress: Progress,
    needs: Sequence[str] = (),
) -> list[Any]:
    """Call a job with each of some arguments, in at most ``processes`` worker processes; return the results in order.

    ``titles`` name the calls in the log, ``needs`` the modules that they import. A warning that several calls give is
    shown once. Raises what the first call that fails raises, after the others are stopped; ``Cancelled`` when the user
    asked to stop.
    """
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = threading.Event()
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(calls)):
        numbers.put(number)
    results: list[Any] = [None] * len(calls)

    def work() -> None:
        core, number = None, 0
        try:
            while not stop.is_set():
                number = numbers.get_nowait()
                mine = _CallProgress(number, titles[number], messages, stop)
                core = core or SubprocessCore(runtime, mine, needs=needs)
                results[number] = core.call(job, **calls[number], progress=mine)
                mine.report(1.0)
        except CoreProcessError as error:
            text = tr("{what}: {error} Fewer PROCESSES need less memory.")
            raise CoreProcessError(text.format(what=titles[number], error=error), error.log) from error
        except queue.Empty:
            pass
        finally:
            if core is not None:
                core.close()

    shares, warned = [0.0] * len(calls), set()
    with ThreadPoolExecutor(min(processes, len(calls)), thread_name_prefix="scarp-call") as pool:
        waiting = {pool.submit(work) for _ in range(min(processes, len(calls)))}
        try:
            while waiting or not messages.empty():
                if progress.cancelled():
                    raise Cancelled()
                try:
                    number, share, text = messages.get(timeout=POLL_INTERVAL)
                except queue.Empty:
                    pass
                else:
                    if share is not None:
                        shares[number] = max(shares[number], share)
                        progress.report(sum(shares) / len(shares), text)
                    elif text not in warned:
                        warned.add(text)
                        progress.warn(text)
                for future in [one for one in waiting if one.done()]:
                    waiting.remove(future)
                    future.result()
        finally:
            stop.set()
    return results
