# %% [markdown]
# # The missing terms of a half-known equation
#
# Prey grow, predators die: that much is known. How they meet is not. Ten noisy counts are enough to find it.

# %%
import numpy as np

import dysyr

truth = dysyr.System.ode(
    {"prey": "1.3*prey - 0.9*prey*predator", "predator": "0.8*prey*predator - 1.8*predator"},
    initial_state={"prey": 0.44, "predator": 4.6},
)
clean = dysyr.simulate(truth, n_steps=10, dt=0.3)
noise = 0.005 * np.random.default_rng(0).normal(size=clean["x"].shape)
data = clean.assign(x=clean["x"] + noise)

# %% [markdown]
# `[hidden]` lists what an unknown function, added to the equation, depends on.

# %%
known = dysyr.System.ode(
    {"prey": "1.3*prey", "predator": "-1.8*predator"},
    hidden={"prey": ["prey", "predator"], "predator": ["prey", "predator"]},
)
fitted = dysyr.HiddenTerms(known, degree=2, n_members=1).fit(data, progress=False)
print(fitted.model_.formula_text())
for row in fitted.model_.terms:
    print(f"{row['field']:<9}{row['term']:<14}{row['coefficient']:+.4f} ± {row['stderr']:.4f}")

# %% [markdown]
# Never take the winner without a look at its rivals: every set of terms was fitted to the data through the solver.

# %%
for row in fitted.model_.found["rivals"]:
    print(f"{row['criterion']:8.1f}  {row['formula']}")

# %% [markdown]
# The result is a system like any other. It was fitted to three time units, and is followed for thirty.

# %%
far = np.linspace(0, 30, 301)
ours, theirs = (dysyr.simulate(system, times=far)["x"].values[0] for system in (fitted.model_.system, truth))
error = np.abs(ours - theirs).mean(axis=0) / theirs.std(axis=0)
print("error up to t = 30, in standard deviations:", np.round(error, 3))
