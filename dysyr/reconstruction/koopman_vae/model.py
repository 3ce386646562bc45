"""The fitted Koopman VAE: draws of windows, free or given observations, and the modes of its Koopman matrix."""

import math

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from dysyr.core.model import Sampled
from dysyr.core.scaler import Scaler
from dysyr.core.window_generator import WindowGenerator
from dysyr.reconstruction.koopman_vae import koopman
from dysyr.reconstruction.koopman_vae.conditioning import condition
from dysyr.reconstruction.koopman_vae.network import KoopmanNetwork
from dysyr.reconstruction.koopman_vae.noise_law import PosteriorNoise
from dysyr.reconstruction.koopman_vae.prior import Posterior

PIECE = 2048
"""Windows that are decoded at once."""
MOST_WINDOWS = 20_000
"""Windows that tell the matrix, the residuals and the law of the noise; of more as many are taken, evenly over all."""
STREAM = 0x47617073
PRIORS = ("gru", "koopman")


class KoopmanModel(Sampled, WindowGenerator):
    """Windows x = D(z) of latent states that are drawn step by step.

        gru:      z_t = z_(t-1) A + m_t(z_<t) + s_t(z_<t) e_t, as it was trained; beyond a window, as the next line.
                  The noise e has a law of its own, see ``NoiseLaw``
        koopman:  z_t = z_(t-1) C + e_t R,  e_t ~ N(0, 1), with C and the covariance R^T R of its residuals

    The first state is drawn from that law with both.

    Args:
        network: KoopmanNetwork.
        encoder: name of its encoder.
        window: samples of a window.
        matrix: (latent, latent) C, in row convention.
        residual: (latent, latent) R; zero for a rollout without noise.
        noise: (variable,) root mean square of observed minus decoded values, standardised.
        prior: "gru" or "koopman": how windows are drawn.
        scaler: Scaler between data units and standardised ones.
        dt: sampling interval in system time units.
        names: observed variables.

    Reference: naiman2024
    """

    family = "koopman_vae"
    reference = "naiman2024"

    def __init__(self, network, *, encoder, window, matrix, residual, noise, prior, scaler, dt, names):
        self.network, self.encoder, self.prior, self._window = network, encoder, prior, int(window)
        self.hold(scaler=scaler, dt=dt, names=names)
        self.matrix, self.residual = (np.ascontiguousarray(a, dtype=np.float64) for a in (matrix, residual))
        self.noise = np.asarray(noise, dtype=np.float64)

    @property
    def window(self):
        return self._window

    @property
    def latent_dim(self):
        """Dimension of the latent states."""
        return len(self.matrix)

    @property
    def n_parameters(self):
        """Real numbers that were trained."""
        return self.network.n_parameters

    def modes(self):
        """Eigenvalues of the Koopman matrix as frequencies and decay rates; see ``koopman.modes``."""
        return koopman.modes(self.matrix, self.dt)

    def draw(self, n_windows, n_steps, rng):
        """See ``WindowGenerator.draw``; beyond the window latent states go on by the Koopman matrix."""
        pieces = []
        for start in range(0, n_windows, PIECE):
            size = (min(PIECE, n_windows - start), min(n_steps, self.window), self.latent_dim)
            noise = torch.from_numpy(rng.standard_normal(size, dtype=np.float32))
            with torch.no_grad(), threadpool_limits(1):
                z = self.latent_states(noise)
            pieces.append(self._decoded(self._extended(z.double().numpy(), n_steps, rng)))
        return np.concatenate(pieces)

    def draw_given(self, seen, n_draws, rng):
        """See ``WindowGenerator.draw_given``; the method is that of ``conditioning.condition``."""
        n_rows, n_steps, n_variables = seen.shape
        target = np.repeat(self.scaler.transform(seen[:, : self.window])[None], n_draws, axis=0)
        target = target.reshape(n_draws * n_rows, -1, n_variables)
        with threadpool_limits(1):
            z = condition(self, target, rng)
        x = self._decoded(self._extended(z.double().numpy(), n_steps, rng))
        return x.reshape(n_draws, n_rows, n_steps, n_variables)

    def latent_states(self, normal):
        """(window, time, latent) tensor of states from standard normal numbers of the same shape."""
        law = self.network.law
        if self.prior == "gru":
            return law.run(normal, self.network.prior)[0]
        return self._driven(self.noise_of(normal))

    def noise_of(self, normal):
        """(window, time, latent) tensor: the noise with which ``explained`` makes ``latent_states`` of ``normal``."""
        law = self.network.law
        if self.prior == "gru":
            return law.run(normal, self.network.prior)[1]
        return torch.cat([law.first.inverse(normal[:, 0])[:, None], normal[:, 1:]], dim=1)

    def explained(self, noise):
        """States that noise makes, and the standard normal numbers that the law of the noise turns it into.

        Args:
            noise: (window, time, latent) tensor.

        Returns:
            two tensors of the same shape, differentiable; ``latent_states`` of the second is the first.
        """
        law = self.network.law
        if self.prior == "gru":
            z = self.network.prior.run(noise)
            return z, law(noise, z, noise.new_ones(noise.shape[:2]))[0]
        return self._driven(noise), torch.cat([law.first(noise[:, 0])[0][:, None], noise[:, 1:]], dim=1)

    def _driven(self, noise):
        """States by C from a first state, the first entry of the noise, and what the residuals make of the others."""
        matrix, residual = (torch.tensor(a, dtype=noise.dtype) for a in (self.matrix, self.residual))
        driven = noise @ residual
        states = [noise[:, 0]]
        for k in range(1, noise.shape[1]):
            states.append(states[-1] @ matrix + driven[:, k])
        return torch.stack(states, dim=1)

    def _extended(self, z, n_steps, rng):
        """States (window, n_steps, latent): those that are given, then what the Koopman matrix makes of the last."""
        n_given = z.shape[1]
        whole = np.empty((len(z), n_steps, self.latent_dim))
        whole[:, :n_given] = z[:, :n_steps]
        now = z[:, -1]
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(n_given, n_steps):
                now = now @ self.matrix + rng.standard_normal(now.shape) @ self.residual
                whole[:, k] = now
        return whole

    def _decoded(self, z):
        with torch.no_grad(), threadpool_limits(1), np.errstate(over="ignore", invalid="ignore"):
            pieces = [self.network.decoder(torch.tensor(z[i : i + PIECE], dtype=torch.float32))
                      for i in range(0, len(z), PIECE)]  # fmt: skip
            return self.scaler.inverse(torch.cat(pieces).double().numpy())

    def config(self):
        network = self.network
        return {
            "family": self.family, "dt": self.dt, "names": list(self.names), "window": self.window,
            "latent_dim": self.latent_dim, "hidden_dim": network.prior.hidden_dim, "encoder": self.encoder,
            "head": network.decoder.head, "prior": self.prior, "couplings": network.law.n_couplings,
        }  # fmt: skip

    def arrays(self):
        trained = {name: value.detach().numpy().copy() for name, value in self.network.named_parameters()}
        return {
            **trained, "matrix": self.matrix, "residual": self.residual, "noise": self.noise,
            "change": self.network.encoder.change.numpy(), "bounds": self.network.decoder.bounds.numpy(),
            "scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        network = KoopmanNetwork(
            len(config["names"]), change=arrays["change"], bounds=arrays["bounds"], seed=0,
            **{name: config[name] for name in ("latent_dim", "hidden_dim", "encoder", "head")},
        )  # fmt: skip
        network.law.set_couplings(config["couplings"])
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(torch.tensor(arrays[name]))
        return cls(
            network, scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]),
            **{name: config[name] for name in ("encoder", "window", "prior", "dt", "names")},
            **{name: arrays[name] for name in ("matrix", "residual", "noise")},
        )  # fmt: skip


