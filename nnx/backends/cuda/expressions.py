"""Formulas of one element as text, and what names the numbers and the arrays in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..native.calls import Refused
from ..native.passes import Pass
from ..native.program import Constant, View, dtype_of
from .formulas import formula, literal, type_name

Values = dict[Any, str]
Axes = list[tuple[int, str]]  # axis of a pass, and the text of the number along it


class Loads:
    """What a loop over elements reads and writes: each once, `width` elements at a time, before and after the rest.

    Nothing else is written where it reads: operations share such a loop only element for element.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.fixed: dict[str, tuple[str, str]] = {}  # pointer -> type, name: the same for all elements
        self.read: dict[str, tuple[str, str, str]] = {}  # pointer and number -> type, name, text
        self.kinds: dict[str, str] = {}
        self.written: set[str] = set()

    def element(self, pointer: str, kind: str, number: str) -> str:
        """The text of an element that is read."""
        if number == "0":
            return self.fixed.setdefault(pointer, (kind, f"{pointer}c"))[1]
        if self.width > 1:
            self.kinds.setdefault(pointer, kind)
            if pointer not in self.written:
                self.read.setdefault(pointer, (kind, f"{pointer}v", ""))
            return f"{pointer}v.v[k]"
        text = f"{pointer}[{number}]"
        return self.read.setdefault(text, (kind, f"{pointer}v{len(self.read)}", text))[1]

    def target(self, pointer: str, kind: str, number: str) -> str:
        """The text of an element that is written."""
        if self.width == 1:
            return f"{pointer}[{number}]"
        self.kinds.setdefault(pointer, kind)
        self.written.add(pointer)
        return f"{pointer}v.v[k]"

    def once(self) -> list[str]:
        """Lines before the loop."""
        return [f"const {kind} {name} = {pointer}[0];" for pointer, (kind, name) in self.fixed.items()]

    def before(self) -> list[str]:
        """Lines at the beginning of the loop's body."""
        if self.width == 1:
            return [f"const {kind} {name} = {text};" for kind, name, text in self.read.values()]
        whole = {pointer: f" = ((const Four<{kind}> *){pointer})[e]" for pointer, (kind, _, _) in self.read.items()}
        return [f"Four<{kind}> {pointer}v{whole.get(pointer, '')};" for pointer, kind in self.kinds.items()]

    def after(self) -> list[str]:
        """Lines at its end."""
        if self.width == 1:
            return []
        return [f"((Four<{self.kinds[pointer]}> *){pointer})[e] = {pointer}v;" for pointer in sorted(self.written)]


