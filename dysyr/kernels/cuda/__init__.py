"""Kernels for CUDA devices, by numba-cuda; nothing here is imported before a device is asked for."""
