"""The fitted model: a map of windows that emits one sample a step and asks its network once a patch."""

import dataclasses

import numpy as np
import torch

from dysyr.core.delay_state import complete_windows
from dysyr.core.model import Sampled, StateSpace, continued_state
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.phyxmamba.network import PatchNetwork, Shape


class PhyxMambaModel(Sampled, StateSpace):
    """Patches of P samples from the window w of the last n samples, which slides by P.

        state: (w, u, l)      u samples at the end of w are not read out yet; l <= L patches of w are filled
        u > 0:  u <- u - 1
        u = 0:  w <- (w[P:], network(w)),    u <- P - 1,    l <- min(l + 1, L)
        x = w[n - 1 - u]

    A step is one sample, as the sampling interval of the data. u and l are whole numbers, on which nothing depends
    smoothly: their rows and columns of the Jacobian are zero, and the exponents that belong to them minus infinity. The
    other ones are those of the map of windows from patch to patch.

    A window that is not full yet (l < L) grows: its network sees the patches that there are. While it grows, the states
    of the layers are kept from patch to patch; a full window slides, which shifts all patches, and is run through
    again.

    Args:
        network: PatchNetwork; its heads are left out.
        scaler: Scaler between data units and those of the network.
        scale: (variable,) standard deviation of the training data.
        covariance: (n, variable, variable) of the training data, see ``DelayState``.
        dt: sampling interval in system time units.
        names: observed variables.
        windows: (k, n * variable) windows to start free runs from.

    Reference: liu2025phyxmamba
    """

    family = "phyxmamba"
    reference = "liu2025phyxmamba"

    def __init__(self, network, *, scaler, scale, covariance, dt, names, windows):
        self.shape = dataclasses.replace(network.shape, n_heads=0)
        unit = network.unit.cpu().numpy().copy()
        self.network = PatchNetwork(self.shape, unit, np.random.default_rng(0)).double()
        known = network.state_dict()
        self.network.load_state_dict({name: known[name].double() for name in self.network.state_dict()})
        self.network.requires_grad_(False)
        self.hold(scaler=scaler, dt=dt, names=names)
        self._scale = np.asarray(scale, dtype=np.float64)
        self.covariance = np.asarray(covariance, dtype=np.float64)
        self.windows = np.asarray(windows, dtype=np.float64)

    @property
    def latent_dim(self):
        return self.shape.window * len(self.names) + 2

    @property
    def initial_states(self):
        clock = np.tile([0.0, self.shape.n_tokens], (len(self.windows), 1))
        return np.concatenate([self.windows, clock], axis=1)

    @property
    def scale(self):
        return self._scale

    @property
    def n_parameters(self):
        """Numbers that were trained, those of the heads left out."""
        return sum(value.numel() for value in self.network.parameters())

    def initial(self, context, u=None):
        """The window of the last samples, and how many patches it has.

        Where the last samples make up the history and at least one patch without a gap, the window begins with the
        patches that there are. Else what is missing is the best linear estimate from the samples that there are,
        E[a | b] = C_ab (C_bb + 1e-6 I)^-1 b, with the covariances of the training data. Where the last samples are
        missing altogether the model goes on from those before.
        """
        return continued_state(self, np.asarray(context, dtype=np.float64), self._last)

    def _last(self, context):
        n, shape = self.shape.window, self.shape
        s = self.scaler.transform(context)[:, -n:]
        s = np.concatenate([np.full((len(s), n - s.shape[1], s.shape[2]), np.nan), s], axis=1)
        gaps = np.isnan(s).any(axis=2)
        complete = np.where(gaps.any(axis=1), np.argmax(gaps[:, ::-1], axis=1), n)
        filled = np.maximum((complete - shape.history) // shape.patch, 0)
        z = s.reshape(len(s), -1)
        for row, count in enumerate(filled):
            if count:
                z[row, : (n - shape.history - count * shape.patch) * s.shape[2]] = 0.0
            else:
                z[row], filled[row] = complete_windows(z[row : row + 1], self.covariance)[0], shape.n_tokens
        return np.column_stack([z, np.zeros(len(z)), filled])

    def readout(self, z):
        samples = z[..., :-2].reshape(*z.shape[:-1], self.shape.window, len(self.names))
        at = self.shape.window - 1 - self._unread(z)
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(np.take_along_axis(samples, at[..., None, None], axis=-2)[..., 0, :])

    def step(self, z, u=None):
        unread, filled = self._unread(z), self._filled(z)
        after = np.column_stack([z[:, :-2], unread - 1.0, filled])
        for count in np.unique(filled[unread == 0]):
            rows = (unread == 0) & (filled == count)
            window = self._window(z[rows])
            after[rows, :-2] = self._appended(window, self._patch(window, count)).reshape(len(window), -1)
            after[rows, -2:] = self.shape.patch - 1, min(count + 1, self.shape.n_tokens)
        return after

    def jacobian(self, z, u=None):
        unread, filled = self._unread(z), self._filled(z)
        whole = np.zeros((len(z), self.latent_dim, self.latent_dim))
        n, new = self.latent_dim - 2, self.shape.patch * len(self.names)
        whole[unread > 0, :n, :n] = np.eye(n)
        for count in np.unique(filled[unread == 0]):
            rows = np.flatnonzero((unread == 0) & (filled == count))
            seen = self._seen(self._window(z[rows]), count)
            whole[rows, : n - new, new:n] = np.eye(n - new)
            whole[rows, n - new : n, n - seen[0].size : n] = self._patch_jacobian(seen)
        return whole

    def trajectory(self, z, n_steps, u=None):
        orbit = np.empty((len(z), n_steps, self.latent_dim))
        clocks = np.column_stack([self._unread(z), self._filled(z)])
        for clock in np.unique(clocks, axis=0):
            rows = np.flatnonzero((clocks == clock).all(axis=1))
            orbit[rows] = self._run(self._window(z[rows]), *clock, n_steps)
        return orbit

    def config(self):
        return {
            "family": self.family, "dt": self.dt, "names": list(self.names), "shape": dataclasses.asdict(self.shape),
        }  # fmt: skip

    def arrays(self):
        trained = {f"network.{name}": value.float().numpy() for name, value in self.network.named_parameters()}
        return {
            **trained, "unit": self.network.unit.float().numpy(), "scaler_mean": self.scaler.mean,
            "scaler_sd": self.scaler.sd, "scale": self._scale, "covariance": self.covariance, "windows": self.windows,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        network = PatchNetwork(Shape(**config["shape"]), arrays["unit"], np.random.default_rng(0))
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(torch.tensor(arrays[f"network.{name}"]))
        return cls(
            network, scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]), scale=arrays["scale"],
            covariance=arrays["covariance"], dt=config["dt"], names=config["names"], windows=arrays["windows"],
        )  # fmt: skip

    def _unread(self, z):
        return np.clip(np.rint(z[..., -2]), 0, self.shape.patch - 1).astype(np.int64)

    def _filled(self, z):
        return np.clip(np.rint(z[..., -1]), 1, self.shape.n_tokens).astype(np.int64)

    def _window(self, z):
        """(batch, time, variable) windows of states (batch, latent)."""
        return z[:, :-2].reshape(len(z), self.shape.window, len(self.names))

    def _seen(self, window, filled):
        """The part of windows that the network sees when ``filled`` patches are there."""
        return window[:, window.shape[1] - self.shape.history - filled * self.shape.patch :]

    def _patch(self, window, filled):
        """The next patch (batch, patch, variable) after windows of ``filled`` patches."""
        return self.network(torch.tensor(self._seen(window, filled))).numpy()

    def _appended(self, window, patch):
        return np.concatenate([window[:, self.shape.patch :], patch], axis=1)

    def _patch_jacobian(self, seen):
        """(batch, patch * variable, time * variable): all rows by one pass back, of copies of the windows."""
        n_rows, n_new = len(seen), self.shape.patch * len(self.names)
        copies = torch.tensor(seen).repeat_interleave(n_new, dim=0).requires_grad_()
        patches = self.network(copies).reshape(n_rows, n_new, n_new)
        (gradient,) = torch.autograd.grad(patches.diagonal(dim1=1, dim2=2).sum(), copies)
        return gradient.reshape(n_rows, n_new, -1).numpy()

    def _run(self, window, unread, filled, n_steps):
        """(batch, n_steps, latent) states after windows that share ``unread`` and ``filled``."""
        shape, t, cache = self.shape, 0, None
        orbit = np.empty((len(window), n_steps, self.latent_dim))
        while t < n_steps:
            if unread == 0:
                patch, cache = self._patch_of_run(window, filled, cache)
                window = self._appended(window, patch)
                unread, filled = shape.patch, min(filled + 1, shape.n_tokens)
            block = orbit[:, t : t + unread]
            block[:, :, :-2] = window.reshape(len(window), 1, -1)
            block[:, :, -2] = unread - 1 - np.arange(block.shape[1])
            block[:, :, -1] = filled
            t, unread = t + block.shape[1], 0
        return orbit

    def _patch_of_run(self, window, filled, cache):
        """``_patch``, from the states of a window that was one patch shorter where it has grown by the last patch."""
        seen = torch.tensor(self._seen(window, filled))
        if cache is not None and cache[1] == filled - 1:
            patch, cache = self.network.grow(seen, cache)
        elif filled < self.shape.n_tokens:
            patch, cache = self.network.begin(seen)
        else:
            patch, cache = self.network(seen), None
        return patch.numpy(), cache
