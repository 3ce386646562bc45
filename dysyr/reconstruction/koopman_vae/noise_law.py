"""The law of the noise from which windows are made, fitted to the noise that the posterior finds in the data."""

import copy
import dataclasses
import math

import numpy as np
import torch

from dysyr.reconstruction.koopman_vae.flow import Flow, surprise
from dysyr.reconstruction.koopman_vae.prior import Posterior, SequentialPrior
from dysyr.reconstruction.koopman_vae.training import LARGEST_GRADIENT, rate_at

FIRST, N_HIDDEN = {"n_couplings": 6, "n_hidden": 48}, 32
COUPLINGS, MOST_PARAMETERS = (8, 4), 2.0
"""Of the law of later noise: the first number with which it has at most two parameters for each value of the data."""
FIRST_BATCH, LATER_BATCH, LEARNING_RATE = 512, 128, 3e-3
N_MEMORY, LATER_SHARE, DECAY = 6, 0.5, 1.0
"""Units of the memory, share of the updates and decay of weights and biases of the law of later noise: a record of a
thousand samples that were seen is soon learned by heart."""
N_CHECKS = 10
N_HELD = 2000
STREAM = 0x466C6F77


class NoiseLaw(torch.nn.Module):
    """The law of the noise e of the sequential prior.

        u_0 = f(e_0),   u_t = g(e_t; c_t),   c_t = GRU(c_(t-1); z_(t-1), e_(t-1), m_(t-1)),   u ~ N(0, 1)

    f and g are flows, m = 1 where a sample was seen. A divergence with a small weight leaves the noise of the posterior
    of all windows together far from N(0, 1): windows that are decoded from N(0, 1) are unlike any data. This law closes
    the gap without a change of what was trained. At the beginning it is N(0, 1).

    Where a sample is missing, the noise of the posterior is nearly what was assumed of it, N(0, 1), which says nothing
    about the data: such samples count neither for f nor for g, and what follows them is told so. Windows are drawn as
    if all had been seen.

    Args:
        latent_dim: k.

    Reference: dinh2017, dai2019, loshchilov2019
    """

    def __init__(self, latent_dim):
        super().__init__()
        self.latent_dim = latent_dim
        self.first = Flow(latent_dim, **FIRST)
        self.memory = torch.nn.GRU(2 * latent_dim + 1, N_MEMORY, batch_first=True)
        self.set_couplings(COUPLINGS[0])
        self.centre, self.unit = (torch.nn.Parameter(a, requires_grad=False)
                                  for a in (torch.zeros(latent_dim), torch.ones(latent_dim)))  # fmt: skip

    def set_couplings(self, n):
        """Begin the flow of later noise anew, with ``n`` couplings."""
        self.later = Flow(self.latent_dim, N_MEMORY, n_couplings=n, n_hidden=N_HIDDEN)

    @property
    def n_couplings(self):
        """Couplings of the flow of later noise."""
        return len(self.later.nets)

    def suit(self, n_values):
        """Begin the flow of later noise anew, as large as so many values of the data allow: 8 couplings, or 4."""
        for n in COUPLINGS:
            self.set_couplings(n)
            if sum(p.numel() for p in self.later_part().parameters()) <= MOST_PARAMETERS * n_values:
                break

    def later_part(self):
        """The modules that are fitted to later noise."""
        return torch.nn.ModuleList([self.memory, self.later])

    def forward(self, e, z, seen):
        """(u, log |du/de|) of noise and of the states that it makes.

        Args:
            e, z: (window, time, latent).
            seen: (window, time) 1 where a sample was seen, else 0.

        Returns:
            tensors (window, time, latent) and (window, time).
        """
        u, log_volume = self.first(e[:, 0])
        # The noise of the first sample is its state, which the memory sees already.
        silent = torch.cat([torch.zeros_like(e[:, :1]), e[:, 1:-1]], dim=1)
        context, _ = self.memory(self._given(silent, z[:, :-1], seen[:, :-1]))
        after, volume_after = self.later(e[:, 1:], context)
        return torch.cat([u[:, None], after], dim=1), torch.cat([log_volume[:, None], volume_after], dim=1)

    def run(self, u, prior):
        """States of the prior from standard normal numbers (window, time, latent), and the noise between both.

        Returns:
            (z, e): two tensors of the same shape.
        """
        z = self.first.inverse(u[:, 0])
        e, h, c, seen = torch.zeros_like(z), u.new_zeros(len(u), prior.hidden_dim), None, u.new_ones(len(u), 1)
        states, noise = [z], [z]
        for k in range(1, u.shape[1]):
            context, c = self.memory(self._given(e[:, None], z[:, None], seen), c)
            e = self.later.inverse(u[:, k], context[:, 0])
            z, h = prior.step(z, h, e)
            states.append(z)
            noise.append(e)
        return torch.stack(states, dim=1), torch.stack(noise, dim=1)

    def _given(self, e, z, seen):
        """What the memory sees of samples (window, time)."""
        shown = torch.cat([(z - self.centre) / self.unit, e], dim=2) * seen[..., None]
        return torch.cat([shown, seen[..., None]], dim=2)


