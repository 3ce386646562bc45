"""The sampler under the whole training law: against quadrature, against weighted draws of that law, and its numbers."""

import collections
import itertools
import json
import sys

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from dysyr.benchmark import jump_ceiling
from dysyr.benchmark.prior_sampler import posterior_mean, transition
from dysyr.benchmark.rate_contest import prior_context
from dysyr.benchmark.whole_prior import BETA, LOGNORMAL, WholePrior, factors, log_graphs, strongly_connected
from dysyr.benchmark.whole_prior_sampler import whole_posterior
from dysyr.core.rate_matrix import stationary_distribution
from dysyr.reconstruction.jump_em.foundation.outcome import infer, shipped
from dysyr.reconstruction.jump_em.foundation.prior import STEP, draw_process, panel_of

OFF = ~np.eye(3, dtype=bool)
FULL = np.where(OFF, 0.3, 0.0)
RING = np.array([[0.0, 0.2, 0.1], [0.1, 0.0, 0.3], [0.2, 0.0, 0.0]])


def panel_from(x, stride, n_states):
    x = np.asarray(x)
    steps = np.tile(stride * np.arange(x.shape[1]), len(x))
    return panel_of(x.ravel(), steps, np.arange(0, x.size + 1, x.shape[1]), n_states)


def likelihoods(x, p, noise, start):
    """(draw,) likelihoods of labels under (draw, state, state) transitions, by a forward pass over all draws at once.

    First states are of (2, state) laws of equal chance, which all paths share."""
    n = p.shape[-1]
    wrong, right = noise / (n - 1), 1 - noise
    total = 0.0
    for law in start:
        whole = np.ones(len(p))
        for path in x:
            forward = law
            for k, label in enumerate(path):
                forward = np.einsum("ai,aij->aj", forward, p) if k else forward
                forward = forward * np.where(np.arange(n) == label, right[:, None], wrong[:, None])
            whole = whole * forward.sum(axis=1)
        total = total + whole / 2
    return total


def test_two_states_agree_with_quadrature():
    """Both rates, the noise, three laws of the rates, a weight of rates above 1 and both kinds of start, summed over
    nodes; labels by a forward pass over hidden states."""
    x = np.array([[0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1]])
    panel = panel_from(x, 4, 2)
    laws = np.array([[BETA, 1.0, 0.0, np.log(0.5)], [BETA, 2.0, 0.0, np.log(0.2)], [LOGNORMAL, 1.5, 0.6, np.log(0.3)]])
    prior = WholePrior(0.5, 0.35, laws, beyond=0.4)
    nodes, widths = np.polynomial.legendre.leggauss(16)
    q = np.concatenate([a + (b - a) * (nodes + 1) / 2 for a, b in ((0, 0.3), (0.3, 1), (1, 2), (2, 6))])
    w = np.concatenate([(b - a) * widths / 2 for a, b in ((0, 0.3), (0.3, 1), (1, 2), (2, 6))])
    beta = [
        np.where(q < s, sum(k * np.maximum(1 - q / s, 0) ** (k - 1) for k in (1, 3, 5)) / 3 / s, 0.0) for s in (1, 2)
    ]
    densities = [*beta, scipy.stats.lognorm.pdf(q, 0.6, scale=0.45)]
    logs = np.log(0.003) + np.log(50) * (nodes + 1) / 2
    noise = np.append(0.0, np.exp(logs))
    chance = np.append(0.35, 0.65 * widths / 2)
    a, b, e = (part.ravel() for part in np.meshgrid(q, q, noise, indexing="ij"))
    decay, rest = np.exp(-(a + b) * panel.lags[0]), np.stack([b, a], axis=1) / (a + b)[:, None]
    p = rest[:, None, :] + decay[:, None, None] * (np.eye(2) - rest[:, None, :])
    likely = likelihoods(x, p, e, (rest, np.full_like(rest, 0.5)))
    by_law = [np.exp(law[3]) * np.multiply.outer(np.multiply.outer(d * w, d * w), chance).ravel()
              for law, d in zip(laws, densities, strict=True)]  # fmt: skip
    likely = likely * np.where(np.maximum(a, b) > 1, 0.4, 1.0)
    weight = sum(by_law) * likely
    exact = np.array([weight @ a, weight @ b, weight @ (e == 0), by_law[0] @ likely]) / weight.sum()
    found = [whole_posterior(panel, prior, np.array([[0, 0.3], [0.3, 0]]), noise, n_sweeps=20_000, seed=k, many=many)
             for k, (noise, many) in enumerate(2 * [(0.0, 12), (0.1, 6), (0.0, 6), (0.01, 12)])]  # fmt: skip
    numbers = np.array([[each.mean[0, 1], each.mean[1, 0], each.clean, each.first_law] for each in found])
    error = numbers.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (error < [0.01, 0.01, 0.02, 0.02]).all()
    assert (np.abs(numbers.mean(axis=0) - exact) < 6 * error + 1e-3).all(), (numbers, exact)
    assert 0.1 < exact[2] < 0.9 and 0.1 < exact[3] < 0.9
    stderr = np.array([[each.stderr[0, 1], each.stderr[1, 0]] for each in found])
    assert stderr.mean() == pytest.approx(numbers[:, :2].std(axis=0, ddof=1).mean(), rel=1.5)


