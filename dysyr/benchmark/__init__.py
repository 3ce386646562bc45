"""Benchmarks of kernels and methods."""
