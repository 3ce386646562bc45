"""A system whose equations are known in part: known terms, arguments of the hidden functions, the library of terms."""

import copy
import dataclasses
import re

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.expression_text import expression_text
from dysyr.core.expressions import Expression, add
from dysyr.core.hidden_section import summands
from dysyr.core.system import System

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\([A-Za-z][A-Za-z0-9_]*\))?")
_MAY_FAIL = set("(/")
_DROPPED = ("hidden", "invariants", "conserved", "symplectic", "reference")


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of a library.

    Attributes:
        field: variable in whose equation it may stand.
        text: the term in the language of system files.
        complexity: number of factors, at least 1.
    """

    field: str
    text: str
    complexity: int


class HalfKnown:
    """A system with hidden functions in some equations.

    Args:
        system: System of kind "ode" (without a lattice) or "pde", with a [hidden] section.

    Attributes:
        given: the System with its [hidden] section.
        system: System of the known part alone.
        known: dict from variable to its known terms as a tree.
        arguments: dict from variable with a hidden function to the trees of its arguments, as written.
        argument_texts: the same as texts.

    Raises:
        InputError: a system of another kind, or with nothing hidden.
    """

    def __init__(self, system):
        if system.kind not in ("ode", "pde") or (system.kind == "ode" and system.lattice.axes):
            raise InputError(
                "hidden terms are found in differential equations", got=f"kind {system.kind}",
                expected="kind ode without an index, or pde",
            )  # fmt: skip
        if system.has_time:
            raise InputError("the known part depends on the time t", expected="an autonomous system")
        if not system.hidden:
            raise InputError(
                f"{system.name or 'the system'} hides nothing", expected="a [hidden] section",
                do='write for example [hidden] prey = ["prey", "predator"]',
            )  # fmt: skip
        self.given, trees = system, system.trees
        self.arguments = {
            name: trees.unknown.get(name) or _all_arguments(system)
            for name in system.fields if name in trees.unknown or name in trees.hidden
        }  # fmt: skip
        self.argument_texts = {name: [expression_text(t) for t in args] for name, args in self.arguments.items()}
        definition = {key: entry for key, entry in system.to_dict().items() if key not in _DROPPED}
        for name, hidden in trees.hidden.items():
            rest = list(summands(trees.written[name]))
            for term in summands(hidden):
                rest.remove(term)
            definition["equations"][name] = expression_text(add(*rest))
        self._definition = definition
        self.system = System.from_dict(definition)
        self.known = self.system.trees.written

    def completed(self, terms, values, free=(), *, start=None, dt=None, guarded=False, **texts):
        """The system with terms in the place of the hidden functions.

        Args:
            terms: list of Term.
            values: their coefficients, which become parameters h_<variable>_1, ...
            free: dict from parameter of the known part to its new value.
            start: (dim,) initial state; None leaves what the file says.
            dt: sampling interval in system time units; None leaves what the file says.
            guarded: whether a term whose coefficient is zero counts as zero also where it is not a number.
            texts: title and description.

        Returns:
            (System, names of the new parameters in the order of the terms).
        """
        definition = copy.deepcopy(self._definition) | texts
        parameters = definition.setdefault("parameters", {})
        parameters |= {name: float(value) for name, value in dict(free).items()}
        defaults = definition.setdefault("defaults", {})
        if start is not None:
            defaults["initial_state"] = dict(zip(self.system.fields, map(float, start), strict=True))
        if dt is not None:
            defaults["dt"] = float(dt)
        taken = {*parameters, *self.system.fields, *self.system.lattice.indices, *definition.get("let", {})}
        names, counts = [], dict.fromkeys(self.arguments, 0)
        for term, value in zip(terms, values, strict=True):
            counts[term.field] += 1
            name = f"h_{term.field}_{counts[term.field]}"
            while name in taken:
                name += "_"
            names.append(name)
            parameters[name] = float(value)
            product = name if term.text == "1" else f"{name}*{term.text}"
            if guarded and set(term.text) & _MAY_FAIL:
                product = f"where({name} == 0, 0, {product})"
            known = str(definition["equations"][term.field])
            definition["equations"][term.field] = product if known in ("0", "0.0") else f"{known} + {product}"
        return System.from_dict(definition), names

    def library(self, degree, functions=()):
        """All terms that may stand in the equations: monomials of the arguments by pysindy, and further texts.

        Args:
            degree: largest degree of the monomials; 0 for none.
            functions: further terms as texts, for each hidden function.

        Returns:
            tuple of Term, those of one field together.
        """
        from pysindy import PolynomialLibrary

        terms = []
        for name, texts in self.argument_texts.items():
            own = []
            if degree:
                fitted = PolynomialLibrary(degree=degree).fit(np.zeros((2, len(texts))))
                own = [_monomial(name, texts, powers) for powers in fitted.powers_]
            own += [Term(name, text if _BARE.fullmatch(text) else f"({text})", 2) for text in functions]
            known = [t.text for t in own]
            terms += [t for k, t in enumerate(own) if t.text not in known[:k]]
        return tuple(terms)

    def term_trees(self, terms):
        """Trees of terms as written."""
        parsed = []
        for term in terms:
            equations = self._definition["equations"] | {term.field: term.text}
            parsed.append(System.from_dict(self._definition | {"equations": equations}).trees.written[term.field])
        return tuple(parsed)


def everything_hidden(names):
    """The system of which nothing is known: one unknown function of all variables in each equation."""
    return System.ode(dict.fromkeys(names, "0"), hidden={name: list(names) for name in names})


def _all_arguments(system):
    """What a hidden function may depend on where the file does not say: variables, and first and second derivatives."""
    axes = system.lattice.indices
    arguments = [Expression("state", (), (name, (0,) * len(axes))) for name in system.fields]
    for order in (1, 2):
        for axis in axes:
            arguments += [
                Expression("space_derivative", (tree,), (axis, order)) for tree in arguments[: len(system.fields)]
            ]
    return tuple(arguments)


def _monomial(field, texts, powers):
    factors = []
    for text, power in zip(texts, powers, strict=True):
        bare = text if _BARE.fullmatch(text) else f"({text})"
        factors += [bare if power == 1 else f"{bare}**{power}"] if power else []
    return Term(field, "*".join(factors) or "1", max(1, int(np.sum(powers))))
