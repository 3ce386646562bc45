"""Fitted PLRNNs whose nonlinearity acts on each unit alone: PLRNN, almost-linear RNN, dendritic PLRNN."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.scaler import Scaler
from dysyr.kernels.elementwise_plrnn import Parameters
from dysyr.kernels.elementwise_plrnn_run import observed_run, run
from dysyr.reconstruction.plrnn.numpy_source import numpy_source
from dysyr.reconstruction.plrnn.recurrent_model import RecurrentModel


class ElementwisePLRNN(RecurrentModel):
    """z[t+1] = A * z[t] + W phi(z[t]) + h + C u[t+1].

        without dendrites   phi(z)_m = z_m for all but the last P units, relu(z_m) for those
        with dendrites      phi(z)_m = sum_b alpha_b relu(z_m - H_mb) [- alpha_b relu(z_m) when clipped]

    P = M is the PLRNN, P < M the almost-linear RNN, P = 0 a linear model.

    Args:
        parameters: ``kernels.elementwise_plrnn.Parameters``; ``alpha`` and ``H`` are empty without dendrites.
        n_rectified: P, or None with dendrites.
        clipped: the clipped form of the dendrites.
        others: see ``RecurrentModel``.

    Reference: koppe2019 (PLRNN), brenner2022 (dendrites), brenner2024 (almost-linear)
    """

    Parts = Parameters
    FORM = ("n_rectified", "clipped")
    family = "elementwise_plrnn"

    def __init__(self, parameters, *, n_rectified=None, clipped=False, **others):
        super().__init__(parameters, **others)
        self.n_rectified = None if n_rectified is None else int(n_rectified)
        self.clipped = bool(clipped)
        if self.dendritic == (n_rectified is not None):
            raise InputError(
                "rectified units and dendrites exclude each other", got=f"n_rectified={n_rectified}",
                expected="None exactly where there are dendrites",
            )  # fmt: skip
        if not self.dendritic and not 0 <= self.n_rectified <= self.latent_dim:
            raise InputError(
                "n_rectified is not a number of units", got=str(n_rectified), expected=f"0 to {self.latent_dim}"
            )  # fmt: skip

    @classmethod
    def from_arrays(cls, *, A, W, h, n_rectified, n_observed=None, dt=1.0, names=None, initial_states=None):
        """An almost-linear RNN in its own units, from arrays.

        Args:
            A: (M,) diagonal.
            W: (M, M) weights.
            h: (M,) bias.
            n_rectified: P, how many of the last units are rectified.
            n_observed: N, how many of the first units are observed; by default all.
            dt: sampling interval in system time units.
            names: of the observed variables; by default z1, z2, ...
            initial_states: (k, M) states for free runs; by default the origin.

        Raises:
            InputError: shapes that do not fit, values that are not finite.
        """
        A, W, h = (np.asarray(part, dtype=np.float64) for part in (A, W, h))
        m = A.size
        if A.shape != (m,) or W.shape != (m, m) or h.shape != (m,):
            raise InputError(
                "parameters do not fit together", got=f"A {A.shape}, W {W.shape}, h {h.shape}",
                expected="(M,), (M, M), (M,)",
            )  # fmt: skip
        if not all(np.isfinite(part).all() for part in (A, W, h)):
            raise InputError("parameters are not finite", do="give numbers in A, W and h")
        n = m if n_observed is None else int(n_observed)
        if not 1 <= n <= m:
            raise InputError("n_observed is not a number of units", got=str(n), expected=f"1 to {m}")
        parts = Parameters(
            A, W, h, np.zeros(0), np.zeros((m, 0)), np.zeros((m, 0)), np.zeros((m - n, n)), np.zeros((0, m))
        )  # fmt: skip
        return cls(
            parts, n_rectified=n_rectified, scaler=Scaler(np.zeros(n), np.ones(n)), dt=dt,
            names=names or [f"z{i + 1}" for i in range(n)],
            initial_states=np.zeros((1, m)) if initial_states is None else initial_states,
        )  # fmt: skip

    @property
    def reference(self):
        if self.dendritic:
            return "brenner2022"
        return "koppe2019" if self.n_rectified == self.latent_dim else "brenner2024"

    @property
    def dendritic(self):
        """Whether each unit has dendrites rather than one rectifier or none."""
        return self.parameters.alpha.size > 0

    @property
    def n_bits(self):
        m, n_bases = self.parameters.H.shape
        return m * (n_bases + self.clipped) if self.dendritic else self.n_rectified

    def step(self, z, u=None):
        p = self.parameters
        with np.errstate(over="ignore", invalid="ignore"):
            return self._driven(p.A * z + self._phi(z) @ p.W.T + p.h, u)

    def numpy_source(self):
        if self.dendritic:
            lines = ["r = np.maximum(z[..., None] - H, 0.0) @ alpha"]
            lines += ["r = r - alpha.sum() * np.maximum(z, 0.0)"] if self.clipped else []
        else:
            first = self.latent_dim - self.n_rectified
            lines = [f"r = np.concatenate([z[..., :{first}], np.maximum(z[..., {first}:], 0.0)], axis=-1)"]
        return numpy_source(self, "z[t+1] = A * z[t] + W phi(z[t]) + h", [*lines, "A * z + r @ W.T + h"])

    def jacobian(self, z, u=None):
        return self.affine(self.region(z))[0]

    def trajectory(self, z, n_steps, u=None):
        drive = None if u is None else self.input_scaler.transform(u)
        return run(self.parameters, z, n_steps, drive, n_rectified=self.n_rectified, clipped=self.clipped)

    def observed_run(self, z, n_steps, stride):
        return observed_run(
            self.parameters, z, n_steps, stride, n_observed=len(self.names), n_rectified=self.n_rectified,
            clipped=self.clipped,
        )  # fmt: skip

    def switches(self, z):
        """The last P units; with dendrites z_m - H_mb, unit by unit, for the clipped form followed by z."""
        if not self.dendritic:
            return z[..., self.latent_dim - self.n_rectified :]
        apart = (z[..., None] - self.parameters.H).reshape(*z.shape[:-1], -1)
        return np.concatenate([apart, z], axis=-1) if self.clipped else apart

    def affine(self, region):
        p, region = self.parameters, np.asarray(region, dtype=bool)
        if not self.dendritic:
            slopes = np.ones((*region.shape[:-1], self.latent_dim))
            slopes[..., self.latent_dim - self.n_rectified :] = region
            return np.diag(p.A) + p.W * slopes[..., None, :], np.broadcast_to(p.h, slopes.shape).copy()
        m, n_bases = p.H.shape
        open_ = region[..., : m * n_bases].reshape(*region.shape[:-1], m, n_bases)
        slopes = open_ @ p.alpha
        if self.clipped:
            slopes = slopes - p.alpha.sum() * region[..., m * n_bases :]
        return np.diag(p.A) + p.W * slopes[..., None, :], p.h - ((open_ * p.H) @ p.alpha) @ p.W.T

    def _phi(self, z):
        p = self.parameters
        if self.dendritic:
            out = np.maximum(z[..., None] - p.H, 0.0) @ p.alpha
            return out - p.alpha.sum() * np.maximum(z, 0.0) if self.clipped else out
        out, first = z.copy(), self.latent_dim - self.n_rectified
        np.maximum(z[..., first:], 0.0, out=out[..., first:])
        return out
