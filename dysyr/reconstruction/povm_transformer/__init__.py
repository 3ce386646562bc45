"""Distributions over measured outcomes of open quantum systems, by an autoregressive transformer."""

from dysyr.reconstruction.povm_transformer.estimator import POVMTransformer
from dysyr.reconstruction.povm_transformer.model import POVMState

__all__ = ["POVMState", "POVMTransformer"]
