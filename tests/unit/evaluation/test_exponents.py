import dataclasses
import math

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError
from dysyr.core.measure import Measure
from dysyr.core.model import StateSpace
from dysyr.evaluation.exponent_signs import exponent_signs_line, signs
from dysyr.evaluation.kaplan_yorke import KaplanYorkeMeasure, kaplan_yorke_dimension
from dysyr.evaluation.lyapunov_measure import DivergenceRateMeasure, LyapunovSpectrumMeasure
from dysyr.evaluation.model_exponents import exponent_effort, model_exponents
from dysyr.evaluation.verdict import kind_of_truth
from dysyr.truth import known_exponents

HENON_EXPONENTS = np.array([0.41922, -1.62319])


def test_the_jacobian_of_a_model_gives_its_exponents_per_time_unit(henon_model):
    exponents = model_exponents(henon_model(), n_orbits=40, n_steps=2000)
    assert exponents.shape == (40, 2)
    mean, stderr = exponents.mean(axis=0), exponents.std(axis=0, ddof=1) / math.sqrt(40)
    assert np.abs(mean - HENON_EXPONENTS / henon_model.dt).max() < 4 * stderr.max()
    assert exponents.sum(axis=1) == pytest.approx(math.log(0.3) / henon_model.dt, rel=1e-9)


def test_orbits_that_diverge_have_no_exponents(henon_model):
    assert np.isnan(model_exponents(henon_model(a=2.5), n_orbits=5, n_steps=100)).all()


def test_a_driven_model_has_no_exponents_of_its_own(henon_model):
    class Driven(henon_model):
        n_inputs = 1

    with pytest.raises(InputError, match="1 inputs"):
        model_exponents(Driven())


class Diagonal(StateSpace):
    """z <- 0 with a Jacobian that is given: its exponents are the logarithms of the diagonal."""

    names, dt, family, scale = ("x",), 0.5, "diagonal", np.ones(1)

    def __init__(self, rates):
        self.rates, self.latent_dim, self.initial_states = np.asarray(rates), len(rates), np.zeros((3, len(rates)))

    def step(self, z, u=None):
        return 0 * z

    def trajectory(self, z, n_steps, u=None):
        return np.zeros((len(z), n_steps, self.latent_dim))

    def jacobian(self, z, u=None):
        return np.broadcast_to(np.diag(np.exp(self.rates)), (len(z), self.latent_dim, self.latent_dim))

    def initial(self, context, u=None):
        raise NotImplementedError

    readout = config = arrays = from_state = initial

    latent_dim = initial_states = None


def test_of_large_states_the_leading_exponents_are_computed():
    rates = np.linspace(0.4, -3.5, 60)
    exponents = model_exponents(Diagonal(rates), n_orbits=30, n_steps=4000)
    assert exponents.shape == (10, 20)
    np.testing.assert_allclose(exponents, np.tile(rates[:20] / 0.5, (10, 1)), atol=0.01)
    assert exponent_effort(40, 30, 4000) == (40, 30, 4000)
    assert exponent_effort(41, 5, 300) == (20, 5, 300)


def test_the_dimension_of_large_states(henon_truths, make_context):
    truths = henon_truths[0, :1000], henon_truths[1:11, :1000]
    contracting = make_context(*truths, dt=0.5, model=Diagonal(np.linspace(0.4, -3.5, 60)))
    spectrum, dimension = (measure().compute(contracting) for measure in (LyapunovSpectrumMeasure, KaplanYorkeMeasure))
    assert (spectrum.settings["steps"], spectrum.settings["orbits"], dimension.n) == (2000, 10, 20_000)
    assert dimension.value == pytest.approx(13.1, abs=0.1)
    flat = KaplanYorkeMeasure().compute(make_context(*truths, dt=0.5, model=Diagonal(np.linspace(0.4, -0.1, 60))))
    assert np.isnan(flat.value)
    assert flat.status == "larger than the 20 exponents that were computed"


@pytest.fixture
def context(henon_truths, make_context, henon_model, quick):
    truth = Measure(name="lyapunov_spectrum", kind="invariant", value=list(HENON_EXPONENTS / 0.5), stderr=[4e-4, 4e-4])
    return make_context(
        henon_truths[0, :1000], henon_truths[1:11, :1000], dt=0.5, model=henon_model(), truth_exponents=truth,
        settings=quick,
    )  # fmt: skip


def test_spectrum_and_dimension_stand_beside_those_of_the_truth(context):
    spectrum = LyapunovSpectrumMeasure().compute(context)
    for value, stderr, truth in zip(spectrum.value, spectrum.stderr, spectrum.truth, strict=True):
        assert value == pytest.approx(truth, abs=4 * stderr)
    dimension = KaplanYorkeMeasure().compute(context)
    assert dimension.truth == pytest.approx(1.2583, abs=1e-4)
    assert dimension.value == pytest.approx(dimension.truth, abs=0.02)
    assert exponent_signs_line({"lyapunov_spectrum": spectrum}).passed
    assert DivergenceRateMeasure().compute(context) is None


