"""The shallow piecewise-linear recurrent network, trained with generalized teacher forcing."""

from dysyr.reconstruction.shplrnn.estimator import SHPLRNN
from dysyr.reconstruction.shplrnn.model import ShallowPLRNN

__all__ = ["SHPLRNN", "ShallowPLRNN"]
