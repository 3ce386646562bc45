# %% [markdown]
# # A ring of spins that decays
#
# Spins with neighbouring couplings in a transverse field, each of which falls from up to down on its own. Three ways to
# the same averages: exact evolution, the mean of pure states with jumps, and estimates from measured outcomes.

# %%
from pathlib import Path

import numpy as np

import dysyr
from dysyr.reporting.figures.style import MODEL, SECOND, TRUTH, key, new_figure, styled

ring = dysyr.load_system("tfim_decay", n_sites=6)
exact = dysyr.simulate(ring, t_end=6.0)
times = exact["time"].values

# %% [markdown]
# Pure states with jumps: each path is a possible record of the decays, and their mean is the state. Two hundred paths
# give an average over six sites to about a hundredth.

# %%
paths = dysyr.simulate(ring, t_end=6.0, method="trajectories", n_trajectories=200, seed=1)["x"].values
mean, error = paths.mean(axis=0), paths.std(axis=0) / np.sqrt(len(paths))
distance = np.abs(mean - exact["x"].values[0]) / np.maximum(error, 1e-12)
print(f"trajectories: within {distance[1:].max():.1f} standard errors of the exact averages")

# %% [markdown]
# Outcomes of measurements of all spins in one frame: the data of state reconstruction. An estimate of an average is the
# mean of a table over the outcomes, with a variance that the frame sets.

# %%
frame, shots = dysyr.Frame("tetra_pos"), []
for t in np.arange(0.5, 6.1, 0.5):
    outcome = dysyr.simulate(ring, times=[t], n_shots=1000, seed=2)["outcome"].values
    values = [frame.table(letter)[outcome].mean(axis=1) for letter in "XYZ"]
    shots.append([t, *(v.mean() for v in values), *(v.std() / np.sqrt(len(v)) for v in values)])
shots = np.array(shots)

# %% [markdown]
# The steady state, where the averages of Y and Z are tied: <Y> = (gamma/g)(1 + <Z>).

# %%
r = dysyr.steady_state(ring)
x, y, z = (r[(k, 0, 0, 0, 0, 0)] for k in (1, 2, 3))
print(f"steady state: <X> = {x:.6f}, <Y> = {y:.6f}, <Z> = {z:.6f}, (1 + <Z>) = {1 + z:.6f}")

# %%
@styled
def drawing():
    """Averages over time by the three ways, the steady state dotted."""
    figure = new_figure(2.5)
    for k, letter in enumerate("XYZ"):
        axes = figure.add_subplot(1, 3, k + 1)
        axes.fill_between(
            times, mean[:, k] - 2 * error[:, k], mean[:, k] + 2 * error[:, k], color=SECOND, alpha=0.25, lw=0
        )
        axes.plot(times, mean[:, k], color=SECOND, label="200 trajectories, two standard errors")
        axes.plot(times, exact["x"].values[0, :, k], color=TRUTH, label="exact")
        axes.errorbar(
            shots[:, 0], shots[:, 1 + k], 2 * shots[:, 4 + k], color=MODEL, fmt="o", ms=2.5, lw=0.8,
            label="1,000 measurements",
        )  # fmt: skip
        axes.axhline((x, y, z)[k], color=TRUTH, lw=0.8, ls=":", label="steady state")
        axes.set(title=f"mean of {letter}", xlabel="time")
    key(figure, axes.get_legend_handles_labels()[0])
    return figure


Path("out").mkdir(exist_ok=True)
drawing().savefig("out/open_ising.png", dpi=170)
