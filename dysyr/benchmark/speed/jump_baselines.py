"""GillesPy2 beside dysyr: its direct method in NumPy, and the one it compiles with g++."""

import ast
import functools
import importlib.util
import resource
import shutil

import numpy as np

PREFIX = "q_"
"""Before each name, since some (beta, gamma) mean functions there."""


def installed():
    """Whether GillesPy2 can be imported."""
    return importlib.util.find_spec("gillespy2") is not None


def processor_time():
    """Processor seconds of this process and of those it has waited for: the compiled solver runs in one of its own."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def model_of(system, t_end):
    """A system of reactions as a GillesPy2 model that reports its counts at 0 and at t_end."""
    import gillespy2

    model = gillespy2.Model(name=system.name)
    model.add_parameter(
        [gillespy2.Parameter(name=PREFIX + name, expression=value) for name, value in system.parameters.items()]
    )
    species = [
        gillespy2.Species(name=PREFIX + name, initial_value=int(count))
        for name, count in zip(system.fields, system.initial_state, strict=True)
    ]
    model.add_species(species)
    for name, text, change in zip(
        system.jumps.names, system.jumps.trees.texts, system.jumps.stoichiometry.tolist(), strict=True
    ):
        taken = {who: -step for who, step in zip(species, change, strict=True) if step < 0}
        made = {who: step for who, step in zip(species, change, strict=True) if step > 0}
        model.add_reaction(
            gillespy2.Reaction(name=name, reactants=taken, products=made, propensity_function=prefixed(text))
        )
    model.timespan(gillespy2.TimeSpan([0.0, t_end]))
    return model


def prefixed(text):
    """An expression with :data:`PREFIX` before each name."""
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = PREFIX + node.id
    return ast.unparse(tree)


def numpy_solver(system, t_end):
    """Function of a number of paths that simulates them with its solver in NumPy: counts at t_end (path, species)."""
    import gillespy2

    return functools.partial(_run, gillespy2.NumPySSASolver(model=model_of(system, t_end)), system)


def compiled_solver(system, t_end):
    """The same with its compiled solver.

    Its build calls SCons with the interpreter that a virtual environment was made from: put SCons on PYTHONPATH there.

    Returns:
        (function or None, why there is none).
    """
    import gillespy2
    from gillespy2.core.gillespyError import BuildError

    if shutil.which("g++") is None:
        return None, "there is no g++ to compile with"
    try:
        solver = gillespy2.SSACSolver(model=model_of(system, t_end))
    except BuildError as error:
        return None, f"it does not compile: {str(error).splitlines()[0]}"
    return functools.partial(_run, solver, system), ""


def _run(solver, system, n_paths):
    found = solver.run(number_of_trajectories=n_paths, seed=1)
    return np.array([[float(path[PREFIX + name][-1]) for name in system.fields] for path in found])
