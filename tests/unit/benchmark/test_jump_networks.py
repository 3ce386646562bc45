"""Networks of JumpFoundation beside each other: scores are those of the public model, and a worse network is worse."""

import dataclasses

import numpy as np
import pytest
import torch

from dysyr.benchmark import jump_networks
from dysyr.reconstruction.jump_em.foundation import examples as drawn
from dysyr.reconstruction.jump_em.foundation.base import base_estimate
from dysyr.reconstruction.jump_em.foundation.network import new_network
from dysyr.reconstruction.jump_em.foundation.outcome import infer, shipped, write_weights
from dysyr.reconstruction.jump_em.foundation.prior import draw_context, draw_process
from dysyr.reconstruction.jump_em.foundation.statistics import stack, statistics_of
from dysyr.reconstruction.jump_em.foundation.training import Batches


def contexts(n):
    """Panels of three states, and their Examples."""
    rng = np.random.default_rng(5)
    panels, rates, told, initial = [], [], [], []
    for _ in range(n):
        process = draw_process(rng, n_states=3)
        panel = draw_context(rng, process)
        base = base_estimate(panel)
        panels.append(panel)
        told.append(statistics_of(panel, base))
        rates.append(np.where(np.eye(3, dtype=bool), 0.0, process.q) * base.unit)
        initial.append(process.initial)
    return panels, {3: drawn.Examples(stack(told), np.stack(rates), np.stack(initial))}


@pytest.fixture(scope="module")
def known():
    return contexts(12)


def test_errors_are_those_of_the_public_estimate(known):
    panels, examples = known
    network = shipped()[0]
    found = jump_networks.scores(network, Batches(examples))
    off = ~np.eye(3, dtype=bool)
    for k, panel in enumerate(panels):
        outcome = infer(network, panel)
        unit, truth = outcome.base.unit, examples[3].rates[k]
        for name, rates in (("error", outcome.edge * outcome.mean), ("error_of_mode", outcome.base.q)):
            assert found[name][k] == pytest.approx(np.sqrt(np.mean((rates * unit - truth)[off] ** 2)), rel=1e-3)
    np.testing.assert_array_equal(found["inside"], examples[3].rates.max(axis=(1, 2)) <= 1.0)


def test_command_tells_a_worse_network(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(drawn, "CHUNK", 40)
    network, about = shipped()
    worse = new_network(**network.sizes)
    worse.load_state_dict(network.state_dict())
    with torch.no_grad():
        worse.pair_head.bias += 0.5
    (tmp_path / "worse").mkdir()
    write_weights(tmp_path / "worse" / "w.safetensors", worse, about["training"] | {"seed": 9, "batch_size": 128})
    given = [str(tmp_path / "worse" / "w.safetensors"), "-o", str(tmp_path), "--contexts", "40"]
    jump_networks.main([*given, "--write", str(tmp_path / "page.md")])
    text = (tmp_path / "page.md").read_text()
    assert text in capsys.readouterr().out
    package, other = (line.split(" | ") for line in text.splitlines() if "201,348" in line)
    assert package[0] == "| of the package" and package[5] == package[7] == "–"
    assert other[:3] == ["| worse", "120,000, 40,000, 128", "9"]
    assert float(other[4]) > float(package[4]) and other[5].startswith("+")


def test_published_law_and_beyond_are_told_apart(known):
    _, examples = known
    rates = examples[3].rates / examples[3].rates.max(axis=(1, 2), keepdims=True)
    rates[::2] *= 3
    found = jump_networks.scores(shipped()[0], Batches({3: dataclasses.replace(examples[3], rates=rates)}))
    assert list(found["inside"]) == 6 * [False, True]
    row = ("a", {"n_contexts": 1, "n_updates": 2, "seed": 3}, 4, found)
    assert f"{found['nats'][~found['inside']].mean():.4f}" in jump_networks.page([row], "x", 12)
