"""PhyxMamba: options, both stages, the model as a map of windows, bad input."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.delay_state import complete_windows
from dysyr.core.delay_time import suggest_delay
from dysyr.core.model import repeat_step
from dysyr.reconstruction.phyxmamba import PhyxMamba
from dysyr.reconstruction.phyxmamba.embedding import choose_embedding
from dysyr.reconstruction.phyxmamba.network import PatchNetwork
from dysyr.reconstruction.phyxmamba.training import Training
from dysyr.reconstruction.phyxmamba.windows import free_run

DT = 0.1
SMALL = {
    "patch_length": 3, "n_tokens": 3, "dim": 2, "delay": 2, "d_model": 8, "d_state": 4, "head_dim": 8, "n_layers": 1,
    "n_updates": 20, "n_rollout_updates": 6, "n_rollout": 6, "batch_size": 16, "rollout_batch_size": 16, "n_checks": 2,
}  # fmt: skip


def circle(n=300):
    t = DT * np.arange(n)
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5])


def fit(data=None, **changes):
    return PhyxMamba(**{**SMALL, **changes}).fit(circle() if data is None else data, dt=DT, progress=False)


@pytest.fixture(scope="module")
def fitted():
    return fit()


@pytest.mark.parametrize(
    "changes",
    [
        {"core": "selective"},
        {"padding": "zeros"},
        {"residual": False, "normalise": False},
        {"dropout": 0.2, "jitter": 0.01, "weight_decay": 1e-3, "n_heads": 2},
        {"schedule": "plateau", "mmd_estimator": "u", "bandwidths": [0.3], "n_decoder_updates": 3},
        {"schedule": "constant", "n_heads": 0, "gradient_clip": None},
        {"n_updates": 0},
        {"n_rollout_updates": 0},
        {"n_tokens": 1, "n_heads": 0, "dim": 1},
    ],
    ids=str,
)
def test_every_option_trains(changes):
    made = fit(**changes)
    assert np.isfinite(made.history_["loss"]).all()
    assert np.isfinite(made.generate(7)["x"].values).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_length": 0}, "PhyxMamba cannot use this patch_length: 0; a whole number of at least 1"),
        ({"n_tokens": 2.5}, "cannot use this n_tokens: 2.5"),
        ({"dim": "many"}, "cannot use this dim: 'many'; 'auto' or a whole number of at least 1"),
        ({"delay": 0}, "cannot use this delay: 0"),
        ({"padding": "ones"}, r"cannot use this padding: 'ones'; one of \('history', 'zeros'\)"),
        ({"core": "s4"}, r"cannot use this core: 's4'; one of \('ssd', 'selective'\)"),
        ({"schedule": "linear"}, "cannot use this schedule: 'linear'"),
        ({"mmd_estimator": "w"}, "cannot use this mmd_estimator: 'w'"),
        ({"residual": 1}, "cannot use this residual: 1; True or False"),
        ({"learning_rate": 0}, "cannot use this learning_rate: 0; a positive number"),
        ({"conditional_weight": -1.0}, "cannot use this conditional_weight: -1.0; a number of at least 0"),
        ({"gradient_clip": 0.0}, "cannot use this gradient_clip: 0.0; a positive number, or None"),
        ({"dropout": 1.0}, r"cannot use this dropout: 1.0; a number in \[0, 1\)"),
        ({"bandwidths": []}, r"cannot use this bandwidths: \[\]; a list of positive numbers, or None"),
        ({"validation_fraction": 1.0}, "cannot use this validation_fraction: 1.0"),
        ({"seed": -1}, "cannot use this seed: -1"),
        ({"n_heads": 3}, "cannot use this n_heads: 3; fewer than n_tokens = 3: no patch is left for the others"),
        ({"head_dim": 7}, r"cannot use this head_dim: 7; a divisor of expand \* d_model = 16"),
        ({"n_rollout": 0}, "cannot use this n_rollout: 0; a whole number of at least 1, or None"),
        ({"n_rollout": 7}, "cannot use this n_rollout: 7; a multiple of patch_length = 3"),
        ({"n_updates": 0, "n_rollout_updates": 0}, "cannot use this n_updates: 0; at least one update in both"),
        ({"n_checks": 30}, r"cannot use this n_checks: 30; at most n_updates \+ n_rollout_updates = 26"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        fit(**changes)


def test_published_settings():
    method = PhyxMamba.published("rossler", seed=4)
    assert (method.dim, method.delay, method.patch_length, method.n_layers) == (3, 7, 5, 1)
    assert (method.d_model, method.d_state, method.conditional_weight, method.seed) == (256, 1024, 1000.0, 4)
    with pytest.raises(dysyr.InputError, match="no published settings: 'henon'; one of lorenz63, rossler, lorenz96"):
        PhyxMamba.published("henon")


@pytest.mark.parametrize("name", ["lorenz63", "rossler", "lorenz96", "ecg", "eeg"])
def test_published_settings_are_allowed(name):
    tiny = {"d_model": 32, "d_state": 4, "n_updates": 1, "n_rollout_updates": 1, "n_decoder_updates": 1, "n_checks": 1,
            "batch_size": 4, "rollout_batch_size": 4}  # fmt: skip
    made = PhyxMamba.published(name, **tiny).fit(circle(600), dt=DT, progress=False)
    assert np.isfinite(made.generate(5)["x"].values).all()


def test_data_that_do_not_suit_are_refused():
    with pytest.raises(dysyr.InputError, match="no window fits into the data: the longest complete stretch has 240"):
        fit(n_tokens=90)
    x = circle()
    x[::5] = np.nan
    with pytest.raises(dysyr.InputError, match="longest complete stretch has 4 samples"):
        fit(make_dataset(x, dt=DT, mask=np.isfinite(x)))
    with pytest.raises(dysyr.InputError, match="too short to choose an embedding dimension"):
        fit(np.random.default_rng(0).normal(size=(70, 2)), dim="auto", delay=30)


def test_windows_stay_within_stretches_without_gaps():
    x = circle(400)
    x[150] = np.nan
    made = fit(make_dataset(x, dt=DT, mask=np.isfinite(x)))
    assert np.isfinite(made.generate(7)["x"].values).all()
    assert np.isfinite(made.model_.windows).all()


@pytest.mark.parametrize("loss", ["_forced_loss", "_free_loss"])
def test_a_loss_that_is_not_finite_is_met_by_a_lower_rate(monkeypatch, loss):
    original, calls = getattr(Training, loss), []

    def broken(self, windows, noise, kept):
        calls.append(self.slowed)
        return original(self, windows, noise, kept) * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr(Training, loss, broken)
    made = fit()
    assert made.history_["setbacks"] == [1]
    assert calls[1:3] == [1.0, 0.5]
    assert np.isfinite(made.history_["loss"]).all()


def test_training_that_keeps_diverging_says_so():
    with pytest.raises(dysyr.NotConverged, match=r"not finite: 4 times, last at update \d+: lower learning_rate"):
        fit(learning_rate=1e30, schedule="constant")


def test_divergence_of_a_free_run_is_a_status():
    made = fit()
    with torch.no_grad():
        made.model_.network.decode_weight *= 1e200
    free = made.generate(60)
    assert '"diverged_at": 0' in free.attrs["status"] or '"finite": false' in free.attrs["status"]


def test_embedding_of_one_variable_and_of_three():
    """A sine and its slope need one coordinate each, a sine alone two."""
    t = 0.1 * np.arange(2000)
    both = np.column_stack([np.sin(t), np.cos(t)])
    assert choose_embedding([both[:, :1]], "auto", "auto")[1] == 2
    assert choose_embedding([both], "auto", "auto") == (1, 1)
    assert choose_embedding([both[:, :1]], "auto", 2) == (suggest_delay([both[:, 0]])[0], 2)
    assert choose_embedding([both], 5, 3) == (5, 3)
    assert choose_embedding([both], 5, 1) == (1, 1)


def test_second_stage_loss_is_what_is_written():
    weights = {"conditional_weight": 100.0, "unconditional_weight": 3.0}
    made = fit(n_updates=0, n_rollout_updates=1, n_checks=1, **weights)
    recipe = made._recipe(np.ones(2))
    shape = made._shape(2, 2, 2)
    network = PatchNetwork(shape, np.ones((3, 2)), np.random.default_rng(0))
    series = np.random.default_rng(0).normal(size=(100, 2))
    training = Training(network, [series], recipe, seed=0, criterion=lambda network: 0.0)
    windows = torch.tensor(np.random.default_rng(1).normal(size=(5, shape.window + 6, 2)), dtype=torch.float32)
    with torch.no_grad():
        loss = training._free_loss(windows, None, None).item()
        run = free_run(network, windows[:, : shape.window], 6).double().numpy()
    windows = windows.double().numpy()

    def k(a, b):
        squares = ((a[:, None] - b[None]) ** 2).sum(-1)
        return sum(s**2 / (s**2 + squares) for s in (0.2, 0.5, 0.9, 1.3)).mean()

    truth, first = windows[:, shape.window :], windows[:, 0]
    terms = [((run - truth) ** 2).mean()]
    for weight, others in ((100.0, truth), (3.0, np.repeat(first[:, None], 6, axis=1))):
        pairs = [(others[:, t], run[:, t]) for t in range(6)]
        terms.append(weight * np.mean([k(a, a) + k(b, b) - 2 * k(a, b) for a, b in pairs]))
    assert loss == pytest.approx(sum(terms), rel=1e-4)


def test_free_run_feeds_back_its_own_patches():
    net = PatchNetwork(fit_shape(), np.ones((3, 2)), np.random.default_rng(0))
    window = torch.tensor(np.random.default_rng(0).normal(size=(2, net.shape.window, 2)), dtype=torch.float32)
    with torch.no_grad():
        run, seen = free_run(net, window, 9), window
        for k in range(3):
            torch.testing.assert_close(run[:, 3 * k : 3 * k + 3], net(seen))
            seen = torch.cat([seen, run[:, 3 * k : 3 * k + 3]], dim=1)[:, -net.shape.window :]


def fit_shape():
    return PhyxMamba(**SMALL)._shape(2, 2, 2)


def test_a_run_reads_every_sample_of_every_patch(fitted):
    model, patch = fitted.model_, 3
    z = model.initial_states[:2]
    orbit = model.readout(model.trajectory(z, 7))
    window = torch.tensor(z[:, :-2]).reshape(2, model.shape.window, 2)
    with torch.no_grad():
        first = model.network(window)
        second = model.network(torch.cat([window[:, patch:], first], dim=1))
    together = torch.cat([first, second], dim=1).numpy()
    np.testing.assert_allclose(orbit[:, :6], model.scaler.inverse(together), rtol=1e-12)


def test_states_kept_while_a_window_grows_change_nothing(fitted):
    """``trajectory`` keeps the states of the layers, ``step`` runs through the window again."""
    model = fitted.model_
    z = model.initial(circle(40)[None, -5:])
    assert z[0, -1] == 1
    orbit = model.trajectory(z, 12)
    np.testing.assert_allclose(orbit, repeat_step(model, z, 12), rtol=1e-11, atol=1e-13)
    assert orbit[0, :, -1].tolist() == [2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3]
    assert orbit[0, :, -2].tolist() == [2, 1, 0] * 4


def test_contexts_full_growing_and_incomplete(fitted):
    model = fitted.model_
    x = circle(40)
    s = model.scaler.transform(x)
    full = model.initial(x[None])
    np.testing.assert_array_equal(full[0, :-2], s[-11:].ravel())
    assert full[0, -2:].tolist() == [0, 3]
    np.testing.assert_array_equal(model.readout(full)[0], model.scaler.inverse(s[-1]))
    growing = x.copy()
    growing[31] = np.nan
    z = model.initial(growing[None])
    assert z[0, -1] == 2
    np.testing.assert_array_equal(z[0, 6:-2], s[-8:].ravel())
    sparse = x.copy()
    sparse[36] = np.nan
    z = model.initial(sparse[None])
    assert z[0, -1] == 3
    wanted = np.where(np.isnan(sparse[-11:]), np.nan, s[-11:]).reshape(1, -1)
    np.testing.assert_array_equal(z[:, :-2], complete_windows(wanted, model.covariance))
    assert model.initial(x[None, -2:])[0, -1] == 3


def test_without_normalisation_the_network_sees_data_units():
    model = fit(normalise=False).model_
    np.testing.assert_array_equal(model.initial(circle(40)[None])[0, :-2], circle(40)[-11:].ravel())
    np.testing.assert_allclose(model.scale, circle(240).std(axis=0, ddof=1))


def test_counts_leave_the_heads_out(fitted):
    model = fitted.model_
    shape = dataclasses.replace(fit_shape(), n_heads=0)
    network = PatchNetwork(shape, np.ones((3, 2)), np.random.default_rng(0))
    assert model.n_parameters == sum(p.numel() for p in network.parameters())
    assert len(model.network.heads) == 0


def test_nothing_random_is_global():
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(dropout=0.1, jitter=0.1).generate(5)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)


@pytest.mark.parametrize(
    ("values", "chosen"), [((0.5, 0.2, 0.4), 1), ((0.5, 0.2, 0.29), 2), ((0.5, 0.2, 0.31), 1), ((0.2, 0.28, 0.32), 1)]
)
def test_the_last_good_check_is_kept(values, chosen):
    network = PatchNetwork(fit_shape(), np.ones((3, 2)), np.random.default_rng(0))
    recipe = dataclasses.replace(PhyxMamba(**SMALL)._recipe(np.ones(2)), n_checks=3)
    kept = []

    def criterion(network):
        kept.append(network.decode_bias.detach().clone())
        return values[len(kept) - 1]

    training = Training(network, [circle()], recipe, seed=0, criterion=criterion)
    assert training.run() == (values[chosen], (10, 20, 26)[chosen])
    torch.testing.assert_close(network.decode_bias.detach(), kept[chosen], rtol=0, atol=0)


def test_the_model_after_the_first_stage_is_that_of_a_first_stage_alone():
    both, first = fit(), fit(n_rollout_updates=0)
    alone = first.model_.arrays()
    for name, value in both.first_stage_.arrays().items():
        np.testing.assert_array_equal(value, alone[name], err_msg=name)
    assert not np.array_equal(both.model_.arrays()["network.decode_weight"], alone["network.decode_weight"])


def test_runs_of_the_second_stage_are_two_patches_where_nothing_else_is_said():
    said, unsaid = fit(patch_length=4, n_rollout=8), fit(patch_length=4, n_rollout=None)
    for name, value in said.model_.arrays().items():
        np.testing.assert_array_equal(value, unsaid.model_.arrays()[name], err_msg=name)


def test_plateau_halves_the_rate_after_six_checks_without_gain():
    network = PatchNetwork(fit_shape(), np.ones((3, 2)), np.random.default_rng(0))
    recipe = dataclasses.replace(PhyxMamba(**SMALL, schedule="plateau")._recipe(np.ones(2)), n_checks=13)
    training = Training(network, [circle()], recipe, seed=0, criterion=lambda network: 0.5)
    training.run()
    assert training.slowed == 0.25


def test_only_the_decoder_moves_at_first():
    network = PatchNetwork(fit_shape(), np.ones((3, 2)), np.random.default_rng(0))
    method = PhyxMamba(**{**SMALL, "n_updates": 0, "n_rollout_updates": 4, "n_decoder_updates": 4, "n_checks": 1})
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    Training(network, [circle()], method._recipe(np.ones(2)), seed=0, criterion=lambda network: 0.5).run()
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {"decode_weight", "decode_bias"}


@pytest.mark.parametrize(
    ("first", "second", "n_checks", "goals"),
    [
        (100, 10, 10, [12, 25, 38, 50, 62, 75, 88, 100, 105, 110]),
        (100, 10, 2, [100, 110]),
        (100, 10, 1, [110]),
        (100, 0, 4, [25, 50, 75, 100]),
        (0, 10, 2, [5, 10]),
        (1, 5, 4, [1, 6]),
    ],
)
def test_checks_fall_on_the_ends_of_both_stages(first, second, n_checks, goals):
    method = PhyxMamba(n_updates=first, n_rollout_updates=second, n_checks=n_checks)
    assert method._recipe(np.ones(2)).goals() == goals


def test_the_example_runs(capsys):
    """As it stands but for shorter series, training and orbits."""
    code = (Path(__file__).parents[3] / "examples" / "patch_forecast.py").read_text(encoding="utf-8")
    for long, short in (
        ("n_updates=1200, n_rollout_updates=300", "n_updates=40, n_rollout_updates=2, n_checks=2"),
        ("n_steps=10_000", "n_steps=1_000"), ("n_trajectories=50", "n_trajectories=3"),
        ("generate(5_000, seed=0)", "generate(100, seed=0)"), ("n_steps=2_000, seed=0", "n_steps=20, seed=0"),
    ):  # fmt: skip
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, "examples/patch_forecast.py", "exec"), {})
    said = capsys.readouterr().out
    assert float(re.search(r"valid time: (\S+) Lyapunov times", said).group(1)) >= 0
    assert "two largest exponents" in said
