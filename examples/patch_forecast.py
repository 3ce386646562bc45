# %% [markdown]
# # Forecast patch by patch, and check the attractor
#
# PhyxMamba predicts the next five samples from the last ten of a Lorenz orbit, and forecasts from its own predictions.
# Its second stage is trained on such free runs. How long are the forecasts good, where do free runs go, and is the map
# that was learned as chaotic as the flow? A smaller training than the default one; it takes about half a minute.

# %%
import numpy as np

import dysyr

dt = 0.0374
system = dysyr.load_system("lorenz63")
train = dysyr.simulate(system, n_steps=10_000, dt=dt, seed=0)
test = dysyr.simulate(system, n_steps=330, dt=dt, n_trajectories=50, seed=1)
fitted = dysyr.PhyxMamba(n_updates=1200, n_rollout_updates=300).fit(train)

# %%
context, truth = test["x"].values[:, :30], test["x"].values[:, 30:]
names = [str(name) for name in test["state"].values]
ahead = fitted.forecast(dysyr.make_dataset(context, dt=dt, names=names), n_steps=300)["x"].values
error = np.sqrt((((ahead - truth) / truth.std(axis=(0, 1))) ** 2).mean(axis=2))
good = np.where((error > 0.4).any(axis=1), (error > 0.4).argmax(axis=1), 300)
print(f"valid time: {good.mean() * dt * 0.9056:.2f} Lyapunov times")

# %%
free = fitted.generate(5_000, seed=0)["x"].values[0]
for name, ours, theirs in zip(names, free.T, train["x"].values[0].T, strict=True):
    print(f"{name}: mean {ours.mean():.2f} and {theirs.mean():.2f}, sd {ours.std():.2f} and {theirs.std():.2f}")

# %%
spectrum = dysyr.lyapunov_spectrum(fitted.model_, n_steps=2_000, seed=0)
print("two largest exponents", np.round(spectrum.value[:2], 2), "of the flow: 0.91, 0")
