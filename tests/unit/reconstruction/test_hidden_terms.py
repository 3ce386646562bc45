"""HiddenTerms from data to a system that runs: recovery, options, refusals."""

import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from typer.testing import CliRunner

import dysyr
from dysyr.cli import app
from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms import HiddenTerms, work
from dysyr.reconstruction.hidden_terms.refinement import Refinement

TRUTH = System.ode({"x": "1.3*x - 0.9*x*y", "y": "0.8*x*y - 1.8*y"})
KNOWN = {"kind": "ode", "equations": {"x": "a*x", "y": "-1.8*y"}, "parameters": {"a": 1.3}}
HALF = KNOWN | {"hidden": {"x": ["x", "y"], "y": ["x", "y"]}}
START = (0.44249296, 4.6280594)
QUICK = {
    "degree": 2,
    "n_members": 1,
    "width": 12,
    "hidden_width": 6,
    "n_collocation": 40,
    "n_adam": 30,
    "n_iterations": 60,
}


def observed(times, noise=0.0, seed=0):
    """The literature's Lotka-Volterra system at given times, by SciPy."""
    out = solve_ivp(lambda t, x: TRUTH.vector_field(x), (0, times[-1]), START, t_eval=times, rtol=1e-11, atol=1e-12)
    x = out.y.T
    x = x + noise * x.mean(axis=0) * np.random.default_rng(seed).normal(size=x.shape)
    return make_dataset(x, time=times, names=["x", "y"])


def fit(data, system=HALF, **changes):
    return HiddenTerms(system, **{**QUICK, **changes}).fit(data, progress=False)


@pytest.fixture(scope="module")
def fitted():
    return fit(observed(0.3 * np.arange(10)))


def found(made):
    return {(row["field"], row["term"]): row["coefficient"] for row in made.model_.terms}


def test_the_interaction_is_found_from_ten_points(fitted):
    terms = found(fitted)
    assert set(terms) == {("x", "x*y"), ("y", "x*y")}
    assert terms["x", "x*y"] == pytest.approx(-0.9, rel=1e-6)
    assert terms["y", "x*y"] == pytest.approx(0.8, rel=1e-6)
    assert all(row["inclusion"] > 0.99 for row in fitted.model_.terms)
    assert fitted.model_.formula_text().startswith("F_x = -0.9*x*y\nF_y = 0.8")


def test_it_is_found_from_five_points():
    assert set(found(fit(observed(0.6 * np.arange(5))))) == {("x", "x*y"), ("y", "x*y")}


def test_the_formula_is_a_sympy_expression(fitted):
    import sympy

    x, y = sympy.symbols("x y")
    formula = fitted.model_.formula()
    assert set(formula) == {"x", "y"}
    assert float(formula["x"].subs({x: 2, y: 3})) == pytest.approx(-5.4, rel=1e-6)
    assert float(formula["y"].subs({x: 2, y: 3})) == pytest.approx(4.8, rel=1e-6)


