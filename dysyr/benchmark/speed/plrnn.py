"""Training steps of PLRNNs beside eager torch and JAX.

A step is everything from windows in memory to changed parameters: zeroed gradients, forced forward pass, squared error,
backward pass, RAdam. The rivals do the same with their own optimiser or, in JAX, with RAdam written into the same
compiled function.
"""

import importlib.util

import numpy as np

from dysyr.benchmark.speed.contest import Contest, Disagreement
from dysyr.kernels import elementwise_plrnn, shallow_plrnn
from dysyr.kernels import forced_windows as forced
from dysyr.kernels.optimiser import BETA1, BETA2, EPSILON, radam_rows
from dysyr.kernels.vector_code import LANES

N_STEPS, ALPHA, LEARNING_RATE = 200, 0.1, 1e-3
SIZES = {(3, 50): (80, 40), (10, 100): (35, 17), (20, 200): (10, 5), (30, 512): (5, 3)}
"""(M, H): (goal, floor) against plain eager torch."""
JAX_GOAL = 3
N_SEEDS = 20
POPULATION_GOAL = 2.0
ERROR = 1e-5
MANY = 10
"""Steps of ours in a turn: a single one is too short for the clock."""


def contests(*, quick):
    """The contests of this module.

    Args:
        quick: the two smallest sizes, few repeats.

    Yields:
        Contest.
    """
    repeats = 3 if quick else 9
    for (latent_dim, hidden_dim), (goal, floor) in list(SIZES.items())[: 2 if quick else None]:
        ours = shallow_step(latent_dim, hidden_dim)
        common = {
            "job": "shallow PLRNN, training step", "ours": ours.many, "compare": same_gradient, "repeats": repeats,
            "size": f"M {latent_dim}, H {hidden_dim}, T {N_STEPS}, batch {LANES}, float32", "scale": MANY,
        }  # fmt: skip
        yield Contest(
            **common, baseline="torch eager, plain", theirs=TorchStep(ours, shallow_plain).step, goal=goal, floor=floor
        )
        yield Contest(**common, baseline="torch eager, lerp and addmm", theirs=TorchStep(ours, shallow_tuned).step)
        yield Contest(**common, baseline="JAX, scan and grad in one jit", theirs=jax_step(ours), goal=JAX_GOAL,
                      note="" if _has_jax() else "jax is not installed")  # fmt: skip
    ours = almost_linear_step(20, 2)
    yield Contest(
        job="almost-linear RNN, training step", size=f"M 20, P 2, T {N_STEPS}, batch {LANES}, float32",
        baseline="torch eager, plain", ours=ours.many, theirs=TorchStep(ours, almost_linear_plain).step,
        compare=same_gradient, scale=MANY, repeats=repeats,
    )  # fmt: skip
    one, many, n = population(1), population(N_SEEDS), 4 if quick else 20
    yield Contest(
        job="shallow PLRNN, update with drawn windows and forcing strength",
        size=f"{N_SEEDS} seeds at once, M 3, H 50, T {N_STEPS}, batch {LANES}", baseline="one seed alone, times 20",
        ours=lambda: many.advance(n), theirs=lambda: one.advance(n), compare=same_first_member, scale=N_SEEDS,
        goal=POPULATION_GOAL, repeats=repeats,
    )  # fmt: skip


class FusedStep:
    """dysyr's training step of one model, and the windows that all contestants share.

    Args:
        family: module of the kernels.
        shapes: shapes of the parameters.
        form: arguments of the family after the forcing strength.
    """

    def __init__(self, family, shapes, form):
        self.family, self.shapes, self.form = family, shapes, form
        rng = np.random.default_rng(0)
        self.theta = rng.normal(scale=0.05, size=(1, forced.n_parameters(shapes))).astype(np.float32)
        forced.views(self.theta[0], shapes).A[:] = 0.7
        self.start = forced.views(self.theta[0].copy(), shapes)
        self.batch = forced.empty_batch(shapes, 1, N_STEPS + 1)
        self.batch.x[:] = self.batch.seen[:] = rng.normal(size=self.batch.x.shape)
        self.batch.observed[:] = self.batch.counts[:, 1:] = 1
        self.weights = np.array([float(self.batch.counts.sum())])
        self.strength = np.full((1, N_STEPS), ALPHA, np.float32)
        self.strength[0, 0] = 0
        self.workspace = family.workspace(shapes, N_STEPS)
        self.gradient, self.none = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.moments = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.losses, self.count, self.first_gradient = np.zeros(1), 0, None

    def step(self):
        """One step."""
        self.gradient[:] = 0
        self.family.add_loss_and_gradient(
            self.theta, self.gradient, forced.offsets(self.shapes), np.zeros(1, np.int64), self.batch, self.weights,
            self.strength, *self.form, False, self.workspace, self.losses,
        )  # fmt: skip
        if self.count == 0:
            self.first_gradient = self.gradient[0].copy()
        self.count += 1
        radam_rows(
            self.theta, self.gradient, *self.moments, self.count, np.array([LEARNING_RATE]), self.none, self.none[0],
            np.zeros(1), np.ones(1, bool),
        )  # fmt: skip

    def many(self):
        """MANY steps; returns the gradient of the very first, by part."""
        for _ in range(MANY):
            self.step()
        return forced.views(self.first_gradient, self.shapes)


