"""NumPy's element-wise functions as expressions for one element."""

import numpy as np

from .program import Operation

ARITHMETIC = {  # as C++ writes it too
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "positive": "{}",
    "square": "{0} * {0}",
    "reciprocal": "1 / {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "bitwise_and": "{} & {}",
    "bitwise_or": "{} | {}",
    "bitwise_xor": "{} ^ {}",
    "bitwise_left_shift": "{} << {}",
    "left_shift": "{} << {}",
    "bitwise_right_shift": "{} >> {}",
    "right_shift": "{} >> {}",
}
FORMULAS = ARITHMETIC | {
    "absolute": "abs({})",
    "sqrt": "math.sqrt({})",
    "sign": "(({0} > 0) - ({0} < 0)) if {0} == {0} else {0}",
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
    "logical_and": "bool({}) & bool({})",
    "logical_or": "bool({}) | bool({})",
    "logical_not": "not {}",
}
SHIFTS = ("left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift")
SCALARS = {name: f"math.{name}({{}})" for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")}
TYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
FEW = 4  # columns up to which a function is called number by number


def is_vector(op: Operation, columns: int) -> bool:
    """Whether the operation is left to NumPy's own loop over a row."""
    name = op.function.__name__
    if getattr(np, name, None) is not op.function or (name in SHIFTS and not _shifts_within(op)):
        return True
    return name not in FORMULAS and (name not in SCALARS or columns > FEW)


def _shifts_within(op: Operation) -> bool:
    """Whether the bits are moved by a number of places that the processor knows."""
    places = op.inputs[1]
    return isinstance(places, int) and 0 <= places < 8 * op.output.dtype.itemsize
