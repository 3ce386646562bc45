"""Piecewise-linear recurrent networks, trained with teacher forcing."""

from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reconstruction.plrnn.estimator import SHPLRNN
from dysyr.reconstruction.plrnn.shallow_model import ShallowPLRNN

__all__ = ["SHPLRNN", "ElementwisePLRNN", "ShallowPLRNN"]
