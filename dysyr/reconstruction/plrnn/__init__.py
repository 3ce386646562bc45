"""Piecewise-linear recurrent networks, trained with teacher forcing."""

from dysyr.reconstruction.plrnn.alrnn import ALRNN
from dysyr.reconstruction.plrnn.dendplrnn import DendPLRNN
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reconstruction.plrnn.estimator import ForcedReconstructor, fit_seeds
from dysyr.reconstruction.plrnn.plrnn import PLRNN
from dysyr.reconstruction.plrnn.shallow_model import ShallowPLRNN
from dysyr.reconstruction.plrnn.shplrnn import SHPLRNN

__all__ = [
    "ALRNN", "PLRNN", "SHPLRNN", "DendPLRNN", "ElementwisePLRNN", "ForcedReconstructor", "ShallowPLRNN", "fit_seeds",
]  # fmt: skip
