"""The autoregressive network and mixtures over orders: exact probabilities, exact samples, exact symmetry."""

import numpy as np
import pytest
import torch
from povm_cases import SMALL, every, random_state
from scipy.stats import chisquare

import dysyr
from dysyr.core.povm import Frame
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of, strings_of
from dysyr.reconstruction.povm_transformer.site_orders import site_orders
from dysyr.reconstruction.povm_transformer.string_state import new_state

RING = site_orders((4,), "periodic", "translations")


def pooled(counts, expected):
    """Counts and expectations with those below five put into one cell."""
    rare = expected < 5
    return np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum())


@pytest.mark.parametrize("orders", [None, RING], ids=["one order", "four orders"])
def test_probabilities_sum_to_one(orders):
    p = np.exp(random_state(4, orders).log_probabilities(every(4)))
    assert abs(p.sum() - 1) < 1e-12
    assert p.max() > 20 * p.min()


def test_a_later_outcome_does_not_change_earlier_conditionals():
    network, strings = random_state(5).network, torch.tensor(np.random.default_rng(0).integers(4, size=(20, 5)))
    with torch.no_grad():
        before = network.conditionals(strings)
        for j in range(5):
            changed = strings.clone()
            changed[:, j] = (changed[:, j] + 1) % 4
            after = network.conditionals(changed)
            torch.testing.assert_close(after[:, : j + 1], before[:, : j + 1], rtol=0, atol=1e-13)
            assert j == 4 or (after[:, j + 1 :] - before[:, j + 1 :]).abs().max() > 1e-3


@pytest.mark.parametrize("orders", [None, RING], ids=["one order", "four orders"])
def test_samples_have_the_probabilities_of_the_network(orders):
    state = random_state(4, orders, scale=0.2)
    strings, log_p = state.sample(10_000, np.random.default_rng(1))
    np.testing.assert_allclose(log_p, state.log_probabilities(strings), atol=1e-12)
    expected = 10_000 * np.exp(state.log_probabilities(every(4)))
    counts, expected = pooled(np.bincount(keys_of(strings), minlength=256), expected)
    assert len(counts) > 60
    assert chisquare(counts, expected).pvalue > 1e-3


def test_a_new_network_is_the_product_state():
    frame = Frame("tetra_pos")
    bloch = np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])
    state = new_state(3, frame.log_probabilities(bloch), **SMALL)
    single = np.exp(frame.log_probabilities(bloch))
    product = np.einsum("a,b,c->abc", *single).ravel()
    np.testing.assert_allclose(np.exp(state.log_probabilities(every(3))), product, rtol=1e-12)


def test_a_group_of_orders_restores_the_symmetry_exactly():
    strings = every(4)
    for name, orders in (("one", None), ("ring", RING)):
        p = np.exp(random_state(4, orders).log_probabilities(strings))
        shifted = p[keys_of(np.roll(strings, 1, axis=1))]
        broken = np.abs(p - shifted).max() / p.max()
        assert (broken < 1e-12) == (name == "ring"), broken


def test_strings_of_an_orbit_are_counted_once():
    state = random_state(4, site_orders((4,), "periodic", "lattice"))
    strings, counts = state.all_strings()
    assert len(strings) == 55  # bracelets of four beads in four colours, OEIS A032275
    assert counts.sum() == 256
    assert abs(counts @ np.exp(state.log_probabilities(strings)) - 1) < 1e-12
    images = keys_of(strings[:, [1, 0, 3, 2]])
    np.testing.assert_array_equal(state.representatives(images), keys_of(strings))


@pytest.mark.parametrize("orders", [None, RING], ids=["one order", "four orders"])
def test_gradients_are_differences(orders):
    state, strings = random_state(4, orders, scale=0.2), every(4)[::7]
    rows = torch.cat([rows for _, rows in state.gradients(strings)]).numpy()
    theta, h = state.theta, 1e-5
    along = torch.tensor(np.random.default_rng(2).normal(size=theta.shape))
    ends = []
    for sign in (1, -1):
        state.set_theta(theta + sign * h * along)
        ends.append(state.log_probabilities(strings))
    np.testing.assert_allclose(rows @ along.numpy(), (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-6)


def test_numbers_of_strings():
    assert keys_of(np.array([[0, 0, 3], [1, 0, 2]])).tolist() == [3, 18]
    np.testing.assert_array_equal(strings_of([3, 18], 3), [[0, 0, 3], [1, 0, 2]])


@pytest.mark.parametrize(
    ("shape", "boundary", "symmetry", "n"),
    [
        ((5,), "periodic", "translations", 5),
        ((5,), "periodic", "lattice", 10),
        ((5,), "open", "lattice", 2),
        ((5,), None, "none", 1),
        ((3, 3), "periodic", "translations", 9),
        ((3, 3), "periodic", "lattice", 72),
        ((2, 3), "open", "lattice", 4),
        ((3, 3), "open", "lattice", 8),
    ],
)
def test_symmetries_of_lattices(shape, boundary, symmetry, n):
    orders = site_orders(shape, boundary, symmetry)
    assert len(orders) == n
    assert new_state(orders.shape[1], np.zeros((orders.shape[1], 4)), orders, **SMALL).n_sites == np.prod(shape)


def test_symmetries_that_are_not_there():
    with pytest.raises(dysyr.InputError, match="unknown symmetry: 'turns'"):
        site_orders((4,), "periodic", "turns")
    with pytest.raises(dysyr.InputError, match="symmetry 'lattice' on a graph"):
        site_orders((4,), None, "lattice")
    with pytest.raises(dysyr.InputError, match="translations on an open lattice"):
        site_orders((4,), "open", "translations")
    with pytest.raises(dysyr.InputError, match="no group"):
        random_state(3, [[0, 1, 2], [1, 2, 0]])
    with pytest.raises(dysyr.InputError, match="permutations of 3 sites"):
        random_state(3, [[0, 1, 1]])
