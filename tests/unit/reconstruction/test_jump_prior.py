"""The prior of the foundation network, its statistics, and the training that the shipped weights come from."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import torch

import dysyr
from dysyr.core.rate_matrix import closed_classes, stationary_distribution
from dysyr.reconstruction.jump_em.foundation import examples as examples_module
from dysyr.reconstruction.jump_em.foundation.base import base_estimate
from dysyr.reconstruction.jump_em.foundation.examples import make_examples
from dysyr.reconstruction.jump_em.foundation.network import new_network
from dysyr.reconstruction.jump_em.foundation.prior import DURATION, STEP, draw_context, draw_process
from dysyr.reconstruction.jump_em.foundation.statistics import codes_of, stack, statistics_of
from dysyr.reconstruction.jump_em.foundation.training import Batches, losses, train


@pytest.fixture
def few(monkeypatch):
    """Chunks of examples that are made in a second."""
    monkeypatch.setattr(examples_module, "CHUNK", 80)


def processes(n_draws, seed=0, **arguments):
    rng = np.random.default_rng(seed)
    return [draw_process(rng, **arguments) for _ in range(n_draws)]


def redraw(head, scale):
    """Weights of a head that are not zero."""
    torch.nn.init.normal_(head.weight, std=scale, generator=torch.Generator().manual_seed(0))


def off_diagonal(q):
    return q[~np.eye(len(q), dtype=bool)]


def test_rates_have_the_published_quantiles():
    """Quantiles 5, 25, 50, 75, 95 % of 24,269 published rates: .020 .104 .235 .472 .862."""
    rates = np.concatenate([off_diagonal(each.q) for each in processes(1500, n_states=6)])
    there = rates[rates > 0]
    np.testing.assert_allclose(
        np.quantile(there, [0.05, 0.25, 0.5, 0.75, 0.95]), [0.020, 0.104, 0.235, 0.472, 0.862], atol=0.02
    )
    assert there.max() < 1
    assert there.mean() == pytest.approx(0.306, abs=0.01)


def test_graphs_are_complete_or_sparse_and_connected():
    """Published densities of the sparse ones: 0.536 at six states, 0.628 at four."""
    for n, published in ((6, 0.536), (4, 0.628)):
        edges = [each.q > 0 for each in processes(800, n_states=n, seed=n)]
        density = np.array([part.sum() / (n * (n - 1)) for part in edges])
        assert (density == 1).mean() == pytest.approx(0.5, abs=0.07)
        assert density[density < 1].mean() == pytest.approx(published, abs=0.03)
        assert all(closed_classes(part) == [list(range(n))] for part in edges)


def test_sizes_follow_the_given_law():
    sizes = np.array([len(each.q) for each in processes(600, sizes={2: 0.25, 5: 0.75})])
    assert set(sizes) == {2, 5}
    assert (sizes == 5).mean() == pytest.approx(0.75, abs=0.06)


def test_wide_rates_leave_the_published_range():
    rates = np.concatenate([off_diagonal(each.q) for each in processes(300, wide=1.0)])
    assert (rates > 1).mean() > 0.1


def test_half_of_the_paths_begin_in_the_stationary_distribution():
    drawn = processes(400, seed=3)
    at_rest = [np.allclose(each.initial, stationary_distribution(each.q)) for each in drawn]
    assert np.mean(at_rest) == pytest.approx(0.5, abs=0.08)


def test_pairs_of_a_context_follow_the_matrix_exponential():
    rng = np.random.default_rng(4)
    process = draw_process(rng, n_states=3)
    panel = draw_context(rng, process, n_paths=4000, noise=0.0, regular=True)
    counts = panel.counts[0]
    expected = scipy.linalg.expm(process.q * panel.lags[0]) * counts.sum(axis=1, keepdims=True)
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert chi2 < scipy.stats.chi2.ppf(0.999, 6)
    np.testing.assert_allclose(panel.first / 4000, process.initial, atol=0.04)


def test_irregular_contexts_keep_a_quarter_or_a_half():
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(20):
        panel = draw_context(rng, draw_process(rng), n_paths=50, noise=0.0, regular=False)
        shares.append(len(panel.labels) / 5000)
        assert len(np.unique(np.diff(panel.offsets))) > 1
        np.testing.assert_allclose(panel.lags / STEP, np.rint(panel.lags / STEP))
    assert all(abs(share - 0.25) < 0.05 or abs(share - 0.5) < 0.05 for share in shares)


def test_flips_move_labels_to_other_states():
    process = draw_process(np.random.default_rng(6), n_states=4)
    clean, noisy = (
        draw_context(np.random.default_rng(7), process, n_paths=200, noise=e, regular=True).labels for e in (0.0, 0.1)
    )
    assert (clean != noisy).mean() == pytest.approx(0.1, abs=0.01)


def test_long_records_are_fewer():
    rng = np.random.default_rng(8)
    made = [draw_context(rng, draw_process(rng), n_paths=100, long=1.0) for _ in range(12)]
    durations = np.array([each.duration for each in made]) / DURATION
    n_paths = np.array([len(each.offsets) - 1 for each in made])
    assert durations.max() > 5
    np.testing.assert_array_equal(n_paths, np.ceil(100 / durations))


def test_base_stays_positive_and_finite_where_little_is_seen():
    rng = np.random.default_rng(9)
    for _ in range(20):
        panel = draw_context(rng, draw_process(rng), n_paths=1)
        base = base_estimate(panel)
        assert (off_diagonal(base.q) > 0).all()
        assert np.isfinite(base.q).all()
        assert base.times.sum() * base.unit == pytest.approx(panel.times_before.sum(), rel=1e-9)


def test_codes_permute_with_the_states():
    rng = np.random.default_rng(10)
    panel = draw_context(rng, draw_process(rng, n_states=4), n_paths=10, noise=0.02)
    statistics = stack([statistics_of(panel, base_estimate(panel))])
    codes, order = codes_of(statistics), np.array([3, 1, 0, 2])
    network = new_network()
    redraw(network.pair_head, 1.0)
    redraw(network.state_head, 1.0)
    straight = network(*(torch.as_tensor(part) for part in (codes.pairs, codes.states, codes.whole)))
    pairs, states = codes.pairs[:, order][:, :, order], codes.states[:, order]
    turned = network(*(torch.as_tensor(np.ascontiguousarray(part)) for part in (pairs, states, codes.whole)))
    off = ~np.eye(4, dtype=bool)
    for one, other in itertools.pairwise([straight, turned]):
        for a, b in zip(one[:3], other[:3], strict=True):
            np.testing.assert_allclose(a[0][order][:, order][off].detach(), b[0][off].detach(), atol=1e-4)
        np.testing.assert_allclose(one[3][0][order].detach(), other[3][0].detach(), atol=1e-4)


def test_the_network_says_the_base_before_training(tmp_path, few):
    examples = make_examples(tmp_path, 1, seed=3, progress=False)
    network = new_network()
    for batch in Batches({6: examples[6]}).all():
        logit, shift, log_spread, correction = network(*batch[:3])
        off = ~np.eye(6, dtype=bool)
        assert (shift[:, off] == 0).all()
        assert (log_spread[:, off] == 0).all()
        assert (correction == 0).all()
        assert (logit[:, off] > 2).all()


def test_loss_is_the_density_of_scipy(tmp_path, few):
    examples = make_examples(tmp_path, 1, seed=3, progress=False)
    batch = [part[:5] for part in next(Batches({3: examples[3]}).all())]
    network = new_network()
    redraw(network.pair_head, 0.05)
    nats, cross, weight = losses(network, batch)
    logit, shift, log_spread, correction = (part.detach().numpy().astype(float) for part in network(*batch[:3]))
    log_rates, spread, rates, start, initial, _ = (part.numpy().astype(float) for part in batch[3:])
    p = 1 / (1 + np.exp(-logit))
    shape, mean = (spread * np.exp(log_spread)) ** -2, np.exp(log_rates + spread * shift)
    density = scipy.stats.gamma.logpdf(np.where(rates > 0, rates, 1.0), shape, scale=mean / shape)
    each = np.where(rates > 0, np.log(p) + density, np.log(1 - p))
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(nats.detach(), -each[:, off].mean(axis=1), rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(weight, np.where(rates.max(axis=(1, 2)) > 1, np.float32(0.2), 1))
    law = np.exp(start + correction) / np.exp(start + correction).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cross.detach(), -(initial * np.log(law)).sum(axis=1), rtol=1e-4)


def test_examples_are_kept_and_do_not_depend_on_who_made_them(tmp_path, few):
    first = make_examples(tmp_path / "a", 1, seed=3, progress=False)
    files = sorted((tmp_path / "a").iterdir())
    stamps = [each.stat().st_mtime_ns for each in files]
    again = make_examples(tmp_path / "a", 1, seed=3, progress=False)
    assert [each.stat().st_mtime_ns for each in sorted((tmp_path / "a").iterdir())] == stamps
    assert sum(len(each) for each in first.values()) == 80
    for n, examples in first.items():
        np.testing.assert_array_equal(examples.rates, again[n].rates)
        np.testing.assert_array_equal(examples.statistics.q, again[n].statistics.q)


def test_training_lowers_the_loss_and_repeats_itself(tmp_path, few):
    examples = make_examples(tmp_path, 1, seed=3, progress=False)
    before = torch.random.get_rng_state()
    network, history = train(examples, examples, n_updates=60, seed=1, progress=False)
    assert torch.equal(before, torch.random.get_rng_state())
    assert history["held_out"][-1] < history["held_out"][0] - 0.1
    again, _ = train(examples, examples, n_updates=60, seed=1, progress=False)
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_pretraining_writes_weights_that_can_be_used(tmp_path, few):
    place = dysyr.pretrain_jump(tmp_path, n_contexts=1, n_updates=5, seed=3, progress=False)
    data = dysyr.make_dataset(np.array([0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1])[:, None], dt=0.5)
    method = dysyr.JumpFoundation(weights=str(place)).fit(data, progress=False)
    assert np.isfinite(method.model_.rate_matrix).all()
    assert (tmp_path / "pretraining.json").exists()
    with pytest.raises(dysyr.InputError, match="n_updates"):
        dysyr.pretrain_jump(tmp_path, n_updates=0)
