"""The sequential prior of the latent states, and the posterior that corrects it step by step."""

import dataclasses
import math

import torch

FIRST_VARIANCE = 0.1
"""Of the posterior of the first latent state at the beginning."""
INNOVATION_VARIANCE = 0.02
"""Of the change of a latent state that the prior does not foresee, at the beginning."""
TURN = 0.05
"""Size of the generator of A at the beginning, a rotation: states of long windows neither explode nor vanish."""
SMALL = 0.1
FIRST_GAIN = -2.0
"""Of the posterior at the beginning, before the logistic function."""
LOG_VARIANCE_BOUNDS = (math.log(1e-10), math.log(10.0))


class SequentialPrior(torch.nn.Module):
    """z_0 = e_0;  z_t = z_(t-1) A + m_t + s_t e_t, with m and s of a GRU and e ~ N(0, 1).

        h_t = GRU(z_(t-1), h_(t-1)),   m_t = M h_t,   ln s_t^2 = L h_t

    The posterior of a window has the same form with other noise. The encoder gives shifts d, log-variances g, targets y
    and gains K in (0, 1), the latter as those of a Kalman filter: K = 1 moves the state to its target wherever the
    former noise left it, K = 0 leaves it where the prior goes.

        e_t ~ N(mu_t, exp g_t),   mu_t = d_t + K_t (y_t - z_(t-1) A - m_t) / s_t,   mu_0 = d_0

        KL = < sum_t ( exp g_t + mu_t^2 - 1 - g_t ) / 2 >   over draws, of which the loss takes one

    A gain is needed where samples are missing. Between two that were seen noise is free but for its sum; without gains
    each draw would have to be known in advance to arrive, and the states between would be expectations, no draws.

    With d = 0, g = 0 and K = 0 posterior and prior are the same. Training begins with d and g near there after the
    first state, and with gains of 0.12.

    Args:
        latent_dim: k.
        hidden_dim: units of the GRU.
        encoder_dim: units of each direction of the encoder, which gives twice as many features for each sample.

    Reference: naiman2024, vahdat2020, krishnan2017
    """

    def __init__(self, latent_dim, hidden_dim, encoder_dim):
        super().__init__()
        self.latent_dim, self.hidden_dim, self.encoder_dim = latent_dim, hidden_dim, encoder_dim
        turn = TURN * torch.randn(latent_dim, latent_dim)
        self.linear = torch.nn.Parameter(torch.matrix_exp(turn - turn.T))
        self.cell = torch.nn.GRUCell(latent_dim, hidden_dim)
        self.moments = torch.nn.Linear(hidden_dim, 2 * latent_dim)
        self.first = torch.nn.Sequential(
            torch.nn.Linear(4 * encoder_dim, 2 * hidden_dim), torch.nn.SiLU(),
            torch.nn.Linear(2 * hidden_dim, 2 * latent_dim),
        )  # fmt: skip
        self.correction = torch.nn.Linear(2 * encoder_dim, 4 * latent_dim)
        with torch.no_grad():
            for layer in (self.moments, self.correction):
                layer.weight.mul_(SMALL)
                layer.bias.zero_()
            self.moments.bias[latent_dim:] = math.log(INNOVATION_VARIANCE)
            self.correction.bias[3 * latent_dim :] = FIRST_GAIN
            self.first[-1].bias[latent_dim:] = math.log(FIRST_VARIANCE)

    def run(self, noise):
        """(window, time, latent) states from noise of the same shape, standard normal for draws from the prior."""
        z, h = noise[:, 0], noise.new_zeros(len(noise), self.hidden_dim)
        states = [z]
        for e in noise[:, 1:].unbind(1):
            z, h = self.step(z, h, e)
            states.append(z)
        return torch.stack(states, dim=1)

    def step(self, z, h, e):
        """(z_t, h_t) from z_(t-1), h_(t-1) and the noise e_t."""
        foreseen, size, h = self._foresee(z, h)
        return foreseen + size * e, h

    def follow(self, posterior, normal):
        """States of the posterior from standard normal numbers (window, time, latent), the noise, and its means mu.

        Returns:
            (z, e, mu): three tensors of the same shape; z is ``run`` of e.
        """
        sd = torch.exp(0.5 * posterior.log_variance)
        mean, h = posterior.shift[:, 0], normal.new_zeros(len(normal), self.hidden_dim)
        z = mean + sd[:, 0] * normal[:, 0]
        path = [(z, z, mean)]
        for k in range(1, normal.shape[1]):
            foreseen, size, h = self._foresee(z, h)
            mean = posterior.shift[:, k] + posterior.gain[:, k] * (posterior.target[:, k] - foreseen) / size
            e = mean + sd[:, k] * normal[:, k]
            z = foreseen + size * e
            path.append((z, e, mean))
        return tuple(torch.stack(part, dim=1) for part in zip(*path, strict=True))

    def posterior(self, features):
        """The Posterior of windows.

        Args:
            features: (window, time, 2 encoder_dim), those of the forward direction first.
        """
        forward, backward = features.split(self.encoder_dim, dim=2)
        pooled = torch.cat([features.mean(dim=1), forward[:, -1], backward[:, 0]], dim=1)
        first = self.first(pooled)[:, None]
        shift, log_variance, target, gain = self.correction(features[:, 1:]).split(self.latent_dim, dim=2)
        first_shift, first_log_variance = first.split(self.latent_dim, dim=2)
        none = torch.zeros_like(first_shift)
        return Posterior(
            torch.cat([first_shift, shift], dim=1),
            torch.cat([first_log_variance, log_variance], dim=1).clamp(*LOG_VARIANCE_BOUNDS),
            torch.cat([none, target], dim=1), torch.cat([none, torch.sigmoid(gain)], dim=1),
        )  # fmt: skip

    def _foresee(self, z, h):
        """(z A + m, s, h_t): where the prior goes from z_(t-1), h_(t-1) without noise, the size of the latter."""
        h = self.cell(z, h)
        change, log_variance = self.moments(h).split(self.latent_dim, dim=1)
        return z @ self.linear + change, torch.exp(0.5 * log_variance.clamp(*LOG_VARIANCE_BOUNDS)), h


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """What fixes the noise of the posterior of windows: d, g, y and K of ``SequentialPrior``.

    Attributes:
        shift, log_variance, target, gain: (window, time, latent) tensors.
    """

    shift: torch.Tensor
    log_variance: torch.Tensor
    target: torch.Tensor
    gain: torch.Tensor

    def __len__(self):
        return len(self.shift)

    def __getitem__(self, part):
        return Posterior(*(tensor[part] for tensor in self.parts()))

    def parts(self):
        """The four tensors."""
        return self.shift, self.log_variance, self.target, self.gain

    @classmethod
    def joined(cls, posteriors):
        """That of the windows of several, one after the other."""
        return cls(*(torch.cat(tensors) for tensors in zip(*(p.parts() for p in posteriors), strict=True)))


def divergence(mean, log_variance, other_mean=0.0, other_log_variance=0.0):
    """KL(N(m, exp l) || N(m', exp l')), elementwise.

        0.5 (l' - l + (exp l + (m - m')^2) / exp l' - 1)

    Args:
        mean, log_variance: of the first law, tensors.
        other_mean, other_log_variance: of the second, tensors or numbers; by default the standard normal law.
    """
    log_ratio = log_variance - other_log_variance
    distance = (mean - other_mean) ** 2 * torch.exp(-torch.as_tensor(other_log_variance))
    return 0.5 * (torch.exp(log_ratio) + distance - 1 - log_ratio)
