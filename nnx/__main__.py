"""`python -m nnx` is the command `nnx`."""

from .cli import main

main()
