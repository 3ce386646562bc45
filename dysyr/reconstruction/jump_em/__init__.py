"""Rate matrices of jump processes from paths that are seen at given times only."""

from dysyr.reconstruction.jump_em.diagnosis import RateWarning
from dysyr.reconstruction.jump_em.estimator import JumpEM
from dysyr.reconstruction.jump_em.model import JumpModel
from dysyr.reconstruction.jump_em.posterior import RatePosterior
from dysyr.reconstruction.jump_em.selection import StateSelection, select_n_states

__all__ = ["JumpEM", "JumpModel", "RatePosterior", "RateWarning", "StateSelection", "select_n_states"]
