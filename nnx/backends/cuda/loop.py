"""The steps of a training on a CUDA device: recorded on the host, captured as a graph, replayed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..native.loop import Native, arrays_in, is_leaf, recorded
from ..native.program import View
from ..native.record import Refused, mapped
from .device import CuPyDevice, Device
from .emit import Launch, module

UNROLLED = 16  # steps in one graph

Call = Callable[[int], None]  # of a stream


class Captured(Native):
    """Steps that are recorded once for each shape of a batch, and then replayed as graphs.

    A step that cannot be recorded is run plainly, and `how` says why.
    """

    def __init__(
        self, step: Callable[..., Any], mode: bool | str, epochs: int, device: Callable[[], Device] = CuPyDevice
    ) -> None:
        super().__init__(step, mode, epochs, replay=False)
        self.device = device()

    def require(self) -> None:
        pass

    def prepare(self, carry: Any, batch: Any, expected: int) -> Any:
        return _Graph(self.step, self.device, carry, batch)


class _Graph:
    """A captured step for one shape of a batch, and its memory."""

    how = "captured as a CUDA graph"
    run = True

    def __init__(self, step: Callable[..., Any], device: Device, carry: Any, batch: Any) -> None:
        self.device, self.batch = device, batch
        by_rows = batch[3] is not None
        found = recorded(step, *mapped(_blank, (carry, batch)), compute=False)
        if not found.same(recorded(step, *mapped(_blank, (carry, batch)), compute=False)):
            raise Refused("two steps did not do the same operations")
        self.carry = mapped(_own, carry)
        self.slots = arrays_in(self.carry)
        self.fed = [x.copy() for x in arrays_in(batch[3:] if by_rows else batch)]
        given = [*self.slots, *(arrays_in(batch[:3]) if by_rows else []), *self.fed]
        if not all(x.flags.c_contiguous for x in given):
            raise Refused("an array that does not lie in one piece")
        plan = module(found)
        self.temporary = device.empty(max(plan.size, 1))
        start = device.address(self.temporary)
        memory = {i: device.address(x) for i, x in enumerate(given)}
        memory |= {buffer: start + place for buffer, place in plan.places.items()}

        def address(view: View) -> int:
            return memory[view.buffer] + view.offset

        self.kept: list[Any] = [given]
        self.place = device.upload(np.zeros(2, dtype=np.int64))  # where the row numbers begin, and the next batch
        kernels, products = device.kernels(plan.text), device.products()
        self.calls: list[Call] = []
        if by_rows:
            if self.fed[-1].dtype != np.int64:
                raise Refused(f"row numbers of type {self.fed[-1].dtype}")
            size = self.fed[-1].shape[0]
            index = np.int64 if plan.text.startswith("typedef long long I") else np.int32
            self._launch(
                kernels("next_batch"), 1, (min(1024, -(-size // 32) * 32), 1), [self.place, self.fed[-1], index(size)]
            )
        for item in plan.steps:
            if isinstance(item, Launch):
                pointers = [
                    self._upload(x) if isinstance(x, np.ndarray) else memory[x[0]] + x[1] for x in item.pointers
                ]
                self._launch(kernels(item.name), item.blocks, item.threads, pointers)
            else:
                self.calls.append(products.plan(item, address))
        self._point_to(device.upload(np.zeros((UNROLLED * 2, size if by_rows else 1), dtype=np.int64)), 0)
        self.one = device.capture(self._run(1))
        self.many = device.capture(self._run(UNROLLED)) if by_rows else self.one

    def _upload(self, x: Any) -> Any:
        self.kept.append(self.device.upload(x))
        return self.kept[-1]

    def _launch(self, kernel: Any, blocks: int, threads: tuple[int, int], arguments: list[Any]) -> None:
        own = [self.device.address(x) if is_leaf(x) else x for x in arguments]
        self.calls.append(lambda stream: kernel(blocks, threads, own))

    def _run(self, times: int) -> Call:
        def run(stream: int) -> None:
            for _ in range(times):
                for call in self.calls:
                    call(stream)

        return run

    def _point_to(self, rows: Any, start: int) -> None:
        self.rows = rows  # kept until the next
        self.place[...] = self.device.upload(np.array([self.device.address(rows), start], dtype=np.int64))

    def __call__(self, arrays: Any, start: int, stop: int) -> Any:
        carry, *data, rows = arrays
        if carry is not self.carry:
            for slot, given in zip(self.slots, arrays_in(carry), strict=True):
                if slot is not given:
                    slot[...] = given
        if rows is None:
            for slot, given in zip(self.fed, arrays_in(data), strict=True):
                slot[...] = given
            self.one()
            return self.carry
        self._point_to(rows if rows.flags.c_contiguous else rows.copy(), start)
        for _ in range((stop - start) // UNROLLED):
            self.many()
        for _ in range((stop - start) % UNROLLED):
            self.one()
        return self.carry


def _blank(leaf: Any) -> Any:
    """A host array like this one: its values do not matter, and no memory is used for them."""
    return np.zeros(leaf.shape, leaf.dtype) if is_leaf(leaf) else leaf


def _own(leaf: Any) -> Any:
    return leaf.copy() if is_leaf(leaf) else leaf
