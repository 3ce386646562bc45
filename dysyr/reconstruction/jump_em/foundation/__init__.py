"""A network that is trained once on a prior of jump processes, and answers for new ones without training."""

from dysyr.reconstruction.jump_em.foundation.estimator import JumpFoundation
from dysyr.reconstruction.jump_em.foundation.model import JumpPosterior
from dysyr.reconstruction.jump_em.foundation.pretraining import pretrain_jump

__all__ = ["JumpFoundation", "JumpPosterior", "pretrain_jump"]
