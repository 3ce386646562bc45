"""Chapman-Kolmogorov test: it must accept Markov chains and reject lumped ones."""

import dataclasses

import numpy as np
import pytest
from jump_cases import DT, THREE, paths

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.evaluation.assemble_rates import compute_rates
from dysyr.evaluation.chapman_kolmogorov import (
    ChapmanKolmogorovMeasure,
    chapman_kolmogorov_residuals,
    transition_estimate,
)
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.rate_context import RateContext
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.reconstruction.jump_em.model import JumpModel

QUICK = EvaluationSettings(markov_simulations=99)
LUMPED = np.array([0, 0, 1])


def context(x, *, q=THREE, noise=0.0, seed=0, mask=None, **where):
    data = make_dataset(x[..., None], mask=mask, **(where or {"dt": DT}))
    n = int(x.max()) + 1
    states = [str(i) for i in range(n)]
    q = q if len(q) == n else np.ones((n, n)) - n * np.eye(n)
    model = JumpModel(q, np.full(n, 1 / n), np.zeros((n, n)), states=states, dt=DT, label_noise=noise)
    panel = LabelPanel.from_data(data, n_states=n)
    return RateContext(panel=panel, names=tuple(states), model=model, settings=QUICK, seed=seed)


def p_value(x, **more):
    return ChapmanKolmogorovMeasure().compute(context(x, **more)).settings["p_value"]


def slow_and_fast(n_paths, seed):
    """A chain whose first two states are told apart by how long they last, lumped into one label."""
    q = np.array([[-0.15, 0.05, 0.1], [0.5, -4.5, 4.0], [0.1, 3.9, -4.0]])
    return LUMPED[paths(q, n_paths=n_paths, n=60, seed=seed)]


def test_residuals_of_sequences_that_can_be_worked_out():
    cycle = np.tile([0, 1, 2], 5)[None]
    np.testing.assert_allclose(chapman_kolmogorov_residuals(cycle, 3, [2, 3, 4]), 0.0, atol=1e-14)
    twins = np.tile([0, 0, 1, 1], 100)[None, :-1]
    np.testing.assert_allclose(chapman_kolmogorov_residuals(twins, 2, [2]), np.sqrt(0.5), rtol=0.01)


def test_states_that_are_not_left_stay_in_the_estimate():
    p = transition_estimate(np.array([[3, 1], [0, 0]]))
    np.testing.assert_allclose(p, [[0.75, 0.25], [0.0, 1.0]])


def test_markov_chains_are_accepted_at_their_level():
    found = np.array([p_value(paths(THREE, n_paths=30, n=40, seed=s), seed=s) for s in range(25)])
    assert (found >= 0.01).all()
    assert 0.25 < found.mean() < 0.75


def test_a_lumped_chain_is_rejected():
    found = ChapmanKolmogorovMeasure().compute(context(slow_and_fast(100, 1)))
    assert found.settings["p_value"] == pytest.approx(0.01)
    assert found.value["5_steps"] > 2 * found.floor_range[1]["5_steps"]
    assert list(found.value) == ["2_steps", "3_steps", "4_steps", "5_steps"]


def test_noisy_labels_are_compared_with_noisy_chains():
    x = paths(THREE, n_paths=200, n=40, flips=0.15, seed=3)
    assert p_value(x) <= 0.01
    assert p_value(x, noise=0.15) >= 0.02
    assert p_value(x, q=4 * THREE, noise=0.15) <= 0.01


def test_gaps_do_not_make_labels_look_memorable():
    x = paths(THREE, n_paths=40, n=40, seed=4)
    mask = np.random.default_rng(0).random((*x.shape, 1)) > 0.1
    assert p_value(x, mask=mask) >= 0.01


def test_irregular_and_short_paths_are_left_out_or_refused_by_name():
    x = paths(THREE, n_paths=5, n=6)
    measure = ChapmanKolmogorovMeasure()
    irregular = context(x, time=np.array([0.0, 0.1, 0.5, 0.6, 1.4, 2.0]))
    assert compute_rates(irregular, (measure,)) == {}
    with pytest.raises(InputError, match="chapman_kolmogorov does not apply; it needs labels on a regular grid"):
        compute_rates(irregular, (measure,), required=True)
    with pytest.raises(InputError, match="it needs paths of at least four samples"):
        compute_rates(context(x[:, :3]), (measure,), required=True)


def test_long_data_are_cut_to_fifty_thousand_labels():
    long = context(paths(THREE, n_paths=51, n=1000, seed=6))
    few = dataclasses.replace(long, settings=EvaluationSettings(markov_simulations=9))
    found = ChapmanKolmogorovMeasure().compute(few)
    assert found.settings["floor_pairs"] == 9
    assert found.n == 50 * 1000
