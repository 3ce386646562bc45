"""dysyr: dynamical systems reconstruction from time series, from a system file or a CSV to a report to trust."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dysyr.api import evaluate, inspect, load, load_system, save
    from dysyr.core.chemical_langevin import chemical_langevin
    from dysyr.core.dataset import as_dataset, make_dataset, read_dataset, save_dataset
    from dysyr.core.embedding import embed
    from dysyr.core.errors import DivergedError, DysyrError, ExpressionError, FormatError, InputError, NotConverged
    from dysyr.core.jump_paths import JumpPath, jump_paths
    from dysyr.core.measure import Measure
    from dysyr.core.model import Model, PiecewiseLinear, StateSpace
    from dysyr.core.outcome_model import OutcomeModel
    from dysyr.core.povm import Frame
    from dysyr.core.probabilistic import Probabilistic
    from dysyr.core.qutip_exchange import from_qutip, to_qutip
    from dysyr.core.rate_model import RateModel
    from dysyr.core.reaction_rates import ReactionRates, reaction_rates
    from dysyr.core.reconstructor import Reconstructor
    from dysyr.core.resample import resample
    from dysyr.core.segments import split
    from dysyr.core.shipped_data import load_dataset
    from dysyr.core.splitter import SegmentSplit
    from dysyr.core.state_reconstructor import StateReconstructor
    from dysyr.core.system import System
    from dysyr.core.vector_field import VectorField
    from dysyr.core.window_generator import WindowGenerator
    from dysyr.encoding.bifurcations import bifurcations
    from dysyr.encoding.compare import compare_codes
    from dysyr.encoding.cycles import cycles
    from dysyr.encoding.encode import encode
    from dysyr.encoding.encoding import Encoding
    from dysyr.encoding.fixed_points import fixed_points
    from dysyr.encoding.manifolds import stable_manifold, unstable_manifold
    from dysyr.encoding.parameter_path import parameter_path
    from dysyr.experiment import run_experiment
    from dysyr.reconstruction import (
        ALRNN,
        GRU,
        HAVOK,
        LSTM,
        PLRNN,
        SHPLRNN,
        DendPLRNN,
        HankelDMD,
        HankelStNN,
        HiddenTerms,
        JumpEM,
        JumpFoundation,
        KoopmanVAE,
        LatentSDE,
        LinearAR,
        NeuralODE,
        NextGenReservoir,
        Persistence,
        PhyxMamba,
        POVMTransformer,
        ReservoirComputer,
        SINDy,
    )
    from dysyr.reconstruction.jump_em import RatePosterior, StateSelection, select_n_states
    from dysyr.reconstruction.jump_em.foundation import pretrain_jump
    from dysyr.reporting.card import Card
    from dysyr.reporting.comparison import compare
    from dysyr.reporting.state_comparison import StateComparison
    from dysyr.reporting.symbol_files import export_code
    from dysyr.simulation.master_equation import master_equation
    from dysyr.simulation.observation import observe
    from dysyr.simulation.open_quantum import evolve_states
    from dysyr.simulation.simulate import simulate
    from dysyr.simulation.steady_state import steady_state
    from dysyr.spectrum import lyapunov_spectrum
    from dysyr.states import compare_states
    from dysyr.tuning.tune import Tuning, tune

_HOMES = {
    "dysyr.api": ("evaluate", "inspect", "load", "load_system", "save"),
    "dysyr.core.chemical_langevin": ("chemical_langevin",),
    "dysyr.core.dataset": ("as_dataset", "make_dataset", "read_dataset", "save_dataset"),
    "dysyr.core.embedding": ("embed",),
    "dysyr.core.errors": (
        "DivergedError", "DysyrError", "ExpressionError", "FormatError", "InputError", "NotConverged",
    ),
    "dysyr.core.jump_paths": ("JumpPath", "jump_paths"),
    "dysyr.core.measure": ("Measure",),
    "dysyr.core.model": ("Model", "PiecewiseLinear", "StateSpace"),
    "dysyr.core.rate_model": ("RateModel",),
    "dysyr.core.reaction_rates": ("ReactionRates", "reaction_rates"),
    "dysyr.core.outcome_model": ("OutcomeModel",),
    "dysyr.core.povm": ("Frame",),
    "dysyr.core.probabilistic": ("Probabilistic",),
    "dysyr.core.qutip_exchange": ("from_qutip", "to_qutip"),
    "dysyr.core.reconstructor": ("Reconstructor",),
    "dysyr.core.resample": ("resample",),
    "dysyr.core.segments": ("split",),
    "dysyr.core.shipped_data": ("load_dataset",),
    "dysyr.core.splitter": ("SegmentSplit",),
    "dysyr.core.state_reconstructor": ("StateReconstructor",),
    "dysyr.core.system": ("System",),
    "dysyr.core.vector_field": ("VectorField",),
    "dysyr.core.window_generator": ("WindowGenerator",),
    "dysyr.encoding.bifurcations": ("bifurcations",),
    "dysyr.encoding.compare": ("compare_codes",),
    "dysyr.encoding.cycles": ("cycles",),
    "dysyr.encoding.encode": ("encode",),
    "dysyr.encoding.encoding": ("Encoding",),
    "dysyr.encoding.fixed_points": ("fixed_points",),
    "dysyr.encoding.manifolds": ("stable_manifold", "unstable_manifold"),
    "dysyr.encoding.parameter_path": ("parameter_path",),
    "dysyr.experiment": ("run_experiment",),
    "dysyr.reconstruction": (
        "ALRNN", "GRU", "HAVOK", "LSTM", "PLRNN", "SHPLRNN", "DendPLRNN", "HankelDMD", "HankelStNN", "HiddenTerms",
        "JumpEM", "JumpFoundation", "KoopmanVAE", "LatentSDE", "LinearAR", "NeuralODE", "NextGenReservoir",
        "Persistence",
        "PhyxMamba", "POVMTransformer", "ReservoirComputer", "SINDy",
    ),
    "dysyr.reconstruction.jump_em.foundation": ("pretrain_jump",),
    "dysyr.reconstruction.jump_em": ("RatePosterior", "StateSelection", "select_n_states"),
    "dysyr.reporting.card": ("Card",),
    "dysyr.reporting.comparison": ("compare",),
    "dysyr.reporting.state_comparison": ("StateComparison",),
    "dysyr.reporting.symbol_files": ("export_code",),
    "dysyr.simulation.master_equation": ("master_equation",),
    "dysyr.simulation.observation": ("observe",),
    "dysyr.simulation.open_quantum": ("evolve_states",),
    "dysyr.simulation.simulate": ("simulate",),
    "dysyr.simulation.steady_state": ("steady_state",),
    "dysyr.spectrum": ("lyapunov_spectrum",),
    "dysyr.states": ("compare_states",),
    "dysyr.tuning.tune": ("Tuning", "tune"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name):
    if name == "__version__":
        return importlib.metadata.version("dysyr")
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'dysyr' has no attribute '{name}'")


def __dir__():
    return [*__all__, "__version__"]
