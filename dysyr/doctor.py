"""What is installed, where kernels are kept, and whether dysyr works here."""

import dataclasses
import importlib.util
import os
import platform
import time

import numpy as np
from scipy.integrate import solve_ivp

from dysyr.api import load_system
from dysyr.core.provenance import provenance
from dysyr.core.version import VERSION
from dysyr.kernels.cache_folder import cache_folder, cache_is_kept
from dysyr.simulation.simulate import simulate

CHECK_TIME = 1.0
CHECK_TOLERANCE = 1e-6
EXTRAS = {"cuda": "numba_cuda", "parquet": "pyarrow", "sweep": "distributed", "quantum": "qutip", "ot": "ot",
          "symbolic": "pyoperon"}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """The state of an installation.

    Attributes:
        versions: ``{package: version or None}``.
        extras: ``{extra: whether its package is installed}``.
        devices: tuple of the devices that can compute.
        cache: folder of compiled kernels.
        cache_kept: whether kernels are kept there after this process.
        check_error: largest difference between dysyr's and SciPy's Lorenz orbit after one time unit.
        check_seconds: time that dysyr took, compilation included.
    """

    versions: dict
    extras: dict
    devices: tuple
    cache: str
    cache_kept: bool
    check_error: float
    check_seconds: float

    @property
    def passed(self):
        """Whether the self-check agrees with SciPy."""
        return self.check_error < CHECK_TOLERANCE

    def to_dict(self):
        """The state as JSON-ready values."""
        return {**dataclasses.asdict(self), "passed": self.passed}

    def __str__(self):
        kept = "kept between runs" if self.cache_kept else "TEMPORARY: kernels are compiled every time"
        result = "agrees" if self.passed else f"DOES NOT AGREE (allowed: {CHECK_TOLERANCE:g})"
        lines = [f"{name:<14}{version or 'missing'}" for name, version in self.versions.items()]
        missing = [name for name, there in self.extras.items() if not there]
        lines += [
            f"{'extras':<14}{', '.join(name for name, there in self.extras.items() if there) or 'none'}"
            + (f" (not installed: {', '.join(missing)})" if missing else ""),
            f"{'devices':<14}{', '.join(self.devices)}",
            f"{'kernel cache':<14}{self.cache} ({kept})",
            f"{'self-check':<14}Lorenz orbit {result} with SciPy: difference {self.check_error:.1e}, "
            f"{self.check_seconds:.1f} s",
        ]
        return "\n".join(lines)


def examine():
    """Look at the installation and run the self-check.

    Returns:
        Health.
    """
    known = provenance()
    folder = cache_folder()
    error, seconds = _self_check()
    return Health(
        versions={"dysyr": VERSION, "python": known["python"], **known["packages"]},
        extras={extra: importlib.util.find_spec(package) is not None for extra, package in EXTRAS.items()},
        devices=tuple(_devices()),
        cache=str(folder),
        cache_kept=cache_is_kept(),
        check_error=error,
        check_seconds=seconds,
    )


def _devices():
    yield f"cpu ({platform.machine()}, {os.cpu_count()} cores)"
    import torch

    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            yield f"cuda:{i} ({torch.cuda.get_device_name(i)})"


def _self_check():
    """(largest difference, seconds) of one Lorenz orbit by dysyr and by SciPy."""
    system = load_system("lorenz63")
    start = system.initial_state
    begin = time.perf_counter()
    ours = simulate(system, t_end=CHECK_TIME, initial_state=start, transient=0.0)["x"].values[0]
    seconds = time.perf_counter() - begin
    reference = solve_ivp(
        lambda t, x: system.vector_field(x, t), (0.0, CHECK_TIME), start, method="DOP853", rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    return float(np.abs(ours[-1] - reference.y[:, -1]).max()), seconds
