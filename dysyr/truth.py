"""What the system behind a truth can tell: independent truth, its exponents, its own forecasts."""

import json

import numpy as np

from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.dataset import sampling_interval, trajectories
from dysyr.core.embedding import embed
from dysyr.core.errors import DivergedError
from dysyr.core.json_attribute import json_attribute
from dysyr.core.measure import Measure
from dysyr.evaluation.floor_cache import reference_truths
from dysyr.simulation.observation import (
    DelayEmbedding,
    GaussianEmission,
    GaussianNoise,
    LabelFlips,
    PartialObservation,
    Readout,
)
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.simulate import simulate

REPEATABLE = {
    model.__name__: model
    for model in (GaussianNoise, PartialObservation, Readout, DelayEmbedding, LabelFlips, GaussianEmission)
}
SAME = 1e-6
"""Largest difference of observables that are those of one state."""
MOST_SITES = 9
"""Most spins whose state is made for comparison."""
REMOVING = ("MissingAtRandom", "MissingBlocks")
REFERENCE_SEED = 1_000_003
MAX_VALUES = 100_000_000
MOST_APART = 20.0
"""Standard deviations between the means of data and simulation, or ratio of theirs, that tell of other units."""
LEAST_SHARE = 0.01
"""Ratio of the data's to those of simulated trajectories that does so; one mode of several has a twelfth."""
MANY_SAMPLES = 1_000


def system_behind(data):
    """The system of the catalogue that a data set was simulated from.

    Args:
        data: Dataset.

    Returns:
        System with the parameters and size of the data set; None where its attributes name none.
    """
    name = data.attrs.get("system")
    if name not in system_names():
        return None
    system = catalogue_system(name)
    parameters = _parameters(data)
    if parameters is None or set(parameters) - set(system.parameters):
        return None
    if parameters:
        system = system.with_parameters(**parameters)
    if len(system.lattice.indices) == 1 and not observations(data):
        n_sites, rest = divmod(data.sizes["state"], len(system.fields))
        system = system if rest else system.with_size(**{system.lattice.indices[0]: n_sites})
    if system.spins is not None and "site" in data.sizes and len(system.sizes) == 1:
        system = system.with_size(n_sites=data.sizes["site"])
    return system


def _parameters(data):
    """The parameters that a data set names, a dict; None where its attribute is none."""
    try:
        found = json.loads(data.attrs.get("parameters", "{}"))
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def state_behind(data):
    """The exact state that outcomes were measured of, where the data say enough.

    Args:
        data: Dataset with outcomes.

    Returns:
        (System, array (1, 4, ..., 4) of the expectation values of all Pauli strings); None where the attributes name no
        system of the catalogue, for too many sites, or where the observables of the data are not those of its evolution
        from its own initial state.
    """
    system = system_behind(data)
    if system is None or system.spins is None or system.spins.n_sites != data.sizes.get("site"):
        return None
    if system.spins.n_sites > MOST_SITES or not {"x", "time"} <= set(data.variables):
        return None
    transient = json_attribute(data, "solver", {}).get("transient", 0.0)
    when = float(data["time"].values[-1])
    expected = simulate(system, times=[when], transient=transient)["x"].isel(time=-1)
    same = set(map(str, expected["state"].values)) == set(map(str, data["state"].values))
    if not same or np.abs(data["x"].isel(time=-1).values - expected.sel(state=data["state"]).values).max() > SAME:
        return None
    return system, evolve_states(system, [when + transient])


def observations(data):
    """The observation models that made the data set, as a list of dicts."""
    return json_attribute(data, "observation", [])


