"""The only place that names an array library: choosing one, moving arrays, and what the standard leaves out."""

from .arrays import along, constant, device, erf, namespace, per_member, same_library
from .base import DTYPES, Backend
from .choose import LIBRARIES, backend, backend_of, is_host, probe

__all__ = [
    "DTYPES",
    "LIBRARIES",
    "Backend",
    "along",
    "backend",
    "backend_of",
    "constant",
    "device",
    "erf",
    "is_host",
    "namespace",
    "per_member",
    "probe",
    "same_library",
]
