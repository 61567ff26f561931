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

    def exchange(self, sent: Sequence[tuple[Any, int, int]], every: Any, counts: Sequence[int]) -> None:
        """Send each process so many numbers of an array from a place on, and receive so many from each, in a row."""
        from cupy.cuda import get_current_stream, nccl

        kind = nccl.NCCL_FLOAT64 if every.dtype.itemsize == 8 else nccl.NCCL_FLOAT32
        stream, at = get_current_stream().ptr, 0
        nccl.groupStart()
        for other, ((array, start, size), count) in enumerate(zip(sent, counts, strict=True)):
            if size:
                self.group.send(array.data.ptr + start * array.dtype.itemsize, size, kind, other, stream)
            if count:
                self.group.recv(every.data.ptr + at * every.dtype.itemsize, count, kind, other, stream)
            at += count
        nccl.groupEnd()
