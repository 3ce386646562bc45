"""Methods that fit a generative model to a data set, one file or folder each."""

from dysyr.reconstruction.shplrnn import SHPLRNN, ShallowPLRNN

METHODS = (SHPLRNN,)
"""All reconstructors."""

MODELS = (ShallowPLRNN,)
"""The classes of model that a run folder may hold."""
