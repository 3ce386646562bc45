# %% [markdown]
# # From a simulation to a symbolic code
#
# An almost-linear RNN with two rectified units cuts its state space into four regions. Which of them it passes through
# is a sequence of symbols; in each region the model is linear, so that its fixed points are known exactly. Training is
# cut short here, to a minute or two: for a model to rely on, leave out the numbers of updates and generations.

# %%
from pathlib import Path

import dysyr

folder = Path("out/symbols")
train = dysyr.simulate(dysyr.load_system("lorenz63"), n_steps=20_000, dt=0.02, seed=1)
fitted = dysyr.ALRNN(n_rectified=2, n_updates=8_000, n_generations=60, n_checks=8, max_restarts=0).fit(train)
fitted.save(folder / "run")

# %% [markdown]
# The code of a free run. At this sampling interval nine steps in ten stay in a region: words of samples are short in
# time, and entropies from them far too large. A jump code keeps the regions entered, and its words reach further.

# %%
code = dysyr.encode(fitted, n_steps=1_000_000, max_word=16)
jumps = code.jumps()
print(code)
print(jumps)

# %% [markdown]
# The metric entropy of a code cannot exceed the sum of the positive Lyapunov exponents of the model. What is known of
# it are upper bounds, which sink as words become longer.

# %%
positive = sum(value for value in dysyr.lyapunov_spectrum(fitted, n_steps=20_000).value if value > 0)
print(f"positive exponents: {positive:.3g} per time unit")
for length in (1, 2, 4, 8, 16):
    by_samples, by_jumps = (each.per_time(each.entropy_rates[length - 1]) for each in (code, jumps))
    print(f"entropy rate from words of {length:>2}: {by_samples:.3g} by samples, {by_jumps:.3g} by jumps")

# %% [markdown]
# Tables, graphs, figures and fixed points as files; `dysyr encode out/symbols/run -o out/symbols/jumps --jumps` does
# the same. A stable fixed point would be a warning: the Lorenz system at these parameters has none.

# %%
dysyr.export_code(jumps, folder / "jumps", model=fitted, max_period=1)
for point in dysyr.fixed_points(fitted.model_):
    print("fixed point at", ", ".join(f"{value:.2f}" for value in point.observed[0]), point.stability)

# %% [markdown]
# Two codes of the same samples can be compared symbol by symbol; here the model's along the data that it was fitted to,
# and the sign of x.

# %%
along = dysyr.encode(fitted, data=train)
lobes = dysyr.encode(train.assign(label=(train["x"].sel(state="x") > 0).astype(int)))
match = dysyr.compare_codes(along, lobes, same_samples=True)
print(f"information that regions and lobes share: {match.normalised_information:.2f} of 1")
