"""PhyxMamba: patches of delay vectors through Mamba layers."""

from dysyr.reconstruction.phyxmamba.model import PhyxMambaModel
from dysyr.reconstruction.phyxmamba.phyxmamba import PhyxMamba

__all__ = ["PhyxMamba", "PhyxMambaModel"]
