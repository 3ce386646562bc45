# %% [markdown]
# # New windows from a record with gaps
#
# Half of the samples of a Van der Pol oscillator are missing. `KoopmanVAE` learns from the others, draws new windows
# and fills gaps with an uncertainty.

# %%
import numpy as np

import dysyr

system = dysyr.load_system("van_der_pol")
complete = dysyr.simulate(system, n_steps=1_500, dt=0.1, seed=0)
x = complete["x"].values[0].copy()
x[np.random.default_rng(0).random(len(x)) < 0.5] = np.nan

record = dysyr.make_dataset(x, dt=0.1, mask=True)
fitted = dysyr.KoopmanVAE(window=24, constraint="stable", n_updates=600).fit(record)
windows = fitted.generate(24, n_trajectories=1_000, seed=0)["x"].values
for name, values in (("record", x), ("generated", windows.reshape(-1, 2))):
    mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    print(f"{name:10} mean {mean[0]:+.2f} {mean[1]:+.2f}, standard deviation {sd[0]:.2f} {sd[1]:.2f}")

# %% [markdown]
# Missing samples of another record, drawn given what surrounds them; `spread` is the standard deviation of the draws.

# %%
truth = dysyr.simulate(system, n_steps=96, dt=0.1, seed=1)["x"].values[0]
seen = truth.copy()
seen[np.random.default_rng(1).random(len(seen)) < 0.5] = np.nan
filled = fitted.model_.impute(dysyr.make_dataset(seen, dt=0.1, mask=True), n_draws=8)
missing = np.isnan(seen)
error = np.abs(filled["x"].values[0] - truth)[missing]
print(f"median error of {missing.sum()} filled values {np.median(error):.3f}", end=", ")
print(f"median spread {np.median(filled['spread'].values[0][missing]):.3f}")

# %% [markdown]
# The Koopman matrix of the latent states has frequencies and decay rates; the period of the oscillation is 6.7.

# %%
modes = fitted.model_.modes()
for frequency, rate in list(zip(modes["frequency"], modes["decay_rate"], strict=True))[:4]:
    print(f"frequency {frequency:+.3f} per time unit, decay rate {rate:+.3f}")
