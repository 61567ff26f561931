"""A training step on NumPy, recorded once and run again without Python in between.

record.py writes down the operations of a step and program.py makes of them a program on fixed memory. replay.py runs
that with NumPy. Or passes.py says how each operation runs over its elements, schedule.py joins passes over the same
rows, and emit.py (loops), alone.py (products, rows by their numbers) and small.py (small products) write them in LLVM's
language, with code.py and kernel.py; build.py makes one function of them all, so that an epoch is one call. machine.py
has it compiled, flat.py makes one piece of machine code of that, and programs.py keeps it on disk. rows.py does the
same for predictions of many rows.
"""
