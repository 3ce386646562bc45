"""Methods that fit a generative model to a data set, one file or folder each."""

from dysyr.core.linear_delays import LinearDelays
from dysyr.reconstruction.hankel_dmd import HankelDMD, HankelModes
from dysyr.reconstruction.hankel_stnn import HankelModel, HankelStNN
from dysyr.reconstruction.havok import HAVOK, ForcedModes
from dysyr.reconstruction.hidden_terms import HiddenTerms, HiddenTermsModel
from dysyr.reconstruction.jump_em import JumpEM, JumpModel
from dysyr.reconstruction.jump_em.foundation import JumpFoundation, JumpPosterior
from dysyr.reconstruction.koopman_vae import KoopmanModel, KoopmanVAE
from dysyr.reconstruction.latent_sde import LatentDiffusion, LatentSDE
from dysyr.reconstruction.linear_ar import LinearAR
from dysyr.reconstruction.neural_ode import NeuralField, NeuralODE
from dysyr.reconstruction.next_gen_reservoir import NextGenReservoir, PolynomialDelays
from dysyr.reconstruction.persistence import Persistence
from dysyr.reconstruction.phyxmamba import PhyxMamba, PhyxMambaModel
from dysyr.reconstruction.plrnn import ALRNN, PLRNN, SHPLRNN, DendPLRNN, ElementwisePLRNN, ShallowPLRNN
from dysyr.reconstruction.povm_transformer import POVMState, POVMTransformer
from dysyr.reconstruction.recurrent_net import GRU, LSTM, GatedModel
from dysyr.reconstruction.reservoir_computer import ReservoirComputer, ReservoirModel
from dysyr.reconstruction.sindy import PolynomialField, SINDy

METHODS = (
    SHPLRNN, ALRNN, DendPLRNN, PLRNN, HankelStNN, LSTM, GRU, NeuralODE, LatentSDE, ReservoirComputer, NextGenReservoir,
    SINDy, HankelDMD, HAVOK, LinearAR, Persistence, HiddenTerms, PhyxMamba, KoopmanVAE, JumpEM, JumpFoundation,
)  # fmt: skip
"""All reconstructors."""

MODELS = (
    ShallowPLRNN, ElementwisePLRNN, HankelModel, GatedModel, NeuralField, LatentDiffusion, ReservoirModel,
    PolynomialDelays, PolynomialField, HankelModes, ForcedModes, LinearDelays, HiddenTermsModel,
    PhyxMambaModel, KoopmanModel, JumpModel, JumpPosterior, POVMState,
)  # fmt: skip
"""The classes of model that a run folder may hold."""

STATE_METHODS = (POVMTransformer,)
"""Methods whose model is a distribution over measured outcomes, of no time series; see ``StateReconstructor``."""
