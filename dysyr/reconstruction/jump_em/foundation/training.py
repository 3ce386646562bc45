"""Training of the network: likelihood of edges, rates and initial distributions under its posterior.

    loss = mean over pairs of   - ln p - ln Gamma(q; shape, mean)   where there is an edge,   - ln(1 - p)   where not
           + mean over states of   - pi ln pi_hat

Contexts with a rate beyond the published range count a fifth: one short path with mislabels looks like fast rates, and
what the network then says is a matter of how common these are. The step goes to zero at the end. What is kept is the
running mean of the weights, as it was at the check at which the loss of the held-out contexts was least.
"""

import copy
import math

import numpy as np
import torch
from tqdm import tqdm

from dysyr.reconstruction.jump_em.foundation.network import new_network
from dysyr.reconstruction.jump_em.foundation.prior import LARGEST_RATE
from dysyr.reconstruction.jump_em.foundation.statistics import codes_of, log_starts
from dysyr.training.device import LossAndGradient

LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 2e-3, 0.02, 300
BATCH = 64
AVERAGED = 0.998
"""Share of the running mean that a step keeps."""
LARGEST_GRADIENT = 1.0
BEYOND = 0.2
"""Weight of contexts with a rate per unit beyond the published law."""


class Batches:
    """Codes and truths of examples, as tensors, in batches of equally many states.

    Args:
        examples: dict number of states -> Examples.
        device: where they lie.
    """

    def __init__(self, examples, device="cpu"):
        self.parts, self.sizes = {}, {}
        for n, each in examples.items():
            codes = codes_of(each.statistics)
            start = log_starts(each.statistics.first)
            arrays = (
                codes.pairs, codes.states, codes.whole, codes.log_rates, codes.spread, each.rates, start, each.initial,
                np.where(each.rates.max(axis=(1, 2)) > LARGEST_RATE, BEYOND, 1.0),
            )  # fmt: skip
            self.parts[n] = [torch.as_tensor(np.asarray(array, dtype=np.float32), device=device) for array in arrays]
            self.sizes[n] = len(each)

    def scales(self):
        """Means and standard deviations of the codes over all examples, for the buffers of the network."""
        found = {}
        for name, place in (("pair", 0), ("state", 1), ("whole", 2)):
            rows = []
            for n, part in self.parts.items():
                values = part[place]
                rows.append(
                    values[:, ~torch.eye(n, dtype=torch.bool, device=values.device)] if name == "pair" else values
                )
            flat = torch.cat([row.reshape(-1, row.shape[-1]) for row in rows])
            found[f"{name}_mean"], found[f"{name}_scale"] = flat.mean(dim=0), flat.std(dim=0) + 1e-3
        return found

    def draw(self, rng, size):
        """(states, batch) of one number of states, chosen in proportion to how often it occurs."""
        sizes = np.array(list(self.sizes.values()), dtype=float)
        n = int(rng.choice(list(self.sizes), p=sizes / sizes.sum()))
        rows = torch.as_tensor(rng.integers(0, self.sizes[n], size), device=self.parts[n][0].device)
        return n, [part[rows] for part in self.parts[n]]

    def all(self, size=256):
        """Every example once, in batches."""
        for part in self.parts.values():
            for k in range(0, len(part[0]), size):
                yield [values[k : k + size] for values in part]