def shallow_step(latent_dim, hidden_dim):
    """dysyr's step of a shallow PLRNN."""
    shapes = shallow_plrnn.shapes(latent_dim, hidden_dim, latent_dim, 0, False)
    return FusedStep(shallow_plrnn, shapes, (False,))


def almost_linear_step(latent_dim, n_rectified):
    """dysyr's step of an almost-linear RNN."""
    form = elementwise_plrnn.Form(latent_dim - n_rectified, False, False)
    return FusedStep(elementwise_plrnn, elementwise_plrnn.shapes(latent_dim, 0, latent_dim, 0, False), (form,))


class TorchStep:
    """The same step in eager torch with its RAdam.

    Args:
        ours: FusedStep, for parameters and windows.
        run: function (tensors by name, windows (time, batch, dim), forcing strengths) -> predictions (time, ...).
    """

    def __init__(self, ours, run):
        import torch

        torch.set_num_threads(1)
        self.torch, self.run = torch, run
        self.parameters = {
            name: torch.nn.Parameter(torch.tensor(part.copy()))
            for name, part in ours.start._asdict().items()
            if part.size
        }
        self.optimiser = torch.optim.RAdam(self.parameters.values(), lr=LEARNING_RATE)
        self.x = torch.tensor(np.ascontiguousarray(ours.batch.x[0].transpose(0, 2, 1)))
        self.strength = ours.strength[0].tolist()
        self.first_gradient = None

    def step(self):
        """One step; returns the gradient of the very first, by part."""
        self.optimiser.zero_grad()
        ahead = self.run(self.torch, self.parameters, self.x, self.strength)
        loss = ((ahead - self.x[1:]) ** 2).mean()
        loss.backward()
        if self.first_gradient is None:
            self.first_gradient = {name: p.grad.numpy().copy() for name, p in self.parameters.items()}
        self.optimiser.step()
        return self.first_gradient


def shallow_plain(torch, p, x, strength):
    """As a user would write it down from the equations."""
    z, out = x[0], []
    for t in range(N_STEPS):
        s = (1 - strength[t]) * z + strength[t] * x[t]
        z = p["A"] * s + torch.relu(s @ p["W2"].T + p["h2"]) @ p["W1"].T + p["h1"]
        out.append(z)
    return torch.stack(out)


def shallow_tuned(torch, p, x, strength):
    """With fused operations, and windows taken apart once."""
    z, out = x[0], []
    first, second = p["W1"].T, p["W2"].T
    for t, here in enumerate(x.unbind(0)[:N_STEPS]):
        s = torch.lerp(z, here, strength[t])
        z = torch.addcmul(torch.addmm(p["h1"], torch.addmm(p["h2"], s, second).relu(), first), p["A"], s)
        out.append(z)
    return torch.stack(out)


def almost_linear_plain(torch, p, x, strength):
    """An almost-linear RNN with two rectified units."""
    z, out = x[0], []
    for t in range(N_STEPS):
        s = (1 - strength[t]) * z + strength[t] * x[t]
        phi = torch.cat([s[:, :-2], torch.relu(s[:, -2:])], dim=1)
        z = p["A"] * s + phi @ p["W"].T + p["h"]
        out.append(z)
    return torch.stack(out)


