"""All that Numba compiles; nothing but `kernels` is called from Python, and it needs Numba."""