@dataclasses.dataclass(frozen=True, eq=False)
class PosteriorNoise:
    """The posterior noise of windows.

    Attributes:
        prior: SequentialPrior that makes states of it.
        posterior: Posterior of the windows.
        seen: (window, time) tensor, 1 where a sample was seen, else 0.
    """

    prior: SequentialPrior
    posterior: Posterior
    seen: torch.Tensor

    def __len__(self):
        return len(self.seen)

    def draw(self, rows, rng):
        """(e, z, seen) of the windows with numbers ``rows``: a draw of the noise, and the states that it makes."""
        posterior, seen = self.posterior[rows], self.seen[rows]
        normal = torch.from_numpy(rng.standard_normal(posterior.shift.shape, dtype=np.float32))
        with torch.no_grad():
            z, e, _ = self.prior.follow(posterior, normal)
        return e, z, seen

    def beginnings(self):
        """The first samples of windows that begin with a sample that was seen; of all where none does."""
        rows = self.seen[:, 0] > 0
        rows = rows if rows.any() else torch.ones_like(rows)
        return PosteriorNoise(self.prior, self.posterior[rows, :1], self.seen[rows, :1])


def fit_law(law, noise, held, *, later, n_updates, seed, bar=None):
    """Maximise the likelihood of posterior noise; what is best on held-out windows is kept.

        min < |u(e)|^2 / 2 - log |du/de| > over samples that were seen,   e ~ posterior of a random window

    Args:
        law: NoiseLaw, which is changed.
        noise, held: PosteriorNoise of training and of held-out windows; where nothing was seen in the latter, the
            former tell what is best.
        later: whether the noise after the first sample is to be learned.
        n_updates: steps of Adam for the first sample; the others have half as many, with a decay of their weights.
        seed: of batches and draws.
        bar: progress bar, or None; it advances by ``n_checks_of(later)``.

    Returns:
        (2,) array: nats by which held-out noise is more likely than by N(0, 1), at the first and at each later sample.
    """

    def first_loss(draw):
        e, _, _ = draw
        return surprise(*law.first(e[:, 0])).mean()

    def later_loss(draw):
        e, z, seen = draw
        u, log_volume = law(e, z, seen)
        counted = seen[:, 1:]
        return (surprise(u, log_volume)[:, 1:] * counted).sum() / counted.sum().clamp(min=1.0)

    with torch.no_grad():
        _, z, _ = noise.draw(_spread(noise), np.random.default_rng([seed, STREAM, 2]))
        law.centre.copy_(z.mean(dim=(0, 1)))
        law.unit.copy_(z.std(dim=(0, 1)) + torch.finfo(z.dtype).eps)
    held = held if held.seen[:, 1:].any() else noise
    gains = np.zeros(2)
    first = (noise.beginnings(), held.beginnings())
    gains[0] = _maximise(law.first, first_loss, *first, FIRST_BATCH, n_updates, 0.0, [seed, STREAM], bar)
    if later:
        part, share = law.later_part(), math.ceil(LATER_SHARE * n_updates)
        gains[1] = _maximise(part, later_loss, noise, held, LATER_BATCH, share, DECAY, [seed, STREAM, 1], bar)
    return gains


def n_checks_of(later):
    """Steps of the progress bar in ``fit_law``."""
    return 2 * N_CHECKS if later else N_CHECKS


def _spread(noise):
    """Numbers of at most 2,000 windows, evenly over all: windows come in the order of time."""
    return np.linspace(0, len(noise) - 1, min(len(noise), N_HELD)).astype(int)


def _maximise(part, loss_of, noise, held, batch_size, n_updates, decay, seed, bar):
    """Adam on a part of the law; returns by how much the loss on held-out noise fell, and leaves the best weights."""
    rng = np.random.default_rng(seed)
    parameters = list(part.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=decay)
    with torch.no_grad():
        shown = held.draw(_spread(held), rng)
        first = best = float(loss_of(shown))
    kept = copy.deepcopy(part.state_dict())
    for check in range(N_CHECKS):
        for k in range(check * n_updates // N_CHECKS, (check + 1) * n_updates // N_CHECKS):
            optimiser.param_groups[0]["lr"] = rate_at((k + 1) / n_updates, LEARNING_RATE)
            optimiser.zero_grad()
            loss_of(noise.draw(rng.integers(0, len(noise), batch_size), rng)).backward()
            torch.nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
            optimiser.step()
        with torch.no_grad():
            value = float(loss_of(shown))
        if value < best:
            best, kept = value, copy.deepcopy(part.state_dict())
        if bar is not None:
            bar.update(1)
    part.load_state_dict(kept)
    return first - best
