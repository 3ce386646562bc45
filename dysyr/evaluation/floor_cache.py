"""Independent truths, kept on disk: the floors of one truth serve many models."""

import hashlib
import json
import zipfile

import numpy as np

from dysyr.core.atomic import atomic_path
from dysyr.core.errors import DysyrError
from dysyr.core.measure import plain
from dysyr.core.version import VERSION
from dysyr.kernels.cache_folder import cache_folder

FOLDER = "reference_truths"
START_STATES = 2
"""Number of the rule by which trajectories of a seed start, raised when it changes within a version."""
LARGEST_ENTRY = 128 * 2**20
LARGEST_CACHE = 2**30


def reference_truths(key, make):
    """The array that ``make`` gives, from the cache if it was made before.

    The cache lies in the folder of compiled kernels (DYSYR_CACHE_DIR, or the user's cache folder). An entry
    is a plain NumPy file; one that cannot be read is made again. Entries above 128 MiB are not kept, and
    the oldest go when all together exceed 1 GiB.

    Args:
        key: JSON-ready dict of everything the array depends on.
        make: function without arguments that returns the array.

    Returns:
        (pair, time, state) float64.
    """
    folder = cache_folder() / FOLDER
    text = json.dumps(plain({"dysyr": VERSION, "start_states": START_STATES, **key}), sort_keys=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"
    found = _read(path, text)
    if found is not None:
        return found
    made = np.asarray(make(), dtype=np.float64)
    if made.nbytes <= LARGEST_ENTRY:
        _write(path, text, made)
    return made


def _read(path, text):
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as entry:
            if str(entry["key"]) == text:
                return entry["x"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return None


def _write(path, text, x):
    """Keep an entry; a full disk costs the cache, not the evaluation."""
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, key=np.array(text), x=x)
    except DysyrError:
        return
    entries = sorted(path.parent.glob("*.npz"), key=lambda entry: entry.stat().st_mtime)
    total = sum(entry.stat().st_size for entry in entries)
    while total > LARGEST_CACHE and len(entries) > 1:
        total -= entries[0].stat().st_size
        entries.pop(0).unlink(missing_ok=True)
