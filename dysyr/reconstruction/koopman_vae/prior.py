"""The sequential prior of the latent states, and the posterior that corrects it step by step."""

import math

import torch

FIRST_VARIANCE = 0.1
"""Of the posterior of the first latent state at the beginning."""
INNOVATION_VARIANCE = 0.02
"""Of the change of a latent state that the prior does not foresee, at the beginning."""
TURN = 0.05
"""Size of the generator of A at the beginning, a rotation: states of long windows neither explode nor vanish."""
SMALL = 0.1
LOG_VARIANCE_BOUNDS = (math.log(1e-10), math.log(10.0))


class SequentialPrior(torch.nn.Module):
    """z_0 = e_0;  z_t = z_(t-1) A + m_t + s_t e_t, with m and s of a GRU and e ~ N(0, 1).

        h_t = GRU(z_(t-1), h_(t-1)),   m_t = M h_t,   ln s_t^2 = L h_t

    The posterior of a window has the same form with other noise, e_t ~ N(d_t, exp g_t) where the encoder gives d and g:
    it corrects the prior where the data say so, and costs nothing where they do not.

        KL = sum_t ( exp g_t + d_t^2 - 1 - g_t ) / 2

    With d = 0 and g = 0 posterior and prior are the same; after the first state training begins near there.

    Args:
        latent_dim: k.
        hidden_dim: units of the GRU.
        encoder_dim: units of each direction of the encoder, which gives twice as many features for each sample.

    Reference: naiman2024, vahdat2020
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
        self.correction = torch.nn.Linear(2 * encoder_dim, 2 * latent_dim)
        with torch.no_grad():
            for layer in (self.moments, self.correction):
                layer.weight.mul_(SMALL)
                layer.bias.zero_()
            self.moments.bias[latent_dim:] = math.log(INNOVATION_VARIANCE)
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
        h = self.cell(z, h)
        change, log_variance = self.moments(h).split(self.latent_dim, dim=1)
        return z @ self.linear + change + torch.exp(0.5 * log_variance.clamp(*LOG_VARIANCE_BOUNDS)) * e, h

    def noise_moments(self, features):
        """(d, g) mean and log-variance of the noise of the posterior, each (window, time, latent).

        Args:
            features: (window, time, 2 encoder_dim), those of the forward direction first.
        """
        forward, backward = features.split(self.encoder_dim, dim=2)
        pooled = torch.cat([features.mean(dim=1), forward[:, -1], backward[:, 0]], dim=1)
        given = torch.cat([self.first(pooled)[:, None], self.correction(features[:, 1:])], dim=1)
        mean, log_variance = given.split(self.latent_dim, dim=2)
        return mean, log_variance.clamp(*LOG_VARIANCE_BOUNDS)


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
