"""A training step on a CUDA device, recorded once and replayed as a graph, without Python in between.

The recording is that of the NumPy backend (../native): operations on fixed memory, followed by their shapes alone.
plan.py says which operations share a kernel and where results lie, emit.py writes the kernels as CUDA C++, lt.py plans
the matrix products with cuBLASLt, device.py is all that touches CuPy, and loop.py is the training.
"""
