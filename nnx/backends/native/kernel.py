"""A function in LLVM's language of two tables, of addresses and of numbers: it holds for any memory and any sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .code import Code, literal, type_of
from .outside import numpy_loop

LITERAL = 4  # loops up to this length are written with their length, and unrolled
PLAIN = (0, 1, -1, 2, 0.5)  # numbers that are part of the text, because LLVM knows shorter ways for them


class Kernel:
    """The text of a function, and what its tables are filled with.

    `addresses` says what the addresses are of: ("view", buffer, offset), ("scratch", bytes), ("constant", array), or
    ("outside", where a function or its data lies in the process).
    `numbers` has the others: Python integers, and NumPy scalars.
    """

    def __init__(self) -> None:
        self.addresses: list[Any] = []
        self.numbers: list[Any] = []
        self.names: dict[Any, Any] = {}
        self.scopes: dict[Any, int] = {}  # pieces of memory, none of which lies across another
        self.code = Code()

    def address(self, spec: Any, key: Any = None) -> str:
        """The name of an address in the table."""
        key = spec if key is None else key
        if key not in self.names:
            self.names[key] = f"%a{len(self.addresses)}"
            self.addresses.append(spec)
        return str(self.names[key])

    def number(self, x: Any) -> str:
        """The name of a number in the table: an integer, or a NumPy scalar in its type."""
        if type(x) is int and x <= LITERAL and x >= 0:
            return str(x)
        if isinstance(x, np.generic) and (x in PLAIN or x.dtype == bool):
            return literal(x, x.dtype)
        self.numbers.append(x)
        return f"%n{len(self.numbers) - 1}"

    def note(self, key: Any) -> str:
        """What LLVM is told of an access: it meets no other piece of memory than this."""
        scope = self.scopes.setdefault(key, len(self.scopes))
        return f", !alias.scope !{3 * scope + 2}, !noalias !{3 * scope + 3}"

    @property
    def text(self) -> str:
        """The function, called @kernel."""
        heads = [
            line
            for number in range(len(self.addresses))
            for line in (
                f"%a{number}.at = getelementptr ptr, ptr %p, i64 {number}",
                f"%a{number} = load ptr, ptr %a{number}.at",
            )
        ]
        for number, x in enumerate(self.numbers):
            kind = "i64" if type(x) is int else type_of(x.dtype)
            heads += [
                f"%n{number}.at = getelementptr i64, ptr %n, i64 {number}",
                f"%n{number} = load {kind}, ptr %n{number}.at",
            ]
        lines = [*self.code.variables, *heads, *self.code.lines, "ret i32 0"]
        return "\n".join(["define internal i32 @kernel(ptr %p, ptr %n) #0 {", *lines, "}"])


def call_numpy(kernel: Kernel, function: Any, kinds: Sequence[Any], tables: Sequence[str]) -> None:
    """A call of NumPy's loop for a function of these types: tables of its operands, their lengths and strides."""
    where = numpy_loop(function, kinds)
    loop, data = (kernel.address(("outside", x), (k, function, tuple(kinds))) for k, x in enumerate(where))
    kernel.code.line(f"call void {loop}({', '.join(f'ptr {x}' for x in (*tables, data))})")


def unit(dtype: Any) -> str:
    """The type of an element in memory."""
    return "i8" if np.dtype(dtype) == bool else type_of(dtype)
