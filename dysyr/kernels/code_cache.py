"""Compiled kernels on disk: many processes read and write them at once, and a damaged file is compiled again.

numba keeps one index for each function and numbers the files that it lists. Two processes that compile one function for
different types at the same time take the same number, and the index of the one then names the code of the other. Here
each signature has a file of its own, named after everything that tells it apart, and no index.
"""

import functools
import hashlib
import os
import pickle
import tempfile
import warnings
from pathlib import Path

from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator, UserProvidedCacheLocator
from numba.core.serialize import dumps

from dysyr.kernels.cache_folder import cache_folder

DIGEST_SIZE = hashlib.sha256().digest_size


class KernelCache(FunctionCache):
    """The cache of one function.

    Args:
        function: the Python function.
        texts: what stands for the text of its module and of all kernel modules that it imports. numba by itself looks
            at the module of the function alone: it would go on with a callee of yesterday, and stumble over types that
            no longer exist.
    """

    def __init__(self, function, texts):
        self._impl_class = functools.partial(_Place, texts=texts)
        super().__init__(function)
        self._cache_file = CompiledFiles(Path(self.cache_path), self._impl.filename_base)

    def save_overload(self, sig, data):
        """Keep compiled code; where that fails, as on a full disk, it serves this process all the same."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _tell_once(f"compiled kernels cannot be kept in '{self.cache_path}': {error.strerror or error}")


class CompiledFiles:
    """One file for each key: a digest, then the key and what belongs to it.

    Args:
        folder: where the files lie.
        base: how their names begin.
    """

    def __init__(self, folder, base):
        self.folder = folder
        self.base = base

    def path(self, key):
        """The file of a key."""
        return self.folder / f"{self.base}.{hashlib.sha256(str(key).encode()).hexdigest()[:20]}.nbc"

    def save(self, key, data):
        """Write the file of a key; another process sees it whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        content = dumps((key, data))
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(temporary, self.path(key))
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise

    def load(self, key):
        """What was saved under a key; None where there is no such file, or one that is damaged."""
        try:
            whole = self.path(key).read_bytes()
        except OSError:
            return None
        digest, content = whole[:DIGEST_SIZE], whole[DIGEST_SIZE:]
        if hashlib.sha256(content).digest() != digest:
            return None
        stored, data = pickle.loads(content)
        return data if stored == key else None

    def flush(self):
        """Remove all files of this function."""
        for path in self.folder.glob(f"{self.base}.*.nbc"):
            path.unlink(missing_ok=True)


class _OwnFolder(InTreeCacheLocator):
    """For a package that lies where nothing can be written."""

    def __init__(self, py_func, py_file):
        super().__init__(py_func, py_file)
        self._cache_path = str(cache_folder() / self.get_suitable_cache_subpath(py_file))


class _Place(CompileResultCacheImpl):
    """Where the compiled code of a function lies: NUMBA_CACHE_DIR, else beside its source, else in dysyr's folder."""

    _locator_classes = [UserProvidedCacheLocator, InTreeCacheLocator, _OwnFolder]

    def __init__(self, py_func, texts):
        super().__init__(py_func)
        self._filename_base = f"{self._filename_base}-{texts}"


@functools.cache
def _tell_once(text):
    warnings.warn(f"{text}; they are compiled again in each process", RuntimeWarning, stacklevel=2)
