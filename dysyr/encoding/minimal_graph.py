"""Minimal deterministic graph of a symbolic code: states are pasts that leave the same futures open."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError
from dysyr.encoding.deterministic_graph import accepted_words, essential, merged, read_words
from dysyr.encoding.entropy import plain_entropy, sampled_length
from dysyr.encoding.futures import Futures, same_distribution, same_support
from dysyr.encoding.spectral_radius import spectral_radius
from dysyr.encoding.transitions import row_stochastic, stationary_distribution


@dataclasses.dataclass(frozen=True, eq=False)
class MinimalGraph:
    """A graph in which no two edges that leave a state carry the same symbol.

    Attributes:
        pasts: tuple of tuples, for each state the shortest past that leads to it.
        source, target, symbol: (n_edges,) the edges.
        count: (n_edges,) how often each is taken where the symbols before leave no doubt about the source.
        probability: (n_edges,) of the edge given its source, from these counts.
        stationary: (n_states,) how often each state is visited, from these probabilities.
        kind: ``"topological"`` (same possible futures) or ``"probabilistic"`` (same distribution of futures).
        past, future: longest past and length of the futures that were compared.
        exact: False where some past had to be shortened to be followed: too long, or seen too seldom.
        memory: None; or n where merging failed, and the graph is the approximation of finite type by words of length n.
        n_accepted: words of the longest counted length that the graph can produce.
        n_observed: words of that length that occur.
        n_rejected: words that occur and that the graph cannot produce.
        rejected: their share of all occurrences.
    """

    pasts: tuple
    source: np.ndarray
    target: np.ndarray
    symbol: np.ndarray
    count: np.ndarray
    probability: np.ndarray
    stationary: np.ndarray
    kind: str
    past: int
    future: int
    exact: bool
    memory: int | None
    n_accepted: int
    n_observed: int
    n_rejected: int
    rejected: float

    @property
    def n_states(self):
        """Number of states."""
        return len(self.pasts)

    @property
    def topological_entropy(self):
        """ln of the Perron root of the graph, nats per step; -inf for a graph without cycles."""
        radius = spectral_radius(self.source, self.target, self.n_states) if self.n_states else 0.0
        return float(np.log(radius)) if radius > 0 else -np.inf

    @property
    def entropy_rate(self):
        """- sum over states and edges of pi_s p ln p, nats per step."""
        p = self.probability
        return float(max(0.0, -(self.stationary[self.source] * p * np.log(np.where(p > 0, p, 1.0))).sum()))

    @property
    def statistical_complexity(self):
        """Entropy of the visits to states, nats: what the past tells about the future has to be kept in them."""
        return plain_entropy(self.stationary[self.stationary > 0])

    def summary(self):
        """JSON-ready dict."""
        h = self.topological_entropy
        return {
            "kind": self.kind, "n_states": self.n_states, "past": self.past, "future": self.future,
            "exact": self.exact, "memory": self.memory, "topological_entropy": h if np.isfinite(h) else None,
            "entropy_rate": self.entropy_rate, "statistical_complexity": self.statistical_complexity,
            "n_accepted": self.n_accepted, "n_observed": self.n_observed, "n_rejected": self.n_rejected,
            "rejected": self.rejected,
            "states": [
                {"state": i, "past": list(past), "stationary": float(self.stationary[i])}
                for i, past in enumerate(self.pasts)
            ],
            "edges": [
                {"source": int(s), "target": int(t), "symbol": int(a), "count": int(c), "probability": float(p)}
                for s, t, a, c, p in zip(
                    self.source, self.target, self.symbol, self.count, self.probability, strict=True
                )
            ],
        }  # fmt: skip


def minimal_graph(
    tables, *, kind="topological", past=None, future=None, min_count=50, significance=1e-3, tolerance=0.02,
    max_states=256, max_rejected=0.01, max_excess=2.0,
):  # fmt: skip
    """Merge pasts that have the same futures, and keep what recurs.

    Pasts are tried from the shortest on, each continued by one symbol at a time. A past whose futures are those of a
    state found before belongs to that state; otherwise it is a new one (subtree merging). "The same" means

    * topological: no future that follows one past is missing after the other, unless so few occurrences would be
      missing by chance with a probability above ``significance`` (shared over all futures);
    * probabilistic: the distributions of futures differ by less than ``tolerance`` in total variation, or no more than
      a chi-square test at level ``significance`` allows.

    Of the resulting graph the components that are never left remain. In the topological graph, states from which the
    same words can be read are merged at last, which gives the unique minimal right-resolving presentation, the Shannon
    cover, of an irreducible sofic shift when past and future are long enough.

    Futures that are too short to tell pasts apart (a flow sampled so finely that symbols last longer than they) can end
    in a graph that rejects words that occur, or accepts many that do not. The measure is the code's approximation of
    finite type: its states are the words of length n, n at most ``past`` and such that words of length n + 1 are well
    sampled, merged where the same words can be read from them. It is returned where the merged graph rejects more than
    ``max_rejected`` or accepts more than ``max_excess`` times as many words.

    Args:
        tables: WordTables of length 1, 2, ..., K.
        kind: ``"topological"`` | ``"probabilistic"``.
        past: longest past that is compared; by default what is left of K after the future.
        future: length of the futures that are compared; by default K // 2, and at most 3 for the probabilistic graph.
        min_count: pasts of more than one symbol that occur less often are judged by their latest symbols instead.
        significance: probability at which a difference is taken for chance.
        tolerance: total variation below which distributions are the same.
        max_states: once there are so many, pasts with new futures are shortened too.
        max_rejected: largest share of occurrences that a merged graph may reject.
        max_excess: largest number of words it may accept, relative to the approximation of finite type.

    Returns:
        MinimalGraph. Look at ``exact``, at ``rejected`` (should be 0) and at n_accepted / n_observed (1 where the graph
        explains which words occur): a code that no small graph presents shows there.

    Raises:
        InputError: unknown kind, or past and future that do not fit the words.

    Reference: crutchfield1989, lind1995
    """
    k = len(tables)
    if kind not in ("topological", "probabilistic"):
        raise InputError("unknown kind of graph", got=repr(kind), expected="'topological' or 'probabilistic'")
    if future is None:
        future = max(k // 2, 1) if kind == "topological" else min(max(k // 2, 1), 3)
    past = k - future if past is None else past
    if future < 1 or past < 1 or past + future > k:
        raise InputError(
            "past and future do not fit the words", got=f"past={past}, future={future}",
            expected=f"at least 1 each, and together at most {k}, the longest word",
        )  # fmt: skip
    search = _Search(Futures(tables, past, future), kind, min_count, significance, tolerance, max_states)
    search.run()
    about = {"kind": kind, "past": past, "future": future}
    groups = _closed_groups(search.n_states, search.edges, kind)
    heads = [search.futures.word(head) for head in search.heads]
    graph = _assembled(tables, groups, heads, search.edges, exact=search.exact, memory=None, **about)
    longest = min(past, sampled_length(tables) - 1)
    memory = max([n for n in range(1, longest + 1) if tables[n - 1].n_words <= max_states], default=1)
    finite = _of_finite_type(tables, memory, about)
    good = graph.n_states and graph.rejected <= max_rejected and graph.n_accepted <= max_excess * finite.n_accepted
    return graph if good else finite


def _of_finite_type(tables, memory, about):
    """The graph whose states are the words of length ``memory``."""
    following = tables[memory]
    symbols = following.words[:, -1].tolist()
    steps = zip(following.prefix.tolist(), symbols, following.suffix.tolist(), strict=True)
    edges = {(before, symbol): after for before, symbol, after in steps}
    groups = _closed_groups(tables[memory - 1].n_words, edges, about["kind"])
    heads = [tuple(word) for word in tables[memory - 1].words.tolist()]
    return _assembled(tables, groups, heads, edges, exact=False, memory=memory, **about)


def _closed_groups(n_states, edges, kind):
    """For each state that recurs the one that stands for it."""
    keep = essential(n_states, edges)
    return merged(keep, edges) if kind == "topological" else {state: state for state in keep}


class _Search:
    """Breadth-first search for states."""

    def __init__(self, futures, kind, min_count, significance, tolerance, max_states):
        self.futures = futures
        self.kind, self.min_count = kind, min_count
        self.significance, self.tolerance, self.max_states = significance, tolerance, max_states
        self.heads, self.profiles = [], []
        self.edges = {}
        self.known = {}
        self.exact = True

    @property
    def n_states(self):
        return len(self.heads)

    def run(self):
        self._state_of((0, 0))
        done = 0
        while done < self.n_states:
            for symbol, child in self.futures.children(self.heads[done]):
                self.edges[done, symbol] = self._state_of(child)
            done += 1

    def _state_of(self, node):
        """The state a past belongs to; pasts that cannot be judged are shortened from their beginning."""
        if node not in self.known:
            length, _ = node
            state = None
            if length < 2 or (length <= self.futures.past and self.futures.count(node) >= self.min_count):
                state = self._matched(node)
            if state is None:
                self.exact = False
                state = self._state_of((length - 1, self.futures.without_first(node)))
            self.known[node] = state
        return self.known[node]

    def _matched(self, node):
        """The closest of the states with the same futures, a new one where there is none; None if none may be new."""
        profile = self.futures.profile(node)
        alike = [state for state, other in enumerate(self.profiles) if self._same(profile, other)]
        if alike:
            shares = [self.profiles[state] / max(self.profiles[state].sum(), 1) for state in alike]
            distances = [np.abs(profile / max(profile.sum(), 1) - share).sum() for share in shares]
            return alike[int(np.argmin(distances))]
        if self.n_states == self.max_states:
            return None
        self.heads.append(node)
        self.profiles.append(profile)
        return self.n_states - 1

    def _same(self, a, b):
        if self.kind == "topological":
            return same_support(a, b, self.significance)
        return same_distribution(a, b, self.significance, self.tolerance)


def _assembled(tables, groups, heads, edges, **about):
    """The MinimalGraph of the kept states; ``groups`` names for each of them the one it is merged into."""
    order = sorted(set(groups.values()))
    number = {state: order.index(group) for state, group in groups.items()}
    follow = np.full((len(order), tables[0].n_words), -1)
    for (state, symbol), target in edges.items():
        if state in groups and target in groups:
            follow[number[state], symbol] = number[target]
    readable, counts = read_words(follow, tables)
    source, symbol = np.nonzero(follow >= 0)
    target = follow[source, symbol]
    flow = np.zeros((len(order), len(order)))
    np.add.at(flow, (source, target), counts[source, symbol])
    longest = tables[-1]
    return MinimalGraph(
        pasts=tuple(heads[state] for state in order), source=source, target=target, symbol=symbol,
        count=counts[source, symbol], probability=row_stochastic(counts)[source, symbol],
        stationary=stationary_distribution(flow), n_accepted=accepted_words(follow, len(tables)),
        n_observed=longest.n_words, n_rejected=int((~readable).sum()),
        rejected=float(longest.counts[~readable].sum() / longest.counts.sum()), **about,
    )  # fmt: skip
