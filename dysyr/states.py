"""Models of outcomes beside the exact states of a system, and beside outcomes."""

import numpy as np

from dysyr.core.dataset import read_dataset
from dysyr.core.errors import InputError
from dysyr.core.outcome_model import OutcomeModel
from dysyr.core.provenance import provenance
from dysyr.core.state_reconstructor import StateReconstructor
from dysyr.evaluation.state_rows import measured_rows, state_rows
from dysyr.evaluation.state_verdict import decide_states
from dysyr.reporting.state_comparison import StateComparison
from dysyr.reporting.training import training_of
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.steady_state import steady_state
from dysyr.truth import state_behind

FLOOR_SHOTS = 10_000
"""Outcomes of the histograms that states are held against where none were measured."""


def compare_states(
    model, system=None, *, data=None, times=None, initial_state=None, exact=True, n_shots=None, seed=0
):  # fmt: skip
    """How far a model of outcomes is from the exact states of a system, and from what was measured.

    Magnetisations and connected correlators of neighbours, each beside the exact value; to nine sites also total
    variation, trace distance, classical fidelity of the outcomes, and the smallest eigenvalue of the matrix that the
    model stands for, which is negative where that is no state. Of outcomes, deviations of their averages and of the
    model's from each other and from the true ones, in standard errors. A verdict by fixed rules says what that means.

    Args:
        model: fitted POVMTransformer, or OutcomeModel.
        system: System of kind open_quantum; None to take that of the catalogue behind the data, as far as the
            observables of the data say that it is.
        data: outcomes that the model was fitted to, or others of the same state: Dataset, path of one, or whole numbers
            (shot, site); None where nothing was measured.
        times: time of the state of a model without times, which was fitted to outcomes; None for the last time of the
            data, or the steady state.
        initial_state: of the exact evolution, by default that of the system.
        exact: whether exact states are made.
        n_shots: samples for the expectation values of the model; None for sums over all strings, to ten sites.
        seed: of the samples.

    Returns:
        StateComparison.

    Raises:
        InputError: another kind of model, system or data, or another number of sites.
    """
    method = model if isinstance(model, StateReconstructor) else None
    model = model._fitted() if method is not None else model
    if not isinstance(model, OutcomeModel):
        raise InputError("states are compared for models of outcomes", got=type(model).__name__)
    if system is None and data is None:
        raise InputError("nothing to compare states with", do="give a system, or data=")
    if len(model.times) and times is not None:
        raise InputError("the model has times of its own", got=repr(times)[:60], do="leave out times")
    if len(model.times) and data is not None:
        raise InputError("outcomes are those of one state", got=f"{len(model.times)} states", do="leave out data")
    data = read_dataset(data) if isinstance(data, str) or hasattr(data, "__fspath__") else data
    outcomes = None if data is None else _outcomes(data, model)
    tensors = None
    if system is not None:
        if getattr(system, "spins", None) is None or system.spins.n_sites != model.n_sites:
            got = f"kind {system.kind}" if getattr(system, "spins", None) is None else f"{system.spins.n_sites} sites"
            raise InputError("the model is of another system", got=got, expected=f"{model.n_sites} spins")
        tensors = _exact(model, system, data, times, initial_state) if exact else None
    elif hasattr(data, "attrs") and times is None and exact:
        system, tensors = state_behind(data) or (None, None)
    ends = [(k, k + 1) for k in range(model.n_sites - 1)] if system is None else system.spins.lattice.bonds
    rows = state_rows(
        model, tensors, ends, n_shots=n_shots, floor_shots=FLOOR_SHOTS if outcomes is None else len(outcomes), seed=seed
    )
    measured = None
    if outcomes is not None:
        truth = None if tensors is None else tensors[-1]
        measured = measured_rows(model, outcomes, ends, truth, n_shots=n_shots, seed=seed)
    settings = {
        "frame": model.frame.name, "n_sites": model.n_sites, "n_shots": n_shots,
        "lattice": None if system is None else str(system.spins.lattice),
    }  # fmt: skip
    return StateComparison(
        states=rows, settings=settings, verdict=decide_states(rows, measured, _residual(method)),
        measured=measured, model=model,
        exact=tensors, system=system, training=None if method is None else training_of(method),
        history={} if method is None else method.history_,
        provenance=provenance() if method is None else method.provenance_,
        label=(model.family or type(model).__name__) if method is None else type(method).__name__,
    )  # fmt: skip


def _residual(method):
    """Residual of a solution: the last one of a steady state, the largest one of the steps of a path; None of a fit."""
    found = np.asarray([] if method is None else method.history_.get("residual_l1", []), float)
    if not found.size:
        return None
    return float(found.max() if "time" in method.history_ else found[-1])


def _exact(model, system, data, times, initial_state):
    """Exact states (state, 4, ..., 4) for the states of a model."""
    if times is None and hasattr(data, "attrs") and "time" in data.coords:
        times = float(data["time"].values[-1])
    if not len(model.times) and times is None:
        return steady_state(system)[None]
    when = model.times if len(model.times) else np.atleast_1d(np.asarray(times, float))
    return evolve_states(system, when, initial_state=initial_state)


def _outcomes(data, model):
    """Outcomes (shot, site) that fit the model."""
    if hasattr(data, "data_vars"):
        if "outcome" not in data:
            raise InputError("the data have no outcomes", do="simulate with n_shots=, or give an array (shot, site)")
        if (frame := data.attrs.get("frame", model.frame.name)) != model.frame.name:
            raise InputError("the outcomes are of another frame", got=f"'{frame}'", expected=f"'{model.frame.name}'")
        data = data["outcome"].values
    found = np.asarray(data)
    whole = found.ndim == 2 and found.dtype.kind in "iu" and found.shape[1] == model.n_sites and len(found) > 1
    if not whole or found.min() < 0 or found.max() > 3:
        got = f"{found.dtype} of shape {found.shape}"
        raise InputError("outcomes", got=got, expected=f"whole numbers 0 to 3, (shot, {model.n_sites})")
    return found.astype(np.int64)
