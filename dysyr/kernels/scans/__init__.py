"""Linear recurrences in time, selective state spaces, and nonlinear recurrences solved for all times at once."""
