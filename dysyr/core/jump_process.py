"""A Markov jump process in numbers: its reactions and propensities, or its states and rate matrix."""

from types import MappingProxyType

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.rate_matrix import checked_rate_matrix, stationary_distribution


class JumpProcess:
    """The jumps of one system, from the expression trees: the slow twin of the generated code.

    Attributes:
        names: names of the jumps: those of the reactions, or "open -> closed".
        texts: mapping from a description of each jump to its rate, as in the file.
        states: names of the states of a chain; () for reactions.
        stoichiometry: changes of the counts, integer array (reaction, species); None for a chain.
    """

    def __init__(self, trees):
        jumps = trees.jumps
        self._trees = trees
        self.names = jumps.names
        self.states = jumps.states
        self.stoichiometry = None
        if not self.states:
            self.stoichiometry = np.array(jumps.changes, dtype=np.int64)
            self.stoichiometry.flags.writeable = False
        keys = self.names if self.states else [self._described(k) for k in range(len(self.names))]
        self.texts = MappingProxyType(dict(zip(keys, jumps.texts, strict=True)))

    @property
    def trees(self):
        """JumpTrees, for code generation and LaTeX."""
        return self._trees.jumps

    def propensities(self, x):
        """Rates of all reactions at counts x.

        Args:
            x: counts (..., species).

        Returns:
            array (..., reaction), in 1/time.

        Raises:
            InputError: the process is a chain of states, or the last axis of x is not the number of species.
        """
        if self.states:
            raise InputError("a chain of states has no reactions", do="take rate_matrix")
        x = np.asarray(x, dtype=float)
        fields = self._trees.fields
        if x.ndim == 0 or x.shape[-1] != len(fields):
            raise InputError("counts", got=f"shape {x.shape}", expected=f"(..., {len(fields)})")
        values = evaluate(
            self.trees.rates,
            lambda leaf: self._trees.parameters[leaf.value] if leaf.op == "parameter"
            else x[..., fields.index(leaf.value[0])],
        )  # fmt: skip
        return np.stack([np.broadcast_to(value, x.shape[:-1]) for value in values], axis=-1)

    @property
    def rate_matrix(self):
        """Rates between the states of a chain, row convention: array (states, states), in 1/time."""
        q = np.zeros((len(self.states), len(self.states)))
        for (i, j), value in zip(self.trees.pairs, self._numbers(self.trees.rates), strict=True):
            q[i, j] = value
        return checked_rate_matrix(q)

    @property
    def initial_distribution(self):
        """Probabilities of the states of a chain at the start: array (states,).

        They are those of the file, or else the stationary ones.

        Raises:
            InputError: the file has none, and more than one distribution is stationary.
        """
        initial = self.trees.initial
        if not initial:
            return self.stationary_distribution()
        p = np.zeros(len(self.states))
        for name, value in zip(initial, self._numbers(tuple(initial.values())), strict=True):
            p[self.states.index(name)] = value
        return p / p.sum()

    def stationary_distribution(self):
        """See :func:`dysyr.core.rate_matrix.stationary_distribution`."""
        return stationary_distribution(self.rate_matrix, self.states)

    def _numbers(self, trees):
        return [float(value) for value in evaluate(trees, lambda leaf: self._trees.parameters[leaf.value])]

    def _described(self, k):
        changes = zip(self._trees.fields, self._trees.jumps.changes[k], strict=True)
        return f"{self.names[k]}: " + ", ".join(f"{name} {step:+d}" for name, step in changes if step)
