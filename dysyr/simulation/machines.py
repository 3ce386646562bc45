"""Where trajectories are computed: the integrators of the processor and those of a card, called alike."""

import types

import numpy as np

from dysyr.core.errors import InputError
from dysyr.simulation import flows, maps, sdes
from dysyr.simulation.compiled import CompiledSystem

PROCESSOR = types.SimpleNamespace(
    name="cpu", prepare=CompiledSystem, integrate_fixed=flows.integrate_fixed,
    integrate_adaptive=flows.integrate_adaptive, iterate=maps.iterate, integrate_paths=sdes.integrate_paths,
)  # fmt: skip


def machine(device):
    """The integrators of a device.

    Args:
        device: "cpu" or "cuda".

    Returns:
        namespace with ``name``; ``prepare`` (system, dtype) -> what the others take first; ``integrate_fixed`` and
        ``integrate_adaptive`` as in ``flows``, ``iterate`` as in ``maps``, ``integrate_paths`` as in ``sdes``.

    Raises:
        InputError: there is no such device, or nothing can run there.
    """
    if device == "cpu":
        return PROCESSOR
    if device != "cuda":
        raise InputError("unknown device", got=repr(device), expected="'cpu' or 'cuda'")
    from dysyr.kernels.cuda.device import require_device

    require_device()
    return Card()


class Card:
    """The integrators of a CUDA device, with the arguments of those of the processor."""

    name = "cuda"

    def __init__(self):
        from dysyr.simulation import cuda_ensembles

        self._on_device = cuda_ensembles
        self.prepare = cuda_ensembles.CudaSystem

    def integrate_fixed(self, prepared, method, x0, times, substeps, keep=True):
        """See ``flows.integrate_fixed``."""
        if times.size == 1:
            return _alone(x0, prepared, keep)
        return self._on_device.integrate_fixed_on_device(prepared, method, x0, times, substeps, keep)

    def integrate_adaptive(self, prepared, method, x0, start, times, rtol, atol):
        """See ``flows.integrate_adaptive``; all trajectories start at the same time."""
        integrate, counts = self._on_device.integrate_adaptive_on_device, {"accepted": 0, "refused": 0}
        if start[0] < times[0]:
            x0, counts = integrate(prepared, method, x0, np.array([start[0], times[0]]), rtol, atol, keep=False)
        if times.size == 1:
            return _alone(x0, prepared, True), counts
        values, more = integrate(prepared, method, x0, times, rtol, atol)
        return values, {name: counts[name] + more[name] for name in counts}

    def iterate(self, prepared, x0, first_time, n_outputs, stride=1, keep=True):
        """See ``maps.iterate``."""
        if n_outputs == 0:
            return _alone(x0, prepared, keep)
        return self._on_device.iterate_on_device(prepared, x0, first_time, n_outputs, stride, keep)

    def integrate_paths(self, prepared, method, x0, times, substeps, seed, first_step=0, keep=True):
        """See ``sdes.integrate_paths``."""
        if times.size == 1:
            return _alone(x0, prepared, keep)
        return self._on_device.integrate_paths_on_device(
            prepared, method, x0, times, substeps, seed, first_step, keep=keep
        )


def _alone(x0, prepared, keep):
    """Initial states as the only samples."""
    x0 = np.asarray(x0, prepared.dtype)
    return x0[:, None] if keep else x0
