"""numpy.fft for the stand-in."""

import numpy as np

from . import wrapped

for _name in np.fft.__all__:
    globals()[_name] = wrapped(getattr(np.fft, _name))
