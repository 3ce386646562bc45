# %% [markdown]
# # Long windows of delays with few parameters
#
# A dense network that sees 64 samples of three variables and has 256 units takes 50,000 parameters. The structured one
# multiplies by trained factors of Hankel matrices instead.

# %%
import numpy as np
import torch
from scipy.linalg import hankel

import dysyr
from dysyr.reconstruction.hankel_stnn import HankelLayer

system = dysyr.load_system("lorenz63")
train = dysyr.simulate(system, n_steps=5_000, dt=0.02, seed=0)
test = dysyr.simulate(system, n_steps=1_000, dt=0.02, seed=1)

for transform in ("fourier", "real"):
    model = dysyr.HankelStNN(window=64, transform=transform).fit(train).model_
    context, truth = test.isel(time=slice(0, 100)), test["x"].values[0, 100:300]
    ahead = model.forecast(context, n_steps=200)["x"].values[0]
    error = ((ahead - truth) ** 2).mean(axis=1) ** 0.5 / truth.std()
    good = int((error < 0.4).cumprod().sum())
    print(f"{transform:8} {model.n_parameters:,} parameters, {model.n_flops:,} operations, good for {good} steps")

# %% [markdown]
# A layer can also be set to a Hankel operator that is known, and is then exact to rounding.

# %%
h = np.random.default_rng(0).normal(size=(2, 1, 127))
layer = HankelLayer(64, n_blocks=2)
layer.set_hankel(h)
x = np.random.default_rng(1).normal(size=64)
with torch.no_grad():
    product = layer(torch.tensor(x[None, None]))[0, 0].numpy()
print(f"largest error of the product {np.abs(product - hankel(h[0, 0, :64], h[0, 0, 63:]) @ x).max():.1e}")
