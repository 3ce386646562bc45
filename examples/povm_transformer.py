# %% [markdown]
# # A decaying ring of spins in an autoregressive transformer
#
# The same ring as in open_ising.py: its steady state, its states over time and its state behind measured outcomes, as
# distributions over outcome strings that a network holds, beside exact evolution. At four spins the exact solver is
# better in every respect; that is why the errors of the network are known here.

# %%
from pathlib import Path

import numpy as np

import dysyr
from dysyr.reporting.figures.style import BEST, MODEL, SECOND, TRUTH, new_figure, styled

ring = dysyr.load_system("tfim_decay")
small = {"width": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}

# %% [markdown]
# The steady state by Gauss-Newton steps, summed over all strings, and over 300 samples in each step. The residual of
# the equation is known without the exact solution; so is the smallest eigenvalue, which would tell of a matrix that is
# no state.

# %%
runs = {
    "all strings": dysyr.POVMTransformer(**small).solve(ring),
    "300 samples a step": dysyr.POVMTransformer(**small, mode="sampled", n_samples=300, n_iterations=20).solve(ring),
}
for name, run in runs.items():
    print(name)
    print(dysyr.compare_states(run, ring))
    print(f"smallest eigenvalue after each step: {np.round(run.history_['smallest_eigenvalue'], 4)}")

# %% [markdown]
# States over time by two of the steppers.

# %%
times = np.linspace(0, 3, 31)
paths = {
    "variational, dt 0.1": dysyr.POVMTransformer(**small, dt=0.1).solve(ring, times=times),
    "trapezoid, dt 0.1": dysyr.POVMTransformer(**small, dt=0.1, stepper="trapezoid", tolerance=1e-8).solve(
        ring, times=times
    ),
}
compared = {name: dysyr.compare_states(path, ring) for name, path in paths.items()}
for name, found in compared.items():
    print(f"{name}: largest error {found.max_error:.2g}")

# %% [markdown]
# The state at time 1 from outcomes of measurements, by the network and by the histogram of the strings.

# %%
shots, distances = [300, 1000, 3000, 10_000, 30_000], []
exact = dysyr.evolve_states(ring, [1.0], frame="tetra_pos")[0]
for n in shots:
    data = dysyr.simulate(ring, times=[1.0], n_shots=n, seed=1)
    fitted = dysyr.POVMTransformer(**small, n_folds=3, seed=1).fit(data)
    strings = np.ravel_multi_index(data["outcome"].values.T, exact.shape)
    histogram = np.bincount(strings, minlength=exact.size).reshape(exact.shape) / n
    network = dysyr.compare_states(fitted, ring, times=[1.0]).states[0]["total_variation"]
    distances.append([np.abs(histogram - exact).sum() / 2, network])
    print(f"{n} shots: total variation {distances[-1][0]:.3f} of the histogram, {network:.3f} of the network")
distances = np.array(distances)


# %%
@styled
def drawing():
    """Residuals of the steady state, averages over time and their errors, distances of reconstructed states."""
    figure = new_figure(4.6)
    (first, second), (third, fourth) = figure.subplots(2, 2)
    for (name, run), colour in zip(runs.items(), (MODEL, SECOND), strict=True):
        first.semilogy(np.arange(1, 1 + len(run.history_["residual_l1"])), run.history_["residual_l1"], ".-",
                       color=colour, label=name)  # fmt: skip
    first.set(title="steady state", xlabel="step", ylabel="residual, sum of |A P|")
    first.legend()
    for letter, shade in zip("XYZ", (1.0, 0.7, 0.45), strict=True):
        states = compared["variational, dt 0.1"].states
        second.plot(times, [one["exact"][letter] for one in states], color=TRUTH, alpha=shade)
        second.plot(times[::2], [one["values"][letter] for one in states[::2]], "o", ms=3, color=MODEL, alpha=shade)
        second.text(times[-1] + 0.08, states[-1]["exact"][letter] + 0.08 * (letter == "X") - 0.08 * (letter == "Y"),
                    letter, va="center")  # fmt: skip
    second.set(title="averages over time: exact, network", xlabel="time")
    for (name, found), colour in zip(compared.items(), (MODEL, SECOND), strict=True):
        third.semilogy(times[1:], [one["max_error"] for one in found.states[1:]], color=colour, label=name)
    third.set(title="largest error of <X>, <Y>, <Z>", xlabel="time")
    third.legend()
    fourth.loglog(shots, distances[:, 0], "s-", color=BEST, label="histogram")
    fourth.loglog(shots, distances[:, 1], "o-", color=MODEL, label="network")
    fourth.set(title="state from outcomes", xlabel="shots", ylabel="total variation")
    fourth.legend()
    return figure


Path("out").mkdir(exist_ok=True)
drawing().savefig("out/povm_transformer.png", dpi=170)
