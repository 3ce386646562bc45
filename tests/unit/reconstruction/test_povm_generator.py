"""Rows of the generator in a frame: against the dense matrix, printed values, and the symmetry of systems."""

import functools

import numpy as np
import pytest
from povm_cases import every, random_state

import dysyr
from dysyr.core.povm import Frame
from dysyr.reconstruction.povm_transformer.local_generator import LocalGenerator
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of
from dysyr.reconstruction.povm_transformer.site_orders import check_symmetric, largest_orders, site_orders

TETRA_POS = """
-0.644338  0.105662  0.605662 -0.644338
 0.394338 -0.355662 -0.355662  0.894338
-0.105662  0.644338 -0.355662  0.394338
 0.355662 -0.394338  0.105662 -0.644338
"""


def system(shape=(3,), boundary="open", **changes):
    """ZZ bonds, a field and decay, on any lattice."""
    return dysyr.System.open_quantum(
        **{
            "lattice": {"shape": list(shape), "boundary": boundary},
            "hamiltonian": [
                {"operator": "ZZ", "on": "bonds", "coefficient": "0.7"},
                {"operator": "X", "on": "sites", "coefficient": "0.5"},
            ],
            "jumps": [{"operator": "sigma_minus", "on": "sites", "rate": "1"}],
            "observables": [{"name": "Z", "operator": "Z", "on": "sites"}],
            "initial_state": "up", "dt": 0.05, **changes,
        }
    )  # fmt: skip


def dense(one, frame):
    """The whole generator in a frame, by products of matrices of single sites."""
    forth, back = (
        functools.reduce(np.kron, [m] * one.spins.n_sites) for m in (frame.to_outcomes, frame.to_pauli)
    )  # fmt: skip
    return forth @ one.spins.generator_matrix().toarray() @ back


THREE_BODY = system(
    (4,), "open",
    hamiltonian=[{"operator": "XZX", "on": [[2, 0, 1], [1, 3, 2]], "coefficient": "0.4"},
                 {"operator": "Y", "on": [[3]], "coefficient": "0.2"}],
    jumps=[{"operator": "sigma_minus sigma_plus", "on": [[1, 0]], "rate": "0.3"}],
)  # fmt: skip


@pytest.mark.parametrize(
    "one",
    [system(), system((4,), "periodic"), system((2, 2), "open"), THREE_BODY],
    ids=["chain", "ring", "square", "three"],
)
@pytest.mark.parametrize("name", ["tetra_pos", "tetra", "pauli4"])
def test_rows_are_those_of_the_dense_generator(one, name):
    frame, n = Frame(name), one.spins.n_sites
    strings, rows = LocalGenerator(one, frame).rows(every(n))
    np.testing.assert_array_equal(strings, every(n))
    np.testing.assert_allclose(rows.toarray(), dense(one, frame), atol=1e-11)
    np.testing.assert_allclose(rows.sum(axis=0), 0, atol=1e-11)


def test_generator_of_one_spin():
    one = system(
        (1,), hamiltonian=[{"operator": "X", "on": "sites", "coefficient": "0.5"}], observables=[
            {"name": "Z", "operator": "Z", "on": "sites"}]
    )  # fmt: skip
    _, rows = LocalGenerator(one, Frame("tetra_pos")).rows(every(1))
    printed = np.array(TETRA_POS.split(), float).reshape(4, 4)
    np.testing.assert_allclose(rows.toarray(), printed, atol=1e-6)


def test_rows_of_some_strings_name_each_coupled_string_once():
    one, frame = system((5,), "periodic"), Frame()
    chosen = every(5)[[5, 600, 999]]
    strings, rows = LocalGenerator(one, frame).rows(chosen)
    np.testing.assert_array_equal(strings[:3], chosen)
    assert len(np.unique(keys_of(strings))) == len(strings) <= 3 * (15 * 5 + 1)
    whole = dense(one, frame)[keys_of(chosen)]
    np.testing.assert_allclose(rows.toarray(), whole[:, keys_of(strings)], atol=1e-11)
    assert np.abs(whole).sum() == pytest.approx(np.abs(rows).sum())


def test_rows_with_one_string_of_each_orbit():
    one, frame = system((4,), "periodic"), Frame()
    state = random_state(4, site_orders((4,), "periodic", "lattice"))
    kept, _ = state.all_strings()
    strings, rows = LocalGenerator(one, frame).rows(kept, state.representatives)
    assert rows.shape == (55, 55)
    image = dense(one, frame) @ np.exp(state.log_probabilities(every(4)))
    np.testing.assert_allclose(rows @ np.exp(state.log_probabilities(strings)), image[keys_of(kept)], atol=1e-12)


def test_strength_at_a_time():
    one = system(hamiltonian=[{"operator": "X", "on": "sites", "coefficient": "cos(t)"}], jumps=[])
    early, late = (LocalGenerator(one, Frame(), t).rows(every(3))[1].toarray() for t in (0.0, np.pi / 3))
    np.testing.assert_allclose(late, early / 2, atol=1e-12)


def test_symmetry_of_a_system():
    up, ring = np.tile([0, 0, 1.0], (4, 1)), system((4,), "periodic")
    assert len(largest_orders(ring.spins.lattice, LocalGenerator(ring, Frame()), up)) == 8
    assert len(largest_orders(THREE_BODY.spins.lattice, LocalGenerator(THREE_BODY, Frame()), up)) == 1
    neel = up * np.array([1, -1, 1, -1])[:, None]
    assert len(largest_orders(ring.spins.lattice, LocalGenerator(ring, Frame()), neel)) == 1
    chiral = system((4,), "periodic", hamiltonian=[{"operator": "XY", "on": "bonds", "coefficient": "1"}])
    # XY along each bond (0, 1), (1, 2), (2, 3), (3, 0) is the same after a shift, not in a mirror
    assert len(largest_orders(chiral.spins.lattice, LocalGenerator(chiral, Frame()), up)) == 4
    orders = site_orders((4,), "periodic", "lattice")
    with pytest.raises(dysyr.InputError, match="the system does not have the symmetry of the lattice"):
        check_symmetric(orders, LocalGenerator(chiral, Frame()), up)
    with pytest.raises(dysyr.InputError, match="the initial state does not have the symmetry"):
        check_symmetric(orders, LocalGenerator(ring, Frame()), neel)


def test_terms_that_say_the_same_are_the_same():
    """A field written on bonds, half on each site, is the field on sites."""
    halves = system(
        (4,), "periodic",
        hamiltonian=[{"operator": "ZZ", "on": "bonds", "coefficient": "0.7"},
                     {"operator": {"XI": 1.0, "IX": 1.0}, "on": [[0, 1], [2, 3]], "coefficient": "0.5"}],
    )  # fmt: skip
    assert len(largest_orders(halves.spins.lattice, LocalGenerator(halves, Frame()), np.zeros((4, 3)))) == 8
