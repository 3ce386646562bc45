"""SINDy against pysindy's own fit, known equations and integrals; blow-ups end."""

import json

import numpy as np
import pysindy
import pytest
from scipy.integrate import quad, solve_ivp

from dysyr.core.errors import InputError, NotConverged
from dysyr.core.monomials import Monomials
from dysyr.reconstruction.sindy import PolynomialField, SINDy, differences, integrals


def lorenz_slope(t, x):
    return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]


@pytest.fixture(scope="module")
def lorenz():
    times = 0.002 * np.arange(5000)
    return solve_ivp(lorenz_slope, (0, times[-1]), [-8.0, 8.0, 27.0], t_eval=times, rtol=1e-11, atol=1e-11).y.T


TRUE = {("x0", 0): -10, ("x1", 0): 10, ("x0", 1): 28, ("x1", 1): -1, ("x0 x2", 1): -1, ("x2", 2): -8 / 3,
        ("x0 x1", 2): 1}  # fmt: skip


def coefficients(model):
    found = model.data_coefficients()
    return {
        (term, column): found[row, column] for row, term in enumerate(model.terms()) for column in range(3)
        if found[row, column]
    }  # fmt: skip


def test_the_equations_of_lorenz_from_derivatives_are_those_of_pysindy(lorenz):
    model = SINDy(form="derivative", order=2, threshold=0.03).fit(lorenz, dt=0.002, progress=False).model_
    found = coefficients(model)
    assert set(found) == set(TRUE)
    theirs = pysindy.SINDy(
        optimizer=pysindy.STLSQ(threshold=0.1, alpha=1e-6), feature_library=pysindy.PolynomialLibrary(degree=2),
        differentiation_method=pysindy.FiniteDifference(order=2, drop_endpoints=True),
    )  # fmt: skip
    theirs.fit(lorenz[:4000], t=0.002)
    matrix = np.asarray(theirs.coefficients())
    names = theirs.get_feature_names()
    for (term, column), value in found.items():
        assert value == pytest.approx(matrix[column, names.index(term)], rel=1e-4), (term, column)
        assert value == pytest.approx(TRUE[term, column], rel=2e-3), (term, column)


def test_the_weak_form_is_more_accurate_at_coarse_sampling(lorenz):
    coarse = lorenz[::10]
    weak = SINDy(form="weak", window=21, threshold=0.03).fit(coarse, dt=0.02, progress=False).model_
    differenced = SINDy(form="derivative", order=2, threshold=0.03).fit(coarse, dt=0.02, progress=False).model_
    errors = [
        max(abs(coefficients(model).get(key, 0.0) - value) for key, value in TRUE.items())
        for model in (weak, differenced)
    ]
    assert errors[0] < 1e-3
    assert errors[1] > 0.1
    assert weak.equations()[0] == "dx0/dt = -10 x0 + 10 x1"


def test_forms_are_chosen_by_validation(lorenz):
    fitted = SINDy(order=2).fit(lorenz[::10], dt=0.02, progress=False)
    assert len(fitted.history_["score"]) == 12
    assert fitted.history_["chosen"][0] >= 3
    assert set(coefficients(fitted.model_)) == set(TRUE)


def test_an_ensemble_is_reproducible(lorenz):
    """That it leaves the global generator as it was, which pysindy draws from, is checked after each test."""
    arguments = {"form": "weak", "window": 21, "threshold": 0.03, "ensemble": True}
    models = [SINDy(**arguments, seed=s).fit(lorenz[::10], dt=0.02, progress=False).model_ for s in (0, 0, 1)]
    np.testing.assert_array_equal(models[0].coefficients, models[1].coefficients)
    assert not np.array_equal(models[0].coefficients, models[2].coefficients)
    assert set(coefficients(models[0])) == set(TRUE)


def test_units_do_not_matter(lorenz):
    """Other units of the variables and of time give the same terms, and the coefficients that belong to them."""
    factor = np.array([100.0, 0.01, 1.0])
    arguments = {"form": "weak", "window": 21, "threshold": 0.03}
    plain = SINDy(**arguments).fit(lorenz[::10], dt=0.02, progress=False).model_
    other = SINDy(**arguments).fit(lorenz[::10] * factor, dt=2.0, progress=False).model_
    powers = Monomials.up_to(2, 3).powers()
    expected = plain.data_coefficients() * factor / np.prod(factor**powers, axis=1)[:, None] / 100
    np.testing.assert_allclose(other.data_coefficients(), expected, rtol=1e-6, atol=1e-12)


def test_integrals_of_a_sine():
    """- int phi' z dt = int phi z' dt; phi' vanishes to a lower order than phi, so that its integral is less exact."""
    dt, window, start = 0.05, 31, 7
    z = np.sin(dt * np.arange(60))[:, None]
    inputs, slopes = integrals(z, Monomials.up_to(2, 1), dt, window)
    half, centre = dt * (window - 1) / 2, dt * (start + (window - 1) / 2)

    def phi(t):
        return (1 - ((t - centre) / half) ** 2) ** 6

    ends, mass = (centre - half, centre + half), quad(phi, centre - half, centre + half)[0]
    for column, function in enumerate((lambda t: 1.0, np.sin, lambda t: np.sin(t) ** 2)):
        expected = quad(lambda t, f=function: phi(t) * f(t), *ends)[0] / mass
        assert inputs[start, column] == pytest.approx(expected, abs=1e-9)
    expected = quad(lambda t: phi(t) * np.cos(t), *ends)[0] / mass
    assert slopes[start, 0] == pytest.approx(expected, abs=3e-7)
    assert len(inputs) == len(slopes) == 30


