"""Where a result comes from: versions, seed, command, data."""

import importlib.metadata
import platform
import shlex
import sys

from dysyr.core.version import VERSION

PACKAGES = ("numpy", "scipy", "numba", "torch", "xarray", "scikit-learn")


def provenance(*, seed=None, data_hash=None, command=None):
    """What somebody needs to make the same result again.

    Args:
        seed: the seed, or list of seeds.
        data_hash: hash of the data set that was used.
        command: the command line; by default that of this process.

    Returns:
        dict of plain values: dysyr, python, packages, platform, seed, data_hash, command.
    """
    return {
        "dysyr": VERSION,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "seed": seed,
        "data_hash": data_hash,
        "command": command or _command(),
    }


def _command():
    program = sys.argv[0].replace("\\", "/").rsplit("/", 1)[-1] if sys.argv and sys.argv[0] else "python"
    return shlex.join([program, *sys.argv[1:]])


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