def losses(network, batch):
    """Loss of each example of a batch.

    Args:
        network: PairNetwork.
        batch: list of tensors of ``Batches``.

    Returns:
        (example,) mean over pairs of minus the log posterior density of the truth, in nats; (example,) cross-entropy
        of the initial distribution; (example,) weights.
    """
    pairs, states, whole, log_rates, spread, rates, start, initial, weight = batch
    logit, shift, log_spread, correction = network(pairs, states, whole)
    n = rates.shape[1]
    off = ~torch.eye(n, dtype=torch.bool, device=rates.device)
    edge = rates > 0
    log_mean, log_cv = log_rates + spread * shift, torch.log(spread) + log_spread
    shape = torch.exp(-2 * log_cv)
    value = torch.where(edge, rates, torch.ones_like(rates))
    ratio = torch.log(value) - log_mean
    gamma = shape * (torch.log(shape) + ratio - torch.exp(ratio)) - torch.lgamma(shape) - torch.log(value)
    present = torch.nn.functional.logsigmoid(logit) + gamma
    said = torch.where(edge, present, torch.nn.functional.logsigmoid(-logit))
    nats = -(said * off).sum(dim=(1, 2)) / (n * (n - 1))
    cross = -(initial * torch.log_softmax(start + correction, dim=1)).sum(dim=1)
    return nats, cross, weight


def train(
    examples, held_out, *, n_updates, seed=0, sizes=None, batch_size=BATCH, learning_rate=LEARNING_RATE, device="cpu",
    progress=True, log=None,
):  # fmt: skip
    """Train a network.

    Args:
        examples: dict number of states -> Examples.
        held_out: the same, on which the weights are judged.
        n_updates: steps.
        seed: of the first weights and of the batches.
        sizes: dict of arguments of PairNetwork, or None.
        batch_size: examples of a step.
        learning_rate: largest step of AdamW.
        device: "cpu" or "cuda".
        progress: show a bar when standard error is a terminal.
        log: function of one line of text, called at each check, or None.

    Returns:
        PairNetwork on the processor, and dict ``update``, ``loss`` (training), ``held_out`` of
        each check, as lists.
    """
    rng = np.random.default_rng([seed, 0x70726574])
    network = new_network(seed, **(sizes or {})).to(device)
    training, judging = Batches(examples, device), Batches(held_out, device)
    network.load_state_dict({**network.state_dict(), **training.scales()})
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY)
    steps = {n: _Step(network) for n in training.parts}
    history, recent = {"update": [], "loss": [], "held_out": []}, []
    for update in tqdm(range(1, n_updates + 1), desc="network", unit="update", disable=None if progress else True):
        rate = min(update / WARM_UP, 0.5 * (1 + math.cos(math.pi * update / n_updates)))
        optimiser.param_groups[0]["lr"] = learning_rate * rate
        n, batch = training.draw(rng, batch_size)
        optimiser.zero_grad(set_to_none=False)
        nats = steps[n](batch)
        torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        keep = min(AVERAGED, update / (update + 10))
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        recent.append(nats)
        if update % max(n_updates // 20, 1) == 0 or update == n_updates:
            history["update"].append(update)
            history["loss"].append(float(np.mean(recent)))
            history["held_out"].append(mean_loss(averaged, judging))
            if history["held_out"][-1] == min(history["held_out"]):
                best = copy.deepcopy(averaged.state_dict())
            recent = []
            if log is not None:
                log(f"update {update}: loss {history['loss'][-1]:.4f}, held out {history['held_out'][-1]:.4f}")
    averaged.load_state_dict(best)
    return averaged.cpu(), history


class _Step:
    """Gradient of the loss of batches of one number of states; called, it gives their mean nats per pair."""

    def __init__(self, network):
        self.network = network
        self._gradient = LossAndGradient(self._loss, list(network.parameters()))

    def __call__(self, batch):
        self._gradient(*batch)
        return float(self._nats)

    def _loss(self, *batch):
        nats, cross, weight = losses(self.network, batch)
        self._nats = nats.mean().detach()
        return (weight * (nats + cross)).sum() / weight.sum()


@torch.no_grad()
def mean_loss(network, batches):
    """Weighted mean over all examples of minus the log posterior density of the truth, per pair, in nats."""
    found = [losses(network, batch) for batch in batches.all()]
    nats, weight = (torch.cat([each[k] for each in found]) for k in (0, 2))
    return float((weight * nats).sum() / weight.sum())