def jax_step(ours):
    """The same step in JAX, or None where it is not installed."""
    if not _has_jax():
        return None
    import jax
    import jax.numpy as jnp

    x = jnp.asarray(ours.batch.x[0].transpose(0, 2, 1))
    strength = jnp.asarray(ours.strength[0])

    def loss(p):
        def advance(z, inputs):
            here, alpha = inputs
            s = (1 - alpha) * z + alpha * here
            z = p["A"] * s + jax.nn.relu(s @ p["W2"].T + p["h2"]) @ p["W1"].T + p["h1"]
            return z, z

        return ((jax.lax.scan(advance, x[0], (x[:-1], strength))[1] - x[1:]) ** 2).mean()

    @jax.jit
    def update(p, m, v, t):
        gradient = jax.grad(loss)(p)
        m = jax.tree.map(lambda a, g: BETA1 * a + (1 - BETA1) * g, m, gradient)
        v = jax.tree.map(lambda a, g: BETA2 * a + (1 - BETA2) * g * g, v, gradient)
        limit = 2 / (1 - BETA2) - 1
        rho = limit - 2 * t * BETA2**t / (1 - BETA2**t)
        rect = jnp.sqrt(jnp.abs((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)))

        def moved(a, m, v):
            adaptive = rect * jnp.sqrt(1 - BETA2**t) / (jnp.sqrt(v) + EPSILON)
            return a - LEARNING_RATE * m / (1 - BETA1**t) * jnp.where(rho > 5, adaptive, 1.0)

        return jax.tree.map(moved, p, m, v), m, v, gradient

    p = {name: jnp.asarray(part) for name, part in ours.start._asdict().items() if part.size}
    zeros = jax.tree.map(jnp.zeros_like, p)
    state = {"now": (p, zeros, zeros), "t": 0, "first": None}

    def step():
        state["t"] += 1
        *state["now"], gradient = jax.block_until_ready(update(*state["now"], float(state["t"])))
        if state["first"] is None:
            state["first"] = {name: np.asarray(part) for name, part in gradient.items()}
        return state["first"]

    return step


def population(n_seeds):
    """A population of shallow PLRNNs on Lorenz-63 with adaptive forcing."""
    from dysyr.api import load_system
    from dysyr.reconstruction.plrnn.shallow_network import ShallowNetwork
    from dysyr.reconstruction.plrnn.training import Population, Recipe
    from dysyr.reconstruction.plrnn.windows import Windows
    from dysyr.simulation.simulate import simulate

    x = simulate(load_system("lorenz63"), n_steps=20_000, dt=0.01, seed=0)["x"].values[0]
    recipe = Recipe(
        network=ShallowNetwork(3, 50, False), n_observed=3, n_inputs=0, affine=False, n_updates=10**9,
        n_refinements=0, n_generations=0, batch_size=LANES, n_steps=N_STEPS, warm_up=0, jitter=0.03,
        learning_rate=LEARNING_RATE, learning_rate_end=LEARNING_RATE, estimator="arithmetic_mean",
        alpha=(1.0,), alpha_decay=0.99, interval=1, weight_decay=0.0, readout_penalty=0.0, gradient_clip=0.0,
    )  # fmt: skip
    windows = Windows.from_trajectories([(x - x.mean(axis=0)) / x.std(axis=0)], None, N_STEPS + 1)
    return Population([recipe] * n_seeds, windows, [np.random.default_rng(seed) for seed in range(n_seeds)])


def same_gradient(ours, theirs):
    """The gradients of the very first step agree to 1e-5 of the largest entry.

    Raises:
        Disagreement: they do not.
    """
    scale = max(np.abs(part).max() for part in theirs.values())
    error = max(np.abs(getattr(ours, name) - part).max() for name, part in theirs.items()) / scale
    if not error <= ERROR:
        raise Disagreement("gradients differ", got=f"{error:.1e}", expected=f"at most {ERROR:.0e}")
    return f"gradients agree to {error:.0e}"


def same_first_member(ours, theirs):
    """The losses of the first member are those of the model alone, bit by bit.

    Raises:
        Disagreement: they are not.
    """
    if not np.array_equal(ours[:, 0], theirs[:, 0]):
        raise Disagreement("losses differ", got=str(ours[-1, 0]), expected=str(theirs[-1, 0]))
    return "losses equal bit by bit"


def _has_jax():
    return importlib.util.find_spec("jax") is not None
