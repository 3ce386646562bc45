"""Kernels beside their baselines: every figure is a ratio of two programs that ran in turns in one process."""
