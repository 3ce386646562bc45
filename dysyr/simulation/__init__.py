"""From a system to a data set: integrators, maps, stochastic equations, observation models."""
