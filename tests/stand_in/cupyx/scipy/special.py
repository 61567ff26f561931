"""The one function of cupyx.scipy.special that nnx uses."""

import math

import numpy as np
from cupy import wrapped

_erf = np.vectorize(math.erf, otypes=[float])
erf = wrapped(lambda x: _erf(x).astype(x.dtype))
