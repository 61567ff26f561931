"""The only place that names an array library: choosing one, moving arrays, and what the standard leaves out."""

from .arrays import (
    along,
    constant,
    device,
    each,
    erf,
    in_parts,
    is_array,
    is_sparse,
    matmul,
    namespace,
    per_member,
    same_library,
    taken_beside,
    transposed,
)
from .base import DTYPES, TOLD, Backend, Plain
from .choose import ACCELERATORS, LIBRARIES, backend, backend_of, first_working, is_host, on_device, preferred, probe
from .dual import dual, tangent_of, value_of
from .fused import elementwise, sign, sqrt

__all__ = [
    "ACCELERATORS",
    "DTYPES",
    "LIBRARIES",
    "TOLD",
    "Backend",
    "Plain",
    "along",
    "backend",
    "backend_of",
    "constant",
    "device",
    "dual",
    "each",
    "elementwise",
    "erf",
    "first_working",
    "in_parts",
    "is_array",
    "is_host",
    "is_sparse",
    "matmul",
    "namespace",
    "on_device",
    "per_member",
    "preferred",
    "probe",
    "same_library",
    "sign",
    "sqrt",
    "taken_beside",
    "tangent_of",
    "transposed",
    "value_of",
]
