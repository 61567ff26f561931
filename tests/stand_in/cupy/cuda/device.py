"""The device of the stand-in."""

import os


class Device:
    """The only device."""

    attributes = {"MaxSharedMemoryPerBlockOptin": 232448}  # noqa: RUF012

    def __init__(self, device=None):
        self.id = getattr(device, "id", device) or 0
        apart = os.environ.get("STAND_IN_GPUS") and os.environ.get("PMI_RANK")  # each rank has one of its own
        self.pci_bus_id = f"0000:0{apart or 0}:00.0"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    __hash__ = None  # as CuPy's

    def __str__(self):
        return f"<CUDA Device {self.id}>"


def get_cublas_handle():
    """What loads cuBLAS in CuPy."""
    return 1
