"""The chemical Langevin equation: reactions over many copies as a stochastic differential equation."""

import ast

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.system import System


def chemical_langevin(system):
    """The diffusion approximation of reactions over counts.

    .. math:: dx = \\sum_r \\nu_r a_r^+(x) \\, dt + \\sum_r \\nu_r \\sqrt{a_r^+(x)} \\, dW_r

    Mean and variance change as those of the counts do while rates stay nearly constant over many events, which takes
    many copies: relative errors are of the order of one over the counts. Reactions whose changes are multiples of one
    another share one noise of the same variance, so that one species alone has one noise, whatever makes and takes it.

    Boundary: rates see max(x_i, 0) in place of each count, and a rate below zero is taken as 0. So a species that has
    run out loses nothing more; noise may carry it a little below 0, from where only what makes it brings it back.
    Extinction and other matters of few copies are not described: simulate the reactions for these.

    Args:
        system: System of reactions over counts.

    Returns:
        System of kind "sde", Ito, with the same species, parameters and defaults, whose states are real numbers.

    Raises:
        InputError: no system of reactions, or a chain of states, which has no counts.

    Reference:
        gillespie2000
    """
    if not isinstance(system, System) or system.jumps is None or system.jumps.states:
        raise InputError(
            "the chemical Langevin equation is for reactions over counts",
            got="a chain of states" if isinstance(system, System) and system.jumps else repr(system)[:60],
            do="simulate the chain itself",
        )  # fmt: skip
    definition = system.to_dict()
    taken = {*system.fields, *system.parameters, *definition.get("let", {})}
    kept = {name: _free(f"{name}_kept", taken) for name in system.fields}
    rates = [_free(f"rate_{name}", taken) for name in system.jumps.names]
    let = {new: f"max({name}, 0)" for name, new in kept.items()}
    let |= {name: _renamed(text, kept) for name, text in definition.get("let", {}).items()}
    let |= {name: f"max({_renamed(text, kept)}, 0)" for name, text in zip(rates, system.jumps.trees.texts, strict=True)}
    changes = np.array(system.jumps.trees.changes)
    directions, noises = _noises(changes, rates)
    single = (np.count_nonzero(directions, axis=1) == 1).all() and (np.count_nonzero(directions, axis=0) == 1).all()
    equations, diffusion = {}, {}
    for k, name in enumerate(system.fields):
        equations[name] = _sum(changes[:, k], rates)
        row = [_scaled(step, noise) for step, noise in zip(directions[:, k], noises, strict=True)]
        diffusion[name] = next(text for text in row if text != "0") if single else row
    left = {key: value for key, value in definition.items() if key not in ("reactions", "let", "invariants")}
    return System(
        left | {"kind": "sde", "let": let, "equations": equations, "diffusion": diffusion, "interpretation": "ito"}
    )


def _noises(changes, rates):
    """Directions of the noises, whole numbers (noise, species), and the text of the amplitude of each.

    Reactions with parallel changes c_r d share the direction d, and their noise has the variance sum c_r^2 a_r.
    """
    directions: dict[tuple, list] = {}
    for change, rate in zip(changes, rates, strict=True):
        divisor = np.gcd.reduce(change) * np.sign(change[np.flatnonzero(change)[0]])
        directions.setdefault(tuple((change // divisor).tolist()), []).append((int(divisor), rate))
    amplitudes = []
    for members in directions.values():
        squares = [factor**2 for factor, _ in members]
        amplitudes.append(f"sqrt({_sum(squares, [rate for _, rate in members])})")
    return np.array(list(directions)), amplitudes


def _sum(factors, names):
    terms = [_scaled(factor, name) for factor, name in zip(factors, names, strict=True) if factor]
    return " + ".join(terms) if terms else "0"


def _scaled(factor, text):
    if factor == 0:
        return "0"
    return text if factor == 1 else f"({factor})*{text}"


def _renamed(text, names):
    """An expression with other names; numbers stay as they are."""
    tree = ast.parse(str(text), mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


def _free(name, taken):
    """The name, lengthened until nothing else has it."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name
