"""Write the generated pages: docs/api.md from the docstrings, docs/systems.md from the catalogue.

    python docs/write_reference.py            write them
    python docs/write_reference.py --check    exit 1 if one of them is out of date
"""

import argparse
import inspect
import sys
from pathlib import Path

import dysyr
from dysyr.core.catalogue import system_names

DOCS = Path(__file__).resolve().parent
GENERATED = "This page is written by `python docs/write_reference.py`; change the source, not the page."

GROUPS = (
    ("Systems and simulation", ("load_system", "System", "simulate", "observe", "master_equation",
                                "chemical_langevin", "lyapunov_spectrum")),
    ("Open quantum systems", ("evolve_states", "steady_state", "Frame", "POVMTransformer", "StateReconstructor",
                              "OutcomeModel", "compare_states", "StateComparison", "from_qutip", "to_qutip")),
    ("Data", ("as_dataset", "make_dataset", "load_dataset", "read_dataset", "save_dataset", "inspect", "resample",
              "split", "embed", "SegmentSplit", "jump_paths", "JumpPath")),
    ("Reconstruction", ("SHPLRNN", "ALRNN", "DendPLRNN", "PLRNN", "HankelStNN", "LSTM", "GRU", "NeuralODE",
                        "LatentSDE", "ReservoirComputer", "NextGenReservoir", "SINDy", "HankelDMD", "HAVOK", "LinearAR",
                        "Persistence",
                        "HiddenTerms", "PhyxMamba", "KoopmanVAE", "JumpEM", "JumpFoundation",
                        "pretrain_jump", "select_n_states", "StateSelection", "RatePosterior", "Reconstructor",
                        "Model", "StateSpace", "PiecewiseLinear", "VectorField", "WindowGenerator", "RateModel",
                        "Probabilistic", "tune", "Tuning",
                        "reaction_rates", "ReactionRates", "save", "load")),
    ("Symbols, fixed points and cycles", ("encode", "Encoding", "compare_codes", "export_code", "fixed_points",
                                          "cycles", "stable_manifold", "unstable_manifold", "bifurcations",
                                          "parameter_path")),
    ("Evaluation and reports", ("evaluate", "compare", "Card", "Measure", "run_experiment")),
    ("Errors", ("DysyrError", "InputError", "ExpressionError", "FormatError", "DivergedError", "NotConverged")),
)  # fmt: skip
KINDS = {
    "ode": "Ordinary differential equations",
    "pde": "Partial differential equations, on a grid",
    "map": "Maps",
    "sde": "Stochastic differential equations",
    "jump": "Markov jump processes",
    "open_quantum": "Open quantum systems",
}


def api_page():
    """The page of the public names: signature and docstring of each, methods of classes included."""
    grouped = [name for _, names in GROUPS for name in names]
    if sorted(grouped) != sorted(dysyr.__all__):
        difference = ", ".join(sorted(set(grouped) ^ set(dysyr.__all__)))
        raise SystemExit(f"GROUPS in {Path(__file__).name} and the public names differ: {difference}")
    lines = ["# Public names", "", GENERATED, ""]
    lines += [f"* {title}: " + ", ".join(f"[`{name}`](#{name.lower()})" for name in names) for title, names in GROUPS]
    for title, names in GROUPS:
        lines += ["", f"## {title}"]
        for name in names:
            lines += _entry(name, getattr(dysyr, name))
    return "\n".join(lines) + "\n"


def systems_page():
    """The page of the catalogue: one table per kind."""
    systems = [dysyr.load_system(name) for name in system_names()]
    lines = ["# Systems of the catalogue", "", GENERATED, ""]
    lines += [
        "`dysyr systems NAME` prints the equations, parameters and known invariants of one, "
        "`dysyr.load_system(\"NAME\")` makes it. References are keys of [references.bib](references.bib). Sizes of "
        "lattices and grids can be changed; the table has the default.",
    ]
    for kind, title in KINDS.items():
        lines += ["", f"## {title}", "", "| name | | variables | reference |", "|---|---|---|---|"]
        lines += [
            f"| `{s.name}` | **{s.title}.** {s.description} | {_size(s)} | `{s.reference}` |"
            for s in systems
            if s.kind == kind
        ]
    return "\n".join(lines) + "\n"


def _size(system):
    if system.spins is not None:
        return f"{system.dim}; {system.spins.lattice}"
    return f"{len(system.jumps.states)} states" if system.jumps and system.jumps.states else system.dim


PAGES = {"api.md": api_page, "systems.md": systems_page}


def _entry(name, thing):
    if not inspect.isclass(thing):
        return ["", f"### {name}", "", *_block(f"dysyr.{name}{_signature(thing)}", thing)]
    heading = "" if issubclass(thing, Exception) else _signature(thing)
    lines = ["", f"### {name}", "", *_block(f"class dysyr.{name}{heading}", thing)]
    for member, value in _members(thing).items():
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        own = inspect.isfunction(function) and not member.startswith("_") and inspect.getdoc(function)
        if own:
            lines += ["", *_block(f"{name}.{member}{_signature(function, bound=True)}", function)]
        elif isinstance(value, property) and inspect.getdoc(value):
            lines += ["", *_block(f"{name}.{member}", value)]
    return lines


def _members(thing):
    """Members of a class, with those that make it from arguments, which lie in a base of their own."""
    parts = [base for base in thing.__bases__ if base.__name__.endswith("Makers")]
    return {name: value for part in (*parts, thing) for name, value in vars(part).items()}


def _block(head, thing):
    """Signature and docstring as plain text: docstrings are written to be read as they are."""
    body = "\n".join(f"    {line}" if line else "" for line in inspect.getdoc(thing).splitlines())
    return ["```text", head, "", body, "```"]


def _signature(function, bound=False):
    try:
        signature = inspect.signature(function)
    except ValueError:
        return "()"
    parameters = list(signature.parameters.values())
    if bound and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    parameters = [p.replace(annotation=p.empty) for p in parameters]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    check = parser.parse_args().check
    stale = [
        name for name, page in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != page()
    ]
    if check and stale:
        sys.exit(f"out of date: {', '.join(stale)}; run python docs/write_reference.py")
    for name in () if check else stale:
        (DOCS / name).write_text(PAGES[name]())
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
