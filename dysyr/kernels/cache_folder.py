"""Where dysyr keeps what it computes once: generated kernels, compiled code, independent truths."""

import atexit
import functools
import os
import shutil
import tempfile
import warnings
from pathlib import Path

from dysyr.core.errors import DysyrError


def cache_folder():
    """The folder of kernels: DYSYR_CACHE_DIR, else the user's cache folder, else a temporary one with a warning.

    Returns:
        an existing writable folder (pathlib.Path).

    Raises:
        DysyrError: DYSYR_CACHE_DIR is set to a folder that cannot be written, or no folder can be written at all.
    """
    return _found(os.environ.get("DYSYR_CACHE_DIR"))[0]


def cache_is_kept():
    """Whether the folder of kernels outlives this process; a temporary one does not.

    Raises:
        DysyrError: as ``cache_folder``.
    """
    return _found(os.environ.get("DYSYR_CACHE_DIR"))[1]


@functools.cache
def _found(configured):
    """(folder, whether it is kept)."""
    if configured:
        folder = Path(configured).expanduser() / "kernels"
        if not _writable(folder):
            raise DysyrError(
                "kernel cache cannot be written",
                got=f"DYSYR_CACHE_DIR={configured!r}",
                do="name a writable folder",
            )
        return folder, True
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("dysyr")) / "kernels"
    if _writable(folder):
        return folder, True
    try:
        temporary = Path(tempfile.mkdtemp(prefix="dysyr-kernels-"))
    except OSError as error:
        raise DysyrError(
            "there is no folder for compiled kernels",
            got=f"neither '{folder}' nor a temporary folder can be written",
            do="set DYSYR_CACHE_DIR to a writable folder",
        ) from error
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    warnings.warn(
        f"the cache folder '{folder}' cannot be written: kernels are compiled again in each process; "
        "set DYSYR_CACHE_DIR to a writable folder",
        RuntimeWarning,
        stacklevel=3,
    )
    return temporary, False


def _writable(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
