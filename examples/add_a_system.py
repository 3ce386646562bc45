# %% [markdown]
# # A system of your own
#
# A system is its equations as text, with parameters, an initial state and a sampling interval. Nothing in that text is
# ever executed: it is read by a small parser, from which fast kernels, the Jacobian and the LaTeX are made.

# %%
from pathlib import Path

import dysyr

system = dysyr.System.ode(
    {"x": "y", "y": "z", "z": "-c*x - b*y - a*z + x**2"},
    parameters={"a": 0.44, "b": 1.1, "c": 1.0},
    initial_state={"x": 0.1, "y": 0.1, "z": 0.1},
    dt=0.1,
    transient=200.0,
    name="genesio_tesi",
    title="Genesio-Tesi jerk system",
)
print(system)
print(*system.latex(), sep="\n")

# %% [markdown]
# It can be simulated and measured like any system of the catalogue. Its divergence is -a, so the exponents must sum to
# that.

# %%
orbit = dysyr.simulate(system, n_steps=5_000)
spectrum = dysyr.lyapunov_spectrum(system, n_steps=50_000, n_trajectories=8)
print("exponents", [round(value, 3) for value in spectrum.value], "sum", round(sum(spectrum.value), 3))

# %% [markdown]
# Written to a file it is one TOML file, which every command takes in place of a name:
# `dysyr simulate out/genesio_tesi.toml -o orbit.nc`.

# %%
path = Path("out/genesio_tesi.toml")
path.parent.mkdir(exist_ok=True)
system.to_file(path)
assert dysyr.load_system(path) == system
print(path.read_text())
