"""POVMTransformer: states against exact ones, reconstruction against histograms, refusals."""

from pathlib import Path

import numpy as np
import pytest
from povm_cases import every, magnetisation

import dysyr
from dysyr.core.povm import Frame
from dysyr.core.state_distance import total_variation
from dysyr.reconstruction.povm_transformer import POVMTransformer, outcome_likelihood
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of

TINY = {"width": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
RING = dysyr.load_system("tfim_decay")
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "povm_transformer.py"


def solved(system=RING, times=None, **settings):
    return POVMTransformer(**{**TINY, **settings}).solve(system, times=times, progress=False)


def test_steady_state_of_the_ring_of_four():
    """Against printed values and d<Z>/dt = 0."""
    found = solved()
    x, y, z = (magnetisation(found.model_, letter)[0] for letter in "XYZ")
    assert (x, y, z) == pytest.approx((0.43978125, 0.18718612, -0.81281388), abs=1e-3)
    assert y == pytest.approx(1 + z, abs=1e-3)
    exact = dysyr.steady_state(RING, frame="tetra_pos")
    assert total_variation(found.model_.probabilities(), exact) < 1e-3
    history = found.history_
    assert set(history) == {"residual_l1", "residual_chi2", "effective_samples", "smallest_eigenvalue"}
    assert history["residual_chi2"][-1] < 1e-7 < history["residual_chi2"][0]
    assert found.model_.times.size == 0
    assert found.model_.system == RING.to_dict()


@pytest.mark.parametrize("frame", ["tetra", "pauli4"])
def test_steady_state_in_other_frames(frame):
    ring = dysyr.load_system("tfim_decay", n_sites=3)
    model = solved(ring, frame=frame).model_
    assert total_variation(model.probabilities(), dysyr.steady_state(ring, frame=frame)) < 1e-3
    assert model.frame.name == frame


def test_an_open_chain_from_a_state_without_symmetry():
    chain = dysyr.System.open_quantum(
        lattice={"shape": [3], "boundary": "open"},
        hamiltonian=[{"operator": "XX", "on": "bonds", "coefficient": "0.9"},
                     {"operator": "YY", "on": "bonds", "coefficient": "1.6"}],
        jumps=[{"operator": "sigma_minus", "on": "sites", "rate": "1"}], dt=0.05,
        initial_state=["up", "right", "down"], observables=[{"name": "Z", "operator": "Z", "on": "sites"}],
    )  # fmt: skip
    model = solved(chain, times=[0.3]).model_
    exact = dysyr.evolve_states(chain, [0.3], frame="tetra_pos")[0]
    assert total_variation(model.probabilities(), exact) < 2e-3
    assert model.arrays()["orders"].shape == (1, 3)


@pytest.mark.parametrize(("stepper", "dt"), [("variational", 0.1), ("trapezoid", 0.2), ("projection", 0.1)])
def test_dynamics_of_the_ring_of_four(stepper, dt):
    times = [0.0, 0.5, 1.0]
    model = solved(times=times, stepper=stepper, dt=dt, tolerance=1e-8).model_
    exact = dysyr.evolve_states(RING, times)
    for k in range(3):
        for s, letter in enumerate("XYZ", start=1):
            assert magnetisation(model, letter, k)[0] == pytest.approx(exact[(k, s, 0, 0, 0)], abs=0.01)
    last = [magnetisation(model, letter)[0] for letter in "XYZ"]
    assert last == pytest.approx([0.01917319, -0.05247978, -0.35763714], abs=0.01)


def test_sampled_sums_find_the_steady_state():
    model = solved(mode="sampled", n_samples=300, n_iterations=16).model_
    for letter, exact in zip("XYZ", (0.43978125, 0.18718612, -0.81281388), strict=True):
        value, error = magnetisation(model, letter, n_shots=4000)
        assert 0.01 < error < 0.02
        assert abs(value - exact) < 0.05
        assert abs(magnetisation(model, letter)[0] - exact) < 0.03
        assert abs(magnetisation(model, letter)[0] - value) < 4 * error


@pytest.mark.parametrize("stepper", ["variational", "trapezoid", "projection"])
def test_sampled_steps_in_time(stepper):
    found = solved(times=[0.3], mode="sampled", n_samples=400, stepper=stepper, dt=0.1, cutoff=1e-4)
    exact = dysyr.evolve_states(RING, [0.3])[0]
    for s, letter in enumerate("XYZ", start=1):
        assert magnetisation(found.model_, letter)[0] == pytest.approx(exact[s, 0, 0, 0], abs=0.05)
    assert (found.history_["effective_samples"] > 200).all()


def test_symmetry_of_the_solution():
    """One order breaks the symmetry that a group of orders has exactly."""
    strings = every(4)
    moved = keys_of(np.roll(strings, 1, axis=1))
    broken = {}
    for symmetry in ("none", "translations"):
        model = solved(symmetry=symmetry, mode="sampled", n_samples=200, n_iterations=3).model_
        p = np.exp(model.log_probabilities(strings))
        broken[symmetry] = np.abs(p - p[moved]).sum() / 2
    assert broken["translations"] < 1e-12 < 1e-3 < broken["none"]


@pytest.mark.parametrize(("n_shots", "share"), [(1000, 0.5), pytest.param(100_000, 1.0, marks=pytest.mark.slow)])
def test_outcomes_give_the_state_better_than_their_histogram(n_shots, share):
    exact = dysyr.evolve_states(RING, [1.0], frame="tetra_pos")[0]
    data = dysyr.simulate(RING, times=[1.0], n_shots=n_shots, seed=3)
    model = POVMTransformer(**TINY, n_folds=3, seed=1).fit(data, progress=False).model_
    histogram = np.bincount(keys_of(data["outcome"].values), minlength=256).reshape((4,) * 4) / n_shots
    floor = total_variation(histogram, exact)
    assert floor == pytest.approx(0.18 * np.sqrt(1000 / n_shots), rel=0.2)
    assert total_variation(model.probabilities(), exact) < share * floor
    frame = Frame()
    for letter in "XYZ":
        value = sum(dysyr.evolve_states(RING, [1.0])[0][place] for place in axes("IXYZ".index(letter))) / 4
        error = np.sqrt(frame.variance(letter, exact.sum(axis=(1, 2, 3))) / (4 * n_shots))
        assert abs(magnetisation(model, letter)[0] - value) < 3 * error


def axes(letter):
    """Indices of the expectation values of one letter on one site."""
    return [tuple(letter if site == at else 0 for site in range(4)) for at in range(4)]


def test_many_different_strings_are_fitted_in_batches(monkeypatch):
    monkeypatch.setattr(outcome_likelihood, "BATCH", 200)
    exact = dysyr.evolve_states(RING, [1.0], frame="tetra_pos")[0]
    data = dysyr.simulate(RING, times=[1.0], n_shots=10_000, seed=3)
    found = POVMTransformer(**TINY, n_folds=2, n_updates=100).fit(data, progress=False)
    outcomes = data["outcome"].values
    marginals = [np.bincount(outcomes[:, site], minlength=4) / len(outcomes) for site in range(4)]
    product = np.einsum("a,b,c,d->abcd", *marginals)
    assert found.history_["chosen"][0] > 0
    assert total_variation(found.model_.probabilities(), exact) < 0.9 * total_variation(product, exact)


def test_symmetry_of_outcomes():
    data = dysyr.simulate(RING, times=[1.0], n_shots=2000, seed=3)
    exact = dysyr.evolve_states(RING, [1.0], frame="tetra_pos")[0]
    found = {}
    for symmetry in ("none", "lattice"):
        method = POVMTransformer(**TINY, symmetry=symmetry, shape=[4], boundary="periodic", n_folds=2, n_updates=25)
        found[symmetry] = total_variation(method.fit(data, progress=False).model_.probabilities(), exact)
    assert found["lattice"] < found["none"]
    with pytest.raises(dysyr.InputError, match="symmetry 'lattice' of outcomes needs the shape"):
        POVMTransformer(symmetry="lattice").fit(data, progress=False)


def test_bad_outcomes():
    method = POVMTransformer(**TINY)
    with pytest.raises(dysyr.InputError, match=r"outcomes other than 0, 1, 2, 3"):
        method.fit(np.full((20, 4), 4), progress=False)
    with pytest.raises(dysyr.InputError, match=r"outcomes of measurements: shape \(20,\)"):
        method.fit(np.zeros(20, int), progress=False)
    with pytest.raises(dysyr.InputError, match="too few shots: 8; at least 10"):
        method.fit(np.zeros((8, 4), int), progress=False)
    with pytest.raises(dysyr.InputError, match="the data have no outcomes"):
        method.fit(dysyr.simulate(RING, t_end=0.2), progress=False)
    other = dysyr.simulate(RING, times=[0.1], n_shots=20, frame="tetra")
    with pytest.raises(dysyr.InputError, match="the outcomes are of another frame: 'tetra'; 'tetra_pos'"):
        method.fit(other, progress=False)


def test_bad_systems():
    method = POVMTransformer(**TINY)
    with pytest.raises(dysyr.InputError, match="solves systems of kind open_quantum: kind ode"):
        method.solve(dysyr.load_system("lorenz63"))
    driven = dysyr.System.open_quantum(
        lattice={"shape": [2], "boundary": "open"}, initial_state="up", dt=0.1,
        hamiltonian=[{"operator": "X", "on": "sites", "coefficient": "cos(t)"}],
        observables=[{"name": "Z", "operator": "Z", "on": "sites"}],
    )  # fmt: skip
    with pytest.raises(dysyr.InputError, match="no steady state: strengths that depend on t: give times="):
        method.solve(driven)
    with pytest.raises(dysyr.InputError, match="a steady state has no initial state"):
        method.solve(RING, initial_state="down")
    for times in ([], [0.5, 0.2], [-1.0], [np.nan]):
        with pytest.raises(dysyr.InputError, match="ascending finite times"):
            method.solve(RING, times=times)
    with pytest.raises(dysyr.InputError, match="9 sites are too many for an exact sum: .* GB needed"):
        POVMTransformer(mode="exact", symmetry="none").solve(dysyr.load_system("tfim_decay", n_sites=9))
    with pytest.raises(dysyr.InputError, match="a periodic side of 2 sites"):
        method.solve(dysyr.load_system("tfim_decay", n_sites=2))


@pytest.mark.parametrize("frame", ["tetra", "pauli4"])
def test_initial_states_with_impossible_outcomes(frame):
    method = POVMTransformer(**TINY, frame=frame)
    with pytest.raises(dysyr.InputError, match=f"an outcome of frame '{frame}' has probability zero"):
        method.solve(RING, times=[0.1], initial_state="down")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("frame", "sic", "one of"), ("symmetry", "all", "one of"), ("mode", "fast", "one of"),
        ("objective", "l2", "one of"), ("stepper", "euler", "one of"), ("width", 10, "an even multiple of n_heads"),
        ("n_layers", 0, "at least 1"), ("n_samples", 1, "at least 2"), ("tolerance", 0, "a positive number"),
        ("cutoff", -1, "a number of at least 0"), ("dt", 0, "a positive number, or None"), ("seed", -1, "at least 0"),
        ("learning_rate", float("inf"), "a positive number"), ("device", "tpu", "'cpu' or 'cuda'"),
        ("n_folds", 1, "at least 2"),
    ],
)  # fmt: skip
def test_arguments_out_of_range(name, value, expected):
    method = POVMTransformer(**{name: value})
    for act in (lambda: method.fit(np.zeros((20, 2), int)), lambda: method.solve(RING)):
        with pytest.raises(dysyr.InputError, match=f"POVMTransformer cannot use this {name}: .*{expected}"):
            act()


@pytest.mark.slow
def test_the_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE), "exec"), {})
    errors = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines() if "largest error" in line]
    assert len(errors) == 2 and max(errors) < 0.003
    assert (tmp_path / "out" / "povm_transformer.png").stat().st_size > 10_000
