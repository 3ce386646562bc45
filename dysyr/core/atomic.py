"""Files that are either whole or not there: write beside the target, then rename."""

import contextlib
import os
import tempfile
from pathlib import Path

from dysyr.core.errors import DysyrError


@contextlib.contextmanager
def atomic_path(target):
    """Yield a temporary path in the folder of ``target``; rename it onto ``target`` when the block succeeds.

    When the block raises, the temporary file is removed and an existing target stays as it was.

    Args:
        target: path of the file to be written.

    Raises:
        DysyrError: the folder cannot be written, or the disk is full.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise _cannot_write(target, error) from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target, text):
    """Write a text file atomically.

    Args:
        target: path.
        text: the content, written as UTF-8; halves of a surrogate pair, which names of files may hold, as escapes.

    Raises:
        DysyrError: the folder cannot be written, or the disk is full.
    """
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(target, content):
    """Write a binary file atomically.

    Libraries that write files themselves report a full disk each in its own way, and HDF5 crashes later on; what they
    make in memory is written here.

    Args:
        target: path.
        content: bytes-like.

    Raises:
        DysyrError: the folder cannot be written, or the disk is full.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def _cannot_write(target, error):
    reason = error.strerror or error
    return DysyrError(f"cannot write '{target}'", got=str(reason), do="choose another place or free some room")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
