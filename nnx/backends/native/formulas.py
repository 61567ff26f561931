"""NumPy's element-wise functions for one element, as instructions of LLVM."""

from typing import Any

import numpy as np

from .code import Code, literal, type_of
from .program import Operation

# The instruction for fractions, for whole numbers with a sign, for those without, and for truth values.
INSTRUCTIONS: dict[str, tuple[str, str, str, str]] = {
    "add": ("fadd", "add", "add", "or"),
    "subtract": ("fsub", "sub", "sub", ""),
    "multiply": ("fmul", "mul", "mul", "and"),
    "divide": ("fdiv", "", "", ""),
    "greater": ("fcmp ogt", "icmp sgt", "icmp ugt", "icmp ugt"),
    "greater_equal": ("fcmp oge", "icmp sge", "icmp uge", "icmp uge"),
    "less": ("fcmp olt", "icmp slt", "icmp ult", "icmp ult"),
    "less_equal": ("fcmp ole", "icmp sle", "icmp ule", "icmp ule"),
    "equal": ("fcmp oeq", "icmp eq", "icmp eq", "icmp eq"),
    "not_equal": ("fcmp une", "icmp ne", "icmp ne", "icmp ne"),
    "bitwise_and": ("", "and", "and", "and"),
    "bitwise_or": ("", "or", "or", "or"),
    "bitwise_xor": ("", "xor", "xor", "xor"),
    "bitwise_left_shift": ("", "shl", "shl", ""),
    "left_shift": ("", "shl", "shl", ""),
    "bitwise_right_shift": ("", "ashr", "lshr", ""),
    "right_shift": ("", "ashr", "lshr", ""),
}
KINDS = "fiub"
SHIFTS = ("left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift")


def is_vector(op: Operation) -> bool:
    """Whether the operation is left to NumPy's own loop over a row."""
    name = op.function.__name__
    if getattr(np, name, None) is not op.function or (name in SHIFTS and not _shifts_within(op)):
        return True
    if name in INSTRUCTIONS:
        return op.kinds[0].kind not in KINDS or not INSTRUCTIONS[name][KINDS.index(op.kinds[0].kind)]
    return name not in FORMULAS or op.kinds[0].kind not in FORMULAS[name][0]


def _shifts_within(op: Operation) -> bool:
    """Whether the bits are moved by a number of places that the processor knows."""
    places = op.inputs[1]
    return isinstance(places, int) and 0 <= places < 8 * op.output.dtype.itemsize


def formula(code: Code, name: str, kind: Any, values: list[str]) -> str:
    """The function of values of this type."""
    kind = np.dtype(kind)
    if name in INSTRUCTIONS:
        instruction = INSTRUCTIONS[name][KINDS.index(kind.kind)]
        return code.value(f"{instruction} {type_of(kind)} {values[0]}, {values[1]}")
    return str(FORMULAS[name][1](code, kind, *values))


def _compare(code: Code, name: str, kind: Any, a: str, b: str) -> str:
    return formula(code, name, kind, [a, b])


def choose(code: Code, kind: Any, condition: str, a: str, b: str) -> str:
    """The one value or the other."""
    t = type_of(kind)
    return code.value(f"select i1 {condition}, {t} {a}, {t} {b}")


def _negative(code: Code, kind: Any, x: str) -> str:
    return code.value(f"fneg {type_of(kind)} {x}" if kind.kind == "f" else f"sub {type_of(kind)} 0, {x}")


def _square(code: Code, kind: Any, x: str) -> str:
    return formula(code, "multiply", kind, [x, x])


def _reciprocal(code: Code, kind: Any, x: str) -> str:
    return formula(code, "divide", kind, [literal(1, kind), x])


def _absolute(code: Code, kind: Any, x: str) -> str:
    if kind.kind == "f":
        return _intrinsic(code, "fabs", kind, x)
    if kind.kind in "ub":
        return x
    return choose(code, kind, _compare(code, "less", kind, x, "0"), _negative(code, kind, x), x)


def _intrinsic(code: Code, name: str, kind: Any, x: str) -> str:
    t = type_of(kind)
    return code.value(f"call {t} @llvm.{name}.f{8 * kind.itemsize}({t} {x})")


def _sqrt(code: Code, kind: Any, x: str) -> str:
    return _intrinsic(code, "sqrt", kind, x)


def _sign(code: Code, kind: Any, x: str) -> str:
    zero, one = literal(0, kind), literal(1, kind)
    found = x if kind.kind == "f" else zero  # what is no number stays none
    if kind.kind == "f":
        found = choose(code, kind, _compare(code, "equal", kind, x, zero), zero, x)
    if kind.kind != "u":
        found = choose(code, kind, _compare(code, "less", kind, x, zero), literal(-1, kind), found)
    return choose(code, kind, _compare(code, "greater", kind, x, zero), one, found)


def _extreme(comparison: str) -> Any:
    def function(code: Code, kind: Any, a: str, b: str) -> str:
        first = _compare(code, comparison, kind, a, b)
        if kind.kind == "f":  # what is no number is handed on
            first = code.value(f"or i1 {first}, {code.value(f'fcmp uno {type_of(kind)} {a}, {a}')}")
        return choose(code, kind, first, a, b)

    return function


def _logical(instruction: str) -> Any:
    def function(code: Code, kind: Any, a: str, b: str) -> str:
        return code.value(f"{instruction} i1 {code.convert(a, kind, bool)}, {code.convert(b, kind, bool)}")

    return function


def _logical_not(code: Code, kind: Any, x: str) -> str:
    return code.value(f"xor i1 {code.convert(x, kind, bool)}, true")


FORMULAS: dict[str, tuple[str, Any]] = {  # the kinds of numbers they are known for, and how
    "negative": ("fiu", _negative),
    "positive": ("fiu", lambda code, kind, x: x),
    "square": ("fiu", _square),
    "reciprocal": ("f", _reciprocal),
    "absolute": ("fiub", _absolute),
    "sqrt": ("f", _sqrt),
    "sign": ("fiu", _sign),
    "maximum": ("fiub", _extreme("greater_equal")),
    "minimum": ("fiub", _extreme("less_equal")),
    "logical_and": ("fiub", _logical("and")),
    "logical_or": ("fiub", _logical("or")),
    "logical_not": ("fiub", _logical_not),
}
