"""The shallow piecewise-linear recurrent network, trained with generalized teacher forcing."""