def test_steps_of_the_noise_are_rarer_in_long_data():
    """None of them leave the noise where it is; with as many samples as that, or fewer, it moves in every sweep."""
    panel, start = panel_from([[0, 0, 1, 0, 1, 1, 0, 0]], 4, 2), np.array([[0, 0.3], [0.3, 0]])
    prior = WholePrior(0.5, 0.35, np.array([[BETA, 1.0, 0.0, 0.0]]))
    none, some, all_ = (
        whole_posterior(panel, prior, start, 0.1, n_sweeps=3000, seed=1, many=many).clean for many in (0, 1, 8)
    )
    assert none == 0 < min(some, all_)


def test_three_states_agree_with_weighted_draws_of_the_training_law(n_draws=5000):
    """Processes of ``draw_process`` and noises, weighted with the likelihood of the labels; kinds of graphs too."""
    x = np.array([[0, 0, 0, 1, 1, 0, 2, 2, 2, 0, 0, 1, 0, 0, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 0]])
    panel, rng = panel_from(x, 4, 3), np.random.default_rng(2)
    wide = rng.random(n_draws) < 0.1
    q = np.array([draw_process(rng, n_states=3, wide=float(each)).q for each in wide])
    noise = np.where(rng.random(n_draws) < 0.35, 0.0, np.exp(rng.uniform(np.log(0.003), np.log(0.15), n_draws)))
    p = scipy.linalg.expm(q * panel.lags[0])
    stationary = np.array([stationary_distribution(each) for each in q])
    weight = likelihoods(x, p, noise, (stationary, np.full_like(stationary, 1 / 3)))
    weight *= np.where(q[:, OFF].max(axis=1) > 1, 0.2, 1.0)
    weight /= weight.sum()
    numbers = np.column_stack([q[:, OFF], (q[:, OFF] > 0).all(axis=1), noise == 0, ~wide])
    expected = weight @ numbers
    error = np.sqrt((weight**2) @ (numbers - expected) ** 2)
    prior = WholePrior.of_training(1, 25)
    found = [
        whole_posterior(panel, prior, start, noise, n_sweeps=30_000, seed=k)
        for k, (start, noise) in enumerate([(FULL, 0.0), (RING, 0.1), (FULL, 0.05), (RING, 0.0)])
    ]
    drawn = np.array([[*each.mean[OFF], each.complete, each.clean, each.first_law] for each in found])
    spread = drawn.std(axis=0, ddof=1) / 2
    assert 1 / (weight**2).sum() > 150 and spread[:6].max() < 0.02 and spread[6:].max() < 0.03
    away = np.abs(drawn.mean(axis=0) - expected)
    assert (away < 4 * error + 5 * spread).all(), (drawn.mean(axis=0), expected, error, spread)


@pytest.mark.parametrize("sparse", [False, True])
def test_what_is_told_leaves_the_other_sampler(sparse):
    x = np.array([[0, 0, 1, 1, 1, 2, 0, 0, 1, 1, 2, 2], [1, 1, 1, 0, 0, 1, 1, 2, 2, 2, 0, 0]])
    panel = panel_from(x, 4, 3)
    mean, error, _ = posterior_mean(panel.counts[0], panel.lags[0], panel.first, sparse, FULL, n_sweeps=20_000, seed=1)
    found = whole_posterior(panel, WholePrior.told(sparse=sparse), FULL, 0.0, n_sweeps=20_000, seed=2)
    assert (found.clean, found.first_law) == pytest.approx((1, 1)) and 0.3 < found.accepted < 0.6
    assert found.complete == 1 if not sparse else 0 < found.complete < 0.3
    both = np.sqrt(error**2 + found.stderr**2)
    assert both[OFF].max() < 0.01
    assert (np.abs(mean - found.mean)[OFF] < 4.5 * both[OFF]).all()


