"""Methods that fit a generative model to a data set, one file or folder each."""

from dysyr.reconstruction.hankel_stnn import HankelModel, HankelStNN
from dysyr.reconstruction.jump_em import JumpEM, JumpModel
from dysyr.reconstruction.jump_em.foundation import JumpFoundation, JumpPosterior
from dysyr.reconstruction.plrnn import ALRNN, PLRNN, SHPLRNN, DendPLRNN, ElementwisePLRNN, ShallowPLRNN

METHODS = (SHPLRNN, ALRNN, DendPLRNN, PLRNN, HankelStNN, JumpEM, JumpFoundation)
"""All reconstructors."""

MODELS = (ShallowPLRNN, ElementwisePLRNN, HankelModel, JumpModel, JumpPosterior)
"""The classes of model that a run folder may hold."""
