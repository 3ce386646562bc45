"""Reactions to fragments of Python text that :mod:`dysyr.kernels.jump_source` puts together."""

import re
from dataclasses import dataclass

from dysyr.core.codegen_scalar import Printer, dressed, elementary_functions
from dysyr.core.expressions import postorder, state

MOST_IN_REGISTERS = 40
"""Most reactions, and species, for which all is written out; beyond it counts and sums of rates are arrays."""
DIVISION = re.compile(r"(s_\w+)/p_(\w+)$")
"""A count over a parameter, at the end of a line."""


@dataclass(frozen=True)
class JumpText:
    """Fragments of code, each a tuple of lines.

    Attributes:
        head: imports and constants of the module.
        parameters: load the parameters.
        load: load the counts of path j into s_...
        rates: compute all rates, their sum ``total`` and whether they are ``fine``, none of them negative.
        fire: choose a reaction by ``target``, change the counts; ``fine`` says whether they are counts still.
        record: store the counts as sample o.
        store: store the counts of path j.
    """

    head: tuple
    parameters: tuple
    load: tuple
    rates: tuple
    fire: tuple
    record: tuple
    store: tuple


def jump_text(system):
    """The fragments of one system of reactions, for float64.

    Args:
        system: a System of kind jump with reactions.

    Returns:
        JumpText.
    """
    changes = system.jumps.stoichiometry
    written_out = max(changes.shape) <= MOST_IN_REGISTERS
    printer, n = Printer("float64"), len(changes)
    names = [f"s_{dressed(name, ())}" if written_out else f"counts[{k}]" for k, name in enumerate(system.fields)]
    loads = {state(name): own for name, own in zip(system.fields, names, strict=True)}
    lines, rates = printer.statements(system.trees.jumps.rates, loads, tuple(system.parameters))
    lines = [line for line in lines if not _is_load(line)]
    parameters = [f"p_{name} = p[{k}]" for k, name in enumerate(system.parameters)]
    head = [
        '"""Generated from a system file: do not edit."""', "", "import numpy as np", "",
        *elementary_functions(printer.used),
        "CHANGES = np.array([" + ", ".join(f"({', '.join(f'{float(c)!r}' for c in row)},)" for row in changes) + "])",
    ]  # fmt: skip
    if written_out:
        lines, inverse = _without_divisions(lines)
        parameters += inverse
        lines += [f"a{r} = {rate}" for r, rate in enumerate(rates)]
        lines += ["b0 = a0", *(f"b{r} = b{r - 1} + a{r}" for r in range(1, n)), f"total = b{n - 1}"]
        lines += ["fine = " + " & ".join(f"(a{r} >= 0.0)" for r in range(n))]
        fire = ["r = 0" + "".join(f" + (target >= b{r})" for r in range(n - 1))]
        fire += [f"{name} += CHANGES[r, {k}]" for k, name in enumerate(names)]
        fire += ["fine = " + " & ".join(f"({name} >= 0.0) & ({name} <= LARGEST)" for name in names)]
        load = [f"{name} = x[j, {k}]" for k, name in enumerate(names)]
        record = [f"out[j, o, {k}] = np.int64({name})" for k, name in enumerate(names)]
        store = [f"x[j, {k}] = {name}" for k, name in enumerate(names)]
    else:
        parameters.append(f"sums = np.empty({n})")
        lines.append("total, fine = 0.0, True")
        for r, rate in enumerate(rates):
            lines += [f"a = {rate}", "total += a", "fine &= a >= 0.0", f"sums[{r}] = total"]
        fire = ["r = 0", f"while r < {n - 1} and target >= sums[r]:", "    r += 1", "fine = True"]
        fire += ["for k in range(counts.size):", "    counts[k] += CHANGES[r, k]"]
        fire += ["    fine &= (counts[k] >= 0.0) & (counts[k] <= LARGEST)"]
        load = ["counts = x[j]"]
        record = ["for k in range(counts.size):", "    out[j, o, k] = np.int64(counts[k])"]
        store = []
    return JumpText(
        head=tuple(head), parameters=tuple(parameters), load=tuple(load), rates=tuple(lines), fire=tuple(fire),
        record=tuple(record), store=tuple(store),
    )  # fmt: skip


@dataclass(frozen=True)
class NextReactionText:
    """Fragments of code for the next-reaction method, each a tuple of lines.

    Attributes:
        head: imports and constants of the module.
        parameters: load the parameters.
        cases: for each reaction the lines that load counts and return its rate.
    """

    head: tuple
    parameters: tuple
    cases: tuple


def next_reaction_text(system):
    """The fragments of one system of reactions, one rate at a time.

    Args:
        system: a System of kind jump with reactions.

    Returns:
        NextReactionText.
    """
    printer = Printer("float64")
    loads = {state(name): f"x[{k}]" for k, name in enumerate(system.fields)}
    cases = []
    for rate in system.trees.jumps.rates:
        lines, (text,) = printer.statements((rate,), loads, tuple(system.parameters))
        lines = [line for line in lines if not _is_load(line)]
        cases.append((*lines, f"return {text}"))
    parameters = [f"p_{name} = p[{k}]" for k, name in enumerate(system.parameters)]
    head = ['"""Generated from a system file: do not edit."""', "", "import numpy as np", ""]
    return NextReactionText((*head, *elementary_functions(printer.used)), tuple(parameters), tuple(cases))


def dependency_graph(system):
    """Which rates have to be looked at after each reaction.

    Args:
        system: a System of kind jump with reactions.

    Returns:
        list of tuples of reaction numbers: the reaction itself, then in ascending order those whose rate contains a
        species that it changes.

    Reference:
        gibson2000
    """
    needs = [
        {system.fields.index(node.value[0]) for node in postorder((rate,)) if node.op == "state"}
        for rate in system.trees.jumps.rates
    ]
    changes = [{k for k, step in enumerate(change) if step} for change in system.trees.jumps.changes]
    readers = [[d for d, need in enumerate(needs) if k in need] for k in range(len(system.fields))]
    touched = [sorted({d for k in species for d in readers[k]}) for species in changes]
    return [(r, *(d for d in rows if d != r)) for r, rows in enumerate(touched)]


def _without_divisions(lines):
    """Lines in which divisions by a parameter are products with its inverse, and the lines that compute inverses."""
    found = [DIVISION.sub(r"\1*i_\2", line) for line in lines]
    names = dict.fromkeys(match[2] for line in lines if (match := DIVISION.search(line)))
    return found, [f"i_{name} = 1.0/p_{name}" for name in names]


def _is_load(line):
    """Whether a line of the printer loads a count or a parameter, which have names of their own here already."""
    name, _, value = line.partition(" = ")
    return value == name or (name.startswith("p_") and value.startswith("p["))
