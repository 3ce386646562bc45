# %% [markdown]
# # From a CSV file to a report
#
# Any table of measurements will do: one column per variable, and either a column of times or a sampling interval. So
# that this script runs by itself, the first cell writes such a table; leave it out and use your own file.

# %%
from pathlib import Path

import dysyr
from dysyr.reporting.figures.attractors import attractors_figure

folder = Path("out/own_csv")
folder.mkdir(parents=True, exist_ok=True)
recording = dysyr.simulate(dysyr.load_system("lorenz63"), n_steps=20_000, dt=0.01, observation_noise=0.05, seed=1)
table = recording["x"].isel(trajectory=0).to_pandas().rename_axis("time")
table.to_csv(folder / "recording.csv", float_format="%.6g")

# %% [markdown]
# Look first: noise, stationarity, sampling, and whether there is anything nonlinear to be found.

# %%
data = dysyr.as_dataset(folder / "recording.csv")
print(dysyr.inspect(data))

# %% [markdown]
# Then three lines: keep the end of the recording for the test, fit, judge. The report says in words whether the model
# can be trusted, and shows why.

# %%
train, test = dysyr.split(data, (0.7, 0.3))
model = dysyr.SHPLRNN(hidden_dim=50, seed=0).fit(train)
card = dysyr.evaluate(model, test)

# %%
print(card)
card.to_html(folder / "report.html")
model.save(folder / "run")
print(f"report: {folder / 'report.html'}")

# %% [markdown]
# The recording, and what the model does when it runs free.

# %%
free = model.generate(len(test["time"]), seed=0)["x"].values[0]
attractors_figure(test["x"].values[0], free, names=["x", "y", "z"]).savefig(folder / "free_run.png", dpi=110)
