"""A network as the vector field of a differential equation, trained through the solver."""

from dysyr.reconstruction.neural_ode.model import NeuralField
from dysyr.reconstruction.neural_ode.neural_ode import NeuralODE

__all__ = ["NeuralField", "NeuralODE"]
