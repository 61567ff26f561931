"""The steps of a training on NumPy: recorded, then replayed or compiled."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from ...errors import BackendError
from ..arrays import library_name
from ..base import Plain, compiling
from .calls import Refused, leaves, mapped, refusing
from .machine import can_compile
from .memory import in_turn, most_in_use
from .places import calls_of
from .program import Program, program
from .record import record, remembered
from .replay import steps

FEW = 8  # steps for which nothing is prepared
CALL, BYTE = 0.8e-6, 5e-11  # seconds that a compiled step saves for each operation, and for each byte it writes
EAGER = 7e-6  # seconds for each operation that it saves where a library would run them one by one
COMPILING = 0.004  # seconds for each operation

Run = Callable[[Any, int, int], None]  # of row numbers in batches, and the batches to begin and to stop at


class Native(Plain):
    """Steps that are recorded once for each shape of a batch.

    A recording is made twice: a step that is not the same both times, or looks at the values of its arrays, is run
    plainly, and `how` says why.
    """

    own_arrays = True  # whether the arrays are those that the step is written for, and no others on their memory

    def __init__(
        self, step: Callable[..., Any], mode: bool | str, epochs: int, *, replay: bool = True, numbers: bool = True
    ) -> None:
        super().__init__(step)
        self.mode, self.epochs, self.replay, self.numbers = mode, epochs, replay, numbers
        self.ready: dict[Any, Any] = {}
        self.carries: dict[Any, Any] = {}  # what recordings for different batches work on together
        self.refused = ""
        if mode is True:
            self.require()

    def require(self) -> None:
        """Raise BackendError if what compiling needs is missing."""
        if not can_compile():
            raise BackendError("compile=True needs llvmlite: pip install 'nnx-array[fast]'")

    def join(self, other: Plain) -> None:
        if isinstance(other, Native):
            self.carries = other.carries

    def kind(self, carry: Any, batch: Any) -> Any:
        """What must be alike for a recording to hold: shapes and types, and which arrays the rows are taken from."""
        shapes = signature((carry, batch))
        return shapes if batch[3] is None else (shapes, *map(id, batch[:3]))

    def prepare(self, carry: Any, batch: Any, expected: int) -> Any:
        """What runs steps on arrays like these so many times. Raises Refused."""
        return _Ready(self, carry, batch, expected)

    def __call__(self, carry: Any, x: Any, target: Any, weight: Any, rows: Any, start: int, stop: int) -> Any:
        ready = self.begin((carry, x, target, weight, rows), start)
        if ready is None:
            return super().__call__(carry, x, target, weight, rows, start, stop)
        return ready((carry, x, target, weight, rows), start, stop)

    def begin(self, arrays: Any, start: int) -> Any:
        """What runs steps on arrays like these, prepared where it is new; None if they are to be run plainly."""
        carry, *data, rows = arrays
        if self.refused:
            return None
        for known in self.ready.values():
            if type(known) is _Ready and known.run and known.is_for(carry, data, rows):
                return known
        expected = self.epochs * (1 if rows is None else len(rows))
        batch = (*data, None if rows is None else rows[start])
        kind = self.kind(carry, batch)
        if kind not in self.ready:
            few = self.mode == "auto" and expected < FEW and rows is not None
            if few and not self.choices.setdefault(name_of(carry, batch), False):
                return None
            try:
                with refusing():
                    self.ready[kind] = self.prepare(carry, batch, expected)
            except Refused as reason:
                if self.mode is True:
                    if self.own_arrays:
                        self.step(mapped(copied, carry), *batch)  # raises what is wrong with the step itself
                    raise BackendError(f"compile=True: the step cannot be compiled: {reason}") from None
                self.refused = self.how = f"step by step: {reason}"
                return None
            if self.how == Plain.how or expected > self.epochs:
                self.how = self.ready[kind].how
        return self.ready[kind] if self.ready[kind].run else None


class _Ready:
    """A step recorded for one shape of a batch, and its memory."""

    def __init__(self, loop: Native, carry: Any, batch: Any, expected: int) -> None:
        self.batch = batch  # kept, so that its arrays stay what they are
        by_rows = batch[3] is not None
        in_one_piece = [a.flags.c_contiguous for a in arrays_in(batch)]  # others are refused, and only where recorded
        like = signature((carry, batch)), loop.numbers, *in_one_piece
        found = remembered(loop.step, like, lambda: recorded_twice(loop.step, carry, batch, loop.numbers))
        kind = signature(carry)
        if kind not in loop.carries:
            loop.carries[kind] = mapped(copied, carry)
        self.carry = loop.carries[kind]
        self.slots = arrays_in(self.carry)
        self.fed = [np.empty_like(a) for a in arrays_in(batch[3:] if by_rows else batch)]
        given = [*self.slots, *(arrays_in(batch[:3]) if by_rows else []), *self.fed]
        name = name_of(carry, batch)
        worth = loop.mode == "always" or loop.choices.get(name, is_worth_it(found, expected, loop.replay))
        self.run, self.how, done = _executor(found, given, self.fed[-1] if by_rows else None, loop, worth, expected)
        loop.choices[name] = done

    def is_for(self, carry: Any, data: Sequence[Any], rows: Any) -> bool:
        """Whether these are the very arrays that it works on, and rows of its kind: quicker than by their shapes."""
        own = self.batch[3]
        if own is None or rows is None or carry is not self.carry:
            return False
        same = all(a is b for a, b in zip(data, self.batch[:3], strict=True))
        return same and own.shape == rows.shape[1:] and own.dtype == rows.dtype

    def __call__(self, arrays: Any, start: int, stop: int) -> Any:
        carry, *data, rows = arrays
        if carry is not self.carry:
            for slot, given in zip(self.slots, arrays_in(carry), strict=True):
                if slot is not given:
                    np.copyto(slot, given)
        if rows is None:
            for slot, given in zip(self.fed, arrays_in(data), strict=True):
                np.copyto(slot, given)
            self.run(_NONE, 0, 1)
        else:
            self.run(rows, start, stop)
        return self.carry


_NONE = np.empty((1, 0), dtype=np.int64)


def recorded_twice(step: Callable[..., Any], carry: Any, batch: Any, numbers: bool) -> Program:
    """The program of one step, by the shapes of its arrays; computed only where a function needs values for that.

    What is given is not written on. Raises Refused, also if two recordings differ.
    """

    def once(compute: bool) -> Program:
        own = mapped(copied, carry) if compute else carry
        return recorded(step, own, batch, compute=compute, numbers=numbers)

    try:
        first, compute = once(False), False
    except Refused:
        first, compute = once(True), True
    if any(op.kind == "other" for op in first.operations):  # does its result have this shape whatever the values?
        compute = True
    if not first.same(once(compute)):
        raise Refused("two steps did not do the same operations")
    return first


def recorded(
    step: Callable[..., Any], carry: Any, batch: Any, *, compute: bool = True, numbers: bool = True
) -> Program:
    """The program of one step. Raises Refused. compute, numbers: as `Calls` has them."""
    given = arrays_in((carry, *batch))
    result, calls = record(step, (carry, *batch), compute=compute, numbers=numbers)
    if signature(result) != signature(carry):
        raise Refused("what the step returns does not have the shapes and types of what it was given")
    with refusing():
        found = program(calls, given, arrays_in(result))
    calls.clear()  # an array that was kept holds them
    return found


def step_bytes(step: Callable[..., Any], carry: Any, like: Any, rows: int) -> int:
    """The bytes that a step on so many rows needs for its own results.

    like: the shape and type of a row of x, target and weight, or None. Nothing is computed: the step is followed by
    the shapes of its arrays alone. Raises Refused.
    """

    def blank(leaf: Any) -> Any:
        return _zeros(tuple(leaf.shape), str(leaf.dtype)) if hasattr(leaf, "shape") else leaf

    batch = [None if a is None else _zeros((rows, *a[0]), a[1]) for a in like]
    return most_in_use(recorded(step, mapped(blank, carry), (*batch, None), compute=False))


def _zeros(shape: tuple[int, ...], dtype: str) -> Any:
    return np.zeros(shape, dtype.rpartition(".")[2])  # PyTorch's types have a name with a point


def _executor(
    found: Program, given: Sequence[Any], rows: Any, loop: Native, worth: bool, expected: int
) -> tuple[Any, str, bool]:
    """The `Run` of the program, or None if it is to be run plainly, the words for it, and whether it is compiled.

    Where it is not worth compiling for so many steps, one that has been compiled, or was asked for before, is taken
    all the same: its bits are those of the replayed one.
    """
    reason = ""
    worth = worth or loop.mode is True
    if (worth or (loop.replay and expected >= FEW)) and can_compile():
        from .build import compiled

        if worth:
            compiling(COMPILING * len(found.operations))
        try:
            run = compiled(found, given, rows, worth=worth)
            if run is not None:
                return run, "recorded and compiled", True
        except Refused as refusal:
            if loop.mode is True:
                raise
            reason = f", not compiled: {refusal}" if worth else ""
    if not loop.replay:
        return None, f"step by step{reason}", False
    calls = steps(found, in_turn(found, given))

    def replayed(batches: Any, start: int, stop: int) -> None:
        for number in range(start, stop):
            if rows is not None:
                np.copyto(rows, batches[number])
            for call in calls:
                call()

    return replayed, f"recorded and replayed{reason}", False


def formula_of(formula: Callable[..., Any], given: Sequence[Any]) -> Callable[[Sequence[Any]], int]:
    """The compiled loop of a formula of arrays and NumPy numbers that gives new values for its first arguments.

    It takes others of the same shapes and types, writes on the first of them, and gives how many. Raises Refused.
    """
    from .build import bound, planned

    blank = [np.array(x) for x in given]
    result, calls = record(formula, tuple(blank), compute=False)
    plan: Any = planned(program(calls, blank, result), None)

    def run(arrays: Sequence[Any]) -> int:
        bound(plan, list(map(np.asarray, arrays)), None)(_NONE, 0, 1)
        return len(result)

    return run


def is_worth_it(found: Program, expected: int, replay: bool) -> bool:
    """Whether so many steps save the time that compiling takes. replay: whether they would else be replayed."""
    written = sum(op.output.size * op.output.dtype.itemsize for op in found.operations)
    calls = sum(map(calls_of, found.operations))
    saved = (CALL if replay else EAGER) * (len(found.operations) + calls) + BYTE * written
    return expected * saved > COMPILING * len(found.operations)


def arrays_in(tree: Any) -> list[Any]:
    """The arrays among the leaves of a tree."""
    return [leaf for leaf in leaves(tree) if is_leaf(leaf)]


def is_leaf(x: Any) -> bool:
    """Whether x is an array that steps are recorded with."""
    return isinstance(x, np.ndarray) or library_name(x) == "cupy"


def copied(leaf: Any) -> Any:
    """A copy of an array in one piece; anything else itself."""
    if isinstance(leaf, np.ndarray):
        return np.array(leaf, order="C")
    return leaf.copy() if is_leaf(leaf) else leaf


def name_of(carry: Any, batch: Any) -> str:
    """A short name for batches of these shapes and types."""
    return sha256(repr(signature((carry, batch))).encode()).hexdigest()[:16]


def signature(tree: Any) -> tuple[Any, ...]:
    """The names, shapes and types of what lies in a tree."""
    kind = type(tree)
    if issubclass(kind, dict):
        return tuple(tree), *map(signature, tree.values())
    if issubclass(kind, (tuple, list)):
        return tuple(map(signature, tree))
    return (tuple(tree.shape), tree.dtype) if is_leaf(tree) else (repr(tree),)
