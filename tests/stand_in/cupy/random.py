"""Random numbers for the stand-in."""

import numpy as np

from . import ndarray


class Generator:
    """Normals by NumPy's generator."""

    def __init__(self, seed):
        self.host = np.random.default_rng(seed)

    def standard_normal(self, size, dtype=float):
        """Normals of this shape."""
        return ndarray(self.host.standard_normal(size, dtype=dtype))


def default_rng(seed=None):
    """A generator."""
    return Generator(seed)
