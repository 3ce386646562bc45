"""What follows from probabilities and samples of outcomes: expectation values with their errors."""

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.core.outcome_model import OutcomeModel
from dysyr.core.pauli import operator_matrix, read_operator
from dysyr.core.povm import Frame


class Known(OutcomeModel):
    """A model of a given density matrix."""

    def __init__(self, rho):
        self.p = Frame().probabilities(rho)

    frame = Frame()
    times = np.zeros(0)
    config = arrays = from_state = None

    @property
    def n_sites(self):
        return self.p.ndim

    def log_probabilities(self, strings, state=-1):
        return np.log(self.p[tuple(np.asarray(strings).T)])

    def sample(self, n_shots, *, state=-1, seed=0):
        return self.frame.sample(self.p, n_shots, np.random.default_rng(seed)).astype(int)


@pytest.fixture
def rho(rng):
    m = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
    m = m @ m.conj().T
    return m / np.trace(m)


def test_expectation_values_of_a_known_state(rho):
    model = Known(rho)
    np.testing.assert_allclose(model.density_matrix(), rho, atol=1e-12)
    wide = operator_matrix(read_operator("XYI"))
    assert model.estimate("XY", [(0, 1)]) == (pytest.approx(np.trace(rho @ wide).real), 0.0)
    swapped = operator_matrix(read_operator("IYX"))
    both = (np.trace(rho @ swapped) + np.trace(rho @ wide)).real / 2
    assert model.estimate("XY", [(2, 1), (0, 1)])[0] == pytest.approx(both)
    value, error = model.estimate("XY", [(2, 1), (0, 1)], n_shots=40_000, seed=1)
    assert abs(value - both) < 4 * error
    # two correlators of variance close to 9 each, that share one site
    assert error == pytest.approx(3 / np.sqrt(2 * 40_000), rel=0.1)


def test_places_that_do_not_fit(rho):
    for places in ([], [(0,)], [(0, 3)]):
        with pytest.raises(InputError, match="places of an operator: .*; tuples of 2 sites"):
            Known(rho).estimate("ZZ", places)


def test_all_probabilities_of_many_sites():
    with pytest.raises(InputError, match="all probabilities of 11 sites: .* GB; at most 10 sites: draw samples"):
        many = Known(np.eye(2) / 2)
        many.p = np.broadcast_to(np.float64(4.0**-11), (4,) * 11)
        many.probabilities()
