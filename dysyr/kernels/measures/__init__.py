"""Kernels of the measures of attractors: pair counts, recurrence lines, cell counts."""
