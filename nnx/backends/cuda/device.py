"""What a captured step needs of a device, and CuPy's."""

import gc
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from ...errors import BackendError
from ..native.calls import Refused
from .lt import WORKSPACE, Products, load

OTHER = 2**14  # bytes that a block may need beside what it asks for


class Function(Protocol):
    """A kernel of a device."""

    def __call__(self, blocks: int, threads: tuple[int, int], arguments: Sequence[int], near: int = 0, /) -> None:
        """Launch it; near: bytes of memory that each block has for itself."""
        ...


class Device(Protocol):
    """Memory, kernels, matrix products and graphs."""

    precision: str  # of the products: "", "tf32" or "bf16"

    @property
    def near(self) -> int:
        """The most bytes of memory that a block can have for itself."""
        ...

    def upload(self, x: Any) -> Any:
        """A host array on the device."""
        ...

    def empty(self, bytes: int) -> Any:
        """So much memory, as an array of bytes. Raises MemoryError."""
        ...

    def address(self, x: Any) -> int:
        """Where an array begins in the device's memory."""
        ...

    def kernels(self, text: str) -> Callable[[str], Function]:
        """The kernels of a text by their names."""
        ...

    def products(self, *, aside: bool = False) -> Products:
        """What plans matrix products; aside: those of the stream at the side, with a workspace of their own."""
        ...

    def side(self, stream: int) -> int:
        """A stream at the side, in which what follows waits for what is in this stream now."""
        ...

    def mark(self, stream: int) -> Any:
        """Something to wait for: what is in the stream now."""
        ...

    def wait(self, stream: int, marks: Sequence[Any]) -> None:
        """What follows in the stream waits for these."""
        ...

    def capture(self, run: Callable[[int], None]) -> Callable[[], None]:
        """What run does on a stream, done once and then captured, as a function that does it again."""
        ...


class CuPyDevice:
    """The current CUDA device of CuPy."""

    def __init__(self, precision: str = "") -> None:
        import cupy

        self.cupy, self.precision = cupy, precision
        self.planners: dict[bool, Products] = {}  # each with its workspace, which must live as long as the graphs
        self.workspaces: list[Any] = []
        self.beside: Any = None  # the stream at the side

    @property
    def near(self) -> int:
        return int(self.cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]) - OTHER

    def upload(self, x: Any) -> Any:
        return self.cupy.asarray(x)

    def empty(self, bytes: int) -> Any:
        return self.cupy.empty(bytes, dtype="uint8")

    def address(self, x: Any) -> int:
        return int(x.data.ptr)

    def kernels(self, text: str) -> Callable[[str], Function]:
        module = self.cupy.RawModule(code=text, options=("--std=c++17",))
        try:
            module.compile()
        except Exception as error:
            if type(error).__name__ != "CompileException":
                raise
            raise Refused(f"its kernels do not compile: {str(error).strip().splitlines()[0][:100]}") from None

        def function(name: str) -> Function:
            kernel = module.get_function(name)

            def launch(blocks: int, threads: tuple[int, int], arguments: Sequence[int], near: int = 0, /) -> None:
                if near and near > kernel.max_dynamic_shared_size_bytes:
                    kernel.max_dynamic_shared_size_bytes = near
                kernel((blocks,), threads, tuple(arguments), shared_mem=near)

            return launch

        return function

    def stream(self) -> int:
        """The stream that is now in use."""
        return int(self.cupy.cuda.get_current_stream().ptr)

    def products(self, *, aside: bool = False) -> Products:
        if aside not in self.planners:
            self.planners[aside] = self._planner()
        return self.planners[aside]

    def side(self, stream: int) -> int:
        if self.beside is None:
            self.beside = self.cupy.cuda.Stream(non_blocking=True)
        self.beside.wait_event(self.mark(stream))
        return int(self.beside.ptr)

    def mark(self, stream: int) -> Any:
        event = self.cupy.cuda.Event(disable_timing=True)
        event.record(self.cupy.cuda.ExternalStream(stream))
        return event

    def wait(self, stream: int, marks: Sequence[Any]) -> None:
        for event in marks:
            self.cupy.cuda.ExternalStream(stream).wait_event(event)

    def _planner(self) -> Products:
        self.cupy.cuda.device.get_cublas_handle()  # loads the library
        major = self.cupy.cuda.runtime.runtimeGetVersion() // 1000
        name = f"cublasLt64_{major}.dll" if sys.platform == "win32" else f"libcublasLt.so.{major}"
        try:
            lib = load(name)
        except OSError as error:
            raise BackendError(f"backend 'cupy': {name} was not found ({error}); leave compile out") from None
        self.workspaces.append(self.empty(WORKSPACE))
        return Products(lib, self.address(self.workspaces[-1]), self.precision)

    def capture(self, run: Callable[[int], None]) -> Callable[[], None]:
        stream = self.cupy.cuda.Stream(non_blocking=True)
        self.cupy.cuda.get_current_stream().synchronize()
        with stream:
            run(stream.ptr)  # loads the kernels
            stream.synchronize()
            collecting = gc.isenabled()
            gc.disable()  # what is freed in a capture may not unload a module
            try:
                stream.begin_capture()
                try:
                    run(stream.ptr)
                except BaseException:
                    with suppress(Exception):  # a stream that is left capturing refuses all that follows
                        stream.end_capture()
                    raise
                graph = stream.end_capture()
            finally:
                if collecting:
                    gc.enable()
        replay: Callable[[], None] = graph.launch  # on the stream that is then current
        return replay
