"""Hidden terms of partial differential equations, along a line and in a plane."""

import numpy as np
import pytest

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.lattice import Axis, Lattice
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms import HiddenTerms
from dysyr.reconstruction.hidden_terms.gaps import filled_in_space
from dysyr.reconstruction.hidden_terms.segments import segments_of

QUICK = {
    "degree": 2,
    "n_members": 1,
    "width": 12,
    "hidden_width": 6,
    "n_collocation": 100,
    "n_adam": 60,
    "n_iterations": 120,
}
LINE = {"x": {"length": 10.0, "n": 41, "boundary": "reflecting"}}
PLANE = {name: {"length": "2*pi", "n": 10, "boundary": "periodic"} for name in "xy"}
FRONT = {"domain": LINE, "parameters": {"D": 0.5}, "initial_state": {"u": "exp(-x**2)"}, "dt": 0.5}
FRONT_KNOWN = System.pde({"u": "D*dxx(u)"}, hidden={"u": ["u"]}, **FRONT)


def few_values(truth, n_steps, n_values, noise=0.0, seed=0):
    """Values at random sites and times after the first; the others are missing."""
    x = dysyr.simulate(truth, n_steps=n_steps)["x"].values[0]
    rng = np.random.default_rng(seed)
    seen = rng.choice(x[1:].size, n_values, replace=False) + x.shape[1]
    values = np.full(x.size, np.nan)
    values[seen] = x.ravel()[seen] + noise * x.std() * rng.normal(size=n_values)
    return make_dataset(values.reshape(x.shape), dt=truth.dt, names=truth.variables, mask=True)


def fit(system, data, **changes):
    return HiddenTerms(system, **{**QUICK, **changes}).fit(data, progress=False)


def found(made):
    return {row["term"]: row["coefficient"] for row in made.model_.terms}


@pytest.fixture(scope="module")
def front():
    truth = System.pde({"u": "D*dxx(u) + u*(1 - u)"}, **FRONT)
    return fit(FRONT_KNOWN, few_values(truth, 9, 80, 0.01)), truth


def test_a_reaction_is_found_from_eighty_values(front):
    made, _ = front
    assert found(made) == pytest.approx({"u": 1.0, "u**2": -1.0}, rel=0.05)
    assert all(row["stderr"] < 0.03 for row in made.model_.terms)


def test_the_found_field_runs_like_the_true_one(front, tmp_path):
    made, truth = front
    made.save(tmp_path / "run")
    system = dysyr.load_system(str(tmp_path / "run" / "system.toml"))
    ours, theirs = (dysyr.simulate(s, n_steps=15, dt=0.5)["x"].values for s in (system, truth))
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    assert system.equations["u"].startswith("D*dxx(u)")
    context = make_dataset(theirs[0, :5], dt=0.5, names=truth.variables)
    ahead = made.forecast(context, n_steps=4)["x"].values
    np.testing.assert_allclose(ahead[0], theirs[0, 5:9], atol=0.02)


def test_a_field_of_which_some_sites_are_seen_is_continued(front):
    """Every third site of the last sample, and none of it."""
    made, truth = front
    x = dysyr.simulate(truth, n_steps=15, dt=0.5)["x"].values[0]
    for lost, atol in ((np.arange(41) % 3 > 0, 0.03), (np.full(41, True), 0.02)):
        context = x[:8].copy()
        context[-1, lost] = np.nan
        seen = make_dataset(context, dt=0.5, names=truth.variables, mask=True)
        np.testing.assert_allclose(made.forecast(seen, n_steps=4)["x"].values[0], x[8:12], atol=atol)


