# %% [markdown]
# # A method of your own
#
# A reconstructor has named arguments and a `fit` that leaves a model behind; a model says how a state steps on. All
# else, free runs, forecasts, exponents, scores, the report, follows from that. Here it is the oldest method of all: do
# what the most similar moments of the past did next (`farmer1987`).

# %%
import numpy as np
from scipy.spatial import KDTree
from sklearn.model_selection import GridSearchCV

import dysyr
from dysyr.core.dataset import trajectories
from dysyr.core.model import Sampled, repeat_step
from dysyr.core.scaler import Scaler


class Analogues(Sampled, dysyr.StateSpace):
    """z[t+1] = z[t] + D(z[t]): D is the affine function that fits the steps of the k nearest samples best."""

    family, reference = "analogues", "farmer1987"

    def __init__(self, states, steps, n_neighbours, **held):
        self.hold(initial_states=states[:: max(len(states) // 200, 1)], **held)
        self.states, self.steps, self.n_neighbours = states, steps, n_neighbours
        self.tree = KDTree(states)

    @property
    def latent_dim(self):
        return self.states.shape[1]

    def config(self):
        return {"n_neighbours": self.n_neighbours, "dt": self.dt, "names": list(self.names)}

    def arrays(self):
        return {"states": self.states, "steps": self.steps, "mean": self.scaler.mean, "sd": self.scaler.sd}

    @classmethod
    def from_state(cls, config, arrays):
        scaler = Scaler(arrays["mean"], arrays["sd"])
        return cls(arrays["states"], arrays["steps"], **config, scaler=scaler)

    def initial(self, context, u=None):
        return self.scaler.transform(context[:, -1])

    def readout(self, z):
        return self.scaler.inverse(z)

    def step(self, z, u=None):
        offset, _ = self._local(z)
        return z + offset

    def jacobian(self, z, u=None):
        _, slope = self._local(z)
        return np.eye(self.latent_dim) + slope

    def trajectory(self, z, n_steps, u=None):
        return repeat_step(self, z, n_steps)

    def _local(self, z):
        """D at z, (batch, latent), and its slope, (batch, latent, latent)."""
        near = self.tree.query(z, self.n_neighbours)[1]
        x, y = self.states[near] - z[:, None], self.steps[near]
        ones = np.concatenate([np.ones((*x.shape[:2], 1)), x], axis=2)
        penalty = 1e-6 * np.eye(ones.shape[2])
        both = np.linalg.solve(ones.transpose(0, 2, 1) @ ones + penalty, ones.transpose(0, 2, 1) @ y)
        return both[:, 0], both[:, 1:].transpose(0, 2, 1)


class NearestNeighbours(dysyr.Reconstructor):
    """Local affine maps from the k nearest samples of the data.

    Args:
        n_neighbours: k.
        seed: without effect.
    """

    uses_seed = False

    def __init__(self, *, n_neighbours=12, seed=0):
        self.n_neighbours, self.seed = n_neighbours, seed

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        data = self._checked(X, dt)
        names, series = [str(name) for name in data["state"].values], trajectories(data)
        scaler = Scaler.from_data(series, names)
        pieces = [scaler.transform(x) for x in series]
        states = np.concatenate([x[:-1] for x in pieces])
        steps = np.concatenate([np.diff(x, axis=0) for x in pieces])
        model = Analogues(states, steps, self.n_neighbours, dt=data.attrs["dt"], names=names, scaler=scaler)
        return self._learned(model, {}, data)


# %% [markdown]
# That is all. It fits, runs free, forecasts and is judged like any method of the package.

# %%
system = dysyr.load_system("lorenz63")
train = dysyr.simulate(system, n_steps=10_000, dt=0.02, seed=0)
test = dysyr.simulate(system, n_steps=5_000, dt=0.02, seed=1)
fitted = NearestNeighbours().fit(train)
card = dysyr.evaluate(fitted, test, measures=["d_stsp", "d_h", "valid_prediction_time", "lyapunov_spectrum"])
print(card)

# %% [markdown]
# Both distances lie at their floors, and yet the verdict is no: the model visits the right states at the right pace,
# but its second exponent should be zero. Twelve neighbours on a thin sheet say little about the direction across it.
#
# With noise, neighbours are no longer neighbours, and more of them are needed. scikit-learn's tools take the class as
# it is.

# %%
noisy = dysyr.simulate(system, n_steps=4_000, dt=0.02, observation_noise=0.05, seed=0)
search = GridSearchCV(NearestNeighbours(), {"n_neighbours": [6, 12, 50, 200]}, cv=dysyr.SegmentSplit(2))
search.fit(noisy["x"].values[0], dt=0.02)
for setting, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"{setting['n_neighbours']:>4} neighbours: score {score:.3f}")
