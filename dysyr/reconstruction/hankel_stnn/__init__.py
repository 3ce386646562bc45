"""The structured network of the Hankel factorization, on windows of delays."""

from dysyr.reconstruction.hankel_stnn.hankel_stnn import HankelStNN
from dysyr.reconstruction.hankel_stnn.layer import HankelLayer
from dysyr.reconstruction.hankel_stnn.model import HankelModel

__all__ = ["HankelLayer", "HankelModel", "HankelStNN"]
