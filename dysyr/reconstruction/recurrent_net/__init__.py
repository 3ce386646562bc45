"""Gated recurrent networks that predict the next sample and then run on their own predictions."""

from dysyr.reconstruction.recurrent_net.model import GatedModel
from dysyr.reconstruction.recurrent_net.recurrent_net import GRU, LSTM

__all__ = ["GRU", "LSTM", "GatedModel"]
