"""Bytes between the GPUs of several processes, moved by NCCL on the current stream. Nothing is added up by it."""

from collections.abc import Sequence
from typing import Any


def own_device() -> str:
    """A word for the GPU that is current in this process, the same in every process of a machine."""
    import cupy

    return str(cupy.cuda.Device().pci_bus_id)


def identity() -> Any:
    """What all processes of a group must be given: made by one of them."""
    from cupy.cuda import nccl

    return nccl.get_unique_id()


class Group:
    """The processes that exchange arrays; each has another GPU, as NCCL demands."""

    def __init__(self, count: int, identity: Any, number: int) -> None:
        from cupy.cuda import nccl

        self.group = nccl.NcclCommunicator(count, identity, number)

    def exchange(self, sent: Sequence[tuple[int, Any]], received: Sequence[tuple[int, Any]]) -> None:
        """Send arrays to processes, and write into others what processes send; those between two in their order."""
        from cupy.cuda import get_current_stream, nccl

        stream = get_current_stream().ptr
        nccl.groupStart()
        for move, arrays in ((self.group.send, sent), (self.group.recv, received)):
            for other, array in arrays:
                if array.size:
                    kind = nccl.NCCL_FLOAT64 if array.dtype.itemsize == 8 else nccl.NCCL_FLOAT32
                    move(array.data.ptr, array.size, kind, other, stream)
        nccl.groupEnd()
