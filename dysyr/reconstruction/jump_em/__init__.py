"""Rate matrices of jump processes from paths that are seen at given times only."""

from dysyr.reconstruction.jump_em.model import JumpModel

__all__ = ["JumpModel"]