def test_the_saved_system_file_runs_and_reproduces_the_data(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    system = dysyr.load_system(str(tmp_path / "run" / "system.toml"))
    again = dysyr.simulate(system, n_steps=10)
    np.testing.assert_allclose(again["x"].values[0], observed(0.3 * np.arange(10))["x"].values[0], atol=1e-6)
    assert again.attrs["dt"] == pytest.approx(0.3)


def test_the_model_is_a_vector_field_with_a_known_and_a_hidden_part(fitted):
    z = np.array([[2.0, 3.0], [0.5, 0.1]])
    np.testing.assert_allclose(fitted.model_.known_part(z), z * [1.3, -1.8])
    product = (z[:, 0] * z[:, 1])[:, None]
    np.testing.assert_allclose(fitted.model_.hidden_part(z), product * [-0.9, 0.8], rtol=1e-6)
    members = fitted.model_.hidden_networks(z)
    assert members.shape == (1, 2, 2) and np.isfinite(members).all()


def test_forecasts_start_from_the_orbit_nearest_to_a_noisy_context(fitted):
    truth = observed(0.3 * np.arange(30))["x"].values[0]
    context = truth[:15].copy()
    context[:, 0] += 0.02 * np.random.default_rng(0).normal(size=15)
    context[-1, 1] = np.nan
    data = make_dataset(context, dt=0.3, names=["x", "y"], mask=np.isfinite(context))
    ahead = fitted.forecast(data, n_steps=10)["x"].values[0]
    np.testing.assert_allclose(ahead, truth[15:25], rtol=0.05, atol=0.05)


def test_contexts_with_long_gaps_or_nothing_to_see_have_a_state(fitted):
    whole = observed(0.3 * np.arange(40))["x"].values[0]
    context = whole[:34].copy()
    context[20:] = np.nan
    ahead = fitted.forecast(make_dataset(context, dt=0.3, names=["x", "y"], mask=True), n_steps=6)["x"].values[0]
    np.testing.assert_allclose(ahead, whole[34:], rtol=0.01)
    nothing = fitted.forecast(make_dataset(np.full((5, 2), np.nan), dt=0.3, names=["x", "y"], mask=True), n_steps=2)
    assert np.isfinite(nothing["x"]).all()


def test_what_is_hidden_in_a_known_system_is_found_again():
    hidden = {"kind": "ode", "equations": {"x": "1.3*x - 0.9*x*y", "y": "0.8*x*y - 1.8*y"}, "hidden": {"x": "-0.9*x*y"}}
    made = fit(observed(0.3 * np.arange(10)), hidden)
    assert found(made) == pytest.approx({("x", "x*y"): -0.9}, rel=1e-6)


def test_a_given_start_is_kept():
    data = observed(0.3 * np.arange(10))
    made = fit(data, initial="data")
    assert found(made)["x", "x*y"] == pytest.approx(-0.9, rel=1e-6)
    np.testing.assert_array_equal(made.model_.system.initial_state, data["x"].values[0, 0])
    half = HALF | {"defaults": {"initial_state": {"x": 1.0, "y": "4"}}}
    made = fit(data, half, initial="system", conditions="soft")
    np.testing.assert_array_equal(made.model_.system.initial_state, [1.0, 4.0])


def test_a_start_that_holds_for_whole_trajectories_only():
    """Pieces of a cut trajectory start elsewhere, and terms that take them there are wrong."""
    given = HALF | {"defaults": {"initial_state": dict(zip("xy", START, strict=True))}}
    data = observed(0.3 * np.arange(20))
    with pytest.raises(dysyr.InputError, match="20 samples; at most segment=10: set segment=20"):
        fit(data, given, initial="system", segment=10)
    assert set(found(fit(data, given, initial="system", segment=20))) == {("x", "x*y"), ("y", "x*y")}


def test_a_free_parameter_is_fitted_and_its_term_left_out():
    with pytest.warns(UserWarning, match="parameter a and the term x of the hidden function of x are not identifiable"):
        made = fit(observed(0.3 * np.arange(10)), HALF | {"parameters": {"a": 1.0}}, free=["a"])
    assert made.model_.found["parameters"]["a"]["value"] == pytest.approx(1.3, rel=1e-5)
    assert made.model_.system.parameters["a"] == pytest.approx(1.3, rel=1e-5)
    np.testing.assert_allclose(made.model_.known_part(np.array([[1.0, 2.0]])), [[1.3, -3.6]], rtol=1e-5)
    np.testing.assert_allclose(made.model_.hidden_part(np.array([[1.0, 2.0]])), [[-1.8, 1.6]], rtol=1e-5)
    assert set(found(made)) == {("x", "x*y"), ("y", "x*y")}


def test_a_free_parameter_that_several_terms_replace_is_warned_of():
    half = HALF | {"equations": {"x": "a*(x + y)", "y": "-1.8*y"}}
    with pytest.warns(UserWarning, match="terms of the hidden functions of x are not identifiable together"):
        fit(observed(0.3 * np.arange(10)), half, free=["a"], n_sets=4)


def test_a_free_parameter_where_nothing_is_hidden_is_not_warned_of():
    half = {"kind": "ode", "equations": {"x": "1.3*x", "y": "b*x*y - 1.8*y"}, "parameters": {"b": 0.5}}
    made = fit(observed(0.3 * np.arange(10)), half | {"hidden": {"x": ["x", "y"]}}, free=("b",))
    assert made.model_.system.parameters["b"] == pytest.approx(0.8, rel=1e-5)
    assert found(made) == pytest.approx({("x", "x*y"): -0.9}, rel=1e-5)


def test_known_noise_and_further_functions_are_used():
    data = observed(0.1 * np.arange(31), 0.01)
    made = fit(data, noise=[0.005, 0.01], functions=["sin(x)", "x/(1 + y)"])
    assert set(found(made)) == {("x", "x*y"), ("y", "x*y")}
    assert 0.5 < made.model_.found["chi_square"][1] < 1.6
    assert found(made)["x", "x*y"] == pytest.approx(-0.9, rel=0.05)


def test_terms_that_are_no_numbers_along_the_data_harm_no_other():
    made = fit(observed(0.3 * np.arange(10)), functions=["log(x - 0.3)", "1/(y - y)"])
    assert found(made) == pytest.approx({("x", "x*y"): -0.9, ("y", "x*y"): 0.8}, rel=1e-5)


def test_the_network_form_runs_with_the_networks():
    made = fit(observed(0.1 * np.arange(31)), form="network", n_members=2, n_iterations=150)
    model, z = made.model_, observed(0.1 * np.arange(31))["x"].values[0, 2::7]
    hidden = model.hidden_networks(z).mean(axis=0)
    np.testing.assert_allclose(model.derivative(z), z * [1.3, -1.8] + hidden)
    error = np.abs(hidden - z[:, :1] * z[:, 1:] * [-0.9, 0.8]).mean()
    assert error < 0.3 * np.abs(z[:, :1] * z[:, 1:]).mean()
    assert made.generate(20, context=z[None, :2], seed=1)["x"].shape == (1, 20, 2)


def test_irregular_times_and_pieces_of_a_long_record():
    times = np.sort(np.random.default_rng(0).uniform(0, 6, 40))
    made = fit(observed(times - times[0]), segment=15)
    assert found(made)["y", "x*y"] == pytest.approx(0.8, rel=1e-5)
    assert made.model_.dt == pytest.approx(np.median(np.diff(times)))


def test_a_system_object_is_saved_as_its_definition(tmp_path):
    made = fit(observed(0.3 * np.arange(10)), System.from_dict(HALF))
    made.save(tmp_path / "run")
    assert isinstance(made.system, System)
    loaded = dysyr.core.run_folder.read_run(tmp_path / "run")
    assert loaded["parameters"]["system"] == System.from_dict(HALF).to_dict()
    assert json.loads(json.dumps(loaded["model"]))["found"]["terms"][0]["term"] == "x*y"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "shooting"}, "cannot use this mode: 'shooting'"),
        ({"degree": -1}, "cannot use this degree: -1"),
        ({"degree": 0}, "cannot use this degree: 0; at least 1 where there are no functions"),
        ({"form": "text"}, "cannot use this form"),
        ({"initial": 3}, "cannot use this initial"),
        ({"conditions": "none"}, "cannot use this conditions"),
        ({"noise": -1.0}, "cannot use this noise"),
        ({"noise": [1.0, "a"]}, "cannot use this noise"),
        ({"noise": [1.0]}, "noise: 1 numbers; one for each of 2 variables"),
        ({"functions": "sin(x)"}, "cannot use this functions: 'sin\\(x\\)'; a list of texts, or None"),
        ({"free": [3]}, "cannot use this free"),
        ({"free": ["b"]}, "there is no parameter 'b' to be fitted; parameters are a"),
        ({"functions": ["q*x"]}, "'q'"),
        ({"segment": 2}, "cannot use this segment"),
        ({"initial": "system"}, "has no default initial state"),
        ({"system": KNOWN}, "hides nothing"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(dysyr.DysyrError, match=message):
        fit(observed(0.3 * np.arange(10)), **changes)


def test_a_first_sample_with_gaps_is_no_exact_start():
    data = observed(0.3 * np.arange(10))
    data = data.assign(mask=np.isfinite(data["x"]).copy())
    data["mask"].values[0, 0, 1] = False
    with pytest.raises(dysyr.InputError, match="needs a first sample without missing values: 1 missing"):
        fit(data, initial="data")


def test_data_along_which_no_set_has_a_solution_are_told(monkeypatch):
    monkeypatch.setattr(Refinement, "squares", lambda self, residuals: np.full((len(residuals), 2), np.inf))
    with pytest.raises(dysyr.NotConverged, match="no set of terms has a solution along the data"):
        fit(observed(0.3 * np.arange(10)), degree=1, n_sets=4)


def test_a_library_without_a_number_along_the_data_is_refused():
    with pytest.raises(dysyr.InputError, match="no term of the library is a number all along.*log\\(x - 100"):
        fit(observed(0.3 * np.arange(10)), degree=0, functions=["log(x - 100)"])


def test_a_known_part_that_is_too_stiff_is_told():
    half = {"kind": "ode", "equations": {"x": "-1e6*x"}, "hidden": {"x": ["x"]}}
    with pytest.raises(dysyr.InputError, match="too stiff.*at most 20000"):
        fit(make_dataset(np.linspace(1, 2, 10)[:, None], dt=1.0, names=["x"]), half, degree=1)


def test_a_training_that_leaves_the_range_of_numbers_is_told(tmp_path):
    half = {"kind": "ode", "equations": {"x": "exp(exp(x))"}, "hidden": {"x": ["x"]}}
    data = make_dataset(np.linspace(8, 9, 10)[:, None], dt=1.0, names=["x"])
    with pytest.raises(dysyr.NotConverged, match="member 0 have no finite loss after round 0.*known part along"):
        HiddenTerms(half, **QUICK).fit(data, progress=False, checkpoint=tmp_path)


def test_the_command_line_fits_a_table_and_runs_the_found_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    System.from_dict(HALF).to_file("known.toml")
    values = observed(0.3 * np.arange(10))["x"].values[0]
    table = np.column_stack([0.3 * np.arange(10), values])
    np.savetxt("counts.csv", table, delimiter=",", header="time,x,y", comments="", fmt="%.12g")
    quick = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]
    for command in (
        ["fit", "hiddenterms", "counts.csv", "--set", "system=known.toml", *quick, "-o", "run"],
        ["simulate", "run/system.toml", "-o", "again.nc", "--n-steps", "10"],
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    np.testing.assert_allclose(dysyr.read_dataset("again.nc")["x"].values[0], values, atol=1e-6)


def test_a_fit_that_stops_at_the_second_member_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    data, settings = observed(0.3 * np.arange(10)), {**QUICK, "degree": 1, "n_members": 2}
    whole = HiddenTerms(HALF, **settings).fit(data, progress=False).model_.arrays()
    original, calls = work.Work._piece, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(self)

    monkeypatch.setattr(work, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(work.Work, "_piece", interrupted)
    with pytest.raises(KeyboardInterrupt):
        HiddenTerms(HALF, **settings).fit(data, progress=False, checkpoint=tmp_path)
    resumed = HiddenTerms(HALF, **settings).fit(data, progress=False, checkpoint=tmp_path).model_.arrays()
    assert set(resumed) == set(whole) and len(resumed["rate"]) == 2
    for name, value in whole.items():
        np.testing.assert_array_equal(value, resumed[name], err_msg=name)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration"):
        HiddenTerms(HALF | {"parameters": {"a": 1.2}}, **settings).fit(data, progress=False, checkpoint=tmp_path)
