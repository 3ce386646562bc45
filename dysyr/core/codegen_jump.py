"""Reactions to fragments of Python text that :mod:`dysyr.kernels.jump_source` puts together."""

from dataclasses import dataclass

from dysyr.core.codegen_scalar import Printer, dressed, elementary_functions
from dysyr.core.expressions import state

MOST_IN_REGISTERS = 40
"""Most reactions whose rates and choice are written out; beyond it they are arrays and a loop."""


@dataclass(frozen=True)
class JumpText:
    """Fragments of code, each a tuple of lines.

    Attributes:
        head: imports and constants of the module.
        parameters: load the parameters.
        load: load the counts of path j into s_...
        rates: compute all rates, their sum ``total`` and the ``lowest`` one.
        fire: choose a reaction by ``target``, change the counts; ``fewest`` and ``most`` are the extreme counts.
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
    printer, changes = Printer("float64"), system.jumps.stoichiometry
    names = [f"s_{dressed(name, ())}" for name in system.fields]
    loads = {state(name): own for name, own in zip(system.fields, names, strict=True)}
    lines, rates = printer.statements(system.trees.jumps.rates, loads, tuple(system.parameters))
    lines = [line for line in lines if not _is_load(line)]
    n = len(rates)
    parameters = [f"p_{name} = p[{k}]" for k, name in enumerate(system.parameters)]
    head = [
        '"""Generated from a system file: do not edit."""', "", "import numpy as np", "",
        *elementary_functions(printer.used),
        "CHANGES = np.array([" + ", ".join(f"({', '.join(f'{float(c)!r}' for c in row)},)" for row in changes) + "])",
    ]  # fmt: skip
    if n <= MOST_IN_REGISTERS:
        lines += [f"a{r} = {rate}" for r, rate in enumerate(rates)]
        lines += ["b0 = a0", *(f"b{r} = b{r - 1} + a{r}" for r in range(1, n)), f"total = b{n - 1}"]
        lines += ["lowest = a0", *(f"lowest = a{r} if not a{r} >= lowest else lowest" for r in range(1, n))]
        fire = ["r = 0" + "".join(f" + (target >= b{r})" for r in range(n - 1))]
    else:
        parameters.append(f"sums = np.empty({n})")
        lines.append("total, lowest = 0.0, 0.0")
        for r, rate in enumerate(rates):
            lines += [f"a = {rate}", "total += a", "lowest = a if not a >= lowest else lowest", f"sums[{r}] = total"]
        fire = ["r = 0", f"while r < {n - 1} and target >= sums[r]:", "    r += 1"]
    fire += [f"{name} += CHANGES[r, {k}]" for k, name in enumerate(names)]
    fire += [f"fewest, most = {names[0]}, {names[0]}"]
    for name in names[1:]:
        fire += [f"fewest = {name} if {name} < fewest else fewest", f"most = {name} if {name} > most else most"]
    return JumpText(
        head=tuple(head),
        parameters=tuple(parameters),
        load=tuple(f"{name} = x[j, {k}]" for k, name in enumerate(names)),
        rates=tuple(lines),
        fire=tuple(fire),
        record=tuple(f"out[j, o, {k}] = np.int64({name})" for k, name in enumerate(names)),
        store=tuple(f"x[j, {k}] = {name}" for k, name in enumerate(names)),
    )


def _is_load(line):
    """Whether a line of the printer loads a count or a parameter, which have names of their own here already."""
    name, _, value = line.partition(" = ")
    return value == name or (name.startswith("p_") and value.startswith("p["))
