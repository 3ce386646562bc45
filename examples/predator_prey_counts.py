# %% [markdown]
# # Predators and prey from counts
#
# Lotka-Volterra with whole animals: births, captures and deaths are single events at random times. Where every event
# was recorded, the rate constants follow from how often each reaction fired and how often it could have. (Counts that
# were seen at sampling times only hide events between them, and are refused here.)

# %%
import numpy as np

import dysyr

system = dysyr.load_system("lotka_volterra_jump")
data = dysyr.simulate(system, t_end=15.0, events=True, seed=1)
path = dysyr.jump_paths(data)[0]
print(f"{len(path.times) - 1:,} events; the counts go from", path.states.min(axis=0), "to", path.states.max(axis=0))

# %% [markdown]
# Each estimate is a number of events over an integral of counts, $\hat c = N / \int h(x(t)) \, dt$, with the standard
# error $\hat c / \sqrt N$.

# %%
fit = dysyr.reaction_rates(data, system)
for name, value, error, n in zip(fit.names, fit.value, fit.stderr, fit.n_events, strict=True):
    true = system.parameters[name]
    print(f"{name:<6}{value:10.5f} ± {error:.5f}   true {true:.5f}, {(value - true) / error:+.1f} errors, {n:,} events")

# %% [markdown]
# A field study brings its own list of events. Times and counts are enough, as long as no two reactions change the
# counts in the same way.

# %%
own = dysyr.JumpPath(times=path.times, states=path.states, end=path.end)
print("from times and counts alone:", np.round(dysyr.reaction_rates([own], system).value, 5))

# %% [markdown]
# The fitted system simulates like any other. The differential equation would rest at the 120 prey and 200 predators of
# the start; one cycle of 8 time units later the paths have spread around it, in the fitted system as in the true one.

# %%
for title, source in (("true system", system), ("fitted system", fit.system)):
    x = dysyr.simulate(source, times=[8.0], n_trajectories=2_000, seed=2)["x"].values[:, 0]
    spread = ", ".join(
        f"{name} {mean:.0f} ± {sd:.0f}"
        for name, mean, sd in zip(source.fields, x.mean(axis=0), x.std(axis=0), strict=True)
    )
    print(f"{title:<14} at t = 8: {spread}")
