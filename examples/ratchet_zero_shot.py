# %% [markdown]
# # Rates of a flashing ratchet without fitting anything
#
# A particle hops between three sites in a ring; a sawtooth potential flashes on and off, so that there are six states.
# Each path is seen a hundred times, and two labels in a hundred are wrong. `JumpFoundation` is a network that was
# trained on random jump processes, never on this one.

# %%
import time

import numpy as np

import dysyr

ratchet = dysyr.load_system("flashing_ratchet")
noisy = dysyr.simulate(ratchet, t_end=2.5, dt=2.5 / 99, n_trajectories=100, label_noise=0.02, seed=1)
truth, off = ratchet.rate_matrix, ~np.eye(6, dtype=bool)

for call in ("first, which loads and compiles,", "second"):
    begun = time.perf_counter()
    zero_shot = dysyr.JumpFoundation().fit(noisy, progress=False).model_
    print(f"the {call} call took {1000 * (time.perf_counter() - begun):.0f} ms")
print(f"label noise {zero_shot.label_noise:.3f} (true 0.02)")

# %% [markdown]
# Beside it the posterior mode that `JumpEM` climbs to, with label noise learned and without.

# %%
rivals = {
    "JumpFoundation": zero_shot,
    "JumpEM, noise learned": dysyr.JumpEM(label_noise="learn").fit(noisy, progress=False).model_,
    "JumpEM, noise ignored": dysyr.JumpEM().fit(noisy, progress=False).model_,
}
for name, model in rivals.items():
    error = np.sqrt(((model.rate_matrix - truth)[off] ** 2).mean())
    slowest = model.time_scales()[0][0]
    print(f"{name:>22}: error of the rates {error:.3f}, slowest time scale {slowest:.2f} (true 0.50)")

# %% [markdown]
# Each rate has a posterior: a probability that the edge is there at all, and intervals.

# %%
low, high = zero_shot.rate_interval(0.95, given_edge=True)
inside = ((truth >= low) & (truth <= high))[off & (truth > 0)].mean()
print(f"true rates inside their 95 % intervals: {100 * inside:.0f} %")
for kind, edges in (("edges", off & (truth > 0)), ("pairs without an edge", off & (truth == 0))):
    print(f"mean probability of an edge, over true {kind}: {zero_shot.edge_probability[edges].mean():.2f}")
