"""Atomic writes: an output is complete under its final name or not there at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputNotWritable
from .transaction import RECORD_SUFFIX, commit, is_sidecar, register_folder, remove_temp_file, temp_path_beside

DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextlib.contextmanager
def atomic_output(output: str | os.PathLike, permanent: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the output's folder that is renamed to the output only if the block succeeds.

    A block that raises, is cancelled or is killed leaves nothing under the final name; an older file stays as it was.
    A ``permanent`` file stays even if the run fails later; see :mod:`.transaction`. Raises OutputNotWritable.
    """
    final = Path(output)
    if final.is_dir():
        raise OutputNotWritable(f"{final} is a folder, so no file can have this name. Choose another one.")
    check_writable(final)
    temporary = temp_path_beside(final, f".part{final.suffix}")
    try:
        with _output_errors(final, temporary, "Check that the disk has room and that the file is not open elsewhere."):
            yield temporary
            if permanent:
                os.replace(temporary, final)
            else:
                commit(temporary, final)
    finally:
        remove_temp_file(temporary)


@contextlib.contextmanager
def atomic_output_folder(output: str | os.PathLike) -> Iterator[Path]:
    """Yield an empty folder whose files are moved into the output folder if the block succeeds; others there stay."""
    final = Path(output)
    if final.is_file():
        raise OutputNotWritable(f"{final} is a file, so no folder can have this name. Choose another one.")
    check_writable(final)
    temporary = temp_path_beside(final, ".part")
    try:
        with _output_errors(final, temporary, "Check that the disk has room, or choose another place for the output."):
            temporary.mkdir()
            yield temporary
            if not final.is_dir():
                final.mkdir()
                register_folder(final)
            for item in sorted(temporary.iterdir()):
                commit(item, final / item.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _output_errors(final: Path, temporary: Path, remedy: str) -> Iterator[None]:
    """Explain errors of writing the output, but not those of reading some input inside the same block."""
    try:
        yield
    except OutputNotWritable as error:
        # The user knows the folder by its final name.
        raise OutputNotWritable(str(error).replace(str(temporary), str(final))) from error
    except OSError as error:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        if error.errno not in DISK_ERRORS and not any(name.startswith(str(temporary)) for name in names):
            raise
        raise OutputNotWritable(f"{final} could not be written: {error.strerror or error}. {remedy}") from error


def check_writable(output: str | os.PathLike) -> None:
    """Raise :class:`OutputNotWritable` if ``output`` cannot be created; call it before long work."""
    final = Path(output)
    folder = final.parent
    if not os.path.isdir(folder):
        raise OutputNotWritable(
            f"The folder {folder} for the output {final.name} does not exist. "
            "Create it, or choose another place for the output."
        )
    # Permission bits prove little: an administrator passes them all, a read-only file system none.
    probe = folder / f".scarp-{uuid.uuid4().hex[:8]}.probe"
    try:
        probe.touch(exist_ok=False)
        # Another run may have removed it as an orphan.
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise OutputNotWritable(
            f"The folder {folder} cannot be written ({error.strerror or error}). Choose another place for the output."
        ) from error
    # The name itself, and that of its run record, are first used when the output is complete: check them now.
    try:
        os.lstat(final if is_sidecar(final) else f"{final}{RECORD_SUFFIX}")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputNotWritable(
            f"The output {final} cannot have this name ({reason}). Choose a shorter or a plainer one."
        ) from error


def write_text(output: str | os.PathLike, text: str) -> None:
    """Write a UTF-8 text file atomically; bytes of file names that are no text are replaced, not fatal."""
    with atomic_output(output) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
