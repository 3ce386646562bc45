"""Whether the hidden terms of half-known equations are found, and with which coefficients.

    python -m dysyr.benchmark.hidden_terms -o out/hidden_terms [--seeds 10] [--write docs/results/hiddenterms.md]

Lotka-Volterra x' = 1.3 x - 0.9 x y, y' = 0.8 x y - 1.8 y from (0.44249296, 4.6280594), t in [0, 3], with both terms x y
hidden; normal noise of the given share of the mean of each variable. Burgers u_t = 0.01 u_xx - u u_x from -sin(pi x),
periodic on [-1, 1], up to t = 1, with u u_x hidden as a function of u and u_x; Fisher-KPP u_t = u_xx + u (1 - u) from
exp(-x^2) on [0, 50] up to t = 10, with the reaction hidden as a function of u: 200 values at random places and times,
noise of 1 % of the standard deviation. Their data come from a grid four times as fine as that of the method. A cell is
one fit; those that the folder holds are not repeated.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

from dysyr.benchmark.hidden_terms_page import page
from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms import HiddenTerms
from dysyr.simulation.simulate import simulate

TRUE = {"a": -0.9, "b": 0.8}
START = (0.44249296, 4.6280594)
PREDATION = System.ode({"x": "1.3*x + a*x*y", "y": "b*x*y - 1.8*y"}, parameters=TRUE)
HALF = System.ode({"x": "1.3*x", "y": "-1.8*y"}, hidden={"x": ["x", "y"], "y": ["x", "y"]})
TOLERANCE = {"rtol": 1e-10, "atol": 1e-12, "method": "DOP853"}
FIRST_SEED = 1000
LONG = 50.0
N_VALUES = 200
FINER = 4
CASES = {
    "31 points": {"n": 31, "gap": 0.1, "noise": 0.0},
    "10 points": {"n": 10, "gap": 0.3, "noise": 0.0},
    "5 points": {"n": 5, "gap": 0.6, "noise": 0.0},
    "31 points, 1 %": {"n": 31, "gap": 0.1, "noise": 0.01},
    "31 points, 5 %": {"n": 31, "gap": 0.1, "noise": 0.05},
    "31 points, 5 %, in the solver": {"n": 31, "gap": 0.1, "noise": 0.05, "mode": "solver"},
    "Burgers": {"field": "burgers"},
    "Fisher-KPP": {"field": "fisher"},
}
SEEDS_OF = {
    "31 points": 3,
    "10 points": 3,
    "5 points": 3,
    "31 points, 1 %": 5,
    "31 points, 5 %, in the solver": 3,
    "Burgers": 5,
    "Fisher-KPP": 5,
}


def orbit(system, start, clock):
    """(time, dim) solution of a system at the times of a clock."""
    out = solve_ivp(lambda t, x: system.vector_field(x), (0.0, clock[-1]), start, t_eval=clock, **TOLERANCE)
    return out.y.T


def bound(clock, sigma):
    """Cramér-Rao standard deviations of the two coefficients, the initial state being unknown too.

    sqrt diag (S^T W S)^-1 with the sensitivities S of all values to (a, b, x_0, y_0), by central differences, and W the
    inverse variances.

    Args:
        clock: (time,) sampling times.
        sigma: (2,) standard deviations of the noise.

    Returns:
        (2,) of a and b.
    """
    at, columns = np.array([TRUE["a"], TRUE["b"], *START]), []
    for k, step in enumerate(1e-5 * np.abs(at)):
        ends = [at + sign * step * np.eye(4)[k] for sign in (1, -1)]
        high, low = (orbit(PREDATION.with_parameters(a=p[0], b=p[1]), p[2:], clock) for p in ends)
        columns.append(((high - low) / (2 * step) / sigma).ravel())
    sensitivity = np.stack(columns, axis=1)
    return np.sqrt(np.diag(np.linalg.inv(sensitivity.T @ sensitivity)))[:2]


def predation_cell(case, seed):
    """One fit of Lotka-Volterra: what was found, beside the bound."""
    clock = case["gap"] * np.arange(case["n"])
    clean = orbit(PREDATION, START, clock)
    sigma = case["noise"] * orbit(PREDATION, START, 0.1 * np.arange(31)).mean(axis=0)
    values = clean + sigma * np.random.default_rng(seed).normal(size=clean.shape)
    data = make_dataset(values, dt=case["gap"], names=["x", "y"])
    method = HiddenTerms(HALF, mode=case.get("mode", "collocation"), seed=seed)
    cell = fitted(method, data, {("x", "x*y"): TRUE["a"], ("y", "x*y"): TRUE["b"]})
    found = method.model_.system
    again = orbit(found, found.initial_state, clock)
    if case["noise"]:
        n_fitted = 2 + len(method.model_.terms)
        cell["chi_square"] = float((((again - values) / sigma) ** 2).sum() / (values.size - n_fitted))
        cell["bound"] = bound(clock, sigma).tolist()
    far = np.linspace(0, LONG, 501)
    truth = orbit(PREDATION, START, far)
    ahead = orbit(found, found.initial_state, far)
    whole = len(ahead) == len(far)
    cell["far_error"] = float(np.sqrt((((ahead - truth) / truth.std(axis=0)) ** 2).mean())) if whole else float("inf")
    return cell


def field_system(name, *, hidden=False, finer=1):
    """Burgers' or Fisher's equation, known in part or as a whole, on the grid of the method or a finer one."""
    if name == "burgers":
        domain = {"x": {"start": -1.0, "length": 2.0, "n": finer * 256, "boundary": "periodic", "order": 4}}
        more = {"parameters": {"nu": 0.01}, "initial_state": {"u": "-sin(pi*x)"}}
        known, term, of = "nu*dxx(u)", " - u*dx(u)", ["u", "dx(u)"]
    else:
        domain = {"x": {"length": 50.0, "n": finer * 100 + 1, "boundary": "reflecting", "order": 4}}
        more = {"parameters": {"D": 1.0}, "initial_state": {"u": "exp(-x**2)"}}
        known, term, of = "D*dxx(u)", " + u*(1 - u)", ["u"]
    return System.pde(
        {"u": known if hidden else known + term}, domain=domain, **more, **({"hidden": {"u": of}} if hidden else {})
    )


def field_data(name, seed):
    """200 noisy values of a field on the grid of the method; all others are missing."""
    clock = np.linspace(0, 1.0 if name == "burgers" else 10.0, 21)
    fine = simulate(field_system(name, finer=FINER), times=clock, method="bdf", rtol=1e-7)["x"].values[0]
    x = fine[:, ::FINER]
    rng = np.random.default_rng(seed)
    seen = rng.choice(x[1:].size, N_VALUES, replace=False) + x.shape[1]
    values = np.full(x.size, np.nan)
    values[seen] = x.ravel()[seen] + 0.01 * x.std() * rng.normal(size=N_VALUES)
    names = field_system(name, hidden=True).variables
    return make_dataset(values.reshape(x.shape), dt=clock[1], names=names, mask=True), 0.01 * x.std()


def field_cell(case, seed):
    """One fit of a field."""
    name = case["field"]
    data, sigma = field_data(name, seed)
    truth = {("u", "u*dx(u)"): -1.0} if name == "burgers" else {("u", "u"): 1.0, ("u", "u**2"): -1.0}
    method = HiddenTerms(field_system(name, hidden=True), n_members=1, n_collocation=500, n_iterations=500, seed=seed)
    cell = fitted(method, data, truth)
    squares = (method.model_.found["relative_error"][0] * float(np.nanstd(data["x"].values)) / sigma) ** 2
    cell["chi_square"] = float(squares * N_VALUES / (N_VALUES - len(cell["found"])))
    return cell


def fitted(method, data, truth):
    """Fit, and compare the terms with the true ones.

    Returns:
        dict: ``found`` (text of each term -> coefficient), ``form`` whether they are the true ones, ``errors``
        (relative, of the true terms; none where the form is another), ``stderr``, ``seconds``.
    """
    begun = time.perf_counter()
    method.fit(data, progress=False)
    seconds = time.perf_counter() - begun
    rows = {(row["field"], row["term"]): row for row in method.model_.terms}
    same = set(rows) == set(truth)
    return {
        "found": {f"{field}: {term}": row["coefficient"] for (field, term), row in rows.items()},
        "form": same, "seconds": seconds, "inclusion": [row["inclusion"] for row in rows.values()],
        "coefficients": [rows[key]["coefficient"] for key in truth] if same else None,
        "stderr": [rows[key]["stderr"] for key in truth] if same else None,
        "errors": [abs(rows[key]["coefficient"] / value - 1) for key, value in truth.items()] if same else None,
    }  # fmt: skip


def run(folder, seeds, cases=tuple(CASES)):
    """Make all cells that the folder does not hold.

    Args:
        folder: where each cell is a JSON file.
        seeds: most seeds of a case.
        cases: names of CASES.

    Returns:
        dict from case to list of cells.
    """
    found = {}
    for name in cases:
        found[name] = []
        for seed in range(FIRST_SEED, FIRST_SEED + min(seeds, SEEDS_OF.get(name, seeds))):
            label = "".join(c if c.isalnum() else "_" for c in name)
            path = Path(folder) / f"{label}_{seed}.json"
            if not path.exists():
                cell = field_cell(CASES[name], seed) if "field" in CASES[name] else predation_cell(CASES[name], seed)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, json.dumps({"seed": seed, **cell}) + "\n")
                print(f"{name}, seed {seed}: {cell['found']}, {cell['seconds']:.0f} s", flush=True)
            found[name].append(json.loads(path.read_text(encoding="utf-8")))
    return found


def main():
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True, help="folder that keeps finished cells")
    parser.add_argument("--seeds", type=int, default=10, help="most seeds of a case")
    parser.add_argument("--write", help="Markdown file to write the tables into")
    given = parser.parse_args()
    cells = run(given.output, given.seeds)
    text = page(cells, f"python -m dysyr.benchmark.hidden_terms {shlex.join(sys.argv[1:])}", __doc__)
    print(text)
    if given.write:
        write_text(given.write, text)


if __name__ == "__main__":
    main()
