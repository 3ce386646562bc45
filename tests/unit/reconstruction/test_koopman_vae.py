"""KoopmanVAE as a reconstructor: what it learns, draws, foretells and fills, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import FormatError, InputError, NotConverged
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.koopman_vae import KoopmanVAE, conditioning, koopman, koopman_vae, model, training, windows
from dysyr.reconstruction.koopman_vae import prior as prior_of_states
from dysyr.reconstruction.koopman_vae.conditioning import closed
from dysyr.reconstruction.koopman_vae.encoder_irregular import IrregularEncoder
from dysyr.reconstruction.koopman_vae.encoder_regular import RecurrentEncoder
from dysyr.reconstruction.koopman_vae.network import KoopmanNetwork
from dysyr.reconstruction.koopman_vae.windows import WindowSet, bounds_of, change_of, enough_variables
from dysyr.training.controlled_encoder import ControlledEncoder

DT = 0.1
SMALL = {"window": 16, "latent_dim": 4, "hidden_dim": 8, "n_updates": 40, "n_checks": 4, "batch_size": 32}


def spiral(n=300, seed=0):
    t = DT * np.arange(n)
    noise = 1e-2 * np.random.default_rng(seed).normal(size=(n, 2))
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5]) + noise


def gaps(share, seed=0):
    x = spiral()
    x[np.random.default_rng(seed).random(len(x)) < share] = np.nan
    return make_dataset(x, dt=DT, mask=np.isfinite(x))


@pytest.fixture(scope="module")
def fitted():
    settings = {**SMALL, "n_updates": 200, "constraint": "unit_circle", "n_unit": 2, "rollout_noise": False}
    return KoopmanVAE(**settings).fit(spiral(), dt=DT, progress=False)


def test_it_learns_to_foretell_and_to_fill(fitted):
    series = spiral(200, seed=3)
    ahead = fitted.forecast(series[:100], n_steps=8)
    assert np.abs(ahead["x"].values[0] - series[100:108]).max() < 0.25
    assert (ahead["spread"].values > 0).all()
    holes = series[:32].copy()
    holes[10:14] = np.nan
    filled = fitted.model_.impute(make_dataset(holes, dt=DT, mask=np.isfinite(holes)))
    assert np.abs(filled["x"].values[0] - series[:32]).max() < 0.25


def test_windows_look_like_those_of_the_data(fitted):
    drawn = fitted.generate(16, n_trajectories=300, seed=0)["x"].values
    np.testing.assert_allclose(drawn.mean(axis=(0, 1)), spiral().mean(axis=0), atol=0.5)
    radius = np.hypot(drawn[..., 0], (drawn[..., 1] - 5) / 2)
    assert 0.85 < np.median(radius) < 1.15


def test_the_eigenvalues_that_are_used_are_constrained(fitted):
    modes = fitted.model_.modes()
    np.testing.assert_allclose(modes["modulus"][:2], 1.0, rtol=1e-9)
    assert (modes["modulus"] <= 1 + 1e-9).all()
    np.testing.assert_allclose(np.sort(modes["modulus"]), np.sort(np.abs(np.linalg.eigvals(fitted.model_.matrix))))
    long = fitted.generate(2000, n_trajectories=2, seed=0)
    assert np.isfinite(long["x"]).all()
    assert not fitted.model_.residual.any()


def test_beyond_a_window_states_go_on_by_the_matrix(fitted):
    model = fitted.model_
    z = np.random.default_rng(0).normal(size=(2, 3, 4))
    whole = model._extended(z, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(whole[:, :3], z)
    for k in range(3, 6):
        np.testing.assert_allclose(whole[:, k], whole[:, k - 1] @ model.matrix, rtol=1e-12)


def test_the_linear_prior_is_the_same_step_at_every_time():
    made = KoopmanVAE(**SMALL, prior="koopman").fit(spiral(), dt=DT, progress=False)
    noise = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    z = made.model_.latent_states(noise).detach().double().numpy()
    left = z[:, 1:] - z[:, :-1] @ made.model_.matrix
    np.testing.assert_allclose(left, noise[:, 1:].double().numpy() @ made.model_.residual, atol=1e-5)
    assert made.model_.residual.any()
    assert made.forecast(spiral()[:40], n_steps=4)["x"].shape == (1, 4, 2)


@pytest.mark.parametrize("prior", ["gru", "koopman"])
def test_what_noise_makes_is_what_its_normal_numbers_make(prior):
    made = KoopmanVAE(**SMALL, prior=prior).fit(spiral(), dt=DT, progress=False).model_
    noise = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        z, normal = made.explained(noise)
        torch.testing.assert_close(made.latent_states(normal), z, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(normal, noise, atol=1e-3)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_missing_rows_are_no_obstacle(share):
    made = KoopmanVAE(**SMALL).fit(gaps(share), progress=False)
    assert made.model_.encoder == "cde"
    assert np.isfinite(made.generate(16, n_trajectories=5)["x"]).all()
    assert made.history_["left_out"] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_windows_with_gaps_are_soon_told_apart(seed):
    """From the state of the controlled path alone the error is above 14 after as many updates."""
    rng = np.random.default_rng(0)
    f, phi = rng.uniform(0, 0.1, (2, 400, 1, 3))
    x = np.sin(f * np.arange(24)[:, None] + phi)
    x[rng.random((400, 24)) < 0.5] = np.nan
    settings = {"latent_dim": 6, "hidden_dim": 12, "batch_size": 32, "n_updates": 120, "n_checks": 3}
    made = KoopmanVAE(**settings, seed=seed).fit(make_dataset(x, dt=1.0, mask=True), progress=False)
    assert made.history_["reconstruction"][-1] < 3
    assert 0 < made.history_["later_divergence"][-1] < made.history_["divergence"][-1]


def test_complete_data_take_the_encoder_of_complete_windows(fitted):
    assert fitted.model_.encoder == "gru"


def test_data_that_do_not_suit_are_refused():
    empty = make_dataset(np.column_stack([spiral(), np.full(300, np.nan)]), dt=DT, mask=True)
    with pytest.raises(InputError, match="variables without values: x2"):
        KoopmanVAE(**SMALL).fit(empty, progress=False)
    with pytest.raises(InputError, match=r"no window fits into the data.*windows of 300"):
        KoopmanVAE(**{**SMALL, "window": 300}).fit(spiral(), dt=DT, progress=False)
    with pytest.raises(InputError, match=r"no window of the data can be used.*a window without missing values"):
        KoopmanVAE(**SMALL, encoder="gru").fit(gaps(0.5), progress=False)
    sparse = spiral()
    sparse[np.arange(300) % 60 > 0] = np.nan
    with pytest.raises(InputError, match="a window with 2 samples that show"):
        KoopmanVAE(**SMALL).fit(make_dataset(sparse, dt=DT, mask=True), progress=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("window", 3), ("latent_dim", 1), ("encoder", "cnn"), ("head", "tanh"), ("prior", "linear"), ("n_unit", 5),
     ("prediction_steps", 16), ("divergence_weight", 0), ("divergence_start", 0.5), ("constraint", "circle"),
     ("increment_weight", -1), ("rollout_weight", -1),
     ("rollout_noise", 2), ("learning_rate", -1), ("validation_fraction", 1), ("seed", -1), ("n_checks", 0)],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"KoopmanVAE cannot use this {name}"):
        KoopmanVAE(**{**SMALL, name: value}).fit(spiral(), dt=DT, progress=False)


def test_a_training_that_diverges_says_so_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SECONDS_BETWEEN_WRITES", 0.0)
    original, calls = training.loss_of, []

    def broken(*arguments):
        calls.append(1)
        loss, parts = original(*arguments)
        return (loss * float("nan") if len(calls) > 15 else loss), parts

    monkeypatch.setattr(training, "loss_of", broken)
    with pytest.raises(NotConverged, match=r"the loss is not finite: nan at update 14.*lower learning_rate"):
        KoopmanVAE(**SMALL).fit(spiral(), dt=DT, progress=False, checkpoint=tmp_path)
    monkeypatch.setattr(training, "loss_of", original)
    resumed = KoopmanVAE(**SMALL).fit(spiral(), dt=DT, progress=False, checkpoint=tmp_path)
    whole = KoopmanVAE(**SMALL).fit(spiral(), dt=DT, progress=False)
    for name, value in whole.model_.arrays().items():
        np.testing.assert_array_equal(value, resumed.model_.arrays()[name], err_msg=name)


def test_latent_paths_that_run_away_are_no_result(monkeypatch):
    """A prior that grows along a long window: the loss is finite, and useless."""
    monkeypatch.setattr(prior_of_states.torch, "matrix_exp", lambda turn: 1.2 * torch.eye(len(turn)))
    t = DT * np.arange(1100)
    with pytest.raises(NotConverged, match=r"the training diverged: a loss of .*e\+.*lower learning_rate, or shorten"):
        KoopmanVAE(**{**SMALL, "window": 200, "latent_dim": 12, "n_updates": 1, "n_checks": 1}).fit(
            np.column_stack([np.cos(t), np.sin(t)]), dt=DT, progress=False
        )


def test_a_saved_rollout_is_the_same_to_the_last_bit():
    made = KoopmanVAE(**SMALL, prior="koopman").fit(spiral(), dt=DT, progress=False).model_
    again = type(made).from_state(made.config(), {name: value.copy() for name, value in made.arrays().items()})
    np.testing.assert_array_equal(made.generate(20, seed=1)["x"], again.generate(20, seed=1)["x"])


def test_a_saved_model_is_the_same_model(fitted, tmp_path, monkeypatch):
    model = type(fitted.model_).from_state(fitted.model_.config(), fitted.model_.arrays())
    np.testing.assert_array_equal(model.generate(40, seed=1)["x"], fitted.generate(40, seed=1)["x"])
    given = {"law.centre", "law.unit"}
    trained = [value.size for name, value in model.arrays().items() if "." in name and name not in given]
    assert model.n_parameters == fitted.model_.n_parameters == sum(trained)


def test_short_data_and_data_with_gaps_have_a_smaller_law_of_later_noise():
    settings = {**SMALL, "n_updates": 2, "n_checks": 1}
    long = np.tile(spiral(), (14, 1))
    gapped = long.copy()
    gapped[1::4] = gapped[2::4] = np.nan
    for x, couplings in ((long, 8), (long[:300], 4), (gapped, 4)):
        made = KoopmanVAE(**settings).fit(make_dataset(x, dt=DT, mask=np.isfinite(x)), progress=False)
        assert made.history_["couplings"] == couplings
        again = type(made.model_).from_state(made.model_.config(), made.model_.arrays())
        np.testing.assert_array_equal(again.generate(20, seed=1)["x"], made.generate(20, seed=1)["x"])


def test_windows_cross_no_ends_and_gaps_close_with_the_nearest():
    data = make_dataset([spiral(20), spiral(30)], dt=DT)
    scaler = dysyr.core.scaler.Scaler(np.zeros(2), np.ones(2))
    windows = WindowSet(data, 16, scaler, RecurrentEncoder)
    assert len(windows) == 5 + 15
    assert windows.left_out == 0
    np.testing.assert_array_equal(windows.values(np.array([5]))[0], spiral(30)[:16])
    holes = np.array([[[1.0], [np.nan], [np.nan], [4.0]], [[np.nan]] * 4])
    np.testing.assert_array_equal(closed(holes)[:, :, 0], [[1, 1, 4, 4], [0, 0, 0, 0]])
    np.testing.assert_allclose(change_of(holes[:1]), np.sqrt(3.0))
    np.testing.assert_allclose(change_of(np.array([[[0.0], [2.0], [4.0]]])), 2.0)
    np.testing.assert_allclose(bounds_of(holes)[:, 0], [1 - 0.15, 4 + 0.15])


def test_paths_of_control_are_the_same_whether_computed_once_or_when_asked_for(monkeypatch):
    scaler = dysyr.core.scaler.Scaler(np.zeros(2), np.ones(2))
    once = WindowSet(gaps(0.3), 16, scaler, ControlledEncoder)
    monkeypatch.setattr(windows, "MOST_PREPARED", 0)
    chosen = np.array([7, 100, 3])
    assert torch.equal(once.given(chosen), WindowSet(gaps(0.3), 16, scaler, ControlledEncoder).given(chosen))


def test_samples_are_seen_if_they_show_as_much_as_a_tenth_of_all():
    rng = np.random.default_rng(0)
    assert enough_variables(np.repeat(rng.random(4000) < 0.3, 3).reshape(-1, 3)) == 3
    slow = np.ones((100, 3), dtype=bool)
    slow[:, 2] = np.arange(100) % 50 == 0
    assert enough_variables(slow) == 2
    assert enough_variables(rng.random((4000, 6)) < 0.9) == 6
    assert enough_variables(rng.random((4000, 6)) < 0.7) == 0
    every_other = np.repeat(np.arange(100) % 2 == 0, 3).reshape(-1, 3)
    assert enough_variables(every_other) == 0


def test_held_out_windows_count_samples_as_those_of_the_training_do():
    x = spiral(64)
    x[::4, 1] = np.nan
    given = make_dataset(x, dt=DT, mask=True), 16, Scaler(np.zeros(2), np.ones(2)), IrregularEncoder
    for enough, share in ((0, 1.0), (1, 1.0), (2, 0.75)):
        made = WindowSet(*given, enough=enough)
        assert made.enough == enough
        assert made.shown(np.arange(len(made))).mean() == share


def test_what_counts_as_seen_is_found_in_the_training_data(monkeypatch):
    made = []

    def spy(*arguments, **options):
        made.append(WindowSet(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(koopman_vae, "WindowSet", spy)
    x = spiral()
    x[240:, 1] = np.nan
    x[::60, 1] = spiral()[::60, 1]
    KoopmanVAE(**{**SMALL, "n_updates": 4}).fit(make_dataset(x, dt=DT, mask=True), progress=False)
    assert [windows.enough for windows in made] == [2, 2]


def test_changes_across_gaps_tell_their_size_where_neighbours_are_few():
    """A walk of which every third sample is seen, and one pair of neighbours that are alike."""
    walk = np.cumsum(np.random.default_rng(0).normal(size=(300, 24, 1)), axis=1)
    x = np.full_like(walk, np.nan)
    x[:, ::3] = walk[:, ::3]
    x[0, 1] = x[0, 0]
    assert change_of(x) == pytest.approx(1.0, abs=0.1)
    assert change_of(walk) == pytest.approx(np.sqrt((np.diff(walk, axis=1) ** 2).mean()))
    assert change_of(np.full((2, 4, 1), np.nan)) == 1.0


def test_windows_of_which_nothing_was_seen_are_free_draws():
    """Beside others that were seen: means of windows are spread as those of windows that are drawn freely."""
    rng = np.random.default_rng(0)
    f, phi = rng.uniform(0, 0.1, (2, 600, 1, 2))
    x = np.sin(f * np.arange(16)[:, None] + phi)
    made = KoopmanVAE(**{**SMALL, "n_updates": 300}).fit(make_dataset(x, dt=1.0), progress=False).model_
    seen = np.concatenate([np.full((200, 16, 2), np.nan), made.scaler.transform(x[:20])])
    z = conditioning.condition(made, seen, np.random.default_rng(1)).double().numpy()
    drawn, free = made._decoded(z).mean(axis=1), made.draw(400, 16, np.random.default_rng(2)).mean(axis=1)
    np.testing.assert_allclose(drawn[:200].std(axis=0), free.std(axis=0), rtol=0.25)
    np.testing.assert_allclose(drawn[200:], x[:20].mean(axis=1), atol=0.1)
    made.noise = np.full(2, 1e4)
    loose = conditioning.condition(made, made.scaler.transform(x[:400]), np.random.default_rng(1))
    normal = torch.from_numpy(np.random.default_rng(1).standard_normal((400, 16, 4), dtype=np.float32))
    with torch.no_grad():
        wanted = made.latent_states(normal)
    means = [made._decoded(z.double().numpy()).mean(axis=1)[:, 0] for z in (loose, wanted)]
    assert np.corrcoef(means)[0, 1] > 0.95


def test_the_search_begins_with_a_draw_of_what_the_encoder_says(fitted):
    made = fitted.model_
    x = made.scaler.transform(spiral(64)).reshape(4, 16, 2)
    drawn = torch.randn(4, 16, made.latent_dim, generator=torch.Generator().manual_seed(0))
    network = made.network
    with torch.no_grad():
        features = network.encoder(torch.tensor(network.encoder.prepare(x), dtype=torch.float32))
        _, wanted, _ = network.prior.follow(network.prior.posterior(features), drawn)
    assert torch.equal(conditioning._encoded(made, x, drawn), wanted)


def test_weights_that_do_not_fit_the_network_are_a_damaged_run(fitted, tmp_path, monkeypatch):
    whole = type(fitted.model_).arrays
    short = {"prior.correction.weight": np.zeros((2, 2), dtype=np.float32)}
    monkeypatch.setattr(type(fitted.model_), "arrays", lambda self: whole(self) | short)
    fitted.save(tmp_path / "run")
    with pytest.raises(FormatError, match="is damaged"):
        dysyr.load(tmp_path / "run")


def test_draws_touch_no_weights(fitted):
    made = type(fitted.model_).from_state(fitted.model_.config(), fitted.model_.arrays())
    conditioning.condition(made, made.scaler.transform(spiral(32)[None, :16]), np.random.default_rng(0))
    assert all(p.grad is None for p in made.network.parameters())


def test_windows_know_which_of_their_samples_were_seen():
    made = WindowSet(gaps(0.5), 16, Scaler(np.zeros(2), np.ones(2)), IrregularEncoder)
    chosen = np.array([0, 7, len(made) - 1])
    seen = np.isfinite(made.values(chosen)).all(axis=2)
    np.testing.assert_array_equal(made.shown(chosen), seen)
    noise = model.posterior_noise(small_network(), made)
    assert len(noise) == len(made)
    assert {part.shape for part in noise.posterior.parts()} == {(len(made), 16, 4)}
    np.testing.assert_array_equal(noise.seen[chosen], seen)


def small_network():
    return KoopmanNetwork(
        2, latent_dim=4, hidden_dim=8, encoder="cde", head="linear", change=np.ones(2), bounds=np.zeros((2, 2)), seed=0
    )


def test_covered_samples_are_those_of_complete_windows():
    x = spiral(60)
    x[20:22] = x[30] = np.nan
    made = WindowSet(make_dataset(x, dt=DT, mask=True), 16, dysyr.core.scaler.Scaler(np.zeros(2), np.ones(2)),
                     RecurrentEncoder)  # fmt: skip
    np.testing.assert_array_equal(made.covered(), np.concatenate([x[:20], x[31:]]))
    assert made.left_out == 1 - (5 + 14) / 45


def test_matrix_and_residuals_are_those_of_all_pairs_of_states(fitted, monkeypatch):
    """In pieces of seven windows, beside one system of equations."""
    data = make_dataset(spiral(60), dt=DT)
    made = WindowSet(data, fitted.window, fitted.model_.scaler, RecurrentEncoder)
    z = torch.cat([states for _, states in model.posterior_states(fitted.model_.network, made)])
    before, after = koopman.transitions(z)
    monkeypatch.setattr(model, "PIECE", 7)
    form = {"constraint": None, "n_unit": 4}
    matrix, residual = model.koopman_of(fitted.model_.network, made, with_noise=True, **form)
    np.testing.assert_allclose(matrix, koopman.fit(before, after).numpy(), rtol=1e-3, atol=1e-5)
    left = after.double().numpy() - before.double().numpy() @ matrix
    np.testing.assert_allclose(residual.T @ residual, left.T @ left / len(left), rtol=1e-3, atol=1e-8)


def test_states_of_samples_that_were_seen_have_no_noise_and_others_are_draws():
    made = WindowSet(gaps(0.5), 16, Scaler(np.zeros(2), np.ones(2)), IrregularEncoder)
    net = small_network()
    (chosen, z), = model.posterior_states(net, made)
    (_, again), = model.posterior_states(net, made)
    assert torch.equal(z, again)
    missing = np.isnan(made.values(chosen)).any(axis=2)
    with torch.no_grad():
        posterior = net.prior.posterior(net.encoder(made.given(chosen)))
        _, e, mean = (np.asarray(part) for part in net.prior.follow(posterior, noise_between(net, posterior, z)))
    normal = (e - mean) / np.exp(0.5 * posterior.log_variance.numpy())
    assert np.abs(normal[~missing]).max() < 1e-3
    assert normal[missing].std() == pytest.approx(1.0, abs=0.05)


def noise_between(net, posterior, z):
    """The normal numbers with which a posterior makes states z, step by step."""
    found = torch.zeros_like(z)
    sd = torch.exp(0.5 * posterior.log_variance)
    for k in range(z.shape[1]):
        made, _, _ = net.prior.follow(posterior[:, : k + 1], found[:, : k + 1])
        if k == 0:
            found[:, 0] = (z[:, 0] - made[:, 0]) / sd[:, 0]
            continue
        one = found[:, : k + 1].clone()
        one[:, k] = 1.0
        size = net.prior.follow(posterior[:, : k + 1], one)[0][:, k] - made[:, k]
        found[:, k] = (z[:, k] - made[:, k]) / size
    return found


def test_of_very_many_windows_some_tell_matrix_and_noise(fitted, monkeypatch):
    made = WindowSet(make_dataset(spiral(300), dt=DT), fitted.window, fitted.model_.scaler, RecurrentEncoder)
    monkeypatch.setattr(model, "MOST_WINDOWS", 10)
    chosen = np.concatenate([piece for piece, _ in model.posterior_states(fitted.model_.network, made)])
    assert chosen.tolist() == np.linspace(0, 284, 10).astype(int).tolist()


def test_the_method_names_its_choices():
    assert koopman_vae.CONSTRAINTS == ("unit_circle", "stable")


def test_the_example_runs(capsys, monkeypatch):
    """As it stands but for a shorter training and search."""
    monkeypatch.setattr(conditioning, "N_STEPS", 10)
    code = (Path(__file__).parents[3] / "examples" / "generated_windows.py").read_text(encoding="utf-8")
    for long, short in (
        ("n_updates=600", "n_updates=60, hidden_dim=8"), ("n_steps=1_500", "n_steps=300"), ("n_steps=96", "n_steps=48"),
        ("n_draws=8", "n_draws=2"), ("fit(record)", "fit(record, progress=False)"),
    ):  # fmt: skip
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, "examples/generated_windows.py", "exec"), {})
    said = capsys.readouterr().out
    assert re.search(r"generated +mean \S+ \S+, standard deviation [\d.]+ [\d.]+", said)
    assert float(re.search(r"median error of \d+ filled values (\S+),", said).group(1)) < 2
    assert len(re.findall("frequency", said)) == 4