def test_differences_of_a_polynomial_are_exact():
    t = 0.1 * np.arange(30)
    inputs, slopes = differences((t**4)[:, None], Monomials.up_to(1, 1), 0.1, 4)
    np.testing.assert_allclose(slopes[:, 0], 4 * t[2:-2] ** 3, rtol=1e-8)
    np.testing.assert_allclose(inputs[:, 1], t[2:-2] ** 4)


def field(coefficients, degree=2, origin=0.0):
    return PolynomialField(
        coefficients=np.array(coefficients), degree=degree, sd=np.array([2.0]), origin=np.array([origin]), dt=0.1,
        names=("x",), n_substeps=2, initial_states=np.array([[0.5], [1.5]]),
    )  # fmt: skip


def test_a_blow_up_ends_within_the_steps_that_were_asked_for():
    """dz/dt = z^2 from 2 is infinite at t = 0.5."""
    model = field([[0.0], [0.0], [1.0]])
    ahead = model.forecast(np.array([[4.0]]), n_steps=300)
    status = json.loads(ahead.attrs["status"])[0]
    assert not status["finite"]
    assert 3 <= status["diverged_at"] <= 10
    np.testing.assert_allclose(ahead["x"].values[0, :3, 0], 4 / (1 - 2 * 0.1 * np.arange(1, 4)), rtol=1e-2)
    assert np.isnan(ahead["x"].values[0, 20:]).all()


def test_equations_in_data_units():
    model = field([[1.0], [0.0], [-3.0]])
    assert model.equations() == ["dx/dt = 2 - 1.5 x^2"]
    assert field([[0.0], [0.0], [0.0]]).equations() == ["dx/dt = 0"]
    assert model.n_parameters == 2
    assert field([[1.0], [0.0], [-3.0]], origin=300.0).equations() == ["dx/dt = 2 - 1.5 (x - 300)^2"]
    assert field([[1.0], [0.0], [-3.0]], origin=-0.5).equations() == ["dx/dt = 2 - 1.5 (x + 0.5)^2"]


def test_variables_far_from_zero_are_counted_from_their_mean(lorenz):
    """At forty standard deviations powers of the variables are alike to all digits that least squares can use."""
    coarse = lorenz[::10]
    context, after = coarse[:400] + 40 * coarse.std(axis=0), coarse[400:430] + 40 * coarse.std(axis=0)
    arguments = {"form": "weak", "window": 21, "threshold": 0.03}
    errors = {}
    for origin in ("auto", "zero"):
        model = SINDy(**arguments, origin=origin).fit(context, dt=0.02, progress=False).model_
        ahead = model.forecast(context, n_steps=30)["x"].values[0]
        errors[origin] = np.nan_to_num(np.abs(ahead - after) / coarse.std(axis=0), nan=np.inf).max()
        assert model.origin.any() == (origin == "auto")
    assert errors["auto"] < 0.05
    assert errors["zero"] > 1
    near = SINDy(**arguments).fit(coarse, dt=0.02, progress=False)
    assert not near.model_.origin.any()
    assert len(near.history_["score"]) == 1



def test_what_a_context_lacks_at_its_end_is_what_the_model_makes_of_it(rng):
    t = 0.1 * np.arange(300)
    x = np.column_stack([np.cos(t), np.sin(t)])
    model = SINDy(degree=1).fit(x[:200], dt=0.1, progress=False).model_
    seen = np.ones((4, 20, 2), dtype=bool)
    seen[1, -8:], seen[2, -8:, 0], seen[3] = False, False, rng.random((20, 2)) < 0.5
    seen[3, 5] = True
    contexts = np.where(seen, x[250:270], np.nan)
    np.testing.assert_allclose(model.readout(model.initial(contexts)), np.tile(x[269], (4, 1)), atol=1e-4)


def test_a_context_without_a_complete_sample_starts_at_the_last_values_seen():
    model = field([[1.0], [0.0], [0.0]])
    np.testing.assert_allclose(model.initial(np.full((1, 3, 1), np.nan)), [[1.0]])
    two = SINDy(degree=1).fit(np.random.default_rng(0).normal(size=(200, 2)), dt=0.1, progress=False).model_
    context = np.array([[[1.0, np.nan], [np.nan, 3.0], [2.0, np.nan]]])
    np.testing.assert_allclose(two.readout(two.initial(context)), [[2.0, 3.0]])


def test_a_threshold_that_leaves_nothing_is_no_model(lorenz):
    with pytest.raises(NotConverged, match="no candidate of SINDy gave a model"):
        SINDy(form="weak", window=21, threshold=1e6).fit(lorenz[::10], dt=0.02, progress=False)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"degree": 0}, "SINDy cannot use this degree: 0; 'auto' or a whole number of at least 1"),
        ({"form": "strong"}, "SINDy cannot use this form: 'strong'; one of"),
        ({"threshold": -0.1}, "SINDy cannot use this threshold"),
        ({"window": 4}, "SINDy cannot use this window"),
        ({"order": 3}, "SINDy cannot use this order: 3; an even number from 2 on"),
        ({"ensemble": 1}, "SINDy cannot use this ensemble"),
        ({"origin": "median"}, "SINDy cannot use this origin: 'median'; one of"),
        ({"validation_fraction": 0.0}, "cannot use this validation_fraction"),
        ({"seed": None}, "cannot use this seed"),
        ({"form": "weak", "window": 500}, "too short for every candidate of SINDy"),
        ({"form": "derivative", "order": 400}, "too short for every candidate of SINDy"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(InputError, match=message):
        SINDy(**arguments).fit(np.sin(0.1 * np.arange(300))[:, None], dt=0.1, progress=False)
