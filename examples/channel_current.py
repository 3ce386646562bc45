# %% [markdown]
# # From a channel's current to its rates
#
# The current through an ion channel is a noisy level for each state of the channel. Here it is simulated, so that the
# rates behind it are known: shut (level 0), blocked (0.5) and open (1), 0.1 ms apart, openings in bursts.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import dysyr
from dysyr.simulation.observation import GaussianEmission

folder = Path("out/channel_current")
folder.mkdir(parents=True, exist_ok=True)
channel = dysyr.load_system("three_state_channel")
recording = GaussianEmission(means=(0.0, 1.0, 0.5), sds=(0.2, 0.2, 0.2))
current = dysyr.simulate(channel, n_steps=10_000, observe=recording, seed=1)

# %% [markdown]
# How many states? Several numbers are fitted; the criterion chooses, data that were held out are a second opinion, and
# what is left open is said.

# %%
choice = dysyr.select_n_states(current, (1, 2, 3))
print(choice)

# %% [markdown]
# Rates, levels and their errors at once from the raw signal. States are numbered by level, so that the blocked one
# comes before the open one.

# %%
fitted = dysyr.JumpEM(emission="gaussian", n_states=3).fit(current)
model = fitted.model_
order = [0, 2, 1]
truth = channel.rate_matrix[np.ix_(order, order)]
names = ("shut", "blocked", "open")
for i in range(3):
    for j in range(3):
        if i != j:
            found, error = model.rate_matrix[i, j], model.rate_stderr[i, j]
            print(f"{names[i]:>7} -> {names[j]:<7} {found:6.3f} +- {error:.3f} per ms, true {truth[i, j]:.3f}")
print("levels", np.round(model.levels.means, 3), "+-", np.round(model.levels_stderr[0], 3))

# %% [markdown]
# The idealised current: the most probable state at each sample, given all samples.

# %%
states = model.smoothed(current)[0].argmax(axis=1)
t, y = current["time"].values, current["x"].values[0, :, 0]
first = int(np.flatnonzero(states == 2)[0])
shown = slice(max(0, first - 150), max(0, first - 150) + 600)
figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
axes.plot(t[shown], y[shown], ".", color="0.6", markersize=3, label="current")
axes.step(t[shown], model.levels.means[states[shown]], where="mid", color="C3", linewidth=1.2, label="idealised")
axes.set_xlabel("time (ms)")
axes.set_ylabel("current")
axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
figure.savefig(folder / "idealised.png", dpi=150)
plt.close(figure)
