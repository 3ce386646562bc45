"""A symbolic code: sequences of symbols, and what is counted in them."""

import dataclasses
import functools
import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.encoding import entropy, transitions
from dysyr.encoding.dwell import dwell_times, dwell_times_of_runs
from dysyr.encoding.jumps import jump_code
from dysyr.encoding.minimal_graph import minimal_graph
from dysyr.encoding.relabelling import pack_bits
from dysyr.encoding.summary import summary, summary_text
from dysyr.encoding.words import count_words, minimal_forbidden_words


@dataclasses.dataclass(frozen=True, eq=False)
class Encoding:
    """Sequences of symbols 0, 1, ... in order of visits, and what follows from them.

    Words and transitions never cross from one stretch to the next. Everything counted is computed when it is first
    asked for, and kept. Entropies are in nats per step; ``per_time`` turns them into nats per time unit. A step is a
    sample, or a jump from one symbol to another in the code that ``jumps`` returns.

    Attributes:
        symbols: tuple of (time,) int64 arrays, one per gap-free stretch.
        start_times: tuple of float, the time of each stretch's first symbol.
        trajectories: tuple of int, the trajectory each stretch belongs to.
        dt: time of a step: the sampling interval, or the mean time from jump to jump.
        names: tuple of str, what each symbol was called at its source: the bits of a region, or a label.
        bits: (n_symbols, n_bits) bool, the region of each symbol; None where symbols are labels.
        max_word: longest word that is counted.
        source: JSON-ready dict of where the symbols come from.
        observed: tuple of (time, n_observed) arrays, what is observed at each symbol, in data units; None where it is
            not known.
        variables: tuple of str, the names of what is observed.
        durations: tuple of (time,) arrays, how long each symbol lasts, in time units; None where each lasts dt. The
            first and the last of a stretch are cut off.
    """

    symbols: tuple
    start_times: tuple
    trajectories: tuple
    dt: float
    names: tuple
    bits: np.ndarray | None = None
    max_word: int = 10
    source: dict = dataclasses.field(default_factory=dict)
    observed: tuple | None = None
    variables: tuple = ()
    durations: tuple | None = None

    def __post_init__(self):
        if max((len(stretch) for stretch in self.symbols), default=0) < 2:
            raise InputError(
                "no two symbols follow each other", got=f"{len(self.symbols)} stretches of at most one sample",
                expected="a stretch without gaps of at least 2 samples",
            )  # fmt: skip
        if isinstance(self.max_word, bool) or not isinstance(self.max_word, (int, np.integer)) or self.max_word < 2:
            raise InputError("max_word is not a word length", got=repr(self.max_word), expected="a whole number from 2")

    @property
    def n_symbols(self):
        """Size of the alphabet: symbols that occur."""
        return len(self.names)

    @property
    def n_samples(self):
        """Number of symbols in all stretches."""
        return sum(len(stretch) for stretch in self.symbols)

    @functools.cached_property
    def visits(self):
        """(n_symbols,) how often each symbol occurs."""
        return np.bincount(np.concatenate(self.symbols), minlength=self.n_symbols)

    @functools.cached_property
    def transition_counts(self):
        """(n_symbols, n_symbols) C_ij, how often j follows i one step later, self-transitions included."""
        return transitions.transition_counts(self.symbols, self.n_symbols)

    @functools.cached_property
    def transition_matrix(self):
        """(n_symbols, n_symbols) P_ij = C_ij / sum_j C_ij; a row of zeros where i is only seen last."""
        return transitions.row_stochastic(self.transition_counts)

    @functools.cached_property
    def transition_stderr(self):
        """(n_symbols, n_symbols) standard errors of P_ij for a Markov chain, see ``markov_stderr``."""
        return transitions.markov_stderr(self.transition_counts)

    @functools.cached_property
    def transition_stderr_blocks(self):
        """(n_symbols, n_symbols) standard errors of P_ij that allow for longer memory, see ``jackknife_stderr``."""
        return transitions.jackknife_stderr(self.symbols, self.n_symbols)

    @functools.cached_property
    def adjacency(self):
        """(n_symbols, n_symbols) bool, which transitions occur."""
        return self.transition_counts > 0

    @functools.cached_property
    def stationary(self):
        """(n_symbols,) stationary distribution of the transition matrix, see ``stationary_distribution``."""
        return transitions.stationary_distribution(self.transition_counts)

    @functools.cached_property
    def word_tables(self):
        """tuple of WordTable of length 1, 2, ... up to ``max_word`` or the longest stretch."""
        return count_words(self.symbols, self.n_symbols, self.max_word)

    def words(self, length):
        """The words of one length.

        Args:
            length: from 1 to the longest that was counted.

        Returns:
            WordTable.

        Raises:
            InputError: words of that length were not counted.
        """
        if not 1 <= length <= len(self.word_tables):
            raise InputError(
                "words of that length were not counted", got=f"length {length}",
                expected=f"1 to {len(self.word_tables)}", do="encode with a larger max_word, or longer stretches",
            )  # fmt: skip
        return self.word_tables[length - 1]

    @functools.cached_property
    def forbidden_words(self):
        """list of ForbiddenWord, the minimal ones as far as words are well sampled, the most expected first.

        See ``minimal_forbidden_words`` for others; beyond ``sampled_length`` most of them are words that were missed.
        """
        found = minimal_forbidden_words(self.word_tables, self.sampled_length)
        return sorted(found, key=lambda word: -word.expected)

    @functools.cached_property
    def sampled_length(self):
        """Longest word length at which words are still well sampled, see ``entropy.sampled_length``."""
        return entropy.sampled_length(self.word_tables)

    @functools.cached_property
    def topological_entropies(self):
        """TopologicalEntropies by block length, nats per step."""
        return entropy.topological_entropies(self.word_tables)

    @property
    def topological_entropy(self):
        """h_n at the longest n, at least 1, for which words of length n + 1 are well sampled, nats per step."""
        n = min(max(self.sampled_length - 1, 1), len(self.word_tables) - 1)
        return float(self.topological_entropies.graph[n - 1])

    @functools.cached_property
    def block_entropies(self):
        """BlockEntropies by block length, nats."""
        return entropy.block_entropies(self.word_tables)

    @functools.cached_property
    def entropy_rates(self):
        """(k,) h_n = H_{n+1} - H_n for n = 0, 1, ... (h_0 = H_1), Grassberger's estimates, nats per step."""
        return np.diff(self.block_entropies.grassberger, prepend=0.0)

    @property
    def metric_entropy(self):
        """h_n at the longest n for which words of length n + 1 are well sampled, nats per step; 0 where it is below."""
        return float(max(0.0, self.entropy_rates[self.sampled_length - 1]))

    @functools.cached_property
    def markov_rate(self):
        """Entropy rate of the transition matrix: what the next symbol has left if only the present one is known."""
        return entropy.markov_rate(self.transition_matrix, self.stationary)

    def per_time(self, per_step):
        """A rate per step as a rate per time unit."""
        return per_step / self.dt

    @functools.cached_property
    def dwell_times(self):
        """list of DwellTimes, one per symbol."""
        if self.durations is not None:
            return dwell_times_of_runs(self.symbols, self.durations, self.n_symbols)
        return dwell_times(self.symbols, self.n_symbols, self.dt)

    @functools.cached_property
    def minimal_graph(self):
        """MinimalGraph of the words that occur, with the defaults of ``minimal_graph``."""
        return minimal_graph(self.word_tables)

    def times(self, stretch):
        """(time,) times at which the symbols of one stretch begin."""
        if self.durations is not None:
            return self.start_times[stretch] + np.cumsum(np.r_[0.0, self.durations[stretch][:-1]])
        return self.start_times[stretch] + self.dt * np.arange(len(self.symbols[stretch]))

    @property
    def step(self):
        """What a step is: ``"sample"`` or ``"jump"``."""
        return "sample" if self.durations is None else "jump"

    def jumps(self):
        """The code of symbols entered one after the other: each run of one symbol collapsed into one entry.

            s_0 s_0 s_0 s_1 s_2 s_2  ->  s_0 s_1 s_2,  with durations 3 dt, dt, 2 dt

        Finely sampled flows stay in a region for many steps, so that words of some steps say little; words of jumps
        reach further. Symbols keep their numbers and names. The first and the last entry of a stretch count as
        symbols, but their durations are cut off, and ``dwell_times`` keeps them apart as censored. ``dt`` is the
        observed time over the number of jumps, so that ``per_time`` gives rates that no cut biases.

        Returns:
            Encoding whose step is a jump; itself where it is one. Codes of two symbols can only alternate: there all
            is in the dwell times.

        Raises:
            InputError: the symbol never changes.

        Reference: abramov1959
        """
        return jump_code(self)

    def symbols_of(self, regions):
        """The symbols of regions, (n, n_bits) bits: list of int, None for each that the code does not visit.

        Raises:
            InputError: the symbols are labels, or other numbers of bits.
        """
        regions = np.asarray(regions, dtype=bool)
        if self.bits is None or regions.shape[-1] != self.bits.shape[1]:
            raise InputError(
                "the symbols of this code are not regions of this model", got=f"regions of {regions.shape[-1]} bits",
                expected="a code of labels" if self.bits is None else f"{self.bits.shape[1]} bits",
            )  # fmt: skip
        known = {word.tobytes(): symbol for symbol, word in enumerate(pack_bits(self.bits))}
        return [known.get(word.tobytes()) for word in pack_bits(regions)]

    def graph_edges(self):
        """The transition graph: list of dicts source, target, count, probability, stderr (None: not known)."""
        rows, columns = np.nonzero(self.transition_counts)
        return [
            {
                "source": int(i), "target": int(j), "count": int(self.transition_counts[i, j]),
                "probability": float(self.transition_matrix[i, j]), "stderr": _finite(self.transition_stderr[i, j]),
            }
            for i, j in zip(rows, columns, strict=True)
        ]  # fmt: skip

    def summary(self):
        """JSON-ready dict of all of it but the sequences and the words; docs/methods/symbolic_codes.md says what."""
        return summary(self)

    def __str__(self):
        return summary_text(self)


def _finite(value):
    return float(value) if math.isfinite(value) else None
