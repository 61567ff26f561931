"""One device on the host, by tests/host_device.py."""

import sys
from pathlib import Path
from subprocess import CalledProcessError
from time import perf_counter
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[3]))
from host_device import HostDevice

from nnx.backends.cuda import device as captured

from . import device  # noqa: F401
from .device import Device  # noqa: F401

HOST = HostDevice(flush=True)


class Stream:
    """A stream, which is needed for a capture. One that is left capturing refuses all that follows."""

    ptr = 1

    def __init__(self, non_blocking=False):
        self.non_blocking = non_blocking

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def synchronize(self):
        HOST.allow()

    def wait_event(self, event):
        assert event.at <= perf_counter()

    def begin_capture(self):
        assert self.non_blocking
        HOST.begin()

    def end_capture(self):
        return SimpleNamespace(launch=HOST.end(), debug_dot_str=lambda flags=0: "KERNEL" * (flags & 1))


class Event:
    """A moment."""

    def __init__(self, disable_timing=False):
        pass

    def record(self, stream=None):
        self.at = perf_counter()

    def synchronize(self):
        HOST.allow()


def get_elapsed_time(begin, end):
    """Milliseconds between two events."""
    return 1e3 * (end.at - begin.at)


class ExternalStream(Stream):
    """A stream by its address."""

    def __init__(self, ptr):
        super().__init__(True)


class CompileException(Exception):
    """The compiler found a fault."""


class RawModule:
    """Kernels of a text."""

    def __init__(self, code, options=()):
        self.code = code

    def compile(self):
        try:
            self.functions = HOST.kernels(self.code)
        except CalledProcessError as error:
            raise CompileException(f"{error}\nand more") from None

    def kernel(self, name):
        self.compile()
        return self.get_function(name)

    def get_function(self, name):
        return Kernel(self.functions(name))


class Kernel:
    """A function of a module; one that asks for more memory than a block is given must have said so."""

    max_dynamic_shared_size_bytes = 49152

    def __init__(self, function):
        self.function = function

    def __call__(self, blocks, threads, arguments, shared_mem=0):
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        self.function(blocks[0], threads, arguments, shared_mem)


def get_current_stream():
    """The stream in use."""
    return Stream()


def get_default_memory_pool():
    """The pool of freed memory."""
    return SimpleNamespace(free_bytes=lambda: 0)


runtime = SimpleNamespace(
    getDeviceCount=lambda: 1,
    getDeviceProperties=lambda number: {"name": b"stand-in"},
    memGetInfo=lambda: (2**30, 2**31),
    runtimeGetVersion=lambda: 13000,
    driverGetVersion=lambda: 13000,
)


def _load(path):
    assert path == "libcublasLt.so.13"
    return HOST.lib()


captured.load = _load
