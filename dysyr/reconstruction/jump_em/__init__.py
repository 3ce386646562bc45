"""Rate matrices of jump processes from paths that are seen at given times only."""

from dysyr.reconstruction.jump_em.diagnosis import RateWarning
from dysyr.reconstruction.jump_em.estimator import JumpEM
from dysyr.reconstruction.jump_em.model import JumpModel

__all__ = ["JumpEM", "JumpModel", "RateWarning"]