def test_transitions_are_those_of_the_exponential():
    rng = np.random.default_rng(0)
    for lag in (0.05, 0.4, 3.0):
        q, p = np.where(np.eye(6, dtype=bool), 0.0, rng.random((6, 6))), np.empty((6, 6))
        transition(q, lag, p, np.empty((5, 6, 6)))
        np.testing.assert_allclose(p, scipy.linalg.expm((q - np.diag(q.sum(axis=1))) * lag), atol=1e-12)


def test_graphs_are_counted():
    for n in (2, 3, 4):
        found, off = collections.Counter(), np.argwhere(~np.eye(n, dtype=bool))
        for there in itertools.product((0, 1), repeat=len(off)):
            graph = np.eye(n)
            graph[tuple(off[np.array(there, dtype=bool)].T)] = 1
            found[sum(there)] += (np.linalg.matrix_power(graph, n) > 0).all()
        assert strongly_connected(n) == [found[k] for k in range(len(off) + 1)]
    assert sum(strongly_connected(6)) == 734_774_776
    logs, counts = log_graphs(3, 0.25), np.array(strongly_connected(3))
    assert (counts[4:] * np.exp(logs[4:])).sum() == pytest.approx(1)
    assert np.isneginf(logs[:4]).all() and np.exp(logs[6]) == pytest.approx(0.25 + 0.75 / counts[4:].sum())


def test_factors_are_those_of_contexts_drawn():
    """Numbers of paths, factors and strides drawn as ``draw_context`` does; long records may look like short ones."""
    rng, found, size = np.random.default_rng(0), collections.Counter(), 400_000
    paths = np.exp(rng.uniform(0, np.log(401), size)).astype(int)
    factor = np.where(rng.random(size) < 0.15, (paths ** rng.random(size)).astype(int), 1)
    n_times = -(-100 * factor // rng.integers(1, 5, size))
    for f in factor[(-(-paths // factor) == 10) & (n_times == 100)]:
        found[int(f)] += 1
    total = sum(found.values())
    for f, share in factors(10, 100).items():
        assert found[f] / total == pytest.approx(share, abs=4 * np.sqrt(share / total))
    assert set(found) == set(factors(10, 100)) == {1, 2, 3, 4} and factors(1, 25) == {1: 1.0}
    laws = WholePrior.of_training(10, 100).laws
    assert np.exp(laws[:, 3]).sum() == pytest.approx(1) and tuple(laws[0, :2]) == (BETA, 1.0)
    with pytest.raises(ValueError, match="no 400 regular paths of 7 samples"):
        factors(400, 7)
    assert pytest.approx(10 / 99) == STEP


def test_the_page_says_what_the_records_hold(tmp_path, monkeypatch, capsys):
    place = tmp_path / "page.md"
    words = ["jump_ceiling", "-o", str(tmp_path / "out"), "--paths", "1", "--draws", "3", "--sweeps", "200"]
    monkeypatch.setattr(sys, "argv", [*words, "--write", str(place)])
    jump_ceiling.main()
    (kept,) = (tmp_path / "out").iterdir()
    stamp, records = kept.stat().st_mtime_ns, json.loads(kept.read_text())["records"]
    jump_ceiling.main()
    assert kept.stat().st_mtime_ns == stamp
    ours, theirs = (np.array([r["errors"][name] for r in records]) for name in ("JumpFoundation", "whole"))
    rest = np.sqrt(theirs**2 - np.array([r["between chains"] for r in records]) ** 2)
    gap, text = (ours - rest).mean(), place.read_text()
    assert f"| 1 | 3 | whole | {theirs.mean():.4f} | {rest.mean():.4f} | {ours.mean():.4f} | {gap:+.4f} (" in text
    assert f"{100 * (ours.mean() / rest.mean() - 1):+.1f} % (" in text
    assert len({r["errors"]["told"] for r in records}) == 3 and text in capsys.readouterr().out
    q, panel = prior_context(1, 0.0, jump_ceiling.SEED + 1, n_states=6, regular=True)
    outcome = infer(shipped()[0], panel)
    error = np.sqrt((((outcome.edge * outcome.mean) - q)[jump_ceiling.OFF] ** 2).mean())
    assert ours[1] == pytest.approx(error)
    monkeypatch.setattr(sys, "argv", [*words, "--paths", "1", "10"])
    with pytest.raises(SystemExit):
        jump_ceiling.main()