def test_without_a_jacobian_the_data_speak_for_both_sides(henon_truths, make_context):
    context = make_context(henon_truths[0, :3000], henon_truths[1:4, :3000])
    assert LyapunovSpectrumMeasure().compute(context) is None
    rate = DivergenceRateMeasure().compute(context)
    assert rate.settings["truth_chaotic"] and rate.settings["model_chaotic"]
    assert rate.value == pytest.approx(rate.truth, rel=0.1)
    assert exponent_signs_line({"divergence_rate": rate}).passed


def spectrum(value, truth, stderr=None):
    return {
        "lyapunov_spectrum": Measure(
            name="lyapunov_spectrum", kind="invariant", value=value, stderr=stderr, truth=truth,
            truth_stderr=[0.0002] * len(truth),
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    "model, passed",
    [
        ([0.85, 0.02, -20.0], True),
        ([0.85, -0.08, -9.0, -30.0], True),
        ([0.85, 0.30, -14.0], False),
        ([0.85, -0.30, -14.0], False),
        ([0.01, 0.00, -14.0], True),
        ([0.00, -0.02, -14.0], False),
        ([-0.2, -0.50, -14.0], False),
    ],
)
def test_signs_of_a_chaotic_flow(model, passed):
    assert exponent_signs_line(spectrum(model, [0.9056, 0.0, -14.57])).passed is passed


@pytest.mark.parametrize(
    "model, passed",
    [([0.001, -0.4], True), ([0.03, -0.4], True), ([0.2, -0.4], False), ([-0.2, -0.4], False)],
)
def test_signs_of_a_cycle(model, passed):
    assert exponent_signs_line(spectrum(model, [0.0, -0.5])).passed is passed


@pytest.mark.parametrize("model, passed", [([0.09, -8.0], True), ([0.0, -8.0], False), ([-0.5, -8.0], False)])
def test_weak_chaos_beside_a_strong_contraction_is_chaos_where_the_file_says_so(model, passed):
    measures = spectrum(model, [0.0988, -8.5])
    known = dataclasses.replace(measures["lyapunov_spectrum"], settings={"truth_n_zero": 0})
    assert exponent_signs_line({"lyapunov_spectrum": known}).passed is passed
    assert exponent_signs_line(measures).passed is True


def test_a_truth_whose_exponents_are_all_zero_tells_nothing():
    measures = spectrum([0.3, -0.3], [0.0, 0.0])
    known = dataclasses.replace(measures["lyapunov_spectrum"], settings={"truth_n_zero": 2})
    assert exponent_signs_line({"lyapunov_spectrum": known}).passed is None


def test_exponents_that_a_file_calls_zero_are_zero():
    """So that a limit cycle has Kaplan-Yorke dimension 1."""
    found = known_exponents(catalogue_system("van_der_pol"))
    assert found.value[0] == 0.0 and found.settings["n_zero"] == 1
    assert kaplan_yorke_dimension(found.value) == 1.0
    assert known_exponents(catalogue_system("lotka_volterra")).value == [0.0, 0.0]


def test_the_kind_of_a_truth_whose_exponents_nobody_states():
    """A rotation, exponents of rounding; a decay; samples decide where exponents do not."""
    t = 0.05 * np.arange(4_000)
    circle = np.column_stack([np.cos(t), np.sin(t)])

    def kind(value, settings=None, **how):
        measure = Measure(name="lyapunov_spectrum", kind="invariant", value=value, settings=settings or {})
        return kind_of_truth(circle, measure, **how)

    assert kind([-3e-12, -3e-12], span=200.0) == "cycle"
    assert kind([-0.5, -0.7], span=200.0) == "fixed point"
    assert kind([0.09, -8.5], {"n_zero": 0}, span=200.0) is None
    assert kind([0.0, -1.0], {"n_zero": 1}, span=200.0) == "cycle"


def test_a_positive_exponent_must_stand_out_from_its_error():
    uncertain = spectrum([0.05, 0.0, -14.0], [0.9, 0.0, -14.6], [0.03, 0.01, 0.1])
    assert exponent_signs_line(uncertain).passed is False


def test_signs_have_a_band_of_zero():
    assert signs([0.5, 0.04, -0.04, -0.5], None, zero=0.05).tolist() == [1, 0, 0, -1]
    assert signs([0.5, 0.04], [0.2, 0.001], zero=0.0).tolist() == [0, 1]


def test_unknown_signs_are_said_to_be_unknown():
    assert exponent_signs_line({}).passed is None
    rate = Measure(
        name="divergence_rate", kind="invariant", value=1.0,
        settings={"truth_chaotic": False, "truth_checks": "R^2 = 0.5"},
    )  # fmt: skip
    line = exponent_signs_line({"divergence_rate": rate})
    assert line.passed is None and "R^2 = 0.5" in line.text
