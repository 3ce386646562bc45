"""Methods that fit a generative model to a data set, one file or folder each."""

from dysyr.reconstruction.hankel_stnn import HankelModel, HankelStNN
from dysyr.reconstruction.jump_em import JumpEM, JumpModel
from dysyr.reconstruction.jump_em.foundation import JumpFoundation, JumpPosterior
from dysyr.reconstruction.neural_ode import NeuralField, NeuralODE
from dysyr.reconstruction.plrnn import ALRNN, PLRNN, SHPLRNN, DendPLRNN, ElementwisePLRNN, ShallowPLRNN
from dysyr.reconstruction.povm_transformer import POVMState, POVMTransformer
from dysyr.reconstruction.recurrent_net import GRU, LSTM, GatedModel

METHODS = (SHPLRNN, ALRNN, DendPLRNN, PLRNN, HankelStNN, LSTM, GRU, NeuralODE, JumpEM, JumpFoundation)
"""All reconstructors."""

MODELS = (ShallowPLRNN, ElementwisePLRNN, HankelModel, GatedModel, NeuralField, JumpModel, JumpPosterior, POVMState)
"""The classes of model that a run folder may hold."""

STATE_METHODS = (POVMTransformer,)
"""Methods whose model is a distribution over measured outcomes, of no time series; see ``StateReconstructor``."""
