# %% [markdown]
# # Lyapunov exponents of known systems
#
# The exponents say how fast neighbouring states part (positive) or close up (negative). A flow that does not come to
# rest has one exponent that is zero; their sum is the mean divergence.

# %%
import dysyr

for name, n_steps in (("lorenz63", 100_000), ("rossler", 100_000), ("henon", 100_000), ("van_der_pol", 50_000)):
    system = dysyr.load_system(name)
    spectrum = dysyr.lyapunov_spectrum(system, n_steps=n_steps, n_trajectories=8, seed=0)
    exponents = ", ".join(f"{v:+.4f} ± {e:.4f}" for v, e in zip(spectrum.value, spectrum.stderr, strict=True))
    print(f"{system.title:<24}{exponents}   per time unit")

# %% [markdown]
# A parameter changed by hand drops the stored invariants; the computed ones follow it through the transition to chaos.

# %%
for rho in (15.0, 22.0, 28.0, 35.0):
    spectrum = dysyr.lyapunov_spectrum(dysyr.load_system("lorenz63", rho=rho), n_steps=50_000, n_trajectories=4)
    kind = "chaos" if spectrum.value[0] > 3 * spectrum.stderr[0] + 0.01 else "no chaos"
    print(f"rho = {rho:4.1f}: largest exponent {spectrum.value[0]:+.3f}, {kind}")