@pytest.mark.parametrize("boundary", ["periodic", "reflecting", "fixed"])
def test_gaps_of_a_field_are_filled_by_the_means_of_neighbours(boundary, rng):
    line, plane = Lattice((Axis("x", 9, boundary),)), Lattice((Axis("x", 7, boundary), Axis("y", 6, boundary)))
    u = np.array([1.0, np.nan, 3.0, np.nan, np.nan, 0.0, 1.0, np.nan, 3.0])
    np.testing.assert_allclose(filled_in_space(u, line), [1, 2, 3, 2, 1, 0, 1, 2, 3])
    seen = rng.random(42) < 0.4
    field = np.where(seen, rng.normal(size=42), np.nan)
    found = filled_in_space(field, plane)
    np.testing.assert_array_equal(found[seen], field[seen])
    near = [plane.neighbours(step) for step in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    means = np.nanmean([np.where(n >= 0, found[n], np.nan) for n in near], axis=0)
    np.testing.assert_allclose(found[~seen], means[~seen])


def test_the_formula_of_a_field_is_a_function_of_place_and_time(front):
    import sympy

    formula = front[0].model_.formula()["u"]
    u = sympy.Function("u")(sympy.Symbol("x"), sympy.Symbol("t"))
    assert float(formula.subs(u, 0.5)) == pytest.approx(0.25, abs=0.02)


def test_advection_is_found_and_written_as_a_derivative():
    import sympy

    more = {"domain": {"x": {"length": "2*pi", "n": 32, "boundary": "periodic"}}, "parameters": {"nu": 0.2}}
    more |= {"initial_state": {"u": "sin(x)"}, "dt": 0.2}
    data = few_values(System.pde({"u": "nu*dxx(u) - u*dx(u)"}, **more), 9, 100)
    made = fit(System.pde({"u": "nu*dxx(u)"}, hidden={"u": ["u", "dx(u)"]}, **more), data)
    assert found(made) == pytest.approx({"u*dx(u)": -1.0}, rel=1e-3)
    x, t = sympy.symbols("x t")
    u = sympy.Function("u")(x, t)
    coefficient = made.model_.formula()["u"].coeff(u * sympy.Derivative(u, x))
    assert float(coefficient) == pytest.approx(-1.0, rel=1e-3)


def test_a_reaction_in_a_plane_is_found():
    more = {
        "domain": PLANE,
        "parameters": {"D": 0.1},
        "initial_state": {"u": "0.5 + 0.3*cos(x) + 0.2*sin(y)"},
        "dt": 0.25,
    }
    data = few_values(System.pde({"u": "D*laplacian(u) + u - u**2"}, **more), 9, 150)
    made = fit(System.pde({"u": "D*laplacian(u)"}, hidden={"u": ["u"]}, **more), data)
    assert found(made) == pytest.approx({"u": 1.0, "u**2": -1.0}, rel=1e-3)


def test_soft_conditions_serve_too():
    truth = System.pde({"u": "D*dxx(u) + u*(1 - u)"}, **FRONT)
    made = fit(FRONT_KNOWN, few_values(truth, 9, 80), conditions="soft")
    assert found(made) == pytest.approx({"u": 1.0, "u**2": -1.0}, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"form": "network"}, "are for equations in time: kind pde"),
        ({"mode": "solver"}, "are for equations in time: kind pde"),
        ({"initial": "fitted"}, "initial='fitted' is for equations in time"),
        ({"initial": "data"}, "needs a first sample without missing values: 41 missing"),
    ],
)
def test_what_fields_cannot_have_is_refused(changes, message):
    truth = System.pde({"u": "D*dxx(u) + u*(1 - u)"}, **FRONT)
    with pytest.raises(dysyr.InputError, match=message):
        fit(FRONT_KNOWN, few_values(truth, 9, 80), **changes)


def test_values_on_another_grid_are_refused():
    truth = System.pde({"u": "D*dxx(u)"}, **FRONT).with_size(x=50)
    with pytest.raises(dysyr.InputError, match="u_41, u_42.*on the grid 41"):
        fit(FRONT_KNOWN, few_values(truth, 9, 80))


def test_values_on_a_coarser_grid_are_warned_of(rng):
    """u_0 .. u_20 of another grid have the names of the left half of this one; some sensors have not."""
    x, (line,) = rng.normal(size=(9, 41)), FRONT_KNOWN.lattice.axes
    plane = System.pde({"u": "laplacian(u)"}, domain=PLANE, hidden={"u": ["u"]}, initial_state={"u": "1"})
    with pytest.warns(UserWarning, match="the first 21 sites of u on a grid of 41: .* with system.with_size"):
        segments_of(make_dataset(x[:, :21], dt=0.5, names=[f"u_{i}" for i in range(21)]), FRONT_KNOWN)
    with pytest.warns(UserWarning, match="the first 5 x 5 sites of u on a grid of 10 x 10"):
        names = [f"u_{i}_{j}" for i in range(5) for j in range(5)]
        segments_of(make_dataset(x[:, :25], dt=0.5, names=names), plane)
    for sites in ([0], [0, 2, 4], range(1, 22), range(line.n)):
        segments_of(make_dataset(x[:, : len(sites)], dt=0.5, names=[f"u_{i}" for i in sites]), FRONT_KNOWN)


def test_functions_may_hold_derivatives_that_nothing_else_does():
    """u_t = 0.5 u_xx, of which nothing is known."""
    more = {**FRONT, "initial_state": {"u": "cos(pi*x/10) + cos(pi*x/5)"}}
    data = few_values(System.pde({"u": "D*dxx(u)"}, **more), 9, 80)
    made = fit(System.pde({"u": "0"}, hidden={"u": ["u"]}, **more), data, degree=1, functions=["dxx(u)"])
    assert found(made) == pytest.approx({"dxx(u)": 0.5}, rel=1e-3)


def test_nothing_may_be_hidden_after_all():
    more = {**FRONT, "initial_state": {"u": "cos(pi*x/10) + cos(pi*x/5)"}}
    truth = System.pde({"u": "D*dxx(u)"}, **more)
    made = fit(System.pde({"u": "D*dxx(u)"}, hidden={"u": ["u"]}, **more), few_values(truth, 9, 60), degree=1)
    assert made.model_.terms == [] and made.model_.formula() == {"u": 0}
    assert made.model_.formula_text() == "F_u = 0"
    assert made.model_.system.trees.drift == truth.trees.drift
