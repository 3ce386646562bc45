"""Maximum likelihood of measured outcomes, stopped where outcomes that were left out are most likely."""

import numpy as np
import torch

from dysyr.reconstruction.povm_transformer.string_state import new_state

UPDATES_PER_CHECK = 5
PATIENCE = 10
"""Checks without a better held-out likelihood after which the fit ends."""
BATCH = 4096
"""Different strings of an update; more are drawn afresh for each."""
DECAY = (0.9, 0.999)
SMALL = 1e-8
STREAM = 0x6C696B65


class OutcomeLikelihood:
    """Fits a network to all outcomes, and beside it one to all but each fold, which tells when to stop.

    .. math:: L = \\frac1n \\sum_{i=1}^n \\log P(a_i)

    All networks begin at the product of the outcomes' marginal distributions, each outcome counted one half more than
    it was seen, and take the same number of Adam steps. The parameters kept are those of the network of all outcomes
    at the check with the best mean log-likelihood of held-out ones.

    Args:
        outcomes: int64 array (shot, site).
        orders: (K, site), see ``StringState``.
        sizes: of a ``CausalTransformer``.
        n_folds: number of folds.
        n_updates: most updates.
        learning_rate: of Adam.
        seed: of folds, initial parameters and batches.

    Attributes:
        history: dict of lists: update, log-likelihood of the fitted outcomes, of held-out ones.
        best: (held-out log-likelihood, update, parameters).
    """

    def __init__(self, outcomes, orders, sizes, *, n_folds, n_updates, learning_rate, seed):
        self.n_updates, self.learning_rate, self.seed = n_updates, learning_rate, seed
        n = len(outcomes)
        fold = np.random.default_rng([seed, STREAM]).permutation(n) % n_folds
        parts = [np.ones(n, bool), *(fold != k for k in range(n_folds))]
        self._fits = [_Fit(outcomes[part], orders, sizes, seed) for part in parts]
        self._held = [self._fits[0].state.distinct(outcomes[fold == k]) for k in range(n_folds)]
        self._n = n
        self.update = 0
        self.history = {"update": [], "log_likelihood": [], "held_out": []}
        self.best = (-np.inf, 0, self._fits[0].theta)
        self._check()

    @property
    def finished(self):
        """Whether the last update is made, or held-out outcomes have long become less likely."""
        return self.update >= self.n_updates or self.update - self.best[1] > PATIENCE * UPDATES_PER_CHECK

    def advance(self):
        """Updates up to the next check."""
        for _ in range(min(UPDATES_PER_CHECK, self.n_updates - self.update)):
            self.update += 1
            for k, fit in enumerate(self._fits):
                rng = np.random.default_rng([self.seed, STREAM, k, self.update])
                fit.adam(self.learning_rate, self.update, rng)
        self._check()

    def state_of_best(self):
        """The StringState of the best check."""
        state = self._fits[0].state
        state.set_theta(self.best[2])
        return state

    def saved(self):
        """(arrays, numbers) from which ``restore`` goes on."""
        arrays = {"best": self.best[2].numpy()}
        for k, fit in enumerate(self._fits):
            arrays |= {f"{name}_{k}": value.numpy() for name, value in fit.saved().items()}
        return arrays, {"update": self.update, "best": list(self.best[:2]), "history": self.history}

    def restore(self, arrays, numbers):
        """Go on from what ``saved`` gave."""
        for k, fit in enumerate(self._fits):
            fit.restore({name: torch.tensor(arrays[f"{name}_{k}"]) for name in ("theta", "mean", "square")})
        self.update, self.history = numbers["update"], numbers["history"]
        self.best = (*numbers["best"], torch.tensor(arrays["best"]))

    def _check(self):
        pairs = zip(self._fits[1:], self._held, strict=True)
        held = sum(counts @ fit.state.log_probabilities(strings) for fit, (strings, counts) in pairs) / self._n
        own = self._fits[0]
        row = (self.update, float(own.shares @ own.state.log_probabilities(own.strings)), float(held))
        for column, entry in zip(self.history.values(), row, strict=True):
            column.append(entry)
        if held > self.best[0]:
            self.best = (float(held), self.update, own.theta)


class _Fit:
    """One network on its outcomes, with the moments of Adam."""

    def __init__(self, outcomes, orders, sizes, seed):
        n, n_sites = outcomes.shape
        counts = np.stack([np.bincount(outcomes[:, site], minlength=4) for site in range(n_sites)])
        # sites that the orders exchange share their marginals
        counts = np.mean([counts[order] for order in orders], axis=0)
        self.state = new_state(n_sites, np.log((counts + 0.5) / (n + 2.0)), orders, seed=seed, **sizes)
        self.strings, found = self.state.distinct(outcomes)
        self.shares = found / n
        self.mean = torch.zeros(self.state.n_parameters, dtype=torch.float64)
        self.square = torch.zeros_like(self.mean)

    @property
    def theta(self):
        return self.state.theta

    def adam(self, learning_rate, update, rng):
        """One step of Adam, along the gradient over all strings or over a batch drawn by their shares."""
        strings, shares = self.strings, self.shares
        if len(strings) > BATCH:
            at, counts = np.unique(rng.choice(len(strings), BATCH, p=shares), return_counts=True)
            strings, shares = strings[at], counts / BATCH
        parameters = list(self.state.network.parameters())
        loss = -(torch.as_tensor(shares) * self.state(torch.as_tensor(strings))).sum()
        gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, parameters)])
        self.mean = DECAY[0] * self.mean + (1 - DECAY[0]) * gradient
        self.square = DECAY[1] * self.square + (1 - DECAY[1]) * gradient**2
        mean, square = self.mean / (1 - DECAY[0] ** update), self.square / (1 - DECAY[1] ** update)
        self.state.set_theta(self.theta - learning_rate * mean / (square.sqrt() + SMALL))

    def saved(self):
        return {"theta": self.theta, "mean": self.mean, "square": self.square}

    def restore(self, arrays):
        self.state.set_theta(arrays["theta"])
        self.mean, self.square = arrays["mean"], arrays["square"]
