import re
import types

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.kernels import shallow_plrnn_growth_reference as reference
from dysyr.kernels.model_growth import growth_of_model
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.kernels.shallow_plrnn_growth import tangent_growth
from dysyr.kernels.shallow_plrnn_run import run


def parameters(rng, latent_dim, hidden_dim):
    def normal(*shape):
        return rng.normal(scale=1 / np.sqrt(hidden_dim), size=shape)

    return Parameters(
        A=np.full(latent_dim, 0.7),
        W1=normal(latent_dim, hidden_dim),
        W2=normal(hidden_dim, latent_dim),
        h1=normal(latent_dim),
        h2=normal(hidden_dim),
        C=np.zeros((latent_dim, 0)),
        L=np.zeros((0, latent_dim)),
        B=np.zeros((0, latent_dim)),
    )


@pytest.mark.parametrize(
    ("latent_dim", "hidden_dim", "batch", "n_steps", "every"),
    [(3, 20, 1, 100, 1), (5, 23, 17, 60, 4), (1, 3, 2, 1, 1), (11, 7, 3, 50, 5)],
)
@pytest.mark.parametrize("clipped", [False, True])
def test_growth_equals_the_numpy_twin(rng, latent_dim, hidden_dim, batch, n_steps, every, clipped):
    p, z = parameters(rng, latent_dim, hidden_dim), rng.normal(size=(batch, latent_dim))
    growth = tangent_growth(p, z, n_steps, clipped=clipped, every=every)
    expected = reference.tangent_growth(p, z, n_steps, clipped=clipped, every=every)
    np.testing.assert_allclose(growth, expected, rtol=1e-10, atol=1e-10)


def test_an_orbit_has_the_same_bits_alone_and_among_others(rng):
    p, z = parameters(rng, 3, 20), rng.normal(size=(33, 3))
    together = tangent_growth(p, z, 50)
    for orbit in (0, 16, 32):
        np.testing.assert_array_equal(together[orbit], tangent_growth(p, z[orbit : orbit + 1], 50)[0])


def test_short_calls_give_the_same_bits(rng, monkeypatch):
    p, z = parameters(rng, 3, 20), rng.normal(size=(2, 3))
    whole = tangent_growth(p, z, 24, every=2)
    monkeypatch.setattr("dysyr.kernels.shallow_plrnn_growth.PRODUCTS_PER_CALL", 1)
    np.testing.assert_array_equal(tangent_growth(p, z, 24, every=2), whole)


def test_a_direction_sent_to_zero_has_minus_infinity_and_the_others_their_rates(rng):
    p = parameters(rng, 3, 2)._replace(A=np.array([0.5, 0.0, -2.0]), W1=np.zeros((3, 2)))
    growth = tangent_growth(p, np.ones((2, 3)), 5)
    expected = np.log([0.5, 1.0, 2.0])
    expected[1] = -np.inf
    np.testing.assert_allclose(growth, np.broadcast_to(expected, growth.shape), rtol=1e-14)


@pytest.mark.parametrize("growth_of", [tangent_growth, reference.tangent_growth])
def test_an_orbit_that_leaves_all_numbers_gives_nan_from_then_on_and_the_others_go_on(rng, growth_of):
    p = parameters(rng, 2, 3)._replace(A=np.full(2, 1e80), h1=np.zeros(2), W1=np.zeros((2, 3)))
    z = np.array([[0.0, 0.0], [1e78, 0.0], [0.0, 1e-90]])
    with np.errstate(over="ignore", invalid="ignore"):
        growth = growth_of(p, z, 5)
    assert np.isnan(growth[1, 3:]).all()
    np.testing.assert_allclose(growth[1, :2], np.log(1e80), rtol=1e-14)
    np.testing.assert_allclose(growth[[0, 2], :4], np.log(1e80), rtol=1e-14)


def test_growth_of_a_model_takes_all_starts_in_one_call(rng):
    p, z = parameters(rng, 3, 20), rng.normal(size=(5, 3))
    arrays = {**p._asdict(), "clipped": True}
    model = types.SimpleNamespace(kernel=lambda: ("shallow_plrnn", arrays))
    np.testing.assert_array_equal(growth_of_model(model, z, 30), tangent_growth(p, z, 30, clipped=True))
    with pytest.raises(InputError, match="unknown family of compiled models: mamba"):
        growth_of_model(types.SimpleNamespace(kernel=lambda: ("mamba", arrays)), z, 30)


def test_no_orbits_have_no_growth(rng):
    assert tangent_growth(parameters(rng, 3, 8), np.zeros((0, 3)), 5).shape == (0, 5, 3)


def test_bad_input_is_refused(rng):
    p = parameters(rng, 3, 20)
    with pytest.raises(InputError, match=r"shape \(3,\); \(batch, 3\)"):
        tangent_growth(p, np.zeros(3), 10)
    with pytest.raises(InputError, match="n_steps=10, every=3"):
        tangent_growth(p, np.zeros((1, 3)), 10, every=3)
    with pytest.raises(InputError, match="n_steps=-4, every=2"):
        tangent_growth(p, np.zeros((1, 3)), -4, every=2)


@pytest.mark.parametrize("name", ["A", "W1", "h1", "h2", "C"])
@pytest.mark.parametrize("call", [tangent_growth, run])
def test_parameters_that_do_not_fit_together_are_refused_before_memory_is_read(rng, call, name):
    p = parameters(rng, 3, 20)
    short = getattr(p, name)[:-1]
    with pytest.raises(InputError, match=rf"{name} {re.escape(str(short.shape))} with W2 \(20, 3\); {name} \("):
        call(p._replace(**{name: short}), np.zeros((1, 3)), 5)


def test_a_free_run_refuses_states_and_inputs_of_another_shape(rng):
    p = parameters(rng, 3, 20)._replace(C=rng.normal(size=(3, 2)))
    for z in (np.zeros(3), np.zeros((2, 2)), np.zeros((2, 5))):
        with pytest.raises(InputError, match=rf"starts do not fit .* {re.escape(str(z.shape))}; \(batch, 3\)"):
            run(p, z, 4)
    for shape in ((2, 4, 1), (2, 5, 2), (1, 4, 2)):
        with pytest.raises(InputError, match=rf"inputs do not fit the run: {re.escape(str(shape))}; \(2, 4, 2\)"):
            run(p, np.zeros((2, 3)), 4, np.zeros(shape))
    with pytest.raises(InputError, match="n_steps=-1"):
        run(p, np.zeros((2, 3)), -1)
    assert run(p, np.zeros((0, 3)), 4).shape == (0, 4, 3)


def test_a_free_run_in_parts_and_from_strided_float32_arrays_has_the_same_bits(rng, monkeypatch):
    p = parameters(rng, 3, 20)._replace(C=rng.normal(size=(3, 2)))
    z, u = rng.normal(size=(3, 17)).T, rng.normal(size=(17, 9, 2))
    single = p._replace(W1=np.asfortranarray(p.W1), h2=np.repeat(p.h2, 2)[::2], A=p.A.astype(np.float32))
    whole = run(p._replace(A=single.A.astype(np.float64)), np.ascontiguousarray(z), 9, u)
    monkeypatch.setattr("dysyr.kernels.shallow_plrnn_run.STEPS_PER_CALL", 4)
    np.testing.assert_array_equal(run(single, z, 9, u), whole)
