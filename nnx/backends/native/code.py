"""The text of one function in LLVM's language, written line by line: numbers, memory and loops."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

TYPES = {
    "bool": "i1",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "i8",
    "uint16": "i16",
    "uint32": "i32",
    "uint64": "i64",
    "float32": "float",
    "float64": "double",
}


class Code:
    """Lines of a function. What is named here is a value, or an address, of LLVM: "%v7".

    Variables are kept in memory of the function's own, which LLVM turns into registers; so lines may be written in
    any order, and put into their places afterwards.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.variables: list[str] = []  # the lines that set up the function's own memory
        self.count = 0

    def value(self, text: str) -> str:
        """The name of what an instruction gives."""
        self.count += 1
        self.lines.append(f"%v{self.count} = {text}")
        return f"%v{self.count}"

    def line(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def into(self, lines: list[str]) -> Iterator[None]:
        """What is written meanwhile goes there."""
        kept, self.lines = self.lines, lines
        try:
            yield
        finally:
            self.lines = kept

    # ---- memory

    def variable(self, kind: str, count: int = 1) -> str:
        """The address of so many elements of the function's own."""
        self.count += 1
        self.variables.append(f"%m{self.count} = alloca [{count} x {kind}], align 16")
        return f"%m{self.count}"

    def offset(self, address: str, distance: str, unit: str = "i8") -> str:
        """The address so many units further on."""
        return address if distance == "0" else self.value(f"getelementptr {unit}, ptr {address}, i64 {distance}")

    def load(self, dtype: Any, address: str, note: str = "") -> str:
        """An element in memory; note: what LLVM is told of where it may lie."""
        if np.dtype(dtype) == np.bool_:
            return self.value(f"icmp ne i8 {self.value(f'load i8, ptr {address}{note}')}, 0")
        return self.value(f"load {type_of(dtype)}, ptr {address}{note}")

    def store(self, dtype: Any, value: str, address: str, note: str = "") -> None:
        if np.dtype(dtype) == np.bool_:
            self.line(f"store i8 {self.value(f'zext i1 {value} to i8')}, ptr {address}{note}")
        else:
            self.line(f"store {type_of(dtype)} {value}, ptr {address}{note}")

    # ---- numbers

    def convert(self, value: str, old: Any, new: Any) -> str:
        """A number of one type in another, as C converts it; what is too large for an integer has any value."""
        old, new = np.dtype(old), np.dtype(new)
        if old == new:
            return value
        a, b, here, there = type_of(old), type_of(new), old.kind, new.kind
        if there == "b":
            return self.value(f"fcmp une {a} {value}, 0.0" if here == "f" else f"icmp ne {a} {value}, 0")
        if here == there == "f":
            return self.value(f"{'fpext' if new.itemsize > old.itemsize else 'fptrunc'} {a} {value} to {b}")
        if there == "f":
            return self.value(f"{'sitofp' if here == 'i' else 'uitofp'} {a} {value} to {b}")
        if here == "f":
            if new == np.uint64:
                return self.value(f"fptoui {a} {value} to i64")
            return self.convert(self.value(f"fptosi {a} {value} to i64"), np.int64, new)
        if new.itemsize == old.itemsize and here != "b":
            return value
        if new.itemsize < old.itemsize:
            return self.value(f"trunc {a} {value} to {b}")
        return self.value(f"{'sext' if here == 'i' else 'zext'} {a} {value} to {b}")

    # ---- loops

    def open(self, name: str, count: str, start: str = "0") -> str:
        """Begin a loop over the numbers from start to count; returns the number. name: one of its own."""
        place = f"%{name}.at"
        self.variables.append(f"{place} = alloca i64")
        self.lines += [
            f"store i64 {start}, ptr {place}",
            f"br label %{name}.test",
            f"{name}.test:",
            f"%{name} = load i64, ptr {place}",
            f"%{name}.more = icmp slt i64 %{name}, {count}",
            f"br i1 %{name}.more, label %{name}.do, label %{name}.end",
            f"{name}.do:",
        ]
        return f"%{name}"

    def close(self, name: str, step: int = 1) -> None:
        """End the loop of this name."""
        self.lines += [
            f"%{name}.next = add nsw i64 %{name}, {step}",
            f"store i64 %{name}.next, ptr %{name}.at",
            f"br label %{name}.test",
            f"{name}.end:",
        ]

    @contextmanager
    def loop(self, count: str, start: str = "0", step: int = 1) -> Iterator[str]:
        """A loop around what is written meanwhile."""
        self.count += 1
        name = f"i{self.count}"
        yield self.open(name, count, start)
        self.close(name, step)


def type_of(dtype: Any) -> str:
    """The type of LLVM for a NumPy type."""
    return TYPES[np.dtype(dtype).name]


def literal(x: Any, dtype: Any) -> str:
    """A Python number in this type."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return str(bool(x)).lower()
    if kind == "f":  # as the bits of a double, which must be one of the type
        return f"0x{np.float64(np.dtype(dtype).type(x)).view(np.uint64):016X}"
    return str(int(x))
