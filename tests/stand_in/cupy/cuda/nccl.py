"""NCCL between processes without GPUs: what a group sends and receives is moved by MPI, or within one process."""

import ctypes

NCCL_FLOAT32, NCCL_FLOAT64 = 7, 8
BYTES = {NCCL_FLOAT32: 4, NCCL_FLOAT64: 8}
_open = []  # calls of the group that has begun


def get_unique_id():
    return (1, 2, 3)


def groupStart():
    _open.append([])


def groupEnd():
    calls, own, requests = _open.pop(), [], []
    for kind, comm, memory, peer in calls:
        if peer == comm.number and kind == "send":
            own.append(bytes(memory))
        elif peer == comm.number:
            memory[:] = own.pop(0)
        else:
            requests.append((comm.comm.Isend if kind == "send" else comm.comm.Irecv)(memory, peer))
    for request in requests:
        request.Wait()


class NcclCommunicator:
    """Of so many processes, of which this has a number."""

    def __init__(self, count, identity, number):
        assert identity == get_unique_id()
        self.number = number
        if count > 1:
            from mpi4py import MPI

            self.comm = MPI.COMM_WORLD.Dup()

    def send(self, address, size, kind, peer, stream):
        _open[-1].append(("send", self, self.memory(address, size, kind), peer))

    def recv(self, address, size, kind, peer, stream):
        _open[-1].append(("recv", self, self.memory(address, size, kind), peer))

    def memory(self, address, size, kind):
        return (ctypes.c_char * (size * BYTES[kind])).from_address(address)
