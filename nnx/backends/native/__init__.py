"""A training step on NumPy, recorded once and run again without Python in between.

record.py writes down the operations of a step, program.py makes of them a program on fixed memory, replay.py runs it
with NumPy; schedule.py joins passes over the same rows, emit.py writes them as loops, and build.py compiles those with
numba, so that an epoch is one call.
"""
