"""The steps of a training on a CUDA device: recorded on the host, captured as a graph, replayed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..native.calls import Refused, mapped
from ..native.loop import Native, arrays_in, copied, is_leaf, recorded, signature
from .device import CuPyDevice, Device, Function
from .emit import Blocks, Module, module
from .kernel import Launch

UNROLLED = 16  # steps in one graph
TOGETHER = False  # whether the steps of small networks are one kernel, until a device shows that it gains
BRANCHING = False  # whether gradients of weights are branches of it, until a device shows that they gain

Call = Callable[[int, int], None]  # of a stream, and the number of the step in its graph


class Captured(Native):
    """Steps that are recorded once for each shape of a batch, and then replayed as graphs.

    A step that cannot be recorded is run plainly, and `how` says why.
    """

    def __init__(
        self, step: Callable[..., Any], mode: bool | str, epochs: int, device: Callable[[], Device] = CuPyDevice
    ) -> None:
        super().__init__(step, mode, epochs, replay=False, numbers=False)
        self.device = device()

    def require(self) -> None:
        pass

    def kind(self, carry: Any, batch: Any) -> Any:
        return signature((carry, batch))  # the data may be elsewhere in every call

    def prepare(self, carry: Any, batch: Any, expected: int) -> Any:
        return _Graph(self.step, self.device, carry, batch)


class _Graph:
    """A captured step for one shape of a batch, and its memory."""

    how = "captured as a CUDA graph"
    run = True

    def __init__(self, step: Callable[..., Any], device: Device, carry: Any, batch: Any) -> None:
        self.device = device
        by_rows = batch[3] is not None
        found, again = (recorded(step, *mapped(_blank, (carry, batch)), compute=False, numbers=False) for _ in range(2))
        if not found.same(again):
            raise Refused("two steps did not do the same operations")
        self.carry = mapped(copied, carry)
        self.slots = arrays_in(self.carry)
        self.fed = [x.copy() for x in arrays_in(batch[3:] if by_rows else batch)]
        self.given = [*self.slots, *(arrays_in(batch[:3]) if by_rows else []), *self.fed]
        if not all(x.flags.c_contiguous for x in self.given):
            raise Refused("an array that does not lie in one piece")
        data = arrays_in(batch[:3]) if by_rows else []
        sources = [len(self.given) - 1, *range(len(self.slots), len(self.slots) + len(data))] if by_rows else []
        self.place = device.upload(np.zeros(1 + len(sources), dtype=np.int64))
        if by_rows and self.fed[-1].dtype != np.int64:
            raise Refused(f"row numbers of type {self.fed[-1].dtype}")
        blocks = Blocks(*members_in(self.slots), device.near) if TOGETHER else None
        lasting = len(self.slots)
        self.calls = self._calls(module(found, sources, device.precision, lasting, branching=BRANCHING, blocks=blocks))
        if by_rows:
            self._point_to(data, device.upload(np.zeros((2 * UNROLLED, *self.fed[-1].shape), dtype=np.int64)), 0)
        self.one = device.capture(self._run(1))
        self.many = device.capture(self._run(UNROLLED)) if by_rows else self.one

    def _calls(self, plan: Module) -> list[Call]:
        """The launches of one step."""
        device = self.device
        self.temporary = device.empty(max(plan.size, 1))
        memory = {i: device.address(x) for i, x in enumerate(self.given)}
        start = device.address(self.temporary)
        memory |= {buffer: start + place for buffer, place in plan.places.items()}
        self.constants: list[Any] = []
        self.copies = {leaf: device.empty(plan.sizes[copy]) for leaf, copy in plan.copies.items()}
        memory |= {plan.copies[leaf]: device.address(copy) for leaf, copy in self.copies.items()}

        def address(x: Any) -> int:
            if isinstance(x, np.ndarray):
                self.constants.append(device.upload(x))
                return device.address(self.constants[-1])
            buffer, offset = x
            return int(memory[buffer] + offset)

        self.beside = plan.beside
        kernels, products, aside = (
            device.kernels(plan.text),
            device.products(),
            device.products(aside=bool(plan.beside)),
        )
        calls: list[Call] = []
        place = device.address(self.place)
        for number, item in enumerate(plan.steps):
            if isinstance(item, Launch):
                pointers = [address(x) for x in item.pointers]
                calls.append(_launch(kernels(item.name), item, place, pointers))
            else:
                planner = aside if number in plan.beside else products
                calls.append(_without_number(planner.plan(item, lambda view: address((view.buffer, view.offset)))))
        whole = plan.together
        advance, after = kernels("next_steps"), [address(x) for x in (whole.after if whole else ())]
        self.advance: Call = lambda stream, steps: advance(1, (32, 1), [place, steps, *after])
        self.together: Call | None = None
        if whole:
            kernel, pointers = kernels(whole.launch.name), [address(x) for x in whole.launch.pointers]
            self.together = _launch(kernel, whole.launch, place, pointers)
            self.how += " of one kernel"
        self.round = kernels("rounded") if self.copies else None
        return calls

    def _run(self, times: int) -> Callable[[int], None]:
        def run(stream: int) -> None:
            if self.together:
                self.together(stream, times)
            for number in range(times if self.calls else 0):
                marks: dict[int, list[Any]] = {}  # by the call that waits for them
                for i, call in enumerate(self.calls):
                    self.device.wait(stream, marks.pop(i, []))
                    if i in self.beside:
                        side = self.device.side(stream)
                        call(side, number)
                        marks.setdefault(self.beside[i], []).append(self.device.mark(side))
                    else:
                        call(stream, number)
                self.device.wait(stream, [mark for found in marks.values() for mark in found])
            self.advance(stream, times)

        return run

    def _renew(self) -> None:
        """Round what the products read of the carry anew: it has been given from outside."""
        for leaf, copy in self.copies.items():
            x = self.slots[leaf]
            places = self.device.address(x), self.device.address(copy)
            if self.round:
                self.round(min(-(-x.size // 256), 1056), (256, 1), [*places, x.size])

    def _point_to(self, data: Sequence[Any], rows: Any, start: int) -> None:
        """Begin at batch number start of these rows of this data."""
        self.sources = [x if x.flags.c_contiguous else x.copy() for x in (rows, *data)]  # kept until the next
        numbers = [start, *map(self.device.address, self.sources)]
        self.place[...] = self.device.upload(np.array(numbers, dtype=np.int64))

    def __call__(self, arrays: Any, start: int, stop: int) -> Any:
        carry, *data, rows = arrays
        if carry is not self.carry:
            for slot, given in zip(self.slots, arrays_in(carry), strict=True):
                if slot is not given:
                    slot[...] = given
            self._renew()
        if rows is None:
            for slot, given in zip(self.fed, arrays_in(data), strict=True):
                slot[...] = given
            self.one()
            return self.carry
        self._point_to(arrays_in(data), rows, start)
        for _ in range((stop - start) // UNROLLED):
            self.many()
        for _ in range((stop - start) % UNROLLED):
            self.one()
        return self.carry


def _launch(kernel: Function, launch: Launch, place: int, pointers: list[int]) -> Call:
    blocks, threads, near = launch.blocks, launch.threads, launch.near
    if launch.numbered:
        return lambda stream, number: kernel(blocks, threads, [place, number, *pointers], near)
    return lambda stream, number: kernel(blocks, threads, pointers, near)


def members_in(slots: Sequence[Any]) -> tuple[int, list[int]]:
    """How many members these arrays may be of, and which of them then have the members on axis 0."""
    own = [i for i, x in enumerate(slots) if x.ndim]
    counts = {slots[i].shape[0] for i in own}
    return (counts.pop(), own) if len(counts) == 1 else (0, [])


def _without_number(run: Callable[[int], None]) -> Call:
    return lambda stream, number: run(stream)


def _blank(leaf: Any) -> Any:
    """A host array like this one: its values do not matter, and no memory is used for them."""
    return np.zeros(leaf.shape, leaf.dtype) if is_leaf(leaf) else leaf