def koopman_of(network, windows, *, constraint, n_unit, with_noise):
    """Koopman matrix and residuals from the posterior states of windows.

    Args:
        network: trained KoopmanNetwork.
        windows: WindowSet.
        constraint, n_unit: see ``koopman.constrained``; eigenvalues are moved onto what training drew them to.
        with_noise: whether the rollout has the residuals as noise.

    Returns:
        (matrix, residual): (latent, latent) C and R with R^T R the covariance of z' - z C.
    """
    pieces = [koopman.transitions(states) for _, states in posterior_states(network, windows)]
    gram, cross = (sum(part) for part in zip(*((z.double().T @ z.double(), z.double().T @ after.double())
                                               for z, after in pieces), strict=True))  # fmt: skip
    matrix = koopman.constrained(koopman.solved(gram, cross), constraint, n_unit).numpy()
    if not with_noise:
        return matrix, np.zeros_like(matrix)
    left = (after.double().numpy() - before.double().numpy() @ matrix for before, after in pieces)
    covariance = sum(part.T @ part for part in left) / sum(len(before) for before, _ in pieces)
    values, vectors = np.linalg.eigh(covariance)
    return matrix, np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


def residual_noise(network, windows):
    """(variable,) root mean square of observed minus decoded values over windows, standardised."""
    total, count = np.zeros(windows.shape[1]), np.zeros(windows.shape[1])
    for chosen, z in posterior_states(network, windows):
        with torch.no_grad():
            error = network.decoder(z).double().numpy() - windows.values(chosen)
        total += np.nansum(error**2, axis=(0, 1))
        count += np.isfinite(error).sum(axis=(0, 1))
    return np.sqrt(total / count) + math.sqrt(np.finfo(np.float32).eps)


def posterior_states(network, windows):
    """Pairs (numbers of windows, (window, time, latent) latent states), of at most 20,000 windows.

    Samples that were observed have no noise. Those with missing values are draws: without noise a path follows the
    prior across a gap and then leaps to where the next sample was, a motion that the data do not have.
    """
    rng = np.random.default_rng(STREAM)
    for chosen, posterior in _posteriors(network, windows):
        missing = np.isnan(windows.values(chosen)).any(axis=2)
        normal = np.zeros(posterior.shift.shape, dtype=np.float32)
        normal[missing] = rng.standard_normal((missing.sum(), normal.shape[2]), dtype=np.float32)
        with torch.no_grad():
            z, _, _ = network.prior.follow(posterior, torch.from_numpy(normal))
        yield chosen, z


def posterior_noise(network, windows):
    """PosteriorNoise of at most 20,000 windows."""
    pieces = [(posterior, torch.tensor(windows.shown(chosen), dtype=posterior.shift.dtype))
              for chosen, posterior in _posteriors(network, windows)]  # fmt: skip
    posteriors, seen = zip(*pieces, strict=True)
    return PosteriorNoise(network.prior, Posterior.joined(posteriors), torch.cat(seen))


def _posteriors(network, windows):
    """Pairs (numbers of windows, their Posterior), of at most 20,000 windows."""
    chosen = windows.spread(MOST_WINDOWS)
    for start in range(0, len(chosen), PIECE):
        piece = chosen[start : start + PIECE]
        with torch.no_grad():
            posterior = network.prior.posterior(network.encoder(windows.given(piece)))
        yield piece, posterior
