"""Systems, data sets, contracts and errors. Knows nothing of torch or numba."""