def independent_truths(system, data, n, *, n_pairs):
    """Independent trajectories of the system, observed in the same way as the data set.

    Noisy data get noisy references and clean data clean ones; a noise-free model cannot reach the floor of
    noisy data. Partial observation, linear or nonlinear readout and delay embedding are repeated as well. What was done
    to the data afterwards is not: there are none for data that were resampled, or whose variables have other sizes.

    Args:
        system: System behind the data.
        data: Dataset.
        n: samples of each.
        n_pairs: how many; fewer where they would not fit into memory.

    Returns:
        (pair, n, state) array, empty where the observation cannot be repeated, or gives something else than the data.
    """
    applied = [observation for observation in observations(data) if observation["model"] not in REMOVING]
    changed = "resampled" in data.attrs or any(observation["model"] not in REPEATABLE for observation in applied)
    if system.spins is not None or changed:
        return np.empty((0, 0, 0))
    models = [_observation(observation) for observation in applied]
    embedding = json.loads(data.attrs.get("embedding", "null"))
    lost = sum((m.dim - 1) * m.delay for m in models if isinstance(m, DelayEmbedding))
    lost += (embedding["dim"] - 1) * embedding["delay"] if embedding else 0
    dt = sampling_interval(data)
    n_pairs = min(n_pairs, max(MAX_VALUES // (n * system.dim), 2))

    def make():
        # Of a symplectic flow that declares no constants of motion the first trajectory may be the truth itself.
        made = simulate(
            system, n_steps=n + lost, dt=dt, n_trajectories=n_pairs + 1, seed=REFERENCE_SEED, observe=models
        )
        if embedding:
            made = embed(made, **{key: embedding[key] for key in ("variable", "dim", "delay")})
        return np.stack(trajectories(made)[1:])

    definition = {key: value for key, value in system.to_dict().items() if key != "invariants"}
    key = {"system": definition, "observation": applied, "embedding": embedding, "n": n, "dt": dt}
    key |= {"pairs": n_pairs, "seed": REFERENCE_SEED}
    return _like(reference_truths(key, make), system, data)


def _like(made, system, data):
    """References with the variables of the data, in their order; empty where they have other sizes."""
    names, variables = [str(name) for name in data["state"].values], list(system.variables)
    if made.shape[-1] == len(variables) and set(names) <= set(variables):
        made = made[:, :, [variables.index(name) for name in names]]
    if made.shape[-1] != len(names):
        return np.empty((0, 0, 0))
    found = np.concatenate(trajectories(data))
    mean, sd = np.nanmean(found, axis=0), np.nanstd(found, axis=0)
    spread, each = made.std(axis=(0, 1)), made.std(axis=1)
    unlike = (np.abs(mean - made.mean(axis=(0, 1))) > MOST_APART * spread) | (sd > MOST_APART * spread)
    unlike |= (LEAST_SHARE * each.min(axis=0) > sd) if len(found) >= MANY_SAMPLES else False
    return np.empty((0, 0, 0)) if unlike.any() else made


def true_flow(system, data):
    """Function (states (k, dim), n_steps) -> (k, n_steps, dim) of the true system, or None.

    There is one where the data set holds the whole state of an autonomous deterministic system.
    """
    kept = ("GaussianNoise", *REMOVING)
    whole = all(observation["model"] in kept for observation in observations(data))
    names = tuple(str(name) for name in data["state"].values)
    unlike = system.kind in ("sde", "jump", "open_quantum") or system.has_time
    if unlike or not whole or names != tuple(system.variables):
        return None
    dt = sampling_interval(data)

    def flow(states, n_steps):
        try:
            made = simulate(system, initial_state=states, n_steps=n_steps + 1, dt=dt, transient=0.0)
        except DivergedError:
            # Noise can push a state out of the basin; the others still have their forecast.
            if len(states) == 1:
                return np.full((1, n_steps, system.dim), np.nan)
            return np.concatenate([flow(state[None], n_steps) for state in states])
        return np.stack(trajectories(made))[:, 1:]

    return flow


def known_exponents(system):
    """Lyapunov spectrum of the system as its file states it, its ``n_zero`` smallest exponents exactly zero.

    None where the file states none.

    Args:
        system: System.

    Returns:
        Measure, per time unit, or None.
    """
    for invariant in system.invariants:
        if invariant["name"] == "lyapunov_spectrum":
            value, n_zero = [float(x) for x in invariant["value"]], invariant.get("n_zero")
            for i in np.argsort(np.abs(value), kind="stable")[: n_zero or 0]:
                value[i] = 0.0
            settings = {"method": invariant.get("method", ""), "source": invariant.get("source", "")}
            if n_zero is not None:
                settings["n_zero"] = n_zero
            return Measure(
                name="lyapunov_spectrum", kind="invariant", value=value, stderr=invariant.get("stderr"),
                unit="1/time", better="match", settings=settings,
            )  # fmt: skip
    return None


def _observation(description):
    settings = {key: value for key, value in description.items() if key != "model"}
    if description["model"] == "PartialObservation":
        settings["states"] = tuple(settings["states"])
    return REPEATABLE[description["model"]](**settings)
