"""One process at a time in a folder whose files belong together."""

import contextlib
import os
from pathlib import Path

from dysyr.core.errors import DysyrError

if os.name == "posix":
    import fcntl


@contextlib.contextmanager
def locked(folder, *, shared=False):
    """Wait until no other process is at work in a folder, and keep others waiting meanwhile.

    The lock is one of the operating system on the folder itself: it leaves no file behind and ends with its process.
    Windows and some network file systems have none. There each file is still whole, but those of two writers can stand
    side by side.

    Args:
        folder: to be locked; made where it is not there.
        shared: whether others that only read may be in it at the same time.

    Raises:
        DysyrError: the folder can be neither made nor opened.
    """
    if os.name != "posix":
        yield
        return
    try:
        if not shared:
            Path(folder).mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise DysyrError(f"cannot open the folder '{folder}'", got=error.strerror, do="choose another place") from error
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