class Expressions:
    """The text of formulas, and the pointers that they need. held: the buffers whose numbers are in variables."""

    def __init__(self, held: set[int]) -> None:
        self.held = held
        self.pointers: list[Any] = []
        self.names: dict[Any, str] = {}
        self.count = 0
        self.row_values: Values = {}  # the numbers of the row that are in variables
        self.loads: Loads | None = None

    def _new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _pointer(self, x: Any) -> str:
        """The name of the argument that points to a view's first element, or to a constant's."""
        kind = type_name(dtype_of(x))
        key = (x.buffer, x.offset, kind) if isinstance(x, View) else (id(x), kind)
        if key not in self.names:
            self.names[key] = f"a{len(self.pointers)}"
            self.pointers.append((x.buffer, x.offset) if isinstance(x, View) else np.ascontiguousarray(x.array))
        return self.names[key]

    def _number(self, p: Pass, x: Any, axes: Axes) -> str:
        """The number of an element from the view's first."""
        strides = p.strides(x) if isinstance(x, View) else spread(x, p.shape)
        item = dtype_of(x).itemsize
        return " + ".join(f"{text} * {strides[a] // item}" for a, text in axes if strides[a]) or "0"

    def _element(self, p: Pass, x: Any, axes: Axes) -> str:
        pointer, number = self._pointer(x), self._number(p, x, axes)
        if self.loads:
            return self.loads.element(pointer, type_name(dtype_of(x)), number)
        return f"{pointer}[{number}]"

    def _target(self, p: Pass, axes: Axes) -> str:
        """The element that the pass writes."""
        out = p.op.output
        pointer, number = self._pointer(out), self._number(p, out, axes)
        return self.loads.target(pointer, type_name(out.dtype), number) if self.loads else f"{pointer}[{number}]"

    def _operand(self, p: Pass, x: Any, dtype: Any, axes: Axes, values: Values) -> str:
        if isinstance(x, Constant) and x.array.ndim == 0:
            x = x.array.item()
        if isinstance(x, (bool, int, float)):
            return cast(dtype, literal(x))
        if isinstance(x, Constant):
            return cast(dtype, self._element(p, x, axes))
        known = values.get(key_of(p, x))
        if known is None and not p.strides(x)[-1]:
            known = self.row_values.get(row_key(p, x))
        if known is None and x.buffer in self.held:
            raise Refused("a number that is used in another place than it was made in")
        text = known or self._element(p, x, axes)
        return text if x.dtype == dtype else cast(dtype, text)

    def _formula(self, p: Pass, axes: Axes, values: Values) -> str:
        op = p.op
        if op.kind == "reduce":
            return self._operand(p, op.inputs[0], op.output.dtype, axes, values)
        if op.kind in ("copy", "fill"):
            dtype = op.output.dtype if op.kind == "fill" else dtype_of(op.inputs[0])
            return self._operand(p, op.inputs[0], dtype, axes, values)
        if op.kind == "round":
            return f"bf16({self._operand(p, op.inputs[0], np.dtype('float32'), axes, values)})"
        if op.kind == "above_zero":  # of bits: above 0, and not above infinity
            return f"(unsigned)({self._operand(p, op.inputs[0], op.inputs[0].dtype, axes, values)} - 1) < 0x7f80u"
        if op.kind == "where":
            kinds = (np.dtype(bool), op.output.dtype, op.output.dtype)
            texts = [self._operand(p, x, k, axes, values) for x, k in zip(op.inputs, kinds, strict=True)]
            return "{} ? {} : {}".format(*texts)
        name = str(op.function.__name__)
        if op.function is not vars(np).get(name):
            raise Refused(f"{name} of another library than NumPy")
        texts = [self._operand(p, x, k, axes, values) for x, k in zip(op.inputs, op.kinds, strict=False)]
        return formula(name, op.kinds[0], texts)

    def _constants(self, passes: Sequence[Pass]) -> list[tuple[int, ...]]:
        arrays = [(x, p) for p in passes for x in p.op.inputs if isinstance(x, Constant)]
        return [spread(x, p.shape) for x, p in arrays if x.array.ndim]


def key_of(p: Pass, view: View) -> Any:
    return view.buffer, view.offset, p.strides(view), view.dtype


def row_key(p: Pass, view: View) -> Any:
    return view.buffer, view.offset, p.strides(view)[:-1], view.dtype


def spread(x: Constant, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a constant along the axes of the shape."""
    array = np.ascontiguousarray(x.array)
    strides = np.broadcast_to(array, shape).strides
    return tuple(0 if n == 1 else stride for n, stride in zip(shape, strides, strict=True))


def cast(dtype: Any, text: str) -> str:
    return f"({type_name(dtype)})({text})"


def merged(shape: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> Axes:
    """The axes that must be told apart: one that runs on where the next ends needs no number of its own."""
    axes = [a for a, n in enumerate(shape) if n > 1]
    kept: list[tuple[int, int]] = []  # the last axis of those merged, and how many elements they have together
    for a in reversed(axes):
        if kept and all(s[a] == s[kept[-1][0]] * kept[-1][1] for s in strides):
            kept[-1] = (kept[-1][0], kept[-1][1] * shape[a])
        else:
            kept.append((a, shape[a]))
    return [(a, f"i{a}:{n}") for a, n in reversed(kept)]


def names_of(axes: Axes) -> Axes:
    return [(a, text.partition(":")[0]) for a, text in axes]


def decomposed(number: str, axes: Axes, shape: tuple[int, ...]) -> list[str]:
    """Lines that find the number along each axis from one number for all."""
    lines, rest = [], number
    for k, (a, text) in enumerate(reversed(axes)):
        name, _, size = text.partition(":")
        if k == len(axes) - 1:
            lines.append(f"const I {name} = {rest};")
        else:
            n = int(size or shape[a])
            lines.append(f"const I {name} = {rest} % {n}, {name}q = {rest} / {n};")
            rest = f"{name}q"
    return lines


def indented(lines: Sequence[str]) -> list[str]:
    return ["  " + line for line in lines]
