"""CuPy's setting for matrix products of float32."""

COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_BF16, COMPUTE_TYPE_TF32 = 1, 6, 7
_chosen = {"float32": COMPUTE_TYPE_DEFAULT}


def get_compute_type(dtype):
    """What was set."""
    return _chosen[dtype]


def set_compute_type(dtype, compute_type):
    """Set it."""
    _chosen[dtype] = compute_type
