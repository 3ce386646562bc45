"""Models of outcomes beside the exact states of a system."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.outcome_model import OutcomeModel
from dysyr.core.state_reconstructor import StateReconstructor
from dysyr.evaluation.state_comparison import state_comparison
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.steady_state import steady_state


def compare_states(model, system, *, times=None, initial_state=None, n_shots=None, seed=0):
    """How far a model of outcomes is from the exact states of a system.

    Magnetisations and connected correlators of neighbours, each beside the exact value; to eight sites also total
    variation, trace distance, classical fidelity of the outcomes, and the smallest eigenvalue of the matrix that the
    model stands for, which is negative where that is no state.

    Args:
        model: fitted POVMTransformer, or OutcomeModel.
        system: System of kind open_quantum.
        times: time of the state of a model without times, which was fitted to outcomes; None for the steady state.
        initial_state: of the exact evolution, by default that of the system.
        n_shots: samples for the expectation values of the model; None for sums over all strings, to ten sites.
        seed: of the samples.

    Returns:
        StateComparison.

    Raises:
        InputError: another kind of model or system, or another number of sites.
    """
    model = model._fitted() if isinstance(model, StateReconstructor) else model
    if not isinstance(model, OutcomeModel):
        raise InputError("states are compared for models of outcomes", got=type(model).__name__)
    if getattr(system, "spins", None) is None or system.spins.n_sites != model.n_sites:
        got = f"kind {system.kind}" if system.spins is None else f"{system.spins.n_sites} sites"
        raise InputError("the model is of another system", got=got, expected=f"{model.n_sites} spins")
    if times is not None and len(model.times):
        raise InputError("the model has times of its own", got=repr(times)[:60], do="leave out times")
    if len(model.times) or times is not None:
        when = model.times if len(model.times) else np.atleast_1d(np.asarray(times, float))
        exact = evolve_states(system, when, initial_state=initial_state)
    else:
        exact = steady_state(system)[None]
    return state_comparison(model, exact, system.spins.lattice.bonds, n_shots=n_shots, seed=seed)
