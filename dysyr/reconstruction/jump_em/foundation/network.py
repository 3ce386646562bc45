"""The network: equivariant under relabelling of the states, for any number of them.

There is a token for each ordered pair of states. In every round it hears the token of the reversed pair, the means over
what leaves and what enters either of its states, and the mean over all:

    h_ij <- h_ij + W gelu(A h_ij + B h_ji + C r_i + D c_j + E c_i + F r_j + G m)
    r_i = mean_j h_ij,   c_j = mean_i h_ij,   m = mean of all

with h normalised before. It ends in three numbers for each pair: a logit of the edge being there, and the centre
and the spread of its rate relative to the base, zero before training; and in one number for each state, the correction
of the logarithm of its initial probability:

    ln mean = ln q + s d,   coefficient of variation = s exp(e),   s = (E[N] + a)^(-1/2)
    q_ij | edge ~ Gamma(shape 1 / cv^2, mean)
"""

import torch

WIDTH, INNER, ROUNDS = 64, 96, 4
N_PAIR_CODES, N_STATE_CODES, N_WHOLE_CODES = 9, 11, 8
FIRST_LOGIT = 3.0
LARGEST_SHIFT = 6.0
LARGEST_LOG_CV = 2.0


class Round(torch.nn.Module):
    """One exchange between pairs; (batch, state, state, width) in and out."""

    def __init__(self, width, inner):
        super().__init__()
        self.norm = torch.nn.LayerNorm(width)
        self.own, self.reverse = torch.nn.Linear(width, inner), torch.nn.Linear(width, inner, bias=False)
        self.leaving = torch.nn.Linear(width, 2 * inner, bias=False)
        self.entering = torch.nn.Linear(width, 2 * inner, bias=False)
        self.everything = torch.nn.Linear(width, inner, bias=False)
        self.out = torch.nn.Linear(inner, width)

    def forward(self, h, off):
        """h with what the others said added; off: (state, state, 1), 1 off the diagonal."""
        x = self.norm(h) * off
        n = h.shape[1] - 1
        rows, columns = x.sum(dim=2) / n, x.sum(dim=1) / n
        row_here, row_there = self.leaving(rows).chunk(2, dim=-1)
        column_there, column_here = self.entering(columns).chunk(2, dim=-1)
        of_source = (row_here + column_here)[:, :, None]
        of_target = (row_there + column_there)[:, None, :]
        mean = self.everything(rows.mean(dim=1))[:, None, None]
        said = self.own(x) + self.reverse(x.transpose(1, 2)) + of_source + of_target + mean
        return h + self.out(torch.nn.functional.gelu(said)) * off


def new_network(seed=0, **sizes):
    """A PairNetwork with first weights of a seed; the global generator of torch is left alone.

    Args:
        seed: of the weights.
        **sizes: arguments of PairNetwork.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PairNetwork(**sizes)


class PairNetwork(torch.nn.Module):
    """Codes to the posterior of the rates.

    Args:
        width: of a token.
        inner: width between the layers of a round.
        rounds: number of exchanges.
    """

    def __init__(self, width=WIDTH, inner=INNER, rounds=ROUNDS):
        super().__init__()
        self.sizes = {"width": width, "inner": inner, "rounds": rounds}
        for name, size in (("pair", N_PAIR_CODES), ("state", N_STATE_CODES), ("whole", N_WHOLE_CODES)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        self.enter_pair = torch.nn.Linear(2 * N_PAIR_CODES, width)
        self.enter_state = torch.nn.Linear(N_STATE_CODES, 2 * width, bias=False)
        self.enter_whole = torch.nn.Linear(N_WHOLE_CODES, width, bias=False)
        self.rounds = torch.nn.ModuleList([Round(width, inner) for _ in range(rounds)])
        self.norm = torch.nn.LayerNorm(width)
        self.pair_head = torch.nn.Linear(width, 3)
        self.state_head = torch.nn.Linear(2 * width, 1)
        for head in (self.pair_head, self.state_head):
            torch.nn.init.zeros_(head.weight)
            torch.nn.init.zeros_(head.bias)
        with torch.no_grad():
            self.pair_head.bias[0] = FIRST_LOGIT

    def forward(self, pairs, states, whole):
        """Heads of the network.

        Args:
            pairs: (batch, state, state, code).
            states: (batch, state, code).
            whole: (batch, code).

        Returns:
            edge logit, shift d, log spread e, each (batch, state, state), meaningless on the diagonal; and the
            correction of the log initial probabilities (batch, state).
        """
        n = pairs.shape[1]
        off = (1 - torch.eye(n, dtype=pairs.dtype, device=pairs.device))[..., None]
        pairs = (pairs - self.pair_mean) / self.pair_scale * off
        source, target = self.enter_state((states - self.state_mean) / self.state_scale).chunk(2, dim=-1)
        h = self.enter_pair(torch.cat([pairs, pairs.transpose(1, 2)], dim=-1)) + source[:, :, None] + target[:, None, :]
        h = (h + self.enter_whole((whole - self.whole_mean) / self.whole_scale)[:, None, None]) * off
        for each in self.rounds:
            h = each(h, off)
        h = self.norm(h) * off
        logit, shift, log_spread = self.pair_head(h).unbind(dim=-1)
        ends = torch.cat([h.sum(dim=2), h.sum(dim=1)], dim=-1) / (n - 1)
        shift = LARGEST_SHIFT * torch.tanh(shift / LARGEST_SHIFT)
        log_spread = LARGEST_LOG_CV * torch.tanh(log_spread / LARGEST_LOG_CV)
        return logit, shift, log_spread, self.state_head(ends)[..., 0]
