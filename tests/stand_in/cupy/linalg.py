"""numpy.linalg for the stand-in."""

import numpy as np

from . import wrapped

for _name in np.linalg.__all__:
    globals()[_name] = wrapped(getattr(np.linalg, _name))
